"""What the relying-party modules of the conformance suite for the FAPI 2.0 Security Profile do, each under its name.

The examiner errs in one way; a client passes if it stops there, or, where the module allows the oddity, goes on. Every
request on the way is looked at as the suite does it. Then the same is done with our client minus one check, which must
not pass: a test that cannot fail examines nothing.
"""

from __future__ import annotations

import asyncio
import time
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

from conformance.client.examiner import Script, Variant
from conformance.client.modules import module_of
from conformance.client.mutants import MUTANTS
from conformance.client.walking import CLIENT_ID, Examination
from trustweft.client import ServerRefusedError
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.client.hosting import Host

    Run = Callable[[Host, Variant], None]

# The profile allows both names of Ed25519 signatures; the examiner's library warns about the older one.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

ALL = [
    Variant(client_type, authentication, constraint)
    for client_type in ("oidc", "plain_oauth")
    for authentication in ("private_key_jwt", "mtls")
    for constraint in ("dpop", "mtls")
]
OPENID = [variant for variant in ALL if variant.client_type == "oidc"]
DPOP = [variant for variant in ALL if variant.constraint == "dpop"]

FAILURES = (AssertionError, Reject, ServerRefusedError, pytest.fail.Exception)


def module(variants: list[Variant]) -> Callable[[Run], Run]:
    """Make a test of a module: good with our client, in each variant, and not with its mutant."""

    def make(run: Run) -> Run:
        _name, patch = MUTANTS[module_of(run.__name__).name]

        @pytest.mark.parametrize("variant", variants, ids=str)
        @wraps(run)
        def test(host: Host, variant: Variant) -> None:
            run(host, variant)
            with pytest.MonkeyPatch.context() as patching:
                patch(patching)
                with pytest.raises(FAILURES):
                    run(host, variant)

        return test

    return make


def put(**changed: object) -> Callable[[dict[str, Any]], None]:
    """Return an edit that sets members."""

    def edit(members: dict[str, Any]) -> None:
        members.update(changed)

    return edit


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    """Return an edit that leaves a member out."""

    def edit(members: dict[str, Any]) -> None:
        del members[name]

    return edit


def append(name: str, text: str) -> Callable[[dict[str, Any]], None]:
    """Return an edit that lengthens a member: the suite's way to make it wrong."""

    def edit(members: dict[str, Any]) -> None:
        members[name] += text

    return edit


def bad_id_token(host: Host, variant: Variant, edit: Callable[[dict[str, Any]], None], reason: str) -> None:
    """Hold that a client that got this ID token stops."""
    Examination(host, variant).must_stop(Script(id_token=edit, fault="token"), reason=reason)


def bad_callback(host: Host, variant: Variant, edit: Callable[[dict[str, Any]], None], reason: str) -> None:
    """Hold that a client that got this authorization response never comes to the token endpoint."""
    examination = Examination(host, variant)
    examination.must_stop(Script(callback=edit, fault="authorize"), reason=reason)
    assert "token" not in examination.exam.calls


@module(ALL)
def test_happy_path(host: Host, variant: Variant) -> None:
    """The whole flow, with every nonce demanded anew."""
    examination = Examination(host, variant)
    examination.must_pass(Script())
    again = 2 if variant.constraint == "dpop" else 1
    counts = {name: examination.exam.calls.count(name) for name in ("par", "token", "accounts")}
    assert counts == {"par": again, "token": again, "accounts": again}


@pytest.mark.parametrize("algorithm", ["PS256", "EdDSA"])
@pytest.mark.parametrize("variant", OPENID, ids=str)
def test_happy_path_with_another_algorithm(host: Host, variant: Variant, algorithm: str) -> None:
    """Whichever algorithm is registered: the right one of three keys with one kid is found."""
    Examination(host, variant, algorithm=algorithm).must_pass(Script())


@pytest.mark.parametrize("variant", ALL, ids=str)
def test_happy_path_with_the_asynchronous_driver(host: Host, variant: Variant) -> None:
    """The same conversations, driven by a loop."""
    examination = Examination(host, variant)
    asyncio.run(examination.run_asynchronously(Script()))
    examination.hold_good()


@module(ALL)
def test_discovery_issuer_mismatch(host: Host, variant: Variant) -> None:
    """Metadata that call themselves by another name are not used."""
    script = Script(metadata=append("issuer", "INVALID"), fault="metadata")
    Examination(host, variant).must_stop(script, reason="metadata.issuer")


@module(OPENID)
def test_invalid_iss(host: Host, variant: Variant) -> None:
    """The ID token of another issuer."""
    bad_id_token(host, variant, append("iss", "1"), "id-token.issuer")


@module(OPENID)
def test_invalid_aud(host: Host, variant: Variant) -> None:
    """The ID token for another client."""
    bad_id_token(host, variant, append("aud", "1"), "id-token.audience")


@module(OPENID)
def test_invalid_secondary_aud(host: Host, variant: Variant) -> None:
    """An ID token for another client as well."""
    bad_id_token(host, variant, put(aud=[CLIENT_ID, f"{CLIENT_ID}1"]), "id-token.audience")


@module(OPENID)
def test_invalid_null_alg(host: Host, variant: Variant) -> None:
    """An ID token without a signature."""
    script = Script(signature="none", fault="token")
    Examination(host, variant).must_stop(script, reason="id-token.algorithm")


@module(OPENID)
def test_invalid_alternate_alg(host: Host, variant: Variant) -> None:
    """A good signature, but RS256, with a client that registered PS256: key and kid are the right ones."""
    script = Script(signature="RS256", fault="token")
    Examination(host, variant, algorithm="PS256").must_stop(script, reason="id-token.algorithm")


@module(OPENID)
def test_invalid_expired_exp(host: Host, variant: Variant) -> None:
    """An ID token that expired six minutes ago."""
    bad_id_token(host, variant, put(exp=int(time.time()) - 360), "id-token.expired")


@module(OPENID)
def test_invalid_missing_exp(host: Host, variant: Variant) -> None:
    """An ID token without an end."""
    bad_id_token(host, variant, drop("exp"), "id-token.expired")


@module(OPENID)
def test_invalid_missing_aud(host: Host, variant: Variant) -> None:
    """An ID token for nobody in particular."""
    bad_id_token(host, variant, drop("aud"), "id-token.audience")


@module(OPENID)
def test_invalid_missing_iss(host: Host, variant: Variant) -> None:
    """An ID token of nobody in particular."""
    bad_id_token(host, variant, drop("iss"), "id-token.issuer")


@module(OPENID)
def test_valid_aud_as_array(host: Host, variant: Variant) -> None:
    """An audience of one in an array is as good."""
    Examination(host, variant).must_pass(Script(id_token=put(aud=[CLIENT_ID])))


@module(OPENID)
def test_invalid_nonce(host: Host, variant: Variant) -> None:
    """The ID token of another request."""
    bad_id_token(host, variant, append("nonce", "1"), "id-token.nonce")


@module(OPENID)
def test_invalid_missing_nonce(host: Host, variant: Variant) -> None:
    """An ID token that may be of any request."""
    bad_id_token(host, variant, drop("nonce"), "id-token.nonce")


@module(ALL)
def test_invalid_authorization_response_iss(host: Host, variant: Variant) -> None:
    """The answer of another server: its code goes nowhere (RFC 9207)."""
    bad_callback(host, variant, append("iss", "1"), "issuer.mismatch")


@module(ALL)
def test_remove_authorization_response_iss(host: Host, variant: Variant) -> None:
    """The answer of a server that does not say its name."""
    bad_callback(host, variant, drop("iss"), "issuer.missing")


@module(ALL)
def test_ensure_authorization_response_with_invalid_state_fails(host: Host, variant: Variant) -> None:
    """The answer to another request."""
    bad_callback(host, variant, append("state", "1"), "client.state-mismatch")


@module(ALL)
def test_ensure_authorization_response_with_invalid_missing_state_fails(host: Host, variant: Variant) -> None:
    """The answer to whichever request."""
    bad_callback(host, variant, drop("state"), "client.state-mismatch")


@module(ALL)
def test_token_endpoint_response_without_expires_in(host: Host, variant: Variant) -> None:
    """A token whose end is not told is used all the same."""
    Examination(host, variant).must_pass(Script(tokens=drop("expires_in")))


@module(ALL)
def test_token_type_case_insensitivity(host: Host, variant: Variant) -> None:
    """A token type in inverted case is the same type."""

    def invert(members: dict[str, Any]) -> None:
        members["token_type"] = members["token_type"].swapcase()

    Examination(host, variant).must_pass(Script(tokens=invert))


@module(DPOP)
def test_rs_dpop_auth_scheme_case_insensitivity(host: Host, variant: Variant) -> None:
    """A challenge in inverted case brings the nonce as well."""
    Examination(host, variant).must_pass(Script(challenge_scheme="dPOP"))


@module(DPOP)
def test_happy_path_no_dpop_nonce(host: Host, variant: Variant) -> None:
    """Nothing is repeated, and no nonce is made up."""
    examination = Examination(host, variant)
    examination.must_pass(Script(nonces=False))
    assert len(set(examination.exam.calls)) == len(examination.exam.calls)
