"""Metadata policy (OpenID Federation 1.0 section 6.1): operators, how two levels merge, and how a policy is applied.

A policy narrows what subordinates may say of themselves, and no subordinate can widen it again. Three levels of JSON
objects: entity type, metadata parameter, operator. The operators are applied in the order in which they stand in
``_OPERATORS`` (sections 6.1.3.1.1 to 6.1.3.1.7). Operators that we do not know are left out (section 6.1.3.2), and a
statement that calls one critical is refused.

Values are compared as JSON values, code point by code point (section 16): ``true`` is not ``1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Operators = Mapping[str, object]
    Metadata = Mapping[str, Mapping[str, object]]

__all__ = [
    "MetadataPolicy",
    "apply_metadata_policy",
    "check_critical_operators",
    "merge_metadata_policies",
    "read_metadata_policy",
]

_ERROR: Final = "invalid_metadata"  # section 8.9: metadata or metadata policy values are invalid or conflict
MALFORMED = reason(
    "metadata-policy.malformed",
    error=_ERROR,
    public="A metadata policy is not of three levels of JSON objects: entity type, parameter, operator.",
)
OPERATOR_VALUE = reason(
    "metadata-policy.operator-value",
    error=_ERROR,
    public="An operator of a metadata policy has a value of a type that it cannot have.",
)
COMBINATION = reason(
    "metadata-policy.combination",
    error=_ERROR,
    public="Operators of a metadata policy contradict each other, or may not be combined.",
)
MERGE = reason(
    "metadata-policy.merge",
    error=_ERROR,
    public="The metadata policies of two levels contradict each other.",
)
CRITICAL = reason(
    "metadata-policy.critical",
    error=_ERROR,
    public="A metadata policy has an operator that is critical and not known here.",
)
PARAMETER_TYPE = reason(
    "metadata-policy.parameter-type",
    error=_ERROR,
    public="A metadata parameter has a type that its policy does not fit.",
)
NOT_ONE_OF = reason(
    "metadata-policy.one-of",
    error=_ERROR,
    public="A metadata parameter has a value that its policy does not list.",
)
NOT_SUPERSET = reason(
    "metadata-policy.superset-of",
    error=_ERROR,
    public="A metadata parameter lacks a value that its policy demands.",
)
ABSENT = reason(
    "metadata-policy.essential",
    error=_ERROR,
    public="A metadata parameter is missing that its policy demands.",
)

_SCOPE: Final = "scope"  # a string of values with spaces between, treated as an array (section 6.1.3.1.8)
_ABSENT: Final = object()
_OPERATORS: Final = ("value", "add", "default", "one_of", "subset_of", "superset_of", "essential")
_LISTS: Final = frozenset(("add", "one_of", "subset_of", "superset_of"))


class MetadataPolicy(msgspec.Struct, frozen=True):
    """A policy that contradicts itself nowhere; only the functions of this module make one.

    Attributes:
        operators: by entity type and metadata parameter; those that we know, and no others.
    """

    operators: Mapping[str, Mapping[str, Operators]]


def check_critical_operators(value: object) -> None:
    """Look at a ``metadata_policy_crit`` claim (section 3.1.3): we know no operator beyond those of the specification.

    Raises:
        Reject: ``metadata-policy.critical``; ``metadata-policy.malformed`` where it is no list of names.
    """
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise MALFORMED.reject("metadata_policy_crit")
    raise CRITICAL.reject(f"{value!r:.200}")


def read_metadata_policy(claim: object) -> MetadataPolicy:
    """Read a ``metadata_policy`` claim: (1) shape (2) types of the operators' values (3) their combination.

    Raises:
        Reject: ``metadata-policy.malformed``, ``.operator-value``, ``.combination``.
    """
    return MetadataPolicy(
        {
            entity_type: {
                parameter: _read_operators(parameter, _object(operators))
                for parameter, operators in _object(parameters).items()
            }
            for entity_type, parameters in _object(claim).items()
        }
    )


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):  # (1)
        raise MALFORMED.reject(f"{value!r:.100}")
    return value


def _read_operators(parameter: str, written: Mapping[str, object]) -> Operators:
    operators = {
        name: _read_value(parameter, name, written[name]) for name in _OPERATORS if name in written
    }  # (2)
    _check_combination(parameter, operators)  # (3)
    return operators


def _read_value(parameter: str, name: str, value: object) -> object:
    if parameter == _SCOPE and name in {"value", "default"} and isinstance(value, str):
        return value.split()
    if name in _LISTS:
        # Of booleans, nulls and arrays no list is defined (section 6.1.3.1): of strings, numbers and objects it is.
        if not isinstance(value, list) or not all(_is_listable(item) for item in value):
            raise OPERATOR_VALUE.reject(f"{parameter} {name}")
        return _distinct(value)
    if (name == "essential" and not isinstance(value, bool)) or (name == "default" and value is None):
        raise OPERATOR_VALUE.reject(f"{parameter} {name}")
    return value


def _is_listable(item: object) -> bool:
    return isinstance(item, str | int | float | dict) and not isinstance(item, bool)


def _key(value: object) -> bytes:
    """Return what two JSON values have in common if they are equal, and else not; it also makes them hashable."""
    return msgspec.json.encode(value, order="deterministic")


def _keys(values: Iterable[object]) -> set[bytes]:
    return {_key(value) for value in values}


def _distinct(values: Iterable[object]) -> list[object]:
    return list({_key(value): value for value in values}.values())


def _common(values: Iterable[object], others: Iterable[object]) -> list[object]:
    wanted = _keys(others)
    return [value for value in values if _key(value) in wanted]


def _list_of(operators: Operators, name: str) -> list[object] | None:
    """Return the values of an operator, None where it is absent, or is no array."""
    value = operators.get(name)
    return value if isinstance(value, list) else None


def _check_combination(parameter: str, operators: Operators) -> None:
    if "value" in operators and not _value_fits(operators):
        raise COMBINATION.reject(f"{parameter} {' '.join(operators)}")
    add, subset, superset = (_list_of(operators, name) for name in ("add", "subset_of", "superset_of"))
    apart = "one_of" in operators and (add, subset, superset) != (None, None, None)
    beyond = subset is not None and any(
        not _keys(values) <= _keys(subset) for values in (add, superset) if values is not None
    )
    if apart or beyond:
        raise COMBINATION.reject(f"{parameter} {' '.join(operators)}")


def _value_fits(operators: Operators) -> bool:
    """Say whether the ``value`` operator leaves nothing to do for the others (section 6.1.3.1.1)."""
    value = operators["value"]
    if value is None:  # the parameter is removed
        return set(operators) <= {"value", "essential"} and operators.get("essential") is not True
    if "one_of" in operators:
        return _key(value) in _keys(_list_of(operators, "one_of") or ())
    values = _keys(value) if isinstance(value, list) else None
    add, subset, superset = (_list_of(operators, name) for name in ("add", "subset_of", "superset_of"))
    if values is None:
        return (add, subset, superset) == (None, None, None)
    return (
        (add is None or _keys(add) <= values)
        and (subset is None or values <= _keys(subset))
        and (superset is None or _keys(superset) <= values)
    )


def merge_metadata_policies(superior: MetadataPolicy, subordinate: MetadataPolicy) -> MetadataPolicy:
    """Return the policy of both (section 6.1.4.1); ``superior`` is that of all levels above, merged already.

    Raises:
        Reject: ``metadata-policy.merge``; ``metadata-policy.combination`` where what came together may not be combined.
    """
    merged = {entity_type: dict(parameters) for entity_type, parameters in superior.operators.items()}
    for entity_type, parameters in subordinate.operators.items():
        target = merged.setdefault(entity_type, {})
        for parameter, operators in parameters.items():
            target[parameter] = _merge_operators(parameter, target.get(parameter, {}), operators)
    return MetadataPolicy(merged)


def _merge_operators(parameter: str, superior: Operators, subordinate: Operators) -> Operators:
    merged = {
        name: _merge_values(parameter, name, superior.get(name, _ABSENT), subordinate.get(name, _ABSENT))
        for name in _OPERATORS
        if name in superior or name in subordinate
    }
    _check_combination(parameter, merged)
    return merged


def _merge_values(parameter: str, name: str, above: object, below: object) -> object:
    if above is _ABSENT or below is _ABSENT:
        return below if above is _ABSENT else above
    if name == "essential":
        return above is True or below is True
    if not (name in _LISTS and isinstance(above, list) and isinstance(below, list)):
        if _key(above) != _key(below):
            raise MERGE.reject(f"{parameter} {name}")
        return above
    if name in {"add", "superset_of"}:
        return _distinct([*above, *below])
    common = _common(above, below)
    if name == "one_of" and not common:
        raise MERGE.reject(f"{parameter} one_of")
    return common


def apply_metadata_policy(policy: MetadataPolicy, metadata: Metadata) -> dict[str, dict[str, object]]:
    """Return the metadata as the policy makes it (section 6.1.4.2); entity types that are not there are not added.

    Raises:
        Reject: ``metadata-policy.parameter-type``, ``.one-of``, ``.superset-of``, ``.essential``.
    """
    resolved = {entity_type: dict(parameters) for entity_type, parameters in metadata.items()}
    for entity_type, parameters in resolved.items():
        for parameter, operators in policy.operators.get(entity_type, {}).items():
            outcome = _apply(parameter, operators, parameters.get(parameter, _ABSENT))
            if outcome is _ABSENT:
                parameters.pop(parameter, None)
            else:
                parameters[parameter] = outcome
    return resolved


def _apply(parameter: str, operators: Operators, stated: object) -> object:
    value = stated
    if parameter == _SCOPE and isinstance(value, str):
        value = value.split()
    for name, act in _ACTIONS.items():
        if name in operators:
            value = act(parameter, operators[name], value)
    if parameter == _SCOPE and isinstance(value, list):
        return " ".join(str(item) for item in value)
    return value


def _listed(parameter: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise PARAMETER_TYPE.reject(f"{parameter}: {value!r:.100}")
    return value


def _operand(operand: object) -> list[object]:
    return operand if isinstance(operand, list) else []  # it always is: _read_value saw to it


def _set(_parameter: str, operand: object, _value: object) -> object:
    return _ABSENT if operand is None else operand


def _add(parameter: str, operand: object, value: object) -> object:
    present = [] if value is _ABSENT else _listed(parameter, value)
    return _distinct([*present, *_operand(operand)])


def _set_default(_parameter: str, operand: object, value: object) -> object:
    return operand if value is _ABSENT else value


def _check_one_of(parameter: str, operand: object, value: object) -> object:
    if value is not _ABSENT and _key(value) not in _keys(_operand(operand)):
        raise NOT_ONE_OF.reject(f"{parameter}: {value!r:.100}")
    return value


def _keep_subset(parameter: str, operand: object, value: object) -> object:
    return value if value is _ABSENT else _common(_listed(parameter, value), _operand(operand))


def _check_superset(parameter: str, operand: object, value: object) -> object:
    if value is not _ABSENT and not _keys(_operand(operand)) <= _keys(_listed(parameter, value)):
        raise NOT_SUPERSET.reject(f"{parameter}: {value!r:.100}")
    return value


def _check_essential(parameter: str, operand: object, value: object) -> object:
    if operand is True and value is _ABSENT:
        raise ABSENT.reject(parameter)
    return value


_ACTIONS: Final[Mapping[str, Callable[[str, object, object], object]]] = dict(
    zip(
        _OPERATORS,
        (_set, _add, _set_default, _check_one_of, _keep_subset, _check_superset, _check_essential),
        strict=True,
    )
)
