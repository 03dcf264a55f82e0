"""REST below `/jupyter-agent/api/`: each handler reads, asks the manager, and writes.

Whatever goes wrong is raised; `AgentHandler.write_error` makes a status and JSON of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from .identity import UNASKED_MODES, owner_of, why_not_unasked

if TYPE_CHECKING:
    from ..runtime.sessions import Sessions
    from .extension import JupyterAgentApp

AUTH_RESOURCE = "jupyter_agent"
MOST_QUERY = 500


class AgentHandler(APIHandler):
    """What all handlers share."""

    auth_resource = AUTH_RESOURCE

    @property
    def agent(self) -> JupyterAgentApp:
        """The extension."""
        app: JupyterAgentApp = self.settings["jupyter_agent"]
        return app

    @property
    def owner(self) -> str:
        """Whose sessions the request is about."""
        return owner_of(self.identity_provider, self.current_user)

    async def manager(self) -> Sessions:
        """Return the sessions, built at the first request."""
        return await self.agent.manager()

    async def require(self, action: str, resource: str) -> None:
        """Refuse whoever may not do this on the server by Jupyter's own means."""
        from jupyter_core.utils import ensure_async

        allowed = self.authorizer.is_authorized(self, self.current_user, action, resource)
        if not await ensure_async(allowed):
            raise web.HTTPError(403, f"You may not {action} {resource} on this server.")

    def body(self, kind: Any) -> Any:
        """Return the request's JSON body as a dataclass of `bodies.py`."""
        from ..protocol.codec import from_json

        content_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip()
        # Forms and text/plain are what foreign pages can send without asking.
        if self.request.body and content_type.lower() != "application/json":
            raise web.HTTPError(415, "The body must be application/json.")
        return from_json(kind, self.request.body or b"{}")

    def reply(self, kind: Any, value: Any, *, status: int = 200) -> None:
        """Answer with a protocol value."""
        from ..protocol.codec import to_json

        self.set_status(status)
        self.finish(to_json(kind, value))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log errors of ours without a traceback: they say enough themselves."""
        if getattr(value, "user_message", None) is not None:
            self.log.info("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write an error as JSON."""
        from ..protocol.errors import AgentError
        from .errors import body_of, status_of

        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, AgentError):
            self.set_status(status_of(error))
            self.finish(body_of(error))
        else:
            super().write_error(status_code, **kwargs)


class StatusHandler(AgentHandler):
    """What the panel needs to know when it starts."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return a `ServerStatus`."""
        from ..protocol.frames import ServerStatus

        self.reply(ServerStatus, await (await self.manager()).status())


class ModelsHandler(AgentHandler):
    """The models one can choose."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return a `ModelList`; with `live=1` the providers that are ready are asked."""
        from ..protocol.models import ModelList

        live = self.get_query_argument("live", "0")
        if live not in ("0", "1"):
            raise web.HTTPError(400, "live is 0 or 1.")
        self.reply(ModelList, await (await self.manager()).access.models(live=live == "1"))


class ModelHandler(AgentHandler):
    """What a person says of one model; it wins over catalogue and provider."""

    @web.authenticated
    @authorized
    async def patch(self, model_id: str) -> None:
        """Add a `ModelOverride` to what was said before."""
        await (await self.manager()).access.say(model_id, self.body(dict[str, Any]))
        self.set_status(204)
        self.finish()

    @web.authenticated
    @authorized
    async def delete(self, model_id: str) -> None:
        """Forget what was said."""
        await (await self.manager()).access.say(model_id, None)
        self.set_status(204)
        self.finish()


class SessionsHandler(AgentHandler):
    """The owner's sessions."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return `{sessions: [SessionSummary]}`, of one notebook or of all."""
        from ..protocol.frames import SessionSummary

        path = self.get_query_argument("notebook", None)
        found = await (await self.manager()).sessions(owner=self.owner, notebook_path=path)
        self.reply(dict[str, list[SessionSummary]], {"sessions": found})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Create a session from a `NewSession`."""
        from ..protocol.frames import SessionSummary
        from .bodies import NewSession

        given = self.body(NewSession)
        self._check_mode(given.mode)
        made = await (await self.manager()).create(
            owner=self.owner,
            notebook_path=given.notebook_path,
            model=given.model,
            mode=given.mode,
            title=given.title,
        )
        self.reply(SessionSummary, made, status=201)

    def _check_mode(self, mode: str | None) -> None:
        from ..protocol.errors import NotAllowed

        settings = self.agent.agent_settings
        if mode not in UNASKED_MODES or mode == settings.default_mode:
            return
        reason = None if settings.allow_token_approvals else why_not_unasked(self)
        if reason is not None:
            raise NotAllowed(f"In mode {mode} tools run unasked. {reason}")


class SearchHandler(AgentHandler):
    """The owner's sessions by what was said in them."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return `{found: {session id: words around}}` for a `query`."""
        query = self.get_query_argument("query", "")
        if len(query) > MOST_QUERY:
            raise web.HTTPError(400, f"A query has at most {MOST_QUERY} characters.")
        found = await (await self.manager()).search(query, owner=self.owner)
        self.finish({"found": found})


class SessionHandler(AgentHandler):
    """One session."""

    @web.authenticated
    @authorized
    async def patch(self, session_id: str) -> None:
        """Rename it."""
        from .bodies import Rename

        title = self.body(Rename).title
        await (await self.manager()).rename(session_id, title, owner=self.owner)
        self.set_status(204)
        self.finish()

    @web.authenticated
    @authorized
    async def delete(self, session_id: str) -> None:
        """Delete it."""
        await (await self.manager()).delete(session_id, owner=self.owner)
        self.set_status(204)
        self.finish()


class ForkHandler(AgentHandler):
    """A new session from a message of another."""

    @web.authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Return the new session's `SessionSummary`."""
        from ..protocol.frames import SessionSummary
        from .bodies import Fork

        fork, manager = self.body(Fork), await self.manager()
        made = await manager.fork(session_id, fork.message_id, owner=self.owner, before=fork.before)
        self.reply(SessionSummary, made, status=201)


class ExportHandler(AgentHandler):
    """A session as a document."""

    @web.authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """Return it as Markdown, or with `format=notebook` as a notebook."""
        wanted = self.get_query_argument("format", "markdown")
        if wanted not in ("markdown", "notebook"):
            raise web.HTTPError(400, "Sessions are exported as markdown or notebook.")
        from ..session.export import markdown, notebook

        session = await (await self.manager()).get(session_id, owner=self.owner)
        if wanted == "notebook":
            text, kind = notebook(session.journal.transcript), "application/x-ipynb+json"
        else:
            text, kind = markdown(session.journal.transcript), "text/markdown"
        self.finish(text, set_content_type=f"{kind}; charset=utf-8")


class VariablesHandler(AgentHandler):
    """The variables of a notebook's kernel, for the composer's list."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return a `VariableList`."""
        from ..protocol.frames import VariableList
        from ..workspace.mentionable import list_variables

        # The kernel is asked by running code in it.
        await self.require("execute", "kernels")
        kernels = (await self.manager()).world.kernels
        found = await list_variables(self.get_query_argument("notebook", ""), kernels)
        self.reply(VariableList, found)


class FilesHandler(AgentHandler):
    """Files below the root, for the composer's list."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return a `FileList` of those that match `query`."""
        from ..protocol.frames import FileList
        from ..workspace.mentionable import find_files

        await self.require("read", "contents")
        root = (await self.manager()).world.root
        found = await find_files(root, self.get_query_argument("query", ""))
        self.reply(FileList, found)


class ProvidersHandler(AgentHandler):
    """The providers, and whether they have a key."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return `{providers: […]}`, never a key."""
        self.finish({"providers": await (await self.manager()).access.keys.rows()})


class ProviderHandler(AgentHandler):
    """One provider's key and address: written, never read."""

    @web.authenticated
    @authorized
    async def put(self, name: str) -> None:
        """Store a key, an address, or both."""
        from .bodies import SaveProvider

        given = self.body(SaveProvider)
        await (await self.manager()).access.keys.store(name, key=given.key, base_url=given.base_url)
        self.set_status(204)
        self.finish()

    @web.authenticated
    @authorized
    async def delete(self, name: str) -> None:
        """Forget what is stored."""
        await (await self.manager()).access.keys.remove(name)
        self.set_status(204)
        self.finish()


class ProviderTestHandler(AgentHandler):
    """Whether a provider answers."""

    @web.authenticated
    @authorized
    async def post(self, name: str) -> None:
        """Return `{ok, message}`; nothing is stored."""
        from .bodies import TestProvider

        given = self.body(TestProvider)
        manager = await self.manager()
        self.finish(await manager.access.keys.test(name, model=given.model, key=given.key))
