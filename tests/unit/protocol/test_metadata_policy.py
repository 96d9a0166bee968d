"""Metadata policy beyond the published cases: types, combinations, scope, and operators that nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from trustweft.protocol.metadata_policy import (
    apply_metadata_policy,
    check_critical_operators,
    merge_metadata_policies,
    read_metadata_policy,
)
from trustweft.runtime.errors import Reject

CLIENT = "oauth_client"


def _resolve(parameter: str, stated: object, *levels: dict[str, Any]) -> object:
    """Return a metadata parameter as policies of several levels, the highest first, make it; None where it is gone."""
    policy = read_metadata_policy({})
    for operators in levels:
        policy = merge_metadata_policies(policy, read_metadata_policy({CLIENT: {parameter: operators}}))
    metadata = {} if stated is None else {parameter: stated}
    return apply_metadata_policy(policy, {CLIENT: metadata})[CLIENT].get(parameter)


def _refused(call: Any, *arguments: object) -> str:
    with pytest.raises(Reject) as refusal:
        call(*arguments)
    return refusal.value.reason.id


@pytest.mark.parametrize(
    "claim",
    [None, [], "all", {CLIENT: []}, {CLIENT: {"scope": ["openid"]}}],
    ids=["null", "array", "text", "parameters-in-array", "operators-in-array"],
)
def test_a_policy_has_three_levels_of_objects(claim: object) -> None:
    """Whatever is not an object at one of the three levels makes the whole policy malformed."""
    assert _refused(read_metadata_policy, claim) == "metadata-policy.malformed"


@pytest.mark.parametrize(
    "operators",
    [
        {"add": "code"},
        {"one_of": {"code": True}},
        {"subset_of": [["code"]]},
        {"superset_of": [None]},
        {"add": [True]},
        {"default": None},
        {"essential": "true"},
        {"essential": 1},
    ],
    ids=str,
)
def test_an_operator_has_a_value_of_its_type(operators: dict[str, Any]) -> None:
    """Each operator takes the types that the specification names, and a policy with another is an error."""
    assert _refused(_resolve, "response_types", None, operators) == "metadata-policy.operator-value"


@pytest.mark.parametrize(
    "operators",
    [
        {"value": None, "add": []},
        {"value": None, "subset_of": ["code"]},
        {"value": "code", "add": ["code"]},
        {"one_of": ["code"], "superset_of": ["code"]},
        {"one_of": ["code"], "subset_of": ["code"]},
        {"one_of": ["code"], "add": []},
        {"value": True, "one_of": [1]},
    ],
    ids=str,
)
def test_operators_that_contradict_each_other(operators: dict[str, Any]) -> None:
    """A combination that the specification does not allow is an error, whichever values it has."""
    assert _refused(_resolve, "response_types", None, operators) == "metadata-policy.combination"


def test_true_is_not_one() -> None:
    """Values are compared as JSON has them: a boolean is no number, and text with other code points another text."""
    assert _refused(_resolve, "x", None, {"value": True}, {"value": 1}) == "metadata-policy.merge"
    assert _resolve("x", [1], {"subset_of": [1, 2]}) == [1]
    assert _resolve("x", [True], {"subset_of": [1]}) == []
    assert _resolve("x", ["caf\u00e9"], {"subset_of": ["cafe\u0301"]}) == []


def test_objects_are_equal_whatever_the_order_of_their_members() -> None:
    """Objects in arrays are compared by what they hold."""
    assert _resolve("x", [{"a": 1, "b": 2}], {"subset_of": [{"b": 2, "a": 1}]}) == [{"a": 1, "b": 2}]


def test_a_one_of_that_leaves_nothing_is_an_error() -> None:
    """Two lists without a common value would allow nothing: that is a conflict of policies, not of metadata."""
    levels = {"one_of": ["ES256"]}, {"one_of": ["PS256"]}
    assert _refused(_resolve, "x", None, *levels) == "metadata-policy.merge"


def test_nobody_below_makes_a_policy_wider() -> None:
    """What is subordinate adds conditions; it takes none back."""
    levels = {"subset_of": ["a", "b"], "essential": True}, {"subset_of": ["b", "c"], "essential": False}
    assert _resolve("x", ["a", "b", "c"], *levels) == ["b"]
    assert _refused(_resolve, "x", None, *levels) == "metadata-policy.essential"


def test_scope_is_a_list_of_values() -> None:
    """The scope is text with spaces between values; operators see the values, and the outcome is text again."""
    assert (
        _resolve("scope", "openid accounts admin", {"subset_of": ["openid", "accounts"]}) == "openid accounts"
    )
    assert _resolve("scope", None, {"default": ["openid"]}) == "openid"
    assert (
        _resolve("scope", None, {"value": "openid accounts", "superset_of": ["openid"]}) == "openid accounts"
    )
    assert _resolve("scope", "openid", {"add": ["accounts"]}) == "openid accounts"


@pytest.mark.parametrize("operators", [{"subset_of": ["a"]}, {"superset_of": ["a"]}, {"add": ["a"]}], ids=str)
def test_a_parameter_of_another_type_is_an_error(operators: dict[str, Any]) -> None:
    """An operator for arrays does not pass over a parameter that is none."""
    assert _refused(_resolve, "x", "a", operators) == "metadata-policy.parameter-type"


def test_unknown_operators_are_left_out_unless_they_are_critical() -> None:
    """An operator that nobody knows says nothing; named as critical, it makes the statement unusable."""
    assert _resolve("x", ["a"], {"regexp": "^b$"}) == ["a"]
    assert _refused(check_critical_operators, ["regexp"]) == "metadata-policy.critical"
    for malformed in ([], "regexp", [1], None):
        assert _refused(check_critical_operators, malformed) == "metadata-policy.malformed"


def test_a_policy_adds_no_entity_type() -> None:
    """A policy speaks of the entity types that are there."""
    policy = read_metadata_policy({"openid_provider": {"issuer": {"essential": True}}})
    assert apply_metadata_policy(policy, {CLIENT: {"client_name": "x"}}) == {CLIENT: {"client_name": "x"}}
