"""What a program gives an agent, checked: a provider, a notebook, a function that decides."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..policy.broker import Answer
from ..protocol.errors import AgentError, ConfigError, ConfirmFailed
from ..protocol.session_events import ApprovalStart
from ..tools.function import one_line_error

if TYPE_CHECKING:
    from ..access.model_access import Access
    from ..providers.base import Provider

log = logging.getLogger("jupyter_agent")

Confirm = Callable[[ApprovalStart], "bool | Answer | Awaitable[bool | Answer]"]


async def confirmed(confirm: Confirm, approval: ApprovalStart) -> Answer:
    """Have `confirm` decide.

    Raises:
        ConfirmFailed: it raised. The call does not run.
    """
    try:
        verdict = confirm(approval)
        if inspect.isawaitable(verdict):
            verdict = await verdict
    except AgentError:
        raise
    except Exception as error:
        log.warning("`confirm` failed.", exc_info=error)
        raise ConfirmFailed(
            f"`confirm` raised {one_line_error(error)}. The call was not allowed and did not run.",
            cause=error,
        ) from error
    return verdict if isinstance(verdict, Answer) else Answer(allow=bool(verdict))


async def given_model(provider: Provider) -> dict[str, Access]:
    """Return a provider's model, open, by its name.

    Raises:
        ConfigError: it has none, or more than one.
        ProviderError: it could not be asked.
    """
    from ..access.model_access import Access

    models = await provider.list_models()
    if len(models) != 1:
        names = ", ".join(model.id for model in models[:5]) or "none"
        raise ConfigError(
            f"A Provider given as model must offer exactly one model; {provider.name} offers "
            f"{len(models)} ({names})."
        )
    return {models[0].id: Access(provider=provider, model=models[0])}


def check_choice(name: str, value: str | None, known: Sequence[str]) -> None:
    """Refuse what is not one of a few words.

    Raises:
        ConfigError: it is none of them.
    """
    if value is not None and value not in known:
        raise ConfigError(f"There is no {name} {value!r}. Known are {', '.join(known)}.")


async def check_notebook(path: Path, *, writing: bool) -> None:
    """See that there is a notebook, and that it may be written if it is to be.

    Raises:
        NotebookMissing, NotANotebook: there is none.
        OpenInTab: a browser tab has it open.
    """
    from ..notebook.file import FileNotebook
    from ..workspace.open_tabs import refuse_open

    await FileNotebook(path.name, path).read()
    if writing:
        await refuse_open(path)
