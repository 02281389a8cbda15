"""The table of quirks: each entry with the public source that says so.

Families of models come first, then hosts: a host that serves a family by its own rules overrides them.
"""

from opencode.schema.provider import Model

from .base import ModelRequest
from .quirks import Entry, Quirks, quirks_of

_OPENAI_MODELS = r"(^|/)(gpt-\d|chatgpt-|o\d|codex)"
# gpt-5-chat-latest answers without reasoning; gpt-5.1-chat and later reason.
_OPENAI_REASONING_MODELS = r"(^|/)(o\d+(-|$)|gpt-(?!5-chat)([5-9]|\d\d)|codex)"
_MISTRAL_MODELS = r"(mi|mini|magi|dev|code)stral|mixtral|pixtral"
_THINKING_MODELS = r"deepseek|kimi|(^|/)k2p?\d|glm-?\d|mimo|minimax|qwen|gpt-oss"

VENDORS: tuple[Entry, ...] = (
    # --- Families of models, wherever they run -------------------------------------------------------
    # "The reasoning_content in the thinking mode must be passed back to the API", also for answers with
    # calls whose reasoning is empty: https://api-docs.deepseek.com/guides/thinking_mode,
    # anomalyco/opencode#24722, deepseek-ai/deepseek-harness#739.
    # "thinking is enabled but reasoning_content is missing in assistant tool call message": Kimi,
    # mastra-ai/mastra#12592, openclaw/openclaw#74846. MiMo: models.dev lists the same field.
    Entry(
        models=r"deepseek|kimi|(^|/)k2p\d|mimo",
        quirks={"reasoningField": "reasoning_content", "reasoningAlways": True},
    ),
    # Models that are not Claude sign no thinking and want it back all the same on Anthropic's wire; and
    # servers other than OpenAI's do not encrypt reasoning on Responses. Recorded: DeepSeek's Responses
    # (pydantic/pydantic-ai, cassettes of test_openai_responses). Kimi and MiniMax: models.dev lists them
    # with @ai-sdk/anthropic.
    Entry(models=_THINKING_MODELS, quirks={"unsignedThinking": True, "plainReasoning": True}),
    # "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9" and "Unexpected role 'user' after
    # role 'tool'": anomalyco/opencode#1680, charmbracelet/crush#279, aliou/pi-neuralwatt#12 (Devstral at
    # another host); opencode's provider/transform.ts does both for every model of these names.
    Entry(models=_MISTRAL_MODELS, quirks={"callIdLength": 9, "callIdMarks": False, "bridge": "Done."}),
    # Nothing is cached for Claude unless the request says what: opencode's provider/transform.ts
    # (applyCaching), https://openrouter.ai/docs/features/prompt-caching.
    Entry(models=r"claude|(^|/)anthropic/", quirks={"cacheBreakpoints": True}),
    # OpenAI's reasoning models refuse max_tokens, temperature and top_p on Chat Completions, and take the
    # system prompt as developer: https://platform.openai.com/docs/guides/reasoning, anomalyco/opencode#45223,
    # vercel/ai packages/openai/src/openai-language-model-capabilities.ts.
    Entry(
        models=_OPENAI_REASONING_MODELS, quirks={"outputLimit": "max_completion_tokens", "sampling": False}
    ),
    # --- Hosts ----------------------------------------------------------------------------------------
    # max_tokens is deprecated there for all models: https://platform.openai.com/docs/api-reference/chat.
    Entry(hosts=("api.openai.com",), quirks={"outputLimit": "max_completion_tokens", "cacheKey": True}),
    Entry(
        providers=frozenset({"openai"}),
        models=_OPENAI_MODELS,
        quirks={"outputLimit": "max_completion_tokens", "cacheKey": True},
    ),
    Entry(
        providers=frozenset({"openai"}),
        hosts=("api.openai.com",),
        models=_OPENAI_REASONING_MODELS,
        quirks={"systemRole": "developer"},
    ),
    # Fine-grained streaming of a call's input, generally available without a beta header:
    # https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming. Other
    # servers with this API do not know the field.
    Entry(hosts=("api.anthropic.com",), models="claude", quirks={"toolStreaming": True}),
    # Gemini 3 refuses a call without its thought signature; calls of other models get the stand-in that
    # Google documents: https://ai.google.dev/gemini-api/docs/thought-signatures, vercel/ai (@ai-sdk/google
    # 3.0.80), labring/aiproxy#450. Budgets: https://ai.google.dev/gemini-api/docs/openai.
    Entry(
        providers=frozenset({"google", "google-vertex"}),
        packages=frozenset({"@ai-sdk/google", "@ai-sdk/google-vertex"}),
        hosts=("generativelanguage.googleapis.com", "aiplatform.googleapis.com"),
        quirks={"reasoningControl": "google"},
    ),
    Entry(
        providers=frozenset({"google", "google-vertex"}),
        packages=frozenset({"@ai-sdk/google", "@ai-sdk/google-vertex"}),
        hosts=("generativelanguage.googleapis.com", "aiplatform.googleapis.com"),
        models=r"gemini-([3-9]|\d\d)|gemini-(flash|pro|flash-lite)-latest",
        quirks={"callSignature": "skip_thought_signature_validator"},
    ),
    # Mistral's API forbids unknown fields (charmbracelet/crush#1590: reasoning_content, dnakov/anon-kode#53:
    # stream_options), calls a forced call "any", takes PDFs as document_url and reasoning as parts of the
    # content: vercel/ai packages/mistral/src, https://docs.mistral.ai/api/.
    Entry(
        providers=frozenset({"mistral"}),
        packages=frozenset({"@ai-sdk/mistral"}),
        hosts=("api.mistral.ai",),
        quirks={
            "callIdLength": 9,
            "callIdMarks": False,
            "bridge": "Done.",
            "streamOptions": False,
            "forcedCall": "any",
            "pdf": "document_url",
            "reasoningParts": True,
            "reasoningField": "",
            "reasoningAlways": False,
            "outputLimit": "max_tokens",
        },
    ),
    # "property 'reasoning_content' is unsupported": Groq and Cerebras know the field as `reasoning`
    # (janhq/jan#8136, Kilo-Org/kilocode#10375, vercel/ai packages/groq/src/convert-to-groq-chat-messages.ts).
    Entry(
        providers=frozenset({"groq", "cerebras"}),
        packages=frozenset({"@ai-sdk/groq", "@ai-sdk/cerebras"}),
        hosts=("api.groq.com", "api.cerebras.ai"),
        quirks={"reasoningField": "reasoning", "reasoningAlways": False},
    ),
    # https://openrouter.ai/docs/use-cases/reasoning-tokens: reasoning goes back as `reasoning_details`, is
    # switched by `reasoning`; opencode sends the session as prompt_cache_key. OpenRouter speaks to each
    # vendor itself, so the vendor's own fields are not wanted there.
    Entry(
        providers=frozenset({"openrouter"}),
        packages=frozenset({"@openrouter/ai-sdk-provider"}),
        hosts=("openrouter.ai",),
        quirks={
            "reasoningField": "reasoning",
            "reasoningAlways": False,
            "reasoningControl": "openrouter",
            "cacheKey": True,
            "outputLimit": "max_tokens",
            "sampling": True,
        },
    ),
    # Perplexity knows no tool messages, and sends usage without being asked:
    # vercel/ai packages/perplexity/src/convert-to-perplexity-messages.ts.
    Entry(
        providers=frozenset({"perplexity"}),
        packages=frozenset({"@ai-sdk/perplexity"}),
        hosts=("api.perplexity.ai",),
        quirks={"toolMessages": False, "streamOptions": False},
    ),
    # enable_thinking and thinking_budget: https://www.alibabacloud.com/help/en/model-studio/deep-thinking.
    Entry(
        providers=frozenset({"alibaba", "alibaba-cn", "alibaba-coding-plan", "alibaba-coding-plan-cn"}),
        hosts=("aliyuncs.com",),
        quirks={"reasoningControl": "alibaba"},
    ),
    # LiteLLM in front of Claude refuses a conversation with calls but without tools: opencode's
    # session/llm.ts adds a tool that does nothing.
    Entry(providers=frozenset({"litellm"}), quirks={"placeholderTool": True}),
)


def model_quirks(model: Model) -> Quirks:
    """Return the quirks of a model by this table alone."""
    return quirks_of(model, {}, VENDORS)


def request_quirks(request: ModelRequest) -> Quirks:
    """Return the quirks of a request's model; raises ModelAPIError if opencode.json's are invalid."""
    return quirks_of(request.model, request.options, VENDORS)
