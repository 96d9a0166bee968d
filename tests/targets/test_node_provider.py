"""An independent FAPI 2.0 server is blamed for nothing that it does right; what remains is listed with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from targets.node_provider import node_provider
from trustweft.audit.registry import all_checks
from trustweft.audit.run import Options, audit
from trustweft.audit.verdict import Verdict
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from pathlib import Path

    from peers import Peers

FOUND = {Verdict.FAIL, Verdict.SUSPECTED}
# What the auditor says of oidc-provider, and what stands behind it: clause, and upstream option or code.
TRUE_FINDINGS: dict[str, str] = {}


def test_oidc_provider_is_blamed_for_nothing_but_what_is_true_of_it(peers: Peers, tmp_path: Path) -> None:
    with node_provider(peers, tmp_path) as target:
        run = audit(target, Options(checks=all_checks()), clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.missing == ()
    found = {each.id: f"{each.verdict}: {each.reason}" for each in run.checks if each.verdict in FOUND}
    assert {name: text for name, text in found.items() if name not in TRUE_FINDINGS} == {}
    assert set(TRUE_FINDINGS) - set(found) == set(), "a finding that is not made any more stands in the list"
