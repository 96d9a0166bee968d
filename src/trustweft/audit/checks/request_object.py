"""Signed authorization requests (RFC 9101), where the server takes them, and signed responses (JARM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import form_request
from trustweft.audit.forging import forge, read_parts, unsigned
from trustweft.audit.token_reading import audience_of
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.audit.verifying import can_verify, verifies
from trustweft.crypto.keys import generate_private_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.trial import Trial
    from trustweft.crypto.algorithms import PrivateKey

TYPE: Final = "oauth-authz-req+jwt"
HOUR: Final = 3600
MAXIMUM_RESPONSE_SECONDS: Final = 600  # JARM section 2.1 recommends ten minutes at most


class Signing:
    """Pushes authorization requests as request objects; an attack changes header, claims or key."""

    def __init__(self, trial: Trial, key: PrivateKey) -> None:
        self.trial = trial
        self.key = key
        self.flow: Flow = trial.deployment.flow()

    def claims(self, **changes: object) -> dict[str, object]:
        """Return the claims of a good request object; a change to None leaves one out."""
        now = int(self.trial.deployment.clock.now())
        good: dict[str, object] = {
            **self.flow.parameters,
            "iss": self.flow.party.client_id,
            "aud": self.trial.deployment.discovery.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "jti": self.trial.deployment.entropy.token(),
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def header(self, **changes: object) -> dict[str, object]:
        """Return the header of a good request object."""
        return {**self.flow.party.assertion_header(), "typ": TYPE, **changes}

    def signed(self, **changes: object) -> str:
        """Return a request object with claims changed."""
        return forge(self.header(), self.claims(**changes), key=self.key)

    def push(self, label: str, value: str, *beside: tuple[str, str]) -> Exchange:
        """Push a request object, with parameters beside it, and keep it as an attack."""
        party, plan = self.flow.party, self.flow.plan
        url = plan.endpoint("pushed_authorization_request_endpoint", party)
        parameters = (("client_id", party.client_id), ("request", value), *beside)
        request = party.authenticate(form_request(url, *parameters))
        return self.trial.attack(label, self.trial.deployment.wire.send(request))


def pushed(exchange: Exchange) -> bool:
    """Return whether a pushed request was taken."""
    return exchange.ok and bool(exchange.text("request_uri"))


def _signing(trial: Trial) -> Signing:
    """Return how to push request objects, once a good one was taken.

    Raises:
        Inconclusive: it was not.
        NotApplicable: the server takes none, or the client cannot sign.
    """
    deployment = trial.deployment
    discovery = deployment.discovery
    offered = discovery.list("request_object_signing_alg_values_supported") and (
        discovery.flag("require_signed_request_object")
        or discovery.metadata.get("request_parameter_supported") is not False
    )
    trial.need(offered, "the server takes no request objects")
    party = deployment.party()
    trial.need(
        deployment.plan(party).pushes, "the server takes no pushed requests to try request objects with"
    )
    if party.key is None:
        raise Inconclusive("the client has no key to sign request objects with")
    signing = Signing(trial, party.key)
    good = signing.push("A good request object", signing.signed())
    trial.control("A good request object", good, good=pushed)
    return signing


def _refused(signing: Signing, values: dict[str, Callable[[], str]], *, flaw: str) -> Outcome:
    attacks = [signing.push(label, make()) for label, make in values.items()]
    return signing.trial.judge(
        attacks, accepted=pushed, failure=flaw, success="Such request objects were refused."
    )


@check(
    "JA-01",
    title="A request object that its client did not sign is refused",
    sends="request objects without a signature, and signed with another key",
    fix="Verify request objects with the client's registered keys and a fixed list of algorithms.",
    requirements=(
        "FAPI2-MS-5.3.1-1",
        "RFC9101-6.2-p1.1",
        "RFC9101-6.2-p1.2",
        "RFC9101-6.2-p1.3",
        "RFC9101-6.2-p1.4",
        "RFC9101-6.3-p2",
        "FAPI2-MS-5.3.1-5",
        "RFC9101-10.5-p3.2",
        "RFC9101-10.5-p4.2",
        "RFC9126-3-2",
    ),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
)
def request_objects_are_verified(trial: Trial) -> Outcome:
    """What is signed can be held against the client; what anybody could have written cannot (RFC 9101 section 6.2)."""
    signing = _signing(trial)
    other = generate_private_key(signing.flow.party.algorithm)
    values: dict[str, Callable[[], str]] = {
        "An empty signature": lambda: unsigned(signing.header(), signing.claims()),
        "Another key": lambda: forge(signing.header(), signing.claims(), key=other),
    }
    offered = trial.deployment.discovery.list("request_object_signing_alg_values_supported") or ()
    if (
        trial.deployment.claims_fapi or "none" not in offered
    ):  # OpenID Connect Core section 6.1 allows to offer it
        values["alg none"] = lambda: unsigned(signing.header(alg="none"), signing.claims())
    return _refused(
        signing,
        values,
        flaw="A request object was taken that the client did not sign.",
    )


@check(
    "JA-02",
    title="A request object that expired, or is for another server, is refused",
    sends="request objects that expired, and for another server",
    fix="Compare aud of request objects with the issuer identifier, and exp with the time.",
    requirements=("FAPI2-MS-5.3.1-2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A1",),
    cwe="CWE-294",
)
def request_objects_are_for_now_and_here(trial: Trial) -> Outcome:
    """What a client once asked for, or asked of another server, it does not ask for now and here (RFC 9101 section 4)."""
    signing = _signing(trial)
    now = int(trial.deployment.clock.now())
    return _refused(
        signing,
        {
            "Expired": lambda: signing.signed(exp=now - 120, nbf=now - 180, iat=now - 180),
            "For another server": lambda: signing.signed(aud="https://attacker.example"),
        },
        flaw="A request object was taken that is old or for another server.",
    )


@check(
    "JA-02-lifetime",
    title="A request object says from when until when it is good, and that is short",
    sends="request objects without exp, nbf and aud, and good for hours",
    fix="Demand aud, nbf and exp of request objects, at most an hour apart and back.",
    requirements=("FAPI2-MS-5.3.1-2", "FAPI2-MS-5.3.1-3", "FAPI2-MS-5.3.1-4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    fapi_attackers=("A1",),
    cwe="CWE-613",
)
def request_objects_end(trial: Trial) -> Outcome:
    """FAPI 2.0 Message Signing section 5.3.1 bounds the life of a request; RFC 9101 alone leaves it open."""
    signing = _signing(trial)
    trial.need(
        trial.deployment.claims_fapi, "the server does not claim FAPI, and RFC 9101 asks for none of it"
    )
    now = int(trial.deployment.clock.now())
    changes: dict[str, dict[str, object]] = {
        "No exp": {"exp": None},
        "No nbf": {"nbf": None},
        "No aud": {"aud": None},
        "nbf two hours ago": {"nbf": now - 2 * HOUR, "iat": now - 2 * HOUR},
        "Good for two hours": {"exp": now + 2 * HOUR},
    }
    return _refused(
        signing,
        {label: lambda claims=claims: signing.signed(**claims) for label, claims in changes.items()},  # type: ignore[misc]
        flaw="A request object was taken that is endless or for nobody.",
    )


@check(
    "JA-04",
    title="A request object belongs to the client that sends it",
    sends="request objects with another client_id and another iss",
    fix="Compare client_id and iss of the request object with the authenticated client.",
    requirements=("RFC9101-6.3-p1.3", "RFC9126-3-3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A1",),
    cwe="CWE-345",
)
def request_objects_have_an_owner(trial: Trial) -> Outcome:
    """What is said twice is never used in two senses (RFC 9101 section 10.7)."""
    signing = _signing(trial)
    return _refused(
        signing,
        {
            "Another client_id": lambda: signing.signed(client_id="somebody-else"),
            "Another iss": lambda: signing.signed(iss="somebody-else"),
        },
        flaw="A request object was taken that names another client.",
    )


@check(
    "JA-03",
    title="Parameters beside a request object do not count",
    sends="a request object without redirect_uri, which stands beside it",
    fix="Take every parameter from the request object, and none from beside it.",
    requirements=("RFC9101-5-p6.2", "RFC9101-6.3-p1.1", "RFC9101-6.3-p1.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    fapi_attackers=("A1",),
    cwe="CWE-345",
)
def beside_does_not_count(trial: Trial) -> Outcome:
    """RFC 9101 section 6.3: what is not signed was not asked for. The check leaves response_type and challenge outside."""
    signing = _signing(trial)
    outside = {
        name: value
        for name, value in signing.flow.parameters.items()
        if name in ("code_challenge", "code_challenge_method", "redirect_uri")
    }
    value = signing.signed(**dict.fromkeys(outside))
    attack = signing.push("Parameters outside", value, *outside.items())
    return trial.judge(
        [attack],
        accepted=pushed,
        failure="Parameters beside the request object were used.",
        success="Parameters beside the request object were not used.",
    )


@check(
    "JA-05",
    title="Where requests must be signed, none is taken that is not",
    sends="an ordinary pushed request without a request object",
    fix="Refuse requests without a request object while require_signed_request_object is true.",
    requirements=("FAPI2-MS-5.3.1-1", "RFC9101-10.5-p4.1", "RFC9101-10.5-p3.1", "RFC9126-2.3-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-757",
)
def signing_is_not_optional(trial: Trial) -> Outcome:
    """A signature that may be left out proves nothing of those requests that have none (RFC 9101 section 10.5)."""
    trial.need(
        trial.deployment.discovery.flag("require_signed_request_object"),
        "the server does not say that requests must be signed",
    )
    signing = _signing(trial)
    attack = trial.attack("A request that is not signed", signing.flow.push())
    return trial.judge(
        [attack],
        accepted=pushed,
        failure="A request without a signature was taken.",
        success="A request without a signature was refused.",
    )


@check(
    "JA-07",
    title="A request object says by its type that it is one",
    sends="a request object with the type of client assertions",
    fix="Demand the type oauth-authz-req+jwt, or the claims of a request.",
    requirements=("FAPI2-SP-5.4.1-1.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-843",
)
def assertion_is_no_request(trial: Trial) -> Outcome:
    """Both are signed by the client; only their kind tells them apart (RFC 8725 section 3.11)."""
    signing = _signing(trial)
    header = {**signing.header(), "typ": "client-authentication+jwt"}
    return _refused(
        signing,
        {"The type of assertions": lambda: forge(header, signing.claims(), key=signing.key)},
        flaw="A token of another type was taken for a request object.",
    )


@check(
    "JM-01",
    title="A signed authorization response says by whom and for whom it is",
    sends="an authorization request with response_mode=jwt",
    fix="Sign responses with a published key; set iss, aud and an exp of at most ten minutes.",
    requirements=("FAPI2-MS-5.4.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-347",
)
def responses_are_signed(trial: Trial) -> Outcome:
    """A client relies on the signature against mix-up and injection (JARM section 2); a wrong claim makes it worthless."""
    deployment = trial.deployment
    modes = deployment.discovery.list("response_modes_supported") or ()
    trial.need("jwt" in modes or "query.jwt" in modes, "the server offers no signed authorization responses")
    flow = deployment.flow(changes={"response_mode": "jwt"})
    visit = flow.log_in(deployment.user())
    if visit.callback is None:
        raise Inconclusive("the client was not called back")
    trial.observe("The answer that redirected", visit.last)
    token = visit.callback.parameters.get("response", "")
    header, claims = read_parts(token)
    if not header:
        return failed("The response is not signed although response_mode=jwt was asked for.")
    wrong = []
    algorithm = str(header.get("alg"))
    if not can_verify(algorithm):
        wrong.append(f"it is signed with {algorithm}")
    elif not any(verifies(token, algorithm=algorithm, jwk=key) for key in deployment.discovery.keys):
        wrong.append("no published key verifies it")
    if claims.get("iss") != deployment.discovery.issuer:
        wrong.append("its iss is not the issuer")
    if flow.party.client_id not in audience_of(claims):
        wrong.append("its aud is not the client")
    expires = claims.get("exp")
    if (
        not isinstance(expires, int | float)
        or expires > deployment.clock.now() + MAXIMUM_RESPONSE_SECONDS + 60
    ):
        wrong.append("it has no exp, or one further than ten minutes away")
    return (
        failed(f"Of the signed response: {'; '.join(wrong)}.")
        if wrong
        else passed("It is signed for the client.")
    )
