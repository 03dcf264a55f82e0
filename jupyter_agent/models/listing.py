"""One list of a provider's models out of two: the catalogue, and what the provider says now.

Pure. What a person says of a model is applied afterwards (`protocol/overrides.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..protocol.models import Capabilities, ModelInfo
from . import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """A model as its provider lists it now. `described`: it says what the model can do."""

    info: ModelInfo
    described: bool


def live_models(listed: Sequence[ModelInfo], default: Capabilities) -> list[LiveModel]:
    """Return the models of a provider's answer that chat.

    Args:
        listed: what the adapter read.
        default: the very object the adapter puts where the provider says nothing of abilities.
    """
    return [
        LiveModel(info=info, described=info.capabilities is not default)
        for info in listed
        if catalogue.find(info.provider, info.name) is not None or catalogue.chats(info.name)
    ]


def merge(known: ModelInfo | None, live: LiveModel) -> ModelInfo:
    """Return a model's facts: the provider's own win, the catalogue fills what they leave out.

    Tools and vision are told or not. Other abilities are often left out of lists that tell these
    two, so that silence is not taken for a no.
    """
    info = live.info
    if known is None:
        return info
    told, before = info.capabilities, known.capabilities
    able = before
    if live.described:
        able = replace(
            told,
            audio=told.audio or before.audio,
            documents=told.documents or before.documents,
            thinking=told.thinking or before.thinking,
            effort_levels=told.effort_levels or before.effort_levels,
            tool_choice=told.tools and (told.tool_choice or before.tool_choice),
            parallel_tools=told.tools and (told.parallel_tools or before.parallel_tools),
            prefill=told.prefill or before.prefill,
            system_prompt=told.system_prompt or before.system_prompt,
            structured_output=before.structured_output,
            requires_key=before.requires_key,
        )
    return replace(
        known,
        id=info.id,
        name=info.name,
        context_window=info.context_window or known.context_window,
        max_output=info.max_output or known.max_output,
        price=info.price or known.price,
        capabilities=able,
    )


def merge_lists(
    known: Sequence[ModelInfo], live: Sequence[LiveModel], *, label: str
) -> list[ModelInfo]:
    """Return a provider's models: those of the catalogue in its order, then the others it lists.

    A dated snapshot of a model that is there by its plain name is not listed a second time. A
    model of the catalogue that the provider does not list stays, and says so: some lists leave
    out names that can be asked for.
    """
    by_name = {model.info.name: model for model in live}
    by_plain = {catalogue.without_date(name): model for name, model in by_name.items()}
    found, taken = [], set()
    for model in known:
        listed = by_name.get(model.name) or by_plain.get(model.name)
        if listed is None:
            note = f"Not in the list {label} gives now."
            found.append(replace(model, reason=note if live else model.reason))
            continue
        own_name = replace(listed, info=replace(listed.info, id=model.id, name=model.name))
        found.append(merge(model, own_name))
        taken.add(model.name)
    for name, listed in by_name.items():
        plain = catalogue.without_date(name)
        if name in taken or plain in taken or (plain != name and plain in by_name):
            continue
        found.append(merge(catalogue.find(listed.info.provider, name), listed))
    return found
