"""Settings: one TOML file, the environment over it, and an answer to the question where a value comes from.

A key that nobody knows is an error, in the file and in the environment: a slip of the pen never weakens anything
silently. ``TRUSTWEFT_LISTEN__PORT=9000`` sets ``port`` in ``[listen]``.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Explained", "Settings", "SettingsError", "read_settings"]

T = TypeVar("T", bound=msgspec.Struct)

PREFIX: Final = "TRUSTWEFT_"
_NESTED: Final = "__"
_SECRET: Final = ("secret", "password", "key_material")


class SettingsError(ValueError):
    """The settings cannot be used; the message names file, key and mend."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting: its path, the value as shown, and where it comes from."""

    path: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings(Generic[T]):
    """Settings that were read and validated."""

    value: T
    sources: Mapping[str, str]

    def explain(self) -> tuple[Explained, ...]:
        """Return every setting in the order of its type; secrets are shown as ``***``."""
        return tuple(
            Explained(
                path, "***" if path.endswith(_SECRET) else str(value), self.sources.get(path, "default")
            )
            for path, value in _leaves(msgspec.to_builtins(self.value), ())
        )


def read_settings(path: Path, kind: type[T], *, environment: Mapping[str, str]) -> Settings[T]:
    """Read ``path`` as ``kind`` with the ``TRUSTWEFT_…`` variables of ``environment`` over it.

    Raises:
        SettingsError: the file cannot be read, a key is unknown, or a value has the wrong type.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise SettingsError(f"{path}: {cause}") from cause
    sources = {name: str(path) for name, _ in _leaves(document, ())}
    _check_known(document, kind, (), where=str(path))
    for variable, text in sorted(environment.items()):
        if variable.startswith(PREFIX) and _NESTED in variable:
            keys = tuple(variable.removeprefix(PREFIX).lower().split(_NESTED))
            _set(document, keys, _typed(text, kind, keys, variable), variable)
            sources[".".join(keys)] = f"environment variable {variable}"
    try:
        value = msgspec.convert(document, kind, strict=True)
    except msgspec.ValidationError as cause:
        raise SettingsError(f"{path}: {cause}") from cause
    return Settings(value, sources)


def _leaves(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                yield from _leaves(item, (*path, f"{name}[{index}]"))
        else:
            yield ".".join((*path, name)), value


def _check_known(table: Mapping[str, Any], kind: Any, path: tuple[str, ...], *, where: str) -> None:
    fields = _fields(kind)
    if fields is None:
        return
    for name, value in table.items():
        if name not in fields:
            raise SettingsError(
                f"{where}: {'.'.join((*path, name))} is not a setting{_nearest(name, fields)}"
            )
        if isinstance(value, dict):
            _check_known(value, fields[name], (*path, name), where=where)


def _typed(text: str, kind: type, keys: tuple[str, ...], variable: str) -> object:
    """Return the text of a variable as the type of its setting."""
    found: Any = kind
    for key in keys:
        fields = _fields(found)
        if fields is None or key not in fields:
            raise SettingsError(f"{variable} is not a setting{_nearest(key, fields or {})}")
        found = fields[key]
    try:
        return msgspec.convert(text, found, strict=False)
    except msgspec.ValidationError as cause:
        raise SettingsError(f"{variable}: {cause}") from cause


def _set(document: dict[str, Any], keys: tuple[str, ...], value: object, variable: str) -> None:
    table = document
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{variable}: {key} is not a table")
    table[keys[-1]] = value


def _fields(kind: Any) -> dict[str, Any] | None:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    return {name: hint for name, hint in get_type_hints(kind).items() if name in kind.__struct_fields__}


def _nearest(name: str, fields: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, fields, n=1)
    return f"; did you mean {near[0]}?" if near else ""
