"""What else comes with tokens: rich authorization details (RFC 9396) and the ID token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.door import open_door
from trustweft.audit.forging import read_parts
from trustweft.audit.redemption import redeem_changed
from trustweft.audit.token_reading import audience_of
from trustweft.audit.verdict import Role, Severity
from trustweft.audit.verifying import can_verify, verifies

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

NONCE = "n-0123456789012345678901234567890123456789012345678901234567890_"  # 64 characters


def _types(trial: Trial) -> tuple[str, ...]:
    known = trial.deployment.discovery.list("authorization_details_types_supported") or ()
    trial.need(known, "the server names no types of authorization details")
    return known


@check(
    "TK-22",
    title="A token request with details of an unknown type is refused",
    sends="a client_credentials request with authorization_details of an unknown type",
    fix="Answer details that the server does not understand with invalid_authorization_details, at every endpoint.",
    requirements=("RFC9396-5-1", "RFC9396-5-p1.1", "RFC9396-8-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-20",
    owasp="API8:2023",
)
def unknown_details_give_no_token(trial: Trial) -> Outcome:
    """The token endpoint takes details as well (RFC 9396 section 6), and must read them as strictly as the first request.

    A token with details that nobody understands is read by each resource server as it likes.
    """
    _types(trial)
    party = trial.deployment.party()
    trial.need("client_credentials" in party.entry.grant_types, "the client may not use client_credentials")
    door = open_door(trial, party)
    attacks = [
        door.knock(
            label,
            lambda request, details=details: party.authenticate(request).with_parameters(  # type: ignore[misc]
                ("authorization_details", details)
            ),
        )
        for label, details in (
            ("An unknown type", '[{"type": "trustweft-check-unknown"}]'),
            ("No type", '[{"actions": ["read"]}]'),
            ("No list", '{"type": "trustweft-check-unknown"}'),
        )
    ]
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="A token was given for details that the server cannot know.",
        success="Details that the server cannot know were refused.",
    )


@check(
    "TK-22-grants",
    title="Details that were never agreed to are refused with every grant",
    sends="a code, and a refresh token, with authorization_details of an unknown type",
    fix="Compare the details of a token request with those that the user agreed to, whichever the grant is.",
    requirements=("RFC9396-8-p1", "RFC9396-5-p1.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-863",
    owasp="API5:2023",
)
def details_are_read_with_every_grant(trial: Trial) -> Outcome:
    """A client that is given a token although its details were not understood believes that it has what it asked for.

    RFC 9396 sections 6 and 8: the details of a token request are held against those of the grant, and refused where
    they are wrong.
    """
    _types(trial)
    deployment = trial.deployment
    party = deployment.party()
    trial.need("authorization_code" in party.entry.grant_types, "the client may not use codes")
    access = deployment.access()
    trial.control("A good token request", access.answer, good=lambda each: each.issued)
    details = ("authorization_details", '[{"type": "trustweft-check-unknown"}]')
    attacks = [
        redeem_changed(trial, "A code with details", lambda _flow, request: request.with_parameters(details))
    ]
    if access.refresh_token:
        fresh = deployment.fresh_access()
        request = deployment.refreshing(fresh, details)
        attacks.append(trial.attack("A refresh token with details", deployment.send_bound(request, party)))
    return trial.tokens_refused(
        attacks,
        failure="Details that the user never saw were passed over, and a token was given.",
        success="Details that the user never saw were refused.",
    )


@check(
    "TK-22-fields",
    title="Details with fields that their type does not have are refused",
    sends="requests with details of known types and unknown or wrong fields",
    fix="Check each detail against the schema of its type; refuse unknown fields and wrong kinds.",
    requirements=("RFC9396-5-2", "RFC9396-5-3", "RFC9396-5-4", "RFC9396-5-5"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-20",
    owasp="API8:2023",
)
def details_fit_their_type(trial: Trial) -> Outcome:
    """What the server lets through unread it does not show to the user, and the resource server may act by it.

    RFC 9396 section 5: unknown fields, wrong kinds and missing fields end the request. The check sends each known
    type with a field that no schema has, and with ``actions`` that is a number.
    """
    known = _types(trial)
    door = open_door(trial)
    attacks = []
    for kind in known[:4]:
        for label, member in (
            ("an unknown field", {"trustweft_check": True}),
            ("actions of a wrong kind", {"actions": 7}),
        ):
            details = msgspec.json.encode([{"type": kind, **member}]).decode()
            attacks.append(
                door.knock(
                    f"{kind} with {label}",
                    lambda request, details=details: door.party.authenticate(request).with_parameters(  # type: ignore[misc]
                        ("authorization_details", details)
                    ),
                )
            )
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="Details were taken whose fields their type cannot have.",
        success="Details with unknown or wrong fields were refused.",
    )


@check(
    "TK-18-id-token",
    title="The ID token is signed, for the client, and about this very login",
    sends="a login with a nonce of 64 characters; reads the ID token",
    fix="Sign ID tokens with a published key; set iss, aud, exp, iat and the nonce of the request.",
    requirements=("FAPI2-SP-5.3.2.3-p1", "FAPI2-SP-5.3.2.2-14", "FAPI2-SP-5.4.1-1.3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("login-forced",),
)
def id_token_is_about_this_login(trial: Trial) -> Outcome:
    """A client logs somebody in on the word of this token (OpenID Connect Core section 2).

    Without the nonce of its request it cannot tell this login from another one that was slipped in; FAPI 2.0 section
    5.3.2.2 has servers take nonces of up to 64 characters.
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.need("openid" in party.entry.scope.split(), "the client does not use OpenID Connect")
    flow = deployment.flow(changes={"nonce": NONCE})
    access = deployment.redeem(flow, deployment.code(flow))
    trial.observe("A token request", access.answer)
    header, claims = read_parts(access.id_token)
    if not access.id_token:
        return failed("The scope has openid, and no ID token came.")
    if not header:
        raise Inconclusive("the ID token is encrypted")
    algorithm = str(header.get("alg"))
    wrong = []
    if algorithm.lower() == "none":
        wrong.append("it is not signed")
    elif can_verify(algorithm) and not any(
        verifies(access.id_token, algorithm=algorithm, jwk=key) for key in deployment.discovery.keys
    ):
        wrong.append("no published key verifies it")
    if claims.get("iss") != deployment.discovery.issuer:
        wrong.append("its iss is not the issuer")
    if party.client_id not in audience_of(claims):
        wrong.append("its aud is not the client")
    if claims.get("nonce") != NONCE:
        wrong.append("its nonce is not that of the request")
    wrong += [f"it has no {name}" for name in ("exp", "iat", "sub") if not claims.get(name)]
    return (
        failed(f"Of the ID token: {'; '.join(wrong)}.")
        if wrong
        else passed("The ID token is about this login.")
    )
