"""Models that the catalog does not know, and those that opencode.json changes."""

import re
from collections.abc import Mapping

from msgspec import UNSET, structs

from opencode.config import CostConfig, ModelConfig, ProviderOptions, ReasoningOption
from opencode.schema.base import given
from opencode.schema.provider import (
    CacheCost,
    Capabilities,
    Cost,
    Interleaved,
    Limit,
    Modalities,
    Model,
    ModelApi,
)

from .base import merge_options
from .catalog import modalities, reasoning_options
from .variants import variants

_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$|[-:]latest$")
_NOT_CHAT = re.compile(
    r"audio|babbage|dall-e|davinci|embedding|image|moderation|realtime|sora|transcribe|tts|whisper"
)


def is_chat(model_id: str) -> bool:
    """Return whether an id that a provider lists is, by its name, a chat model."""
    return not _NOT_CHAT.search(model_id.lower())


def bare_model(provider_id: str, model_id: str, api: ModelApi) -> Model:
    """Return a model of which only the id is known. It is assumed to support tools, as in opencode."""
    return Model(
        id=model_id,
        provider_id=provider_id,
        api=api,
        name=model_id,
        family="",
        capabilities=Capabilities(
            temperature=False,
            reasoning=False,
            attachment=False,
            toolcall=True,
            input=Modalities(),
            output=Modalities(),
        ),
        cost=Cost(),
        limit=Limit(),
        variants={},
    )


def listed_model(model_id: str, bare: Model, known: Mapping[str, Model]) -> Model:
    """Return a model that its provider lists and the catalog (`known`) does not.

    A dated or `latest` name is an alias of the model without it. Another model of a known family
    (claude-sonnet, gpt-mini) gets the capabilities of the family's newest, without prices.
    """
    if same := known.get(_DATE.sub("", model_id)):
        return _renamed(same, model_id)
    family = [model for model in known.values() if _words(model.id) == _words(model_id)]
    if not family:
        return bare
    newest = max(family, key=lambda model: model.release_date)
    return _renamed(structs.replace(newest, cost=Cost(), release_date=""), model_id)


def configured_model(model_id: str, base: Model, entry: ModelConfig) -> Model:
    """Return `base` with the changes of its entry in opencode.json, under the id it has there."""
    own_name = UNSET if given(entry.id, model_id) == model_id else model_id
    can = base.capabilities
    shape = given(entry.modalities, None)
    model = structs.replace(
        base,
        id=model_id,
        api=structs.replace(base.api, id=given(entry.id, base.api.id)),
        name=given(entry.name, given(own_name, base.name)),
        family=given(entry.family, base.family),
        release_date=given(entry.release_date, base.release_date),
        status=given(entry.status, base.status),
        capabilities=Capabilities(
            temperature=given(entry.temperature, can.temperature),
            reasoning=given(entry.reasoning, can.reasoning),
            attachment=given(entry.attachment, can.attachment),
            toolcall=given(entry.tool_call, can.toolcall),
            input=modalities(shape.input) if shape and shape.input is not UNSET else can.input,
            output=modalities(shape.output) if shape and shape.output is not UNSET else can.output,
            interleaved=_interleaved(entry, can.interleaved),
        ),
        cost=base.cost if entry.cost is UNSET else _cost(entry.cost),
        limit=base.limit
        if entry.limit is UNSET
        else Limit(context=entry.limit.context, output=entry.limit.output, input=entry.limit.input),
        options=merge_options(base.options, entry.options),
        headers={**base.headers, **entry.headers},
    )
    controls = given(entry.reasoning_options, _controls(base))
    offered = merge_options(variants(model, controls), entry.variants)
    model.variants = {name: options for name, options in offered.items() if not options.get("disabled")}
    return model


def with_options(model: Model, options: ProviderOptions) -> Model:
    """Return the model with those of its provider's options that concern requests; its own count first."""
    given_options = {
        "serverTools": options.server_tools,
        "cacheTtl": options.cache_ttl,
        "toolStreaming": options.tool_streaming,
        "quirks": options.quirks,
        "setCacheKey": options.set_cache_key,
        "includeUsage": options.include_usage,
    }
    wide = {name: value for name, value in given_options.items() if value is not UNSET}
    return structs.replace(model, options=merge_options(wide, model.options)) if wide else model


def at_address(model: Model, npm: str, url: str) -> Model:
    """Return the model over another wire (`npm`) or at another base URL."""
    moved = structs.replace(model, api=ModelApi(id=model.api.id, npm=npm, url=url))
    moved.variants = variants(moved, _controls(model))
    return moved


def _controls(model: Model) -> list[ReasoningOption] | None:
    """Return the controls of reasoning that the catalog names for a model, under its provider's own name."""
    return reasoning_options(model.provider_id, model.api.id)


def _renamed(model: Model, model_id: str) -> Model:
    return structs.replace(
        model, id=model_id, api=structs.replace(model.api, id=model_id), name=model_id, status="active"
    )


def _words(model_id: str) -> list[str]:
    return re.findall(r"[a-z]+", model_id.lower())


def _interleaved(entry: ModelConfig, default: bool | Interleaved) -> bool | Interleaved:
    if entry.interleaved is UNSET:
        return default
    if isinstance(entry.interleaved, bool):
        return entry.interleaved
    if isinstance(entry.interleaved, str):
        return Interleaved(field=entry.interleaved)
    return Interleaved(field=entry.interleaved.get("field", "reasoning_content"))


def _cost(cost: CostConfig) -> Cost:
    return Cost(
        input=cost.input,
        output=cost.output,
        cache=CacheCost(read=cost.cache_read, write=cost.cache_write),
    )
