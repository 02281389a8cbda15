"""Which models change files by patches, and which by edit and write: as opencode decides it."""


def uses_patches(model_id: str) -> bool:
    """Return whether a model gets apply_patch: OpenAI's GPT models do, but for the older and open ones."""
    return "gpt-" in model_id and "oss" not in model_id and "gpt-4" not in model_id
