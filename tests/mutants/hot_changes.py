"""Changes the source of modules that are loaded already: each function gets the code that the changed text gives it.

Whoever imported the function holds the same object, and so runs the changed code at once; and gets the old one back.
Nothing of the module is run a second time, but for the value of a constant that changed.
"""

from __future__ import annotations

import ast
import importlib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustweft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["NotChangedError", "Undo", "apply_changes", "take_back"]

SOURCE = Path(trustweft.__path__[0])


class NotChangedError(Exception):
    """The text is not there, or nothing of what is loaded differs by it."""


Undo = list[tuple[object, str, Any]]


def apply_changes(changes: Iterable[Mapping[str, str]]) -> Undo:
    """Change what is loaded: in ``file``, below the package, ``old`` becomes ``new``. Return what ``take_back`` needs.

    Raises:
        NotChangedError: an old text is not there, or nothing of what is loaded differs; then nothing is changed.
    """
    files: dict[str, list[tuple[str, str]]] = {}
    for each in changes:  # those of one file together: each begins from the text on the disk
        files.setdefault(each["file"], []).append((each["old"], each["new"]))
    undo: Undo = []
    try:
        for file, texts in files.items():
            undo += _apply(file, texts)
    except (NotChangedError, SyntaxError):
        take_back(undo)
        raise
    return undo


def _apply(file: str, changes: Sequence[tuple[str, str]]) -> Undo:
    path = SOURCE / file
    if path.suffix != ".py":
        raise NotChangedError(f"{file} is no module")
    before = after = path.read_text(encoding="utf-8")
    for old, new in changes:
        if old not in after:
            raise NotChangedError(f"{file} does not say {old!r}")
        after = after.replace(old, new)
    name = "trustweft." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    module = importlib.import_module(name)
    undo = [*_constants(before, after, module), *_functions(before, after, module, str(path))]
    if not undo:
        raise NotChangedError(f"nothing of {name} differs with {changes!r}")
    return undo


def take_back(undo: Undo) -> None:
    """Take changes back, the last first."""
    for holder, attribute, value in reversed(undo):
        setattr(holder, attribute, value)
        _forget_answers(holder)


def _constants(before: str, after: str, module: types.ModuleType) -> Iterator[tuple[object, str, Any]]:
    old = {ast.dump(node) for node in ast.parse(before).body}
    for node in ast.parse(after).body:
        if ast.dump(node) in old:
            continue
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                yield module, name, getattr(module, name)
                code = compile(ast.Expression(value), module.__name__, "eval")
                setattr(module, name, eval(code, vars(module)))  # noqa: S307  # our own source


def _functions(
    before: str, after: str, module: types.ModuleType, path: str
) -> Iterator[tuple[object, str, Any]]:
    old, new = (dict(_codes(compile(text, path, "exec"))) for text in (before, after))
    for qualified, code in new.items():
        if qualified in old and not _same(old[qualified], code):
            function = _find(module, qualified)
            if function is None:
                continue  # within another function, whose code holds it
            if function.__code__.co_freevars != code.co_freevars:
                raise NotChangedError(f"{qualified} closes over other names")
            yield function, "__code__", function.__code__
            function.__code__ = code
            _forget_answers(getattr(module, qualified.partition(".")[0]))


def _codes(code: types.CodeType) -> Iterator[tuple[str, types.CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant.co_qualname, constant
            yield from _codes(constant)


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two codes do the same: lines may have moved."""
    blank = {"co_firstlineno": 1, "co_linetable": b"", "co_consts": ()}
    if one.replace(**blank) != other.replace(**blank) or len(one.co_consts) != len(other.co_consts):  # type: ignore[arg-type]
        return False
    return all(
        _same(left, right)
        if isinstance(left, types.CodeType) and isinstance(right, types.CodeType)
        else (type(left), left) == (type(right), right)
        for left, right in zip(one.co_consts, other.co_consts, strict=True)
    )


def _find(module: types.ModuleType, qualified: str) -> types.FunctionType | None:
    found: object = module
    for part in qualified.split("."):
        found = vars(found).get(part) if isinstance(found, type | types.ModuleType) else None
    return _unwrap(found)


def _unwrap(value: object) -> types.FunctionType | None:
    """Return the function within a static method, a property, a cache or another wrapper."""
    while not isinstance(value, types.FunctionType) or hasattr(value, "__wrapped__"):
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif hasattr(value, "__wrapped__"):
            value = value.__wrapped__
        else:
            return None
    return value


def _forget_answers(holder: object) -> None:
    """A function that remembers its answers gives the old ones otherwise."""
    clear = getattr(holder, "cache_clear", None)
    if clear is not None:
        clear()
