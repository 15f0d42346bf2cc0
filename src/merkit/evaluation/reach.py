"""What a recognizer can lay its hands on: what it holds, and what its code names outside of it."""

from __future__ import annotations

import functools
import hashlib
import os
import random
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_DEPTH = 4  # containers within containers that are looked into
_LARGE = 1 << 24  # bytes of an array up to which all of it is compared; of a larger one a part
_LIBRARIES = frozenset({"merkit", "sklearn", "torch", "builtins"})
_PLAIN = (str, bytes, int, float, complex, type(None), np.generic)
_CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_PLACES = tuple(
    {
        str(Path(path).resolve())
        for path in (
            *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            str(Path(__file__).parents[1]),
        )
    }
)


def is_library(file: str | None, own: str = "") -> bool:
    """Whether a source file belongs to Python, an installed package or merkit, and not to a user.

    Parameters
    ----------
    file : str or None
    own : str
        Folder of an installed package, or module, that is a user's all the same; or empty.

    Examples
    --------
    >>> is_library(np.__file__), is_library(__file__), is_library("/home/somebody/method.py")
    (True, True, False)
    """
    if file is None or file.startswith("<frozen"):
        return True
    path = str(Path(file).resolve())
    return path.startswith(_PLACES) and not (own and path.startswith(own))


def held(recognizer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the recognizer and the objects within reach of it, each with a name for a message."""
    yield from _within([("the recognizer", recognizer), *outside(recognizer).items()])


def outside(recognizer: Any) -> dict[str, Any]:
    """What outlives a recognizer and its code can get at: where one fold could leave things for the next.

    These are attributes of its classes, and the globals, defaults and closures of their methods and of the
    functions that these call; of users' code and of the package that holds the method, not of libraries.

    Returns
    -------
    dict of str to object
        By a name for a message.
    """
    own = _package_of(type(recognizer))
    found: dict[str, Any] = {}
    seen: set[int] = set()
    queue = deque(_code_of(recognizer))
    while queue:
        where, thing = queue.popleft()
        if isinstance(thing, _PLAIN):
            found.setdefault(where, thing)
            continue
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        thing = _unwrapped(thing)
        if isinstance(thing, type):
            queue.extend(_of_class(thing, own))
        elif isinstance(thing, types.FunctionType):
            queue.extend(_of_function(thing, own))
        elif not isinstance(thing, _CODE):
            found[where] = thing
            queue.extend(_code_of(thing))
    found.pop("", None)
    return found


def states(things: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each thing: another one after a change of what it holds.

    Examples
    --------
    >>> memo = {"a": [np.zeros(3)]}
    >>> before = states({"memo": memo})
    >>> memo["a"][0][1] = 1
    >>> states({"memo": memo}) == before
    False
    """
    out = {}
    for name, thing in things.items():
        sha = hashlib.sha256()
        _take_in(thing, sha, {}, _DEPTH + 2)
        out[name] = sha.hexdigest()
    return out


def own_code() -> dict[str, int]:
    """The functions and classes of merkit that are loaded, by place, each with its identity."""
    out = {}
    for module_name, module in list(sys.modules.items()):
        if module_name != "merkit" and not module_name.startswith("merkit."):
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType | type):
                out[f"{module_name}.{name}"] = id(value)
            if isinstance(value, type) and value.__module__ == module_name:
                out |= {
                    f"{module_name}.{name}.{part}": id(of)
                    for part, of in list(vars(value).items())
                    if isinstance(of, types.FunctionType | classmethod | staticmethod | property)
                }
    return out


def _within(things: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The things and what they hold, each once."""
    seen: set[int] = set()
    queue = deque((where, thing, 0) for where, thing in things)
    while queue:
        where, thing, depth = queue.popleft()
        if id(thing) in seen or isinstance(thing, (*_PLAIN, np.ndarray, type)):
            continue
        seen.add(id(thing))
        yield where, thing
        if depth < _DEPTH:
            queue.extend((f"{name} of {where}", value, depth + 1) for name, value in _parts(thing))


def _code_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """The classes of a thing and of what it holds, and the functions that it holds, which it may call."""
    for where, part in _within([("", thing)]):
        yield (where, part) if isinstance(part, types.FunctionType) else ("", type(part))


def _parts(thing: Any) -> list[tuple[str, Any]]:
    if isinstance(thing, Mapping):
        return [(str(name), value) for name, value in thing.items()]
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return [(f"item {place}", value) for place, value in enumerate(thing)]
    if isinstance(thing, _CODE):
        return []
    return list(getattr(thing, "__dict__", {}).items())


def _package_of(cls: type) -> str:
    """Where the package or module of a method lies, unless it is one of the libraries that all build on."""
    top = cls.__module__.partition(".")[0]
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if file is None or top in _LIBRARIES:
        return ""
    path = Path(file).resolve()
    return os.path.join(path.parent, "") if hasattr(module, "__path__") else str(path)


def _of_class(cls: type, own: str) -> list[tuple[str, Any]]:
    """Attributes and methods of a user's class and of its bases."""
    found = []
    for base in cls.__mro__:
        module = sys.modules.get(base.__module__)
        if is_library(getattr(module, "__file__", None), own) and base.__module__ != "__main__":
            continue
        for name, value in list(vars(base).items()):
            is_code = isinstance(_unwrapped(value), types.FunctionType)
            if is_code or not (name.startswith("__") or name == "_abc_impl"):
                found.append((f"{name} of class {base.__name__}", value))
    return found


def _of_function(function: types.FunctionType, own: str) -> list[tuple[str, Any]]:
    """What the code of a user's function can reach by name."""
    if is_library(function.__code__.co_filename, own):
        return []
    called, code = function.__name__, function.__code__
    defaults = function.__defaults__ or ()
    last = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    found = [(f"the default {name} of {called}", v) for name, v in zip(last, defaults, strict=True)]
    found += [(f"the default {name} of {called}", v) for name, v in (function.__kwdefaults__ or {}).items()]
    found += [(f"{name} of function {called}", value) for name, value in vars(function).items()]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            found.append((f"{name} around {called}", cell.cell_contents))
        except ValueError:  # not assigned yet
            continue
    names = _names(code)
    spaces = [("", function.__globals__)]
    while spaces:
        prefix, space = spaces.pop()
        for name in names & space.keys():
            value = space[name]
            if not isinstance(value, types.ModuleType):
                found.append((f"global {prefix}{name}", value))
            elif not prefix and not is_library(getattr(value, "__file__", None), own):
                spaces.append((f"{name}.", vars(value)))
    return found


def _names(code: types.CodeType) -> set[str]:
    """Names of globals and attributes in a code and the codes within it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _unwrapped(thing: Any) -> Any:
    """The function behind a method, property, partial or decorator of the standard library."""
    while True:
        if isinstance(thing, classmethod | staticmethod | types.MethodType):
            thing = thing.__func__
        elif isinstance(thing, property):
            thing = thing.fget
        elif isinstance(thing, functools.cached_property | functools.partial | functools.partialmethod):
            thing = thing.func
        elif isinstance(thing, functools._lru_cache_wrapper):
            thing = thing.__wrapped__
        else:
            return thing


def _take_in(thing: Any, sha: Any, seen: dict[int, Any], depth: int) -> None:
    """Add what a thing holds to a hash."""
    sha.update(f"{type(thing).__qualname__}:".encode())
    thing = _plain_of_torch(thing)
    if isinstance(thing, _PLAIN):
        sha.update(repr(thing).encode())
    elif isinstance(thing, np.ndarray) and thing.dtype != object:
        part = thing if thing.nbytes <= _LARGE else thing[:: max(1, len(thing) // 1000)]
        sha.update(f"{thing.dtype}{thing.shape}".encode() + part.tobytes())
    elif isinstance(thing, np.random.Generator | random.Random):
        state = thing.bit_generator.state if isinstance(thing, np.random.Generator) else thing.getstate()
        sha.update(repr(state).encode())
    elif isinstance(thing, _CODE):
        sha.update(str(id(thing)).encode())
    elif depth > 0 and id(thing) not in seen:
        # Kept with their ids, as the id of something that is gone is given to something else.
        seen[id(thing)] = thing
        parts: Iterable[tuple[str, Any]] = ()
        if isinstance(thing, np.ndarray):
            parts = (("", item) for item in thing.flat)
        elif isinstance(thing, set | frozenset):
            parts = (("", text) for text in sorted(map(repr, thing)))
        elif isinstance(thing, Mapping | list | tuple | deque) or _can_learn(thing):
            parts = _parts(thing)
        for name, value in parts:
            sha.update(f"{name}=".encode())
            _take_in(value, sha, seen, depth - 1)


def _plain_of_torch(thing: Any) -> Any:
    """A tensor as an array of its bytes and a network as its tensors by name; all else as it is."""
    torch = sys.modules.get("torch")
    if torch is None:
        return thing
    if isinstance(thing, torch.Tensor):
        return thing.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return thing.state_dict() if isinstance(thing, torch.nn.Module) else thing


def _can_learn(thing: Any) -> bool:
    """Whether an object may carry what was learnt: a user's, or an estimator, network or table.

    Others of libraries (loggers, bars, locks) change as they are used and mean nothing by it.
    """
    module = sys.modules.get(type(thing).__module__)
    of_user = type(thing).__module__ == "__main__" or not is_library(getattr(module, "__file__", None))
    return of_user or any(hasattr(thing, name) for name in ("fit", "state_dict", "iloc"))
