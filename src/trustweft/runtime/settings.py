"""Settings: one TOML file, the environment over it, and an answer to the question where a value comes from.

A key that nobody knows is an error, in the file and in the environment: a slip of the pen never weakens anything
silently. ``TRUSTWEFT_LISTEN__PORT=9000`` sets ``port`` in ``[listen]``; lists and tables are written as JSON.

A variable without a double underscore that resembles no setting is somebody else's (Kubernetes makes
``TRUSTWEFT_SERVICE_HOST`` for a service of that name) and is left alone.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Explained", "Settings", "SettingsError", "read_settings"]

T = TypeVar("T", bound=msgspec.Struct)

PREFIX: Final = "TRUSTWEFT_"
_NESTED: Final = "__"
_RESEMBLES: Final = 0.85  # measured: two letters swapped in LISTEN_PORT give 0.91, SERVICE_PORT gives 0.61
_SECRET: Final = ("secret", "password", "key_material")
_URL_PASSWORD: Final = re.compile(r"(://[^/@:\s]*:)[^/@\s]*@")


class SettingsError(ValueError):
    """The settings cannot be used; the message names file or variable, key and mend, and never a value."""


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
            Explained(path, _shown(path, value), self.sources.get(path, "default"))
            for path, value in _leaves(self.value)
        )


def read_settings(path: Path, kind: type[T], *, environment: Mapping[str, str]) -> Settings[T]:
    """Read ``path`` as ``kind`` with the ``TRUSTWEFT_…`` variables of ``environment`` over it.

    Raises:
        SettingsError: the file cannot be read, a key is unknown, or a value has the wrong type.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as cause:
        raise SettingsError(f"{path}: {cause}") from cause
    _refuse_unknown(document, kind, kind, where=str(path))
    sources = {name: str(path) for name, _ in _leaves(document)}
    for variable, text in sorted(environment.items()):
        keys = _keys_of(variable, kind)
        if keys:
            name = ".".join(keys)
            value = _parse(text, kind, keys, variable)
            _set(document, keys, value, variable)
            sources = {known: source for known, source in sources.items() if not _is_within(known, name)}
            sources |= {leaf: f"environment variable {variable}" for leaf, _ in _leaves(value, name)}
    try:
        return Settings(msgspec.convert(document, kind, strict=True), sources)
    except msgspec.ValidationError as cause:
        raise SettingsError(f"{path}: {cause}") from cause


def _keys_of(variable: str, kind: Any) -> tuple[str, ...]:
    """Return the keys of the setting that the variable means; none where it is not one of ours."""
    if not variable.upper().startswith(PREFIX):
        return ()
    written = variable[len(PREFIX) :]
    keys = tuple(written.lower().split(_NESTED))
    known = {_variable_of(name): name for name in _names(kind)}
    if _variable_of(".".join(keys)) == variable and ".".join(keys) in known.values():
        return keys
    is_table = written.lower() in (_fields(kind) or {})
    if not (_NESTED in written or is_table or _resembles_a_setting(written, known)):
        return ()
    near = _nearest(".".join(keys), tuple(known.values()))
    raise SettingsError(
        f"{variable} is not a setting" + (f"; did you mean {_variable_of(near)}?" if near else "")
    )


def _resembles_a_setting(written: str, known: Mapping[str, str]) -> bool:
    """Tell whether the name is a setting's, but for its case, an underscore or a letter."""
    flat = [variable.removeprefix(PREFIX).replace(_NESTED, "_") for variable in known]
    return bool(difflib.get_close_matches(written.upper(), flat, n=1, cutoff=_RESEMBLES))


def _parse(text: str, kind: Any, keys: tuple[str, ...], variable: str) -> object:
    """Return the text of a variable as plain data of its setting's type."""
    root, where = kind, ".".join(keys)
    for key in keys:
        kind = (_fields(kind) or {})[key]
    try:
        if _items_of(kind) is None and _values_of(kind) is None:
            return msgspec.to_builtins(msgspec.convert(text, kind, strict=False))
        value: object = msgspec.json.decode(text.encode("utf-8", "surrogateescape"))
        _refuse_unknown(value, kind, root, where=variable, within=where)
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as cause:
        raise SettingsError(f"{variable}: {cause}") from cause
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise SettingsError(f"{variable}: JSON was expected: {cause}") from cause
    else:
        return value


def _set(document: dict[str, Any], keys: tuple[str, ...], value: object, variable: str) -> None:
    table = document
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{variable}: {key} is not a table in the file")
    table[keys[-1]] = value


def _refuse_unknown(value: object, kind: Any, root: Any, *, where: str, within: str = "") -> None:
    """Refuse a key that no type names, however deep, whether or not its type refuses it itself."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unknown(item, _items_of(kind), root, where=where, within=f"{within}[{index}]")
    if not isinstance(value, dict):
        return
    fields, values = _fields(kind), _values_of(kind)
    for key, item in value.items():
        name = f"{within}.{key}" if within else key
        if fields is not None and key not in fields and values is None:
            near = _nearest(re.sub(r"\[\d+\]", "[]", name), tuple(_names(root, tables=True)))
            raise SettingsError(
                f"{where}: {name} is not a setting" + (f"; did you mean {near}?" if near else "")
            )
        _refuse_unknown(item, values if fields is None else fields.get(key), root, where=where, within=name)


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every setting in data or in a Struct, with its path: ``listen.port``, ``scopes[0].name``."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        value = {field.encode_name: getattr(value, field.name) for field in fields}
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], (dict, msgspec.Struct)):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _names(kind: Any, path: str = "", *, tables: bool = False) -> Iterator[str]:
    """Yield the path of every setting that the type names; those inside lists, and tables, only where asked for."""
    for name, field in (_fields(kind) or {}).items():
        full = f"{path}.{name}" if path else name
        items = _items_of(field) if tables else None
        if tables or _fields(field) is None:
            yield full
        yield from _names(field, full, tables=tables)
        yield from _names(items, f"{full}[]", tables=tables)


def _fields(kind: Any) -> dict[str, Any] | None:
    """Return names and types of the only Struct among the alternatives of a type."""
    structs = [
        each for each in _alternatives(kind) if isinstance(each, type) and issubclass(each, msgspec.Struct)
    ]
    if len(structs) != 1:
        return None
    return {field.encode_name: field.type for field in msgspec.structs.fields(structs[0])}


def _items_of(kind: Any) -> Any:
    found = [each for each in _alternatives(kind) if get_origin(each) in (list, tuple, set, frozenset)]
    return get_args(found[0])[0] if found else None


def _values_of(kind: Any) -> Any:
    found = [each for each in _alternatives(kind) if get_origin(each) is dict]
    return get_args(found[0])[1] if found else None


def _alternatives(kind: Any) -> tuple[Any, ...]:
    origin = get_origin(kind)
    if origin is Annotated:
        return _alternatives(get_args(kind)[0])
    if origin in (Union, UnionType):
        return tuple(each for part in get_args(kind) for each in _alternatives(part))
    return (kind,)


def _shown(path: str, value: object) -> str:
    if any(part.partition("[")[0].endswith(_SECRET) for part in path.split(".")):
        return "***"
    if value is None:
        return "none"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _URL_PASSWORD.sub(r"\1***@", text)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    """Return the known name most like this one; failing that, one whose last part is the same."""
    near = difflib.get_close_matches(name, known, n=1)
    last = name.rpartition(".")[2]
    return (near or [each for each in known if each.rpartition(".")[2] == last] or [""])[0]


def _variable_of(name: str) -> str:
    return PREFIX + name.upper().replace(".", _NESTED)


def _is_within(name: str, outer: str) -> bool:
    return name == outer or name.startswith((f"{outer}.", f"{outer}["))
