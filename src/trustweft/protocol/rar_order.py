"""The order among authorization details (RFC 9396): which of two allows less.

Section 6.1 leaves open how two details compare. Here the definition of a type says it, one member after the other, so
that server and guard cannot differ: nested members are compared one by one, under names such as
``instructedAmount.currency``.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from trustweft.protocol.rar import AuthorizationDetail, Comparison, DetailMember, DetailType
    from trustweft.runtime.errors import Reason

__all__ = ["check_narrower", "flatten", "is_narrower"]

_DECIMAL: Final = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_encode = msgspec.json.Encoder(order="sorted").encode
_ABSENT: Final = object()


def flatten(detail: AuthorizationDetail) -> dict[str, object]:
    """Return the members but ``type``, nested ones under names with dots; arrays are one value."""
    return {name: value for name, value in _leaves(detail.document(), "") if name != "type"}


def _leaves(document: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def is_narrower(
    narrow: AuthorizationDetail, wide: AuthorizationDetail, definition: DetailType, *, ignoring: str = ""
) -> bool:
    """Tell whether ``narrow`` allows nothing that ``wide`` does not: reflexive and transitive.

    Antisymmetric but for what is written in two ways: the order of an array that is compared as a set, ``1.0`` and
    ``1.00``. What is absent from ``narrow`` and present in ``wide`` makes it wider, never narrower.
    """
    if not narrow.type == wide.type == definition.type:
        return False
    ours, theirs = flatten(narrow), flatten(wide)
    return all(
        name == ignoring
        or _is_value_narrower(ours.get(name, _ABSENT), theirs.get(name, _ABSENT), definition.member(name))
        for name in {**ours, **theirs}
    )


def _is_value_narrower(narrow: object, wide: object, member: DetailMember) -> bool:
    if wide is _ABSENT:
        return member.absent is not None
    if narrow is _ABSENT:
        return False
    if _encode(narrow) == _encode(wide):  # as text: to Python True is 1
        return True
    return _COMPARISONS[member.compare](narrow, wide)


def _is_subset(narrow: object, wide: object) -> bool:
    if not isinstance(narrow, list) or not isinstance(wide, list):
        return False
    return set(map(_encode, narrow)) <= set(map(_encode, wide))


def _is_at_most(narrow: object, wide: object) -> bool:
    ours, theirs = _number(narrow), _number(wide)
    if ours is None or theirs is None or isinstance(narrow, str) != isinstance(wide, str):
        return False
    return ours <= theirs


def _number(value: object) -> Decimal | None:
    if isinstance(value, str):
        return Decimal(value) if _DECIMAL.fullmatch(value) else None
    return Decimal(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _is_earlier(narrow: object, wide: object) -> bool:
    if not all(isinstance(each, str) and _MOMENT.fullmatch(each) for each in (narrow, wide)):
        return False
    ours, theirs = str(narrow), str(wide)
    return len(ours) == len(theirs) and ours <= theirs  # a day with a day, a time with a time


_COMPARISONS: Final[dict[Comparison, Callable[[object, object], bool]]] = {
    "equal": lambda _narrow, _wide: False,  # equal texts were looked at before
    "subset": _is_subset,
    "at-most": _is_at_most,
    "earlier": _is_earlier,
}


def check_narrower(
    wanted: Iterable[AuthorizationDetail],
    held: Iterable[AuthorizationDetail],
    types: Mapping[str, DetailType],
    *,
    refused: Reason,
) -> None:
    """Check (8): each detail that is wanted is narrower than some detail that is held.

    Raises:
        Reject: ``refused``.
    """
    held = tuple(held)
    for detail in wanted:
        definition = types.get(detail.type)
        if definition is None or not any(is_narrower(detail, wide, definition) for wide in held):
            raise refused.reject(f"type {detail.type!r}"[:120])
