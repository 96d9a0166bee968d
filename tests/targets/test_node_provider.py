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
TRUE_FINDINGS = {
    "AZ-10-consent": "RFC 9700 section 4.16: the pages are those of tests/interop/node/interactions.mjs, without headers",
    "AZ-10-login": "RFC 9700 section 4.16: likewise",
    "CA-06-future": "FAPI2-SP 5.3.2.1-13: lib/helpers/jwt.js looks at iat only where there is no exp",
    "TK-04-missing": "RFC 6749 section 4.1.3: allowOmittingSingleRegisteredRedirectUri is on by default",
    "TL-02": "FAPI2-SP 5.2.2-1: Node's default list of ciphers for TLS 1.2, which the deployment has not narrowed",
    "TL-02-pages": "FAPI2-SP 5.2.3-2: likewise, for what browsers visit",
    "TL-06": "RFC 9700 section 4.13: endpoints in the metadata are made from the Host header of the request",
    "TL-06-proof": "RFC 9449 section 4.3 item 9: and so is the address that a proof is held against",
}


def test_oidc_provider_is_blamed_for_nothing_but_what_is_true_of_it(peers: Peers, tmp_path: Path) -> None:
    with node_provider(peers, tmp_path) as target:
        run = audit(target, Options(checks=all_checks()), clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.missing == ()
    found = {each.id: f"{each.verdict}: {each.reason}" for each in run.checks if each.verdict in FOUND}
    assert {name: text for name, text in found.items() if name not in TRUE_FINDINGS} == {}
    assert set(TRUE_FINDINGS) - set(found) == set(), "a finding that is not made any more stands in the list"
