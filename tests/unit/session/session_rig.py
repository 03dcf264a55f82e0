"""Sessions over scripted models: what several test files need to hold and to watch them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from jupyter_agent.access.model_access import Access, ModelAccess
from jupyter_agent.config import Settings
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.errors import UnknownModel
from jupyter_agent.protocol.models import ModelInfo
from jupyter_agent.providers.replay import EVERYTHING, ScriptedProvider
from jupyter_agent.runtime.build import build_manager


@dataclass
class Model:
    """A model played by a script."""

    script: object
    window: int | None = None
    capabilities: object = EVERYTHING
    requests: list = field(default_factory=list)

    def play(self, request):
        self.requests.append(request)
        return self.script(request) if callable(self.script) else self.script


class Models(ModelAccess):
    """Opens models of the test's; what stands for an error is raised."""

    def __init__(self, settings, folder, **models):
        nowhere = Credentials(folder, environment={}, find_keyring=lambda: None)
        super().__init__(settings, nowhere)
        self._models = models

    def open(self, model_id, on_retry=None):
        found = self._models.get(model_id)
        if found is None:
            raise UnknownModel(f"There is no model {model_id}.")
        if isinstance(found, Exception):
            raise found
        provider = ScriptedProvider(
            found.play, name=f"provider-{model_id}", model=model_id, capabilities=found.capabilities
        )
        info = ModelInfo(
            id=model_id,
            provider=provider.name,
            name=model_id,
            label=model_id,
            capabilities=found.capabilities,
            context_window=found.window,
        )
        return Access(provider=provider, model=info)


@asynccontextmanager
async def manager_of(tmp_path, *fallbacks, settings=None, **models):
    settings = settings or Settings(fallback_models=fallbacks, discover_local_servers=False)
    manager = build_manager(settings, root=tmp_path, store_path=tmp_path / "sessions.db")
    manager.access = Models(settings, tmp_path, **models)
    try:
        yield manager
    finally:
        await manager.aclose()


async def start(manager, model="first"):
    made = await manager.create(owner="me", model=model)
    return await manager.get(made.id, owner="me"), watch(await manager.get(made.id, owner="me"))


def watch(session):
    events = []
    session.journal.attach(lambda seq, event, data: events.append(event), session.journal.seq)
    return events


async def say(session, text, images=()):
    await session.prompt(text, images)
    await session.wait()


def of(events, kind):
    return [event for event in events if event.type == kind]


def notices(events):
    return {event.code: event.text for event in of(events, "notice")}


def summarised(request):
    return "You summarise" in request.messages[0].text
