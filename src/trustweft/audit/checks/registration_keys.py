"""What a client's registration says of its keys counts at once (RFC 7592)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import check
from trustweft.audit.checks.registration import CALLBACK, Registered, registered, send
from trustweft.audit.door import open_door
from trustweft.audit.parties import Party
from trustweft.audit.target import ClientEntry
from trustweft.audit.verdict import Role, Safety, Severity
from trustweft.crypto.keys import generate_private_key, public_jwk

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial
    from trustweft.crypto.algorithms import PrivateKey

_ALGORITHM = "ES256"


@check(
    "CA-11",
    title="A key that a client has taken out of its registration authenticates nobody",
    sends="a registration of its own, a change of its keys, and a request with the old key",
    fix="Read the client's keys from its registration as it is now, and keep no copy of older ones.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def removed_keys_end(trial: Trial) -> Outcome:
    """A key is taken out because somebody else has it; a server that goes on believing it believes the thief.

    The check registers a client, lets it authenticate, replaces its key, lets it authenticate with the new one, and
    tries the old one again. It needs a registration that is open and can be changed (RFC 7592 section 2.2).
    """
    old, new = generate_private_key(_ALGORITHM), generate_private_key(_ALGORITHM)
    made = _register(trial, old)
    management, token = made.management, made.token
    try:
        door = open_door(trial, _party(trial, made, old))
        document = {**_metadata(trial, new), "client_id": made.document["client_id"]}
        changed = send(trial, "PUT", made.management, document, made.token)
        # An update may bring another token and another address (RFC 7592 section 3).
        management = changed.text("registration_client_uri") or management
        token = changed.text("registration_access_token") or token
        trial.control("The client replaces its key", changed)
        open_door(trial, _party(trial, made, new))
        attack = door.knock("The key that was taken out", door.party.authenticate)
        return trial.judge(
            [attack],
            accepted=door.entered,
            failure="A key that is registered no more still authenticates the client.",
            success="The key that was taken out was refused.",
        )
    finally:
        trial.observe("The client is taken back", send(trial, "DELETE", management, None, token))


def _metadata(trial: Trial, key: PrivateKey) -> dict[str, object]:
    return {
        "client_name": "trustweft check (may be deleted)",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": trial.deployment.party().entry.scope,
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{**public_jwk(key.public_key()), "alg": _ALGORITHM, "use": "sig"}]},
    }


def _register(trial: Trial, key: PrivateKey) -> Registered:
    url = trial.deployment.discovery.endpoint("registration_endpoint")
    exchange = trial.observe("A registration", send(trial, "POST", url, _metadata(trial, key)))
    trial.need(registered(exchange), "registration is not open to everybody")
    management, token = exchange.text("registration_client_uri"), exchange.text("registration_access_token")
    trial.need(management and token, "registrations cannot be managed (RFC 7592)")
    return Registered(exchange.document(), management, token)


def _party(trial: Trial, made: Registered, key: PrivateKey) -> Party:
    deployment = trial.deployment
    entry = ClientEntry(
        client_id=str(made.document["client_id"]),
        redirect_uri=CALLBACK,
        scope=deployment.party().entry.scope,
    )
    return Party(
        entry=entry,
        issuer=deployment.target.issuer,
        clock=deployment.clock,
        entropy=deployment.entropy,
        key=key,
        algorithm=_ALGORITHM,
    )
