"""The 2,019 published cases of metadata policy (OpenID Federation 1.0 section 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from published_data import published
from trustweft.protocol.metadata_policy import (
    apply_metadata_policy,
    merge_metadata_policies,
    read_metadata_policy,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Final = "metadata-policy/metadata-policy-test-vectors-2025-02-13.json"
TYPE: Final = "openid_relying_party"
# What the published cases call an error of the metadata; every other reason is one of the policy itself.
OF_METADATA: Final = {
    "metadata-policy.one-of",
    "metadata-policy.superset-of",
    "metadata-policy.essential",
}


def _unordered(value: object) -> object:
    """Return the value with every array sorted: the order of a merge is not defined (section 6.1.3)."""
    if isinstance(value, dict):
        return {name: _unordered(item) for name, item in value.items()}
    return sorted(value, key=msgspec.json.encode) if isinstance(value, list) else value


def _outcome(case: Mapping[str, Any]) -> dict[str, object]:
    """Return what a published case states, as we find it."""
    found: dict[str, object] = {}
    try:
        policy = merge_metadata_policies(
            read_metadata_policy({TYPE: case["TA"]}), read_metadata_policy({TYPE: case["INT"]})
        )
        found["merged"] = _unordered(policy.operators[TYPE])
        resolved = apply_metadata_policy(policy, {TYPE: case["metadata"]})
        found["resolved"] = _unordered(resolved[TYPE])
    except Reject as refused:
        found["error"] = "invalid_metadata" if refused.reason.id in OF_METADATA else "invalid_policy"
    return found


def test_the_published_cases() -> None:
    """Merged policies, resolved metadata and errors are those of every published case."""
    cases: list[dict[str, Any]] = published(CASES)
    assert len(cases) == 2_019
    for case in cases:
        expected = {name: _unordered(case[name]) for name in ("merged", "resolved", "error") if name in case}
        assert _outcome(case) == expected, case["n"]
