"""Part of `inspection_snippet.py`: what a value is, without running any code of its class.

What is asked of a class or an object is read from the slots of `type` and of the class itself:
asked in the usual way, a property of the class or of its metaclass would run.
"""

from __future__ import annotations

import sys
import types
from typing import Any

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def of_class(kind: Any, name: str) -> Any:
    """Return `__mro__`, `__dict__`, `__module__`, `__name__` or `__qualname__` of a class."""
    return type.__dict__[name].__get__(kind)


def name_of(kind: Any, name: str) -> str:
    """Return a name of a class; `?` for what is no plain string."""
    try:
        found = of_class(kind, name)
    except AttributeError:
        return "?"
    return found if type(found) is str else "?"


def own_attributes(value: Any) -> dict[str, Any]:
    """Return an object's own attributes, without those of its class; empty where it hides them."""
    kind = type(value)
    for base in of_class(kind, "__mro__"):
        slot = of_class(base, "__dict__").get("__dict__")
        if slot is None:
            continue
        if type(slot) is not types.GetSetDescriptorType:
            return {}
        found = slot.__get__(value, kind)
        return found if type(found) is dict else {}
    return {}


def type_name(value: Any) -> str:
    """Return the name of a value's class, with its module unless built in."""
    module, name = (name_of(type(value), part) for part in ("__module__", "__qualname__"))
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def is_a(value: Any, module: str, *names: str) -> bool:
    """Tell whether a value is of a class of a library, without importing it.

    Subclasses from elsewhere do not count, nor values with methods of their own: those may do
    anything.
    """
    library = sys.modules.get(module)
    kind = type(value)
    if not is_of_library(kind, (module.partition(".")[0], "geopandas")):
        return False
    return derives(value, library, names) and not _overrides(value)


def is_of_library(kind: Any, libraries: Any) -> bool:
    """Tell whether a class is what one of the libraries has under the name that the class bears."""
    home = name_of(kind, "__module__")
    module = sys.modules.get(home)
    if home.partition(".")[0] not in libraries or type(module) is not types.ModuleType:
        return False
    return vars(module).get(name_of(kind, "__qualname__")) is kind


def _overrides(value: Any) -> bool:
    """Tell whether a value's own attributes hide methods of its class."""
    own = own_attributes(value)
    names = [name for name, item in own.items() if type(item) not in PLAIN and name[:1] != "_"]
    bases = of_class(type(value), "__mro__")
    return any(name in of_class(base, "__dict__") for base in bases for name in names)


def derives(value: Any, library: Any, names: Any) -> bool:
    """Tell whether a value's class, or one it derives from, is one of the library's."""
    if type(library) is not types.ModuleType:
        return False
    kinds = [vars(library)[name] for name in names if name in vars(library)]
    return any(base is kind for base in of_class(type(value), "__mro__") for kind in kinds)
