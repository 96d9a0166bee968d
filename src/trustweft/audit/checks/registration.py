"""Dynamic registration: who may become a client, and what a new client cannot choose (RFC 7591, RFC 7592)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.audit.check import NotApplicable, check, failed, passed
from trustweft.audit.exchange import Request
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

CALLBACK: Final = "https://client.example/callback"


@dataclass(frozen=True, slots=True)
class Registered:
    """A client that the check registered, and how to look after it."""

    document: dict[str, object]
    management: str
    token: str


def register(trial: Trial, label: str, **metadata: object) -> Exchange:
    """Ask to be registered with this metadata, and take the registration back at once where it was granted."""
    url = trial.deployment.discovery.endpoint("registration_endpoint")
    wanted = {
        "client_name": "trustweft check (may be deleted)",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        **metadata,
    }
    exchange = trial.attack(label, send(trial, "POST", url, wanted))
    if registered(exchange):
        _take_back(trial, exchange)
    return exchange


def registered(exchange: Exchange) -> bool:
    """Return whether there is now one more client."""
    return exchange.ok and bool(exchange.text("client_id"))


def _take_back(trial: Trial, exchange: Exchange) -> None:
    url, token = exchange.text("registration_client_uri"), exchange.text("registration_access_token")
    if url and token:
        trial.observe("The registration is taken back", send(trial, "DELETE", url, None, token))


def send(
    trial: Trial, method: str, url: str, document: dict[str, object] | None, token: str | None = None
) -> Exchange:
    """Send a request about a registration, with its metadata and its own token where there are any."""
    headers = [("accept", "application/json")]
    if document is not None:
        headers.append(("content-type", "application/json"))
    if token is not None:
        headers.append(("authorization", f"Bearer {token}"))
    body = b"" if document is None else msgspec.json.encode(document)
    return trial.deployment.wire.send(Request(method=method, url=url, headers=tuple(headers), body=body))


def _open(trial: Trial) -> Exchange:
    """Make sure that anybody can register, which the other checks build on.

    Raises:
        NotApplicable: there is no registration, or not for everybody.
    """
    exchange = register(trial, "An ordinary registration")
    if not registered(exchange):
        raise NotApplicable("registration is not open to everybody")
    return exchange


@check(
    "RG-01",
    title="Not everybody can register a client",
    sends="a registration without an initial access token or a software statement",
    fix="Demand an initial access token or a software statement of a trusted directory.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI_ALONE,
    safety=Safety.WRITES,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-306",
    owasp="API2:2023",
)
def registration_is_guarded(trial: Trial) -> Outcome:
    """In an ecosystem somebody answers for each client; one that anybody can add, nobody answers for (RFC 7591 section 5)."""
    exchange = register(trial, "A registration by nobody")
    if registered(exchange):
        return failed("Anybody can register a client.")
    trial.need_clear([exchange])
    return passed("A registration by nobody was refused.")


@check(
    "RG-02",
    title="No client can register a dangerous redirect URI",
    sends="registrations with redirect URIs of http, scripts, data and fragments",
    fix="Accept https addresses without fragment (and what native applications need).",
    requirements=("FAPI2-SP-5.3.2.2-8", "RFC9700-2.6-p5.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.WRITES,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    gives=("code-leaks",),
)
def redirect_uris_are_looked_at(trial: Trial) -> Outcome:
    """What is registered is what exact comparison lets through (RFC 9700 section 4.1): it must be harmless."""
    _open(trial)
    dangerous = {
        "http": "http://client.example/callback",
        "a script": "javascript:alert(1)//https://client.example",
        "data": "data:text/html,hello",
        "a fragment": f"{CALLBACK}#part",
    }
    attacks = [
        register(trial, f"A redirect URI with {name}", redirect_uris=[uri]) for name, uri in dangerous.items()
    ]
    return trial.judge(
        attacks,
        accepted=registered,
        failure="A client was registered with a dangerous redirect URI.",
        success="Dangerous redirect URIs were refused.",
    )


@check(
    "RG-04",
    title="No client can register itself into weak rules",
    sends="registrations for no authentication, alg none, the password and the implicit grant",
    fix="Refuse, or override, what the server's profile does not allow.",
    requirements=("FAPI2-SP-5.3.2.1-2", "FAPI2-SP-5.3.2.1-6"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.WRITES,
    cwe="CWE-757",
    owasp="API2:2023",
)
def registration_does_not_weaken(trial: Trial) -> Outcome:
    """A server is as strong as the weakest client that it lets in.

    RFC 7591 section 3.2.1 lets it answer with other values than were asked for; those of the answer count.
    """
    _open(trial)
    weak: dict[str, dict[str, object]] = {
        "id_token_signed_response_alg": {"id_token_signed_response_alg": "none"},
        "request_object_signing_alg": {"request_object_signing_alg": "none"},
        "password": {"grant_types": ["authorization_code", "password"]},
        "implicit": {"grant_types": ["implicit"], "response_types": ["token"]},
    }
    attacks = {name: register(trial, f"Asks for {name}", **wanted) for name, wanted in weak.items()}

    def granted(exchange: Exchange) -> bool:
        if not registered(exchange):
            return False
        wanted = next(weak[name] for name, each in attacks.items() if each is exchange)
        member, value = next(iter(wanted.items()))
        given = exchange.document().get(member)
        return (
            set(value) <= set(given)
            if isinstance(value, list) and isinstance(given, list)
            else given == value
        )

    return trial.judge(
        list(attacks.values()),
        accepted=granted,
        failure="A client registered itself for what no client should have.",
        success="Weak rules were refused or overridden.",
    )


@check(
    "RG-07",
    title="A new client does not choose its identifier",
    sends="a registration with a client_id of another client, and of a user's name",
    fix="Make client identifiers in the server, at random.",
    requirements=("RFC9700-2.6-p3", "FAPI2-SP-6.7-p2", "RFC9700-4.15.1-p1.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.WRITES,
    cwe="CWE-694",
    owasp="API2:2023",
    gives=("foreign-data",),
)
def identifiers_are_given(trial: Trial) -> Outcome:
    """A client whose identifier is a user's name has tokens with that user's subject (RFC 9700 section 4.15)."""
    _open(trial)
    # In lower case: a server that allows no other would refuse the spelling, and nothing would be learnt.
    names = [f"trustweft-check-{trial.deployment.entropy.token()[:8].lower()}"]
    attacks = {name: register(trial, "Asks for an identifier", client_id=name) for name in names}
    return trial.judge(
        list(attacks.values()),
        accepted=lambda each: registered(each) and each.text("client_id") in attacks,
        failure="A client chose its own identifier.",
        success="The identifier was made by the server.",
    )


@check(
    "RG-06",
    title="A client's registration can be read with its own token alone",
    sends="requests to a client's registration without a token, and with another client's",
    fix="Compare the registration access token with the client whose registration is asked for.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("client-impersonated",),
)
def registrations_are_guarded(trial: Trial) -> Outcome:
    """A registration holds the client's secret and redirect URIs; who can write it owns the client (RFC 7592 section 2)."""
    url = trial.deployment.discovery.endpoint("registration_endpoint")
    made = []
    for number in (1, 2):
        document: dict[str, object] = {
            "client_name": f"trustweft check {number}",
            "redirect_uris": [CALLBACK],
        }
        exchange = send(trial, "POST", url, document)
        trial.need(registered(exchange), "registration is not open to everybody")
        made.append(
            Registered(
                exchange.document(),
                exchange.text("registration_client_uri"),
                exchange.text("registration_access_token"),
            )
        )
    try:
        trial.need(
            all(each.management and each.token for each in made), "registrations cannot be managed (RFC 7592)"
        )
        trial.control("Its own token", send(trial, "GET", made[0].management, None, made[0].token))
        attacks = [
            trial.attack("No token", send(trial, "GET", made[0].management, None)),
            trial.attack("Another's token", send(trial, "GET", made[0].management, None, made[1].token)),
        ]
        return trial.access_refused(
            attacks,
            failure="A client's registration can be read by others.",
            success="A client's registration is shown to itself alone.",
        )
    finally:
        for each in made:
            if each.management and each.token:
                send(trial, "DELETE", each.management, None, each.token)
