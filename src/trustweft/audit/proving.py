"""DPoP proofs that are wrong in one way, sent wherever proofs are read: APIs, userinfo, the token and PAR endpoints."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import form_request
from trustweft.audit.forging import forge
from trustweft.audit.protected import SAMPLE, protected
from trustweft.crypto.keys import public_jwk
from trustweft.runtime.encoding import sha256_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial
    from trustweft.crypto.keys import LocalSigner

__all__ = [
    "Forgery",
    "Place",
    "ProofParts",
    "attack_proofs",
    "good_parts",
    "places",
    "resource_places",
    "send_proofs",
]

GARBAGE: Final = "trustweft.is-no.proof"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofParts:
    """A good proof before it is signed (RFC 9449 section 4.2)."""

    header: dict[str, object]
    claims: dict[str, object]
    signer: LocalSigner

    def signed(self) -> str:
        """Return the proof."""
        return forge(self.header, self.claims, key=self.signer.private_key)

    def claiming(self, **changes: object) -> ProofParts:
        """Return it with claims changed, or left out by None."""
        return replace(self, claims=_changed(self.claims, changes))

    def heading(self, **changes: object) -> ProofParts:
        """Return it with members of the header changed, or left out by None."""
        return replace(self, header=_changed(self.header, changes))


def _changed(members: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere that reads proofs.

    Attributes:
        build: makes the request afresh, without a proof.
        taken: whether an answer says that the request went through.
        token: that the proof goes with; None where there is none yet.
        dear: a login is spent on each request, so few are sent.
    """

    name: str
    party: Party
    url: str
    method: str
    build: Callable[[], Request]
    taken: Callable[[Exchange], bool]
    token: str | None = None
    dear: bool = False


if TYPE_CHECKING:
    Forgery = Callable[[ProofParts], Sequence[str]]


def good_parts(deployment: Deployment, place: Place) -> ProofParts:
    """Return a fresh good proof for a place, with the nonce that its server gave last."""
    signer = place.party.proof_signer
    return ProofParts(
        header={"typ": "dpop+jwt", "alg": signer.algorithm, "jwk": public_jwk(signer.public_key)},
        claims=_changed(
            {
                "jti": deployment.entropy.token(),
                "htm": place.method,
                "htu": place.url.partition("?")[0],
                "iat": int(deployment.clock.now()),
            },
            {
                "nonce": deployment.wire.nonce(place.url),
                "ath": None if place.token is None else sha256_base64url(place.token),
            },
        ),
        signer=signer,
    )


def send_proofs(deployment: Deployment, place: Place, forgery: Forgery) -> Exchange:
    """Send a request with the proofs that a forgery makes of a good one; made anew where only a nonce is asked for."""
    exchange = _send(deployment, place, forgery)
    asks = exchange.header("www-authenticate") or ""
    if "use_dpop_nonce" in asks or exchange.text("error") == "use_dpop_nonce":
        return _send(deployment, place, forgery)
    return exchange


def _send(deployment: Deployment, place: Place, forgery: Forgery) -> Exchange:
    request = place.build()
    proofs = forgery(good_parts(deployment, place))
    headers = (*request.headers, *(("dpop", proof) for proof in proofs))
    return deployment.wire.send(replace(request, headers=headers))


def good(parts: ProofParts) -> Sequence[str]:
    """Change nothing."""
    return (parts.signed(),)


def attack_proofs(
    trial: Trial,
    found: Sequence[Place],
    forgeries: Sequence[tuple[str, Forgery]],
    *,
    failure: str,
    success: str,
) -> Outcome:
    """Try forgeries at places where a good proof works.

    Raises:
        Inconclusive: a good proof works nowhere, or the answers say neither.
    """
    deployment = trial.deployment
    attempts: list[Exchange] = []
    owners: dict[int, tuple[Place, Exchange]] = {}
    reached, refusal = [], None
    for place in found:
        try:
            control = trial.control(
                f"{place.name}, with a good proof", send_proofs(deployment, place, good), good=place.taken
            )
        except Inconclusive as cause:
            refusal = cause
            continue
        reached.append(place.name)
        for label, forgery in forgeries[:1] if place.dear else forgeries:
            exchange = trial.attack(f"{place.name}, {label}", send_proofs(deployment, place, forgery))
            attempts.append(exchange)
            owners[id(exchange)] = (place, control)
    if not reached:
        raise refusal or Inconclusive("nothing that reads proofs was reached")

    def accepted(exchange: Exchange) -> bool:
        place, control = owners[id(exchange)]
        return place.taken(exchange) and (place.token is None or served(exchange, control))

    return trial.judge(
        attempts, accepted=accepted, failure=failure, success=f"{success} ({', '.join(reached)})"
    )


def resource_places(trial: Trial, limit: int = SAMPLE) -> list[Place]:
    """Return protected operations whose tokens are bound to proof keys, userinfo among them.

    Raises:
        NotApplicable: there is none, or tokens are not so bound.
    """
    access = trial.deployment.access()
    trial.need(access.scheme == "DPoP", "access tokens are not bound by DPoP here")
    operations = protected(trial, limit, with_userinfo=False) if _has_api(trial) else []
    operations += [each for each in protected(trial) if each.name == "GET userinfo"]
    return [_resource_place(access.party, access.token, each) for each in operations]


def _has_api(trial: Trial) -> bool:
    return any(each.safe and not each.public for each in trial.deployment.operations)


def _resource_place(party: Party, token: str, operation: Operation) -> Place:
    return Place(
        name=operation.name,
        party=party,
        url=operation.url,
        method=operation.method,
        token=token,
        build=lambda: operation.request().with_header("authorization", f"DPoP {token}"),
        taken=lambda exchange: exchange.ok,
    )


def places(trial: Trial) -> list[Place]:
    """Return everything that reads proofs.

    Raises:
        NotApplicable: tokens are not bound by DPoP here.
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.need(deployment.plan(party).binding == "dpop", "access tokens are not bound by DPoP here")
    found: list[Place] = []
    with suppress(NotApplicable):  # a server alone has proofs enough
        found += resource_places(trial)
    return [*found, *_token_place(deployment, party), *_pushing_place(deployment, party)]


def _token_place(deployment: Deployment, party: Party) -> list[Place]:
    plan = deployment.plan(party)
    url = plan.endpoint("token_endpoint", party)
    common: dict[str, Any] = {
        "name": "token endpoint",
        "party": party,
        "url": url,
        "method": "POST",
        "taken": lambda exchange: exchange.issued,
    }
    if "client_credentials" in party.entry.grant_types:
        scope = party.entry.narrow_scope or party.entry.scope
        own = form_request(url, ("grant_type", "client_credentials"), ("scope", scope))
        return [Place(build=lambda: party.authenticate(own), **common)]
    if party.entry.redirect_uri is None:
        return []

    def redeem() -> Request:
        flow = deployment.flow(party)
        return flow.token_request(deployment.code(flow)).with_header("dpop", None)

    return [Place(build=redeem, dear=True, **common)]


def _pushing_place(deployment: Deployment, party: Party) -> list[Place]:
    """Return the PAR endpoint where it reads proofs at all: it need not (RFC 9449 section 10.1)."""
    if not deployment.plan(party).pushes or party.entry.redirect_uri is None:
        return []
    url = deployment.plan(party).endpoint("pushed_authorization_request_endpoint", party)
    place = Place(
        name="PAR endpoint",
        party=party,
        url=url,
        method="POST",
        build=lambda: deployment.flow(party).pushed_request(),
        taken=lambda exchange: exchange.ok and bool(exchange.text("request_uri")),
    )
    reads = not place.taken(send_proofs(deployment, place, lambda _: (GARBAGE,)))
    return [place] if reads else []
