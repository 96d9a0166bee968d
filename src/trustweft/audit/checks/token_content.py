"""What is in the tokens: who they are for, how long they live, whether they can be guessed or mistaken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed, suspected
from trustweft.audit.forging import read_parts
from trustweft.audit.token_reading import audience_of, token_claims
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.audit.verifying import can_verify, verifies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

ENTROPY_BITS: Final = 120.0  # RFC 6749 section 10.10 asks for 128; the estimate is a rough one
SAMPLES: Final = 6
BEARER_SECONDS: Final = 3600  # RFC 6750 section 5.3: an hour or less
BOUND_SECONDS: Final = 86_400  # our choice: a day
SLACK_SECONDS: Final = 60
_ALPHABETS: Final = (
    ("0123456789", 10),
    ("0123456789abcdef-", 16),
    ("0123456789ABCDEF-", 16),
    ("abcdefghijklmnopqrstuvwxyz0123456789-_", 36),
)
_REQUIRED: Final = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")  # RFC 9068 section 2.2


@check(
    "TK-16",
    title="Codes and tokens cannot be guessed",
    sends="a few logins; looks at the codes and tokens that come",
    fix="Make codes and opaque tokens of 128 bits or more from a cryptographic random generator.",
    requirements=("FAPI2-SP-5.4.1-4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-330",
    owasp="API2:2023",
    gives=("stolen-code-usable", "forged-token-accepted"),
)
def tokens_cannot_be_guessed(trial: Trial) -> Outcome:
    """A code or token that can be foretold needs no theft.

    RFC 6749 section 10.10 wants the chance of a guess below 2^-128. The check collects a few of each kind, takes off
    what all have in common, and estimates what is left; signed tokens are left out, their signature cannot be guessed.
    """
    deployment = trial.deployment
    kinds: dict[str, list[str]] = {"codes": [], "access tokens": [], "refresh tokens": []}
    for number in range(SAMPLES):
        flow = deployment.flow()
        code = deployment.code(flow)
        kinds["codes"].append(code)
        if number < SAMPLES // 2:
            access = deployment.redeem(flow, code)
            trial.observe("A token request", access.answer)
            kinds["access tokens"].append(access.token)
            kinds["refresh tokens"].append(access.refresh_token)
    weak, seen = [], []
    for kind, values in kinds.items():
        opaque = [value for value in values if value and not read_parts(value)[0]]
        if len(opaque) > 1:
            bits = entropy_bits(opaque)
            seen.append(f"{kind} about {bits:.0f} bits")
            if bits < ENTROPY_BITS:
                weak.append(f"{kind} have about {bits:.0f} bits that differ")
    if weak:
        return failed(f"{'; '.join(weak).capitalize()}.")
    return passed(f"What differs has {', '.join(seen)}." if seen else "Codes and tokens are signed.")


def entropy_bits(values: Sequence[str]) -> float:
    """Estimate how many random bits a value has, from a few of them; never too few by more than a fifth."""
    if len(set(values)) < len(values):
        return 0.0
    shortest = min(len(value) for value in values)
    begin = next(
        (index for index in range(shortest) if len({value[index] for value in values}) > 1), shortest
    )
    end = next(
        (index for index in range(shortest - begin) if len({value[-1 - index] for value in values}) > 1),
        shortest - begin,
    )
    varying = [value[begin : len(value) - end] for value in values]
    characters = set("".join(varying))
    symbols = next((size for alphabet, size in _ALPHABETS if characters <= set(alphabet)), 64)
    return min(len(value) for value in varying) * math.log2(symbols)


@check(
    "TK-17",
    title="Access tokens live for a short time",
    sends="a good token request; looks at expires_in",
    fix="Let access tokens live for minutes (bearer tokens never above an hour), and give refresh tokens.",
    requirements=("RFC9449-11.2-p3", "FAPI2-SP-6.1-p3", "FAPI2-SP-6.3-3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A5",),
    cwe="CWE-613",
    owasp="API2:2023",
)
def access_tokens_expire_soon(trial: Trial) -> Outcome:
    """How long a token lives is how long its thief can use it.

    RFC 6750 section 5.3 names an hour for bearer tokens; for bound ones a day is what we call long.
    """
    access = trial.deployment.access()
    trial.observe("A token request", access.answer)
    claims = token_claims(trial.deployment, access)
    told, issued, expires = access.answer.document().get("expires_in"), claims.get("iat"), claims.get("exp")
    lifetimes = [float(told)] if isinstance(told, int | float) else []
    if isinstance(issued, int | float) and isinstance(expires, int | float):
        lifetimes.append(float(expires) - float(issued))
    if not lifetimes:
        return suspected("Neither the answer nor the token says when the token ends.")
    longest, bound = max(lifetimes), access.scheme == "DPoP" or bool(claims.get("cnf"))
    limit = BOUND_SECONDS if bound else BEARER_SECONDS
    if longest > limit:
        kind = "a bound" if bound else "a bearer"
        return failed(f"The access token lives {longest:.0f} s, which is long for {kind} token.")
    return passed(f"The access token lives {longest:.0f} s.")


@check(
    "TK-17-truthful",
    title="The token lives as long as the answer says",
    sends="a good token request; compares expires_in with the token",
    fix="Derive expires_in and exp from the same lifetime.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-613",
)
def lifetime_is_truthful(trial: Trial) -> Outcome:
    """A client that is told a short time refreshes and forgets the old token, which goes on opening the account."""
    access = trial.deployment.access()
    trial.observe("A token request", access.answer)
    claims = token_claims(trial.deployment, access)
    told, issued, expires = access.answer.document().get("expires_in"), claims.get("iat"), claims.get("exp")
    if not (isinstance(issued, int | float) and isinstance(expires, int | float)):
        raise NotApplicable("the token does not say when it was issued and when it ends")
    if not isinstance(told, int | float):
        raise NotApplicable("the answer has no expires_in")
    if abs(float(expires) - float(issued) - float(told)) > SLACK_SECONDS:
        return failed(f"expires_in says {told} s, the token lives {float(expires) - float(issued):.0f} s.")
    return passed(f"Both say {told} s.")


@check(
    "TK-18",
    title="An access token that is a JWT has what resource servers need to check",
    sends="a good token request; reads the token",
    fix="Put iss, exp, aud, sub, client_id, iat and jti into JWT access tokens (RFC 9068 section 2.2).",
    requirements=(
        "RFC9068-2.2-1",
        "RFC9068-2.2-2",
        "RFC9068-2.2-3",
        "RFC9068-2.2-4",
        "RFC9068-2.2-5",
        "RFC9068-2.2-6",
        "RFC9068-2.2-7",
    ),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-345",
    owasp="API2:2023",
)
def jwt_has_its_claims(trial: Trial) -> Outcome:
    """What is not in the token nobody can check: whose it is, for whom, until when.

    For tokens of the type ``at+jwt`` RFC 9068 section 2.2 lists what must be there; any other JWT needs at least
    ``iss`` and ``exp``, without which it is good anywhere and for ever.
    """
    header, claims = _jwt(trial)
    profiled = str(header.get("typ", "")).lower().removeprefix("application/") == "at+jwt"
    missing = [name for name in (_REQUIRED if profiled else ("iss", "exp")) if not claims.get(name)]
    if missing:
        return failed(f"The access token lacks {', '.join(missing)}.")
    return passed("The access token has every claim that it needs.")


@check(
    "TK-18-type",
    title="An access token that is a JWT says that it is one",
    sends="a good token request; reads the header",
    fix="Set typ to at+jwt, and have resource servers demand it.",
    requirements=("RFC9068-2.1-p3.1", "RFC9068-2.1-p3.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-843",
)
def jwt_says_its_kind(trial: Trial) -> Outcome:
    """Explicit types keep ID tokens, assertions and logout tokens from passing as access tokens (RFC 8725 section 3.11).

    RFC 9068 section 2.1 has ``at+jwt``. A server that types its tokens in a way of its own still tells them apart.
    """
    header, _ = _jwt(trial)
    kind = header.get("typ")
    if str(kind).lower().removeprefix("application/") == "at+jwt":
        return passed("The typ is at+jwt.")
    identity = read_parts(trial.deployment.access().id_token)[0]
    if kind and identity and identity.get("typ") != kind:
        return passed(f"The typ is {kind}, and that of ID tokens is another.")
    return failed(f"The access token's typ is {kind or 'missing'}, as that of any other token.")


@check(
    "TK-18-signature",
    title="An access token that is a JWT is signed with a published asymmetric key",
    sends="a good token request; verifies the token",
    fix="Sign access tokens with an asymmetric algorithm and a key of the published key set.",
    requirements=("RFC9068-2.1-p1.1", "RFC9068-2.1-p1.2", "RFC9068-2.1-p1.3", "RFC9068-4-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-347",
    owasp="API2:2023",
)
def jwt_is_signed(trial: Trial) -> Outcome:
    """With a symmetric key whoever can verify a token can make one; with ``none`` anybody can (RFC 9068 section 2.1)."""
    header, _ = _jwt(trial)
    algorithm = str(header.get("alg"))
    if algorithm.lower() == "none" or algorithm.startswith("HS"):
        return failed(f"Access tokens are signed with {algorithm}.")
    if not trial.deployment.discovery.keys:
        raise Inconclusive("the server publishes no keys to verify the token with")
    kid = header.get("kid")
    named = [key for key in trial.deployment.discovery.keys if kid is None or key.get("kid") == kid]
    if not named:
        return failed("The access token names a key that is not published.")
    if not can_verify(algorithm):
        raise Inconclusive(f"signatures of the algorithm {algorithm} are not verified here")
    token = trial.deployment.access().token
    if any(verifies(token, algorithm=algorithm, jwk=key) for key in named):
        return passed(f"The signature ({algorithm}) verifies with a published key.")
    return failed("The signature verifies with none of the published keys.")


@check(
    "TK-18-issuer",
    title="An access token that is a JWT names its issuer",
    sends="a good token request; compares iss",
    fix="Set iss to the issuer identifier of the metadata.",
    requirements=("RFC9068-2.2-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-345",
)
def jwt_names_its_issuer(trial: Trial) -> Outcome:
    """Resource servers find the keys by the issuer; another name leads them to other keys, or to none."""
    _, claims = _jwt(trial)
    trial.need(claims.get("iss"), "the token names no issuer: see TK-18")
    if claims.get("iss") == trial.deployment.discovery.issuer:
        return passed("The iss is the issuer.")
    return failed(f"The iss is {claims.get('iss')!r}, not the issuer.")


@check(
    "TK-19",
    title="An access token says for which resource server it is",
    sends="a good token request; reads aud",
    fix="Restrict access tokens to the resource servers that their scope or resource needs.",
    requirements=("RFC9700-2.3-p2.1", "RFC9068-2.2-3", "RFC9068-3-p6.1", "RFC9068-5-p3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A5",),
    cwe="CWE-284",
    owasp="API2:2023",
)
def tokens_have_an_audience(trial: Trial) -> Outcome:
    """A token that is good everywhere can be used by one resource server at the next (RFC 9700 section 2.3)."""
    deployment = trial.deployment
    access = deployment.access()
    trial.observe("A token request", access.answer)
    claims = token_claims(deployment, access)
    if not claims:
        raise Inconclusive("the token is opaque, and nothing tells what is behind it")
    audience = audience_of(claims)
    if not audience and not read_parts(access.token)[1]:
        raise Inconclusive("the token is opaque, and introspection need not tell whom it is for")
    if not audience:
        return failed("The access token has no audience.")
    if "*" in audience or set(audience) <= {access.party.client_id}:
        return failed(
            f"The audience of the access token is {' '.join(audience)}: that is no resource server."
        )
    return passed(f"The access token is for {' '.join(audience)}.")


@check(
    "TK-19-scope",
    title="A token for one API is not good at another",
    sends="token requests with different scopes; compares aud",
    fix="Let aud follow from the scope or from the resource parameter.",
    requirements=("RFC9700-2.3-p2.1", "RFC9068-3-p6.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A5",),
    cwe="CWE-284",
)
def audience_follows_scope(trial: Trial) -> Outcome:
    """Where userinfo and an API are different resource servers, the API's token is nothing to userinfo and back."""
    deployment = trial.deployment
    party = deployment.party()
    narrow = party.entry.narrow_scope
    trial.need(narrow, "the target file names no narrow_scope")
    wide, small = (
        audience_of(token_claims(deployment, deployment.access(scope=scope))) for scope in (None, narrow)
    )
    if not small:
        raise NotApplicable("tokens have no audience")
    if set(small) < set(wide):
        return passed(f"With the scope {narrow} the token is for {' '.join(small)} alone.")
    return failed("The narrow token has the same audience as the wide one.")


@check(
    "TK-20",
    title="A client's own token cannot be taken for a user's",
    sends="a client_credentials request; compares its subject with users'",
    fix="Use the client_id as sub of a client's own token, and keep it apart from users' identifiers.",
    requirements=("RFC9700-2.6-p3", "RFC9700-4.15.1-p1.1", "RFC9700-4.15.1-p1.2", "RFC9068-2.2-4.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("foreign-data",),
)
def client_is_no_user(trial: Trial) -> Outcome:
    """A resource server that looks up ``sub`` would act for a user whom the client merely shares a name with.

    RFC 9700 section 4.15. The check compares the subject of a client's own token with those of the users it can log in.
    """
    deployment = trial.deployment
    own = deployment.own_access()
    trial.observe("The client's own token", own.answer)
    subject = token_claims(deployment, own).get("sub")
    users = {
        str(claims["sub"]): user.username
        for user in deployment.users
        for claims in (token_claims(deployment, deployment.access(None, user)),)
        if "sub" in claims
    }
    if not users:
        raise Inconclusive("it cannot be read whose the users' tokens are")
    if subject in users or subject in {user.username for user in deployment.users}:
        return failed(
            f"The client's own token has the subject of the user {users.get(str(subject), subject)}."
        )
    return passed("The client's own token has another subject than any user's.")


def _jwt(trial: Trial) -> tuple[dict[str, object], dict[str, object]]:
    access = trial.deployment.access()
    header, claims = read_parts(access.token)
    trial.need(header, "access tokens are opaque")
    trial.observe("A token request", access.answer)
    return header, claims
