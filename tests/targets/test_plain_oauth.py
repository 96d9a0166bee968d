"""A plain OAuth server of somebody else is blamed for what is true of it, and for each flaw by the check that is about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from targets.plain.flaws import FLAWS
from targets.plain_server import plain_server
from trustweft.audit.checks import resource_limits
from trustweft.audit.registry import all_checks
from trustweft.audit.run import Options, audit
from trustweft.audit.target import ClientEntry
from trustweft.audit.verdict import Safety, Verdict
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trustweft.audit.check import Check
    from trustweft.audit.results import Run
    from trustweft.audit.target import Target

CHECKS = {each.id: each for each in all_checks()}
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}

# Weaknesses that are not slips but what plain OAuth without TLS is.
TRUE_FINDINGS: Final = {
    "TL-04": "it is offered over http",
    "TK-11": "its tokens are bearer tokens",
    "CA-02": "its clients have secrets, which travel with each request",
}
TRUE_WITH_METADATA: Final = {
    **TRUE_FINDINGS,
    "META-02-form": "RFC 8414 section 2: an issuer is an https address",
    "META-04": "it publishes http addresses",
    "META-06": "it offers client secrets",
}
# A flaw, and the checks that must notice; others may as well.
NOTICED: Final = {
    "redirect-prefix": ("AZ-01-host", "AZ-01-path"),
    "redirect-host": ("AZ-01-path",),
    "open-redirect-error": ("AZ-07",),
    "implicit": ("AZ-03-token",),
    "state-lost": ("AZ-06", "AZ-06-error"),
    "challenge-optional": ("PAR-12-missing",),
    "scope-unchecked": ("AZ-15-scope",),
    "consent-tampering": ("AZ-17-scope",),
    "consent-without-token": ("AZ-16-tokens",),
    "session-kept": ("AZ-16-fixation",),
    "session-adopted": ("AZ-16-fixation",),
    "redirect-307": ("AZ-09",),
    "framable": ("AZ-10-login", "AZ-10-consent"),
    "html-injection": ("AZ-22-address",),
    "codes-guessable": ("AZ-14",),
    "names-told": ("AZ-23-names",),
    "cookie-plain": ("AZ-24-script",),
    "code-reuse": ("TK-01",),
    "code-race": ("TK-02",),
    "code-not-bound-to-client": ("TK-03",),
    "code-not-bound-to-redirect": ("TK-04", "TK-04-missing"),
    "no-pkce-check": ("TK-05",),
    "verifier-optional": ("TK-05-missing-verifier",),
    "challenge-as-verifier": ("TK-05-plain",),
    "tokens-survive-reuse": ("TK-01-ends-tokens",),
    "refresh-reuse": ("TK-13-reuse",),
    "refresh-cross-client": ("TK-12",),
    "scope-widening": ("TK-14",),
    "password-grant": ("TK-07-password",),
    "secret-ignored": ("CA-02-wrong-secret",),
    "secret-optional": ("CA-01", "RV-01", "TK-12-unauthenticated"),
    "token-by-get": ("TK-08-get",),
    "token-cacheable": ("TK-10",),
    "hash-in-tokens": ("TK-24",),
    "verbose-errors": ("TK-23",),
    "anonymous": ("RS-01",),
    "alg-none": ("RS-04-unsigned",),
    "signature-unchecked": ("RS-04-signature", "RS-04-embedded-key"),
    "alg-confusion": ("RS-04-symmetric",),
    "no-aud": ("RS-07",),
    "no-exp": ("RS-05-expired",),
    "token-in-query": ("RS-03-query",),
    "scopes-unchecked": ("RS-08",),
    "change-without-scope": ("RS-08-writing",),
    "delete-without-scope": ("RS-08-writing",),
    "bola": ("API1-01",),
    "bola-write": ("API1-02", "API1-02-existing"),
    "owner-parameter": ("API1-04",),
    "data-exposed": ("API3-01",),
    "user-by-header": ("TL-06-user",),
    "identity-by-header": ("RS-12-identities",),
    "cors-reflect": ("API8-01", "AZ-13"),
    "shared-cache": ("TL-09",),
    "cache-by-address": ("RS-01",),
    "sql-injection": ("API8-05-sql",),
    "mass-assignment": ("API3-02", "API3-02-update", "API3-02-existing"),
    "method-override": ("API5-02-delete",),
    "unlimited": ("API4-01-page",),
    "host-believed": ("TL-06-pages",),
}
# Flaws that no clause forbids for every client: what is said of them is advice.
ADVISED: Final = {"consent-skipped": "AZ-15", "person-in-tokens": "TK-24-personal"}
PUBLIC: Final = ClientEntry(
    client_id="app",
    authentication="none",
    redirect_uri="http://localhost:9902/app",
    scope="orders:read orders:write",
    narrow_scope="orders:read",
    grant_types=("authorization_code", "refresh_token"),
)
OF_PUBLIC_CLIENTS: Final = ("refresh-reuse",)
OPTIONS: Final = {"no-exp": ("--lifetime", "2")}  # so that there is little to wait for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's key is, from one start to the next."""
    return tmp_path_factory.mktemp("plain")


def run(target: Target, checks: Sequence[Check], *, waits: bool = False) -> Run:
    """Audit it, with objects of the auditor's own; at the level that the checks need where some are named."""
    single = max(checks, key=lambda each: each.safety).safety if len(checks) < len(CHECKS) else Safety.WRITES
    options = Options(checks=checks, safety=max(single, Safety.WRITES), waits=waits)
    return audit(target, options, clock=SystemClock(), entropy=SystemEntropy())


@pytest.mark.parametrize(
    ("options", "true"),
    [((), TRUE_FINDINGS), (("--metadata",), TRUE_WITH_METADATA), (("--opaque",), TRUE_FINDINGS)],
    ids=["without metadata", "with metadata", "with tokens that say nothing"],
)
def test_a_careful_server_is_blamed_for_nothing_but_what_is_true_of_it(
    options: Sequence[str], true: dict[str, str], folder: Path
) -> None:
    with plain_server(folder, options=options) as target:
        result = run(target, all_checks())
    assert result.reached.missing == ()
    found = {each.id: f"{each.verdict}: {each.reason}" for each in result.checks if each.verdict in FOUND}
    assert {name: text for name, text in found.items() if name not in true} == {}
    assert set(true) - set(found) == set(), "a finding that is not made any more stands in the list"


def test_a_careful_server_may_have_public_clients(folder: Path) -> None:
    with plain_server(folder) as target:
        result = run(with_public_client(target), all_checks())
    assert result.reached.missing == ()
    found = {each.id: f"{each.verdict}: {each.reason}" for each in result.checks if each.verdict in FOUND}
    assert {name: text for name, text in found.items() if name not in TRUE_FINDINGS} == {}


def with_public_client(target: Target) -> Target:
    """Return the target with a public client in the first place."""
    return msgspec.structs.replace(target, clients=(PUBLIC, target.clients[1]))


@pytest.mark.parametrize("flaw", NOTICED)
def test_each_flaw_is_found(flaw: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What never expires has not expired after a second either: nothing is shown by a minute of grace.
    monkeypatch.setattr(resource_limits, "GRACE_SECONDS", 1.0)
    with plain_server(folder, flaw, options=OPTIONS.get(flaw, ())) as described:
        target = with_public_client(described) if flaw in OF_PUBLIC_CLIENTS else described
        result = run(target, [CHECKS[each] for each in NOTICED[flaw]], waits=True)
    silent = {
        each.id: f"{each.verdict}: {each.reason}" for each in result.checks if each.verdict not in FOUND
    }
    assert silent == {}


@pytest.mark.parametrize("check", ["RS-08-writing", "API1-02-existing", "API3-02-existing"])
def test_a_careful_server_passes_what_changes_more_than_the_auditor_made(check: str, folder: Path) -> None:
    with plain_server(folder) as target:
        result = run(target, [CHECKS[check]])
    assert [(each.verdict, each.reason) for each in result.checks if each.verdict is not Verdict.PASS] == []


def test_a_server_that_looks_objects_up_first_passes_with_orders_that_are_there(folder: Path) -> None:
    """Of a change the user's own order shows it, of a deletion one that was made for it."""
    with plain_server(folder, options=("--objects-first",)) as target:
        (result,) = run(target, [CHECKS["RS-08-writing"]]).checks
    assert result.verdict is Verdict.PASS, result.reason


@pytest.mark.parametrize("flaw", ADVISED)
def test_advice_is_given(flaw: str, folder: Path) -> None:
    for flaws, advice in (((), False), ((flaw,), True)):
        with plain_server(folder, *flaws) as target:
            result = run(target, [CHECKS[ADVISED[flaw]]])
        assert [each.advice for each in result.checks] == [advice]


def test_every_flaw_has_a_check() -> None:
    assert set(NOTICED) | set(ADVISED) == set(FLAWS)
