"""Logout at the server: whom it sends where, and on whose word (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from trustweft.audit.check import check, failed, passed
from trustweft.audit.forging import read_parts, with_claims, without_signature
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

ELSEWHERE: Final = "https://attacker.example/after"


def _visit(trial: Trial, label: str, parameters: dict[str, str]) -> Exchange:
    """Open the logout address in a browser that nobody has logged in with, and follow what stays at the server."""
    deployment = trial.deployment
    url = deployment.discovery.endpoint("end_session_endpoint")
    joint = "&" if "?" in url else "?"
    browser = deployment.browser(deployment.party())
    return trial.attack(label, browser.open(f"{url}{joint}{urlencode(parameters)}").last)


def _leads_away(exchange: Exchange) -> bool:
    return urlsplit(exchange.location).hostname == urlsplit(ELSEWHERE).hostname


@check(
    "LO-01",
    title="Logout redirects only to registered addresses",
    sends="logout requests with a post_logout_redirect_uri of a stranger",
    fix="Compare post_logout_redirect_uri, as a string, with those that the client registered.",
    requirements=("FAPI2-SP-5.3.2.1-7", "RFC9700-2.1-p2.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    gives=("page-abused",),
)
def logout_is_no_redirector(trial: Trial) -> Outcome:
    """A link to the server that ends at the attacker's page borrows the server's good name (RFC 9700 section 4.11.2).

    The check asks to be sent to a stranger's page: with nothing else, with the client's id, and with a good ID token.
    """
    deployment = trial.deployment
    deployment.discovery.endpoint("end_session_endpoint")
    access = deployment.access()
    away = {"post_logout_redirect_uri": ELSEWHERE}
    named = {"client_id": access.party.client_id, **away}
    attacks = [
        _visit(trial, "Nothing but the address", away),
        _visit(trial, "With client_id", named),
    ]
    if access.id_token:
        attacks.append(_visit(trial, "With a good ID token", {"id_token_hint": access.id_token, **named}))
    away_through = [each for each in attacks if _leads_away(each)]
    if away_through:
        return failed(
            f"Logout redirected to an address that nobody registered: {away_through[0].location[:100]}"
        )
    trial.need_clear(attacks)
    return passed("Logout sent nobody to an address that was not registered.")


@check(
    "LO-01-hint",
    title="A forged ID token is no hint for logout",
    sends="logout requests with a changed and an unsigned ID token",
    fix="Verify the signature and the audience of id_token_hint.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.WRITES,
    rfc9700_attackers=("A1",),
    cwe="CWE-347",
)
def logout_hint_is_verified(trial: Trial) -> Outcome:
    """With a good hint a server may skip its question, or redirect; with a forged one anybody could make it do so.

    The control is a logout with a good ID token that ends at the client's registered address.
    """
    deployment = trial.deployment
    deployment.discovery.endpoint("end_session_endpoint")
    access = deployment.access()
    trial.need(access.id_token, "the client gets no ID token")
    address = access.party.entry.redirect_uri or ""
    parameters = {"post_logout_redirect_uri": address, "client_id": access.party.client_id}
    good = _visit(trial, "A good ID token", {**parameters, "id_token_hint": access.id_token})
    trial.need(
        good.location.startswith(address),
        "with a good ID token the server does not redirect to the client's redirect_uri, so nothing can be told",
    )
    header = read_parts(access.id_token)[0]
    trial.need(header, "the ID token cannot be read")
    forged = {
        "No signature": without_signature(access.id_token),
        "Another person under the old signature": with_claims(access.id_token, sub="somebody-else"),
    }
    attacks = [
        _visit(trial, label, {**parameters, "id_token_hint": token}) for label, token in forged.items()
    ]
    return trial.judge(
        attacks,
        accepted=lambda each: each.location.startswith(address),
        failure="Logout believes a forged ID token.",
        success="Forged ID tokens were not believed.",
    )
