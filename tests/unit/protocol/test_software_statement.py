"""Software statements (RFC 7591 section 2.3): what a directory signs, and that one changed in any way is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mutations import Message, Mutation, change, change_header, drop, sign_with
from support.client_hosts import jwk_of
from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, generate_private_key
from trustweft.protocol.software_statement import (
    SoftwareRole,
    SoftwareStatement,
    check_standing,
    create_software_statement,
    parse_software_statement,
    read_kept_statement,
    verify_software_statement,
)
from trustweft.runtime.errors import Reject

DIRECTORY = "https://directory.example"
NOW = 1_800_000_000.0
SIGNER = LocalSigner("ES256", generate_private_key("ES256"), "directory")
STRANGER = LocalSigner("ES256", generate_private_key("ES256"), "directory")
GOOD = SoftwareStatement(
    issuer=DIRECTORY,
    jti="1",
    issued_at=NOW,
    expires_at=NOW + 600,
    software_id="planner",
    client_name="Planner",
    organisation_id="plannery",
    organization_name="Plannery Ltd",
    roles=(SoftwareRole(role="DATA"), SoftwareRole(role="PAYMENT", status="suspended")),
    scope=("openid", "accounts"),
    redirect_uris=("https://planner.example/callback",),
    jwks_uri="https://planner.example/jwks",
    certificate_subjects=("CN=planner",),
    certificate_thumbprints=("A" * 43,),
    authorization_details_types=("payment_initiation",),
)


def verify(compact: str, *, now: float = NOW, **changes: Any) -> SoftwareStatement:
    """Verify as a server does."""
    how: dict[str, Any] = {
        "keys": KeySet.read({"keys": [jwk_of(SIGNER)]}),
        "issuer": DIRECTORY,
        "algorithms": ("ES256", "PS256"),
        "future_tolerance": 30,
        "maximum_age": 300,
    }
    return verify_software_statement(parse_software_statement(compact), now=now, **(how | changes))


def message() -> Message:
    """Return the good statement, not signed yet."""
    token = jws.parse(create_software_statement(GOOD, signer=SIGNER))
    return Message(dict(token.header), token.unverified_claims(), SIGNER)


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        msgspec.structs.replace(GOOD, jwks_uri=None, jwks={"keys": []}, expires_at=None),
        msgspec.structs.replace(GOOD, roles=(), scope=(), redirect_uris=(), certificate_subjects=()),
    ],
    ids=["by reference", "by value", "bare"],
)
def test_what_a_directory_says_is_what_a_server_reads(good: SoftwareStatement) -> None:
    """Every member survives, and is read again out of our own store, however old."""
    compact = create_software_statement(good, signer=SIGNER)
    assert verify(compact) == good
    assert read_kept_statement(compact) == good


CHANGES: list[Mutation] = [
    change_header("software-statement.type", typ="JWT"),
    change_header("software-statement.type", typ="at+jwt"),
    change_header("software-statement.algorithm", alg="none"),
    change_header("software-statement.algorithm", alg="RS256"),
    change_header("software-statement.no-key", alg="PS256"),
    change_header("software-statement.no-key", kid="other"),
    sign_with("software-statement.bad-signature", STRANGER),
    change("software-statement.issuer", iss="https://elsewhere.example"),
    drop("software-statement.issuer", "iss"),
    drop("software-statement.bad-time", "iat"),
    change("software-statement.bad-time", iat="now"),
    change("software-statement.bad-time", exp="soon"),
    change("software-statement.too-old", iat=NOW - 301),
    change("software-statement.from-future", iat=NOW + 31),
    change("software-statement.from-future", nbf=NOW + 31),
    change("software-statement.expired", exp=NOW),
    drop("software-statement.claims", "jti"),
    change("software-statement.claims", jti="x" * 257),
    *(
        drop("software-statement.claims", name)
        for name in ("software_id", "client_name", "organisation_id", "organization_name")
    ),
    drop("software-statement.claims", "organisation_status"),
    drop("software-statement.claims", "jwks_uri"),
    change("software-statement.claims", jwks={"keys": []}),
    change("software-statement.claims", jwks_uri="http://planner.example/jwks"),
    change("software-statement.claims", jwks_uri="https://planner.example/jwks#keys"),
    change("software-statement.claims", jwks_uri=5),
    change("software-statement.claims", jwks_uri="no address"),
    change("software-statement.claims", software_id="a b"),
    change("software-statement.claims", software_id="x" * 129),
    change("software-statement.claims", software_roles="DATA"),
    change("software-statement.claims", software_roles=["DATA"]),
    change("software-statement.claims", software_roles=[{"role": "DATA"}]),
    change("software-statement.claims", scope=["openid"]),
    change("software-statement.claims", scope="openid  accounts"),
    change("software-statement.claims", redirect_uris="https://planner.example/callback"),
    change("software-statement.claims", redirect_uris=["a", "a"]),
    change("software-statement.claims", redirect_uris=[""]),
    change("software-statement.claims", redirect_uris="ab"),
    change("software-statement.claims", redirect_uris={}),
    change("software-statement.claims", redirect_uris=[str(number) for number in range(101)]),
    change("software-statement.claims", software_roles={}),
    change("software-statement.claims", software_roles=[{"role": "DATA", "status": "active"}] * 101),
    change("software-statement.claims", certificate_thumbprints=["short"]),
]


@pytest.mark.parametrize("mutation", CHANGES, ids=str)
def test_a_statement_changed_in_one_way_is_refused(mutation: Mutation) -> None:
    """Each for what is wrong with it, although the directory signed it."""
    with pytest.raises(Reject) as refused:
        verify(mutation.apply(message()))
    assert refused.value.reason.id == mutation.expected


def test_a_statement_of_nobody_names_no_keys() -> None:
    """It is refused before anybody is asked for keys."""
    nobody = message()
    del nobody.claims["iss"]
    with pytest.raises(Reject, match=r"software-statement\.issuer"):
        parse_software_statement(nobody.encode())


def test_keys_are_named_in_one_way() -> None:
    """An object that is no key set by value is none by another name."""
    broken = message()
    del broken.claims["jwks_uri"]
    broken.claims["jwks"] = []
    with pytest.raises(Reject, match=r"software-statement\.claims"):
        verify(broken.encode())


@pytest.mark.parametrize("compact", ["", "a.b", "a.b.c", "x" * 20_000, "ü.b.c"])
def test_what_is_no_token_is_no_statement(compact: str) -> None:
    """A megabyte is refused by its size, before anything is read."""
    with pytest.raises(Reject, match=r"software-statement\.malformed"):
        parse_software_statement(compact)


def test_an_algorithm_that_the_profile_leaves_out_is_refused() -> None:
    """Brazil allows PS256 alone."""
    with pytest.raises(Reject, match=r"software-statement\.algorithm"):
        verify(create_software_statement(GOOD, signer=SIGNER), algorithms=("PS256",))


def test_a_statement_is_good_for_as_long_as_the_profile_says() -> None:
    """To the second, by its age, whatever its own end."""
    compact = create_software_statement(GOOD, signer=SIGNER)
    assert verify(compact, now=NOW + 300) == GOOD
    with pytest.raises(Reject, match=r"software-statement\.too-old"):
        verify(compact, now=NOW + 301)
    assert verify(compact, now=NOW + 599, maximum_age=600) == GOOD
    with pytest.raises(Reject, match=r"software-statement\.expired"):
        verify(compact, now=NOW + 600, maximum_age=600)


@pytest.mark.parametrize(
    "changes",
    [
        {"organisation_status": "suspended"},
        {"organisation_status": "revoked"},
        {"roles": (SoftwareRole(role="DATA", status="revoked"),)},
    ],
)
def test_who_takes_no_part_is_not_approved(changes: dict[str, Any]) -> None:
    """The directory says so itself: the statement is good, what it says is not."""
    with pytest.raises(Reject, match=r"software-statement\.not-active") as refused:
        check_standing(msgspec.structs.replace(GOOD, **changes))
    assert refused.value.reason.error == "unapproved_software_statement"


def test_one_role_that_holds_is_enough() -> None:
    """And where the directory knows no roles, none is missed."""
    check_standing(GOOD)
    check_standing(msgspec.structs.replace(GOOD, roles=()))
    assert GOOD.active_roles == ("DATA",)


def test_directories_do_not_use_up_each_others_identifiers() -> None:
    """What is remembered names the directory too."""
    other = msgspec.structs.replace(GOOD, issuer="https://other.example")
    assert GOOD.replay_key != other.replay_key
    assert len(GOOD.replay_key) == 32
