"""What an administrator or a person can set, as traits, and the frozen `Settings` made of them.

`c.JupyterAgent.default_model = "anthropic/claude-sonnet-5"` in `jupyter_agent_config.py` or
`jupyter_server_config.py`. Nothing here reads a file when it is imported, and project folders
are never searched: a notebook's folder must not decide where keys are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from traitlets import Bool, Dict, Enum, Float, Integer, List, TraitError, Unicode
from traitlets.config import Config, Configurable

from .protocol.tools import Mode

if TYPE_CHECKING:
    from .protocol.errors import ConfigError
    from .protocol.frames import OpenPanel
    from .protocol.models import ModelOverride

MODES: tuple[Mode, ...] = ("plan", "ask", "edits", "auto")
IN_MEMORY = "memory"
_RULE_KEYS = frozenset({"effect", "tool", "permission"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOverride:
    """What differs from the built-in record of a provider. None: as built in."""

    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    api: str | None = None
    key_variable: str | None = None
    # What the vendor lets its customers choose; see `protocol.models.ProviderOptions`.
    cache_ttl: Literal["5m", "1h"] | None = None
    cache_retention: Literal["in_memory", "24h"] | None = None
    service_tier: str | None = None
    media_resolution: Literal["low", "medium", "high"] | None = None


# The values of the fields that take some alone.
_CHOICES = {
    "cache_ttl": ("5m", "1h"),
    "cache_retention": ("in_memory", "24h"),
    "media_resolution": ("low", "medium", "high"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds: to connect, to the first event of an answer, between two events."""

    connect: float = 5.0
    first_event: float = 180.0
    gap: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use before it stops. Cost in US dollars; None: no limit."""

    max_turns: int = 25
    max_tokens: int | None = None
    max_cost: float | None = None
    max_seconds: float | None = None
    max_calls: int = 200
    max_identical_calls: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that was set, checked once. The traits of `JupyterAgent` say what each means."""

    default_model: str | None = None
    fallback_models: tuple[str, ...] = ()
    default_mode: Mode = "ask"
    allowed_modes: tuple[Mode, ...] = MODES
    allowed_providers: frozenset[str] | None = None
    forbidden_providers: frozenset[str] = frozenset()
    providers: Mapping[str, ProviderOverride] = field(default_factory=dict)
    models: Mapping[str, ModelOverride] = field(default_factory=dict)
    discover_local_servers: bool = True
    timeouts: Timeouts = field(default_factory=Timeouts)
    proxy: str | None = None
    ca_bundle: str | None = None
    record_to: str | None = None
    limits: Limits = field(default_factory=Limits)
    tool_deadlines: Mapping[str, float] = field(default_factory=dict)
    stop_deadline: float = 1.0
    approval_deadline: float | None = 3600.0
    allow_token_approvals: bool = False
    hide_provider_variables_from_kernels: bool = False
    bridge: bool = True
    provenance: bool = True
    open_panel: OpenPanel = "first"
    demo_pace: float = 1.0
    rules: tuple[Mapping[str, str], ...] = ()
    instructions: str = ""
    # A function in place of its name: given in Python, for this process alone.
    scripts: Mapping[str, str | Callable[..., Any]] = field(default_factory=dict)
    store: str = ""

    def store_path(self) -> Path | None:
        """Return the file of the sessions, None to keep them in memory."""
        if self.store == IN_MEMORY:
            return None
        return Path(self.store).expanduser() if self.store else data_folder() / "sessions.db"


def data_folder() -> Path:
    """Return the folder for sessions and keys, in Jupyter's data directory."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "jupyter_agent"


class JupyterAgent(Configurable):
    """The agent's settings."""

    default_model = Unicode(
        None,
        allow_none=True,
        config=True,
        help="Model of new sessions, such as `anthropic/claude-sonnet-5`, `ollama/qwen3` or "
        "`http://localhost:8000/v1#my-model`. Unset: the first provider that is ready.",
    )
    fallback_models = List(
        Unicode(),
        config=True,
        help="Models that answer, in this order, when the session's own is not there, cannot be "
        "reached or is overloaded; it is always said. They cost what they cost.",
    )
    default_mode = Enum(MODES, "ask", config=True, help="Mode of new sessions.")
    allowed_modes = List(
        Enum(MODES), list(MODES), config=True, help="Modes that people may choose."
    )
    allowed_providers = List(
        Unicode(),
        None,
        allow_none=True,
        config=True,
        help="Providers that people may use, by name; unset: all.",
    )
    forbidden_providers = List(
        Unicode(), config=True, help="Providers that nobody may use; stronger than allowed ones."
    )
    providers = Dict(
        key_trait=Unicode(),
        value_trait=Dict(),
        config=True,
        help="Overrides by provider name: `{'openai': {'base_url': …, 'headers': {…}, 'api': …, "
        "'key_variable': …}}`. People cannot change a base URL that is set here.",
    )
    models = Dict(
        key_trait=Unicode(),
        value_trait=Dict(),
        config=True,
        help="What you know better of models, by their names: `{'openai/gpt-x': {'label': …, "
        "'context_window': …, 'max_output': …, 'price': {'input': …, 'output': …}, "
        "'capabilities': {'vision': True, …}}}`. Wins over all else; names of no list are listed. "
        "People cannot change what is set here.",
    )
    discover_local_servers = Bool(
        True,
        config=True,
        help="Look for Ollama, LM Studio, llama.cpp and vLLM on their usual loopback ports.",
    )
    connect_timeout = Float(5.0, config=True, help="Seconds to connect to a provider.")
    first_event_timeout = Float(180.0, config=True, help="Seconds until an answer begins.")
    gap_timeout = Float(60.0, config=True, help="Seconds between two events of an answer.")
    proxy = Unicode(
        None, allow_none=True, config=True, help="Proxy for providers; unset: the environment's."
    )
    ca_bundle = Unicode(
        None, allow_none=True, config=True, help="File of certificates to trust for providers."
    )
    record_to = Unicode(
        None,
        allow_none=True,
        config=True,
        help="Folder that gets a copy of every question and answer, without keys, for reports of "
        "faults; it grows until you unset this.",
    )
    max_turns = Integer(25, min=1, config=True, help="Questions to the model in one run.")
    max_tokens = Integer(None, allow_none=True, config=True, help="Tokens of one run.")
    max_cost = Float(None, allow_none=True, config=True, help="US dollars that one run may cost.")
    max_seconds = Float(None, allow_none=True, config=True, help="Seconds of one run.")
    max_calls = Integer(200, min=1, config=True, help="Tool calls of one run.")
    max_identical_calls = Integer(
        8, min=1, config=True, help="Tool calls of one run that are all the same."
    )
    tool_deadlines = Dict(
        key_trait=Unicode(), value_trait=Float(), config=True, help="Seconds by tool name."
    )
    stop_deadline = Float(
        1.0, config=True, help="Seconds after Stop until what still runs is abandoned."
    )
    approval_deadline = Float(
        3600.0,
        allow_none=True,
        config=True,
        help="Seconds until an unanswered approval counts as denied; None: never.",
    )
    allow_token_approvals = Bool(
        False,
        config=True,
        help="Accept approvals from sockets opened with a token instead of a browser's cookie. "
        "Any program that knows the token can then approve.",
    )
    hide_provider_variables_from_kernels = Bool(
        False, config=True, help="Remove providers' key variables from new kernels' environments."
    )
    bridge = Bool(
        True,
        config=True,
        help="Let `%agent`, `Agent` and the widget in this server's kernels reach models through "
        "the server, which keeps the keys. Off: they have the keys of their environment alone.",
    )
    provenance = Bool(True, config=True, help="Note in a cell's metadata that the agent wrote it.")
    open_panel = Enum(
        ["first", "always", "never"],
        "first",
        config=True,
        help="When the panel opens by itself: once in a browser, unless the person chose otherwise "
        "in Lab's settings; at each start, whatever they chose; or never.",
    )
    demo_pace = Float(
        1.0, min=0.0, config=True, help="Speed of the demo: 1 as recorded, 0 without waiting."
    )
    rules = List(
        Dict(key_trait=Unicode(), value_trait=Unicode()),
        config=True,
        help="Rules on tool calls, `{'effect': 'deny'|'ask'|'allow', 'tool': 'run_*', "
        "'permission': 'exec'}`; deny beats ask beats allow, and nothing lifts a deny.",
    )
    instructions = Unicode(
        "", config=True, help="Standing instructions that every session's model is given."
    )
    scripts = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        config=True,
        help="Models played by a script of yours, `{'name': 'module:function'}`, chosen as "
        "`script/name`: for demonstrations, courses and tests.",
    )
    store = Unicode(
        "",
        config=True,
        help="File for sessions, or `memory` to keep none; unset: Jupyter's data directory.",
    )

    def settings(self) -> Settings:
        """Return what is set, checked.

        Raises:
            ConfigError: two settings contradict each other, or what is said of a provider or of a
                model is wrong.
        """
        if self.default_mode not in self.allowed_modes:
            raise _config_error(
                f"`JupyterAgent.default_mode` is {self.default_mode!r}, which "
                "`JupyterAgent.allowed_modes` does not allow."
            )
        return Settings(
            default_model=self.default_model,
            fallback_models=tuple(self.fallback_models),
            default_mode=self.default_mode,
            allowed_modes=tuple(cast("list[Mode]", self.allowed_modes)),
            allowed_providers=_names(self.allowed_providers),
            forbidden_providers=_names(self.forbidden_providers) or frozenset(),
            providers=_overrides(self.providers),
            models=_model_overrides(self.models),
            discover_local_servers=self.discover_local_servers,
            timeouts=Timeouts(
                connect=self.connect_timeout,
                first_event=self.first_event_timeout,
                gap=self.gap_timeout,
            ),
            proxy=self.proxy,
            ca_bundle=self.ca_bundle,
            record_to=self.record_to,
            limits=Limits(
                max_turns=self.max_turns,
                max_tokens=self.max_tokens,
                max_cost=self.max_cost,
                max_seconds=self.max_seconds,
                max_calls=self.max_calls,
                max_identical_calls=self.max_identical_calls,
            ),
            tool_deadlines=dict(self.tool_deadlines),
            stop_deadline=self.stop_deadline,
            approval_deadline=self.approval_deadline,
            allow_token_approvals=self.allow_token_approvals,
            hide_provider_variables_from_kernels=self.hide_provider_variables_from_kernels,
            bridge=self.bridge,
            provenance=self.provenance,
            open_panel=cast("OpenPanel", self.open_panel),
            demo_pace=self.demo_pace,
            rules=_rules(self.rules),
            instructions=self.instructions,
            scripts=dict(self.scripts),
            store=self.store,
        )


def load_settings(changes: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings as a kernel or the command line does: from Jupyter's own folders alone.

    Args:
        changes: traits by name that win over the files, validated like those. A script may also
            be a function.

    Raises:
        ConfigError: a configuration file or a change is wrong.
    """
    from jupyter_core.paths import jupyter_config_path

    found = Config()
    # The first folder of Jupyter's path is the strongest: merged last.
    for folder in reversed(jupyter_config_path()):
        found.merge(_read_folder(folder))
    given = dict(changes or {})
    scripts = given.get("scripts", {})
    functions = {}
    if isinstance(scripts, Mapping):
        functions = {name: script for name, script in scripts.items() if callable(script)}
        if functions:
            given["scripts"] = {n: script for n, script in scripts.items() if n not in functions}
    settings = read_settings(config=found, **given)
    return replace(settings, scripts={**settings.scripts, **functions})


def setting_names() -> frozenset[str]:
    """Return the names of all settings: the traits of `JupyterAgent`."""
    return frozenset(JupyterAgent.class_trait_names(config=True))


def read_settings(**given: Any) -> Settings:
    """Make the settings of a configuration, or of the `parent` whose configuration it is.

    Raises:
        ConfigError: something is set wrong, or given twice.
    """
    try:
        return JupyterAgent(**given).settings()
    except (TraitError, ValueError) as error:
        raise _config_error(f"A setting of JupyterAgent is wrong: {error}", cause=error) from error


def _read_folder(folder: str) -> Config:
    from traitlets.config.loader import (
        ConfigFileNotFound,
        JSONFileConfigLoader,
        PyFileConfigLoader,
    )

    found = Config()
    for loader in (
        PyFileConfigLoader("jupyter_agent_config.py", path=folder),
        JSONFileConfigLoader("jupyter_agent_config.json", path=folder),
    ):
        try:
            found.merge(loader.load_config())
        except ConfigFileNotFound:
            continue
        except Exception as error:
            raise _config_error(
                f"The configuration file {loader.full_filename} cannot be read: {error}",
                cause=error,
            ) from error
    return found


def _names(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.lower() for name in names)


def _rules(given: list[dict[str, str]]) -> tuple[Mapping[str, str], ...]:
    for rule in given:
        # A rule that is not understood must not be passed over: it may be a deny.
        if rule.get("effect") not in ("allow", "ask", "deny") or set(rule) - _RULE_KEYS:
            raise _config_error(
                f"The rule {rule!r} in `JupyterAgent.rules` is wrong: it has an effect "
                "(allow, ask or deny) and may have a tool and a permission."
            )
    return tuple(dict(rule) for rule in given)


def _overrides(given: Mapping[str, Mapping[str, Any]]) -> dict[str, ProviderOverride]:
    found = {}
    for name, values in given.items():
        try:
            found[name.lower()] = ProviderOverride(**values)
        except TypeError as error:
            raise _config_error(
                f"`JupyterAgent.providers[{name!r}]` has an unknown key. Known are "
                f"{', '.join(one.name for one in fields(ProviderOverride))}.",
                cause=error,
            ) from error
        for option, choices in _CHOICES.items():
            if values.get(option) not in (None, *choices):
                raise _config_error(
                    f"`JupyterAgent.providers[{name!r}]`: {option} must be "
                    f"{' or '.join(choices)}, not {values[option]!r}."
                )
    return found


def _model_overrides(given: Mapping[str, Any]) -> dict[str, ModelOverride]:
    if not given:
        return {}  # reading them takes pydantic, which a server's start has no use for
    from .protocol.overrides import read_override

    return {name: read_override(name, values) for name, values in given.items()}


def _config_error(message: str, cause: BaseException | None = None) -> ConfigError:
    # Imported late: the errors bring pydantic along, which a server's start has no use for.
    from .protocol.errors import ConfigError

    return ConfigError(message, cause=cause)
