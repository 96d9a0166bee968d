"""Settings as TOML text: what `trustweft up` writes for people to read and change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["to_toml"]


def to_toml(settings: msgspec.Struct, *, heading: str) -> str:
    """Return ``settings`` as TOML; members that are None are left out."""
    document: dict[str, object] = msgspec.to_builtins(settings)
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += _table(document, ())
    return "\n".join(lines) + "\n"


def _table(table: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    plain = {name: value for name, value in table.items() if value is not None and not _is_table(value)}
    lines = [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    if path and (lines or not table):
        lines = ["", f"[{'.'.join(map(_key, path))}]", *lines]
    for name, value in table.items():
        if isinstance(value, dict):
            lines += _table(value, (*path, name))
        elif _is_table(value) and isinstance(value, (list, tuple)):
            for item in value:
                lines += ["", f"[[{'.'.join(map(_key, (*path, name)))}]]"]
                lines += [
                    f"{_key(key)} = {_value(entry)}" for key, entry in item.items() if entry is not None
                ]
    return lines


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], dict)
    )


def _key(name: str) -> str:
    return (
        name
        if name.replace("_", "").replace("-", "").isalnum() and name.isascii()
        else json.dumps(name, ensure_ascii=False)
    )


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    # Strings, integers and booleans are written alike in JSON and TOML.
    return json.dumps(value, ensure_ascii=False)
