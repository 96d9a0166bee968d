"""What a proof says: this method, this address, this token, now (RFC 9449 section 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from trustweft.audit.check import check, failed, passed
from trustweft.audit.proving import attack_proofs, good, good_parts, places, resource_places, send_proofs
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.runtime.encoding import sha256_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.proving import Forgery, Place, ProofParts
    from trustweft.audit.trial import Trial

HOUR: Final = 3_600


def _htu(change: Callable[[str], str]) -> Forgery:
    return lambda parts: (parts.claiming(htu=change(str(parts.claims["htu"]))).signed(),)


def _with_path(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _with_origin(url: str, *, scheme: str | None = None, host: str | None = None) -> str:
    parts = urlsplit(url)
    return urlunsplit((scheme or parts.scheme, host or parts.netloc, parts.path, "", ""))


@check(
    "DP-04-missing-hash",
    title="A proof without the hash of the token is refused",
    sends="a token with a proof that has no ath, to a few operations and userinfo",
    fix="Demand ath in every proof at a resource, and compare it with the hash of the token that came.",
    requirements=("RFC9449-4.3-3", "RFC9449-4.3-12"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def hash_of_token_is_demanded(trial: Trial) -> Outcome:
    """Without ``ath`` a proof that was made for one request serves beside any other token of the same key.

    Whoever can make a client sign, for example for the token endpoint, could use what it signed at a resource.
    """
    return attack_proofs(
        trial,
        resource_places(trial),
        [("a proof without ath", lambda parts: (parts.claiming(ath=None).signed(),))],
        failure="A proof without ath was taken.",
        success="Proofs without ath were refused",
    )


@check(
    "DP-04-wrong-hash",
    title="A proof that was made for another token is refused",
    sends="a token with a proof whose ath is another token's, to a few operations and userinfo",
    fix="Compare ath with the SHA-256 hash of the access token in the same request.",
    requirements=("RFC9449-4.3-12.1",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def hash_is_of_this_token(trial: Trial) -> Outcome:
    """The ``ath`` ties a proof to one token, so that a token cannot be exchanged under a proof (section 4.3 item 12)."""
    other = sha256_base64url("another-token")
    return attack_proofs(
        trial,
        resource_places(trial),
        [
            ("a proof for another token", lambda parts: (parts.claiming(ath=other).signed(),)),
            ("a proof with an empty ath", lambda parts: (parts.claiming(ath="").signed(),)),
        ],
        failure="A proof for another token was taken.",
        success="Proofs for other tokens were refused",
    )


@check(
    "DP-05-method",
    title="A proof serves for its method alone",
    sends="proofs whose htm is another method, missing or in lower case, wherever proofs are read",
    fix="Compare htm with the method of the request, exactly.",
    requirements=("RFC9449-4.3-8",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def proof_names_its_method(trial: Trial) -> Outcome:
    """A proof for reading must not serve for deleting: ``htm`` is the request's method (section 4.3 item 8)."""
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a proof for another method", lambda parts: (parts.claiming(htm="DELETE").signed(),)),
            ("a proof with an empty method", lambda parts: (parts.claiming(htm="").signed(),)),
        ],
        failure="A proof for another method was taken.",
        success="Proofs for other methods were refused",
    )


@check(
    "DP-05-path",
    title="A proof serves for its path alone",
    sends="proofs whose htu has another path: shorter, longer, in capitals",
    fix="Compare the whole htu, after RFC 3986 normalisation, with the configured URL of the request; never a prefix.",
    requirements=("RFC9449-4.3-9",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def proof_names_its_path(trial: Trial) -> Outcome:
    """A proof for one operation must not serve for another of the same host.

    Comparing prefixes, or the host alone, is the usual slip; the path of a URL is case-sensitive (RFC 3986 section 6).
    """
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a proof for another path", _htu(lambda url: _with_path(url, "/trustweft-elsewhere"))),
            ("a proof for a longer path", _htu(lambda url: url.rstrip("/") + "/more")),
            ("a proof for the host", _htu(lambda url: _with_path(url, ""))),
            ("a proof with a suffix", _htu(lambda url: url + "x")),
            ("a proof for a shorter path", _htu(lambda url: url[:-1])),
            ("a proof for the path in capitals", _htu(_capital_path)),
        ],
        failure="A proof for another path was taken.",
        success="Proofs for other paths were refused",
    )


def _capital_path(url: str) -> str:
    path = urlsplit(url).path
    return _with_path(url, path.upper() if path.upper() != path else path + "A")


@check(
    "DP-05-origin",
    title="A proof serves for its host alone",
    sends="proofs whose htu names another scheme, host or port",
    fix="Compare htu with the URL that the operator configured, including scheme, host and port.",
    requirements=("RFC9449-4.3-9", "RFC9449-4.3-p1"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def proof_names_its_host(trial: Trial) -> Outcome:
    """A resource server that turned bad has token and proof of each request; what stops it is that ``htu`` names it.

    Where host, port or scheme are not compared, it plays both to another resource server at once (RFC 9700 section
    4.9.1). The check sends proofs for other origins with the right path.
    """
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a proof for another host", _htu(lambda url: _with_origin(url, host="attacker.example"))),
            ("a proof for http", _htu(_other_scheme)),
            ("a proof for another port", _htu(_other_port)),
            ("a proof for a longer host", _htu(lambda url: _with_origin(url, host=_longer_host(url)))),
            ("a proof for the path alone", _htu(lambda url: urlsplit(url).path or "/")),
            ("a proof with the host as userinfo", _htu(_as_userinfo)),
        ],
        failure="A proof for another origin was taken.",
        success="Proofs for other origins were refused",
    )


def _other_scheme(url: str) -> str:
    return _with_origin(url, scheme="http" if url.startswith("https:") else "https")


def _other_port(url: str) -> str:
    return _with_origin(url, host=f"{urlsplit(url).hostname}:{(urlsplit(url).port or 443) + 7}")


def _longer_host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}.attacker.example" + (f":{parts.port}" if parts.port else "")


def _as_userinfo(url: str) -> str:
    return _with_origin(url, host=f"{urlsplit(url).netloc.replace(':', '%3A')}@attacker.example")


@check(
    "DP-05-missing",
    title="A proof without one of its claims is refused",
    sends="proofs without htm, htu, jti or iat",
    fix="Demand htm, htu, jti and iat in every proof.",
    requirements=("RFC9449-4.3-3",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def claims_are_demanded(trial: Trial) -> Outcome:
    """What is missing cannot be wrong: a verifier that compares only what it finds lets such proofs through."""

    def without(name: str) -> Forgery:
        return lambda parts: (parts.claiming(**{name: None}).signed(),)

    return attack_proofs(
        trial,
        places(trial),
        [(f"a proof without {name}", without(name)) for name in ("htu", "htm", "jti", "iat")],
        failure="A proof without a required claim was taken.",
        success="Proofs that lack a claim were refused",
    )


@check(
    "DP-05-normal-forms",
    title="A proof whose address is only written in another way is taken",
    sends="proofs whose htu has the host in capitals",
    fix="Normalise both addresses (RFC 3986 section 6.2) before they are compared.",
    requirements=("RFC9449-4.3-p2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-436",
)
def addresses_are_normalised(trial: Trial) -> Outcome:
    """Equal addresses are equal however they are written, or honest clients are turned away (section 4.3).

    Nobody is endangered where it is not so; the report says it as advice.
    """

    def capitals(parts: ProofParts) -> tuple[str]:
        url = str(parts.claims["htu"])
        return (parts.claiming(htu=_with_origin(url, host=urlsplit(url).netloc.upper())).signed(),)

    found = resource_places(trial)
    for place in found:
        trial.control(
            f"{place.name}, with a good proof", send_proofs(trial.deployment, place, good), good=place.taken
        )
        answer = trial.observe(
            f"{place.name}, a proof with the host in capitals", send_proofs(trial.deployment, place, capitals)
        )
        if not place.taken(answer):
            return failed(f"{place.name} refused a proof whose htu has the host in capitals.")
    return passed(f"Proofs whose htu has the host in capitals were taken ({len(found)} operations).")


@check(
    "DP-06-old",
    title="An old proof is refused",
    sends="proofs that were made an hour and a day ago",
    fix="Refuse proofs whose iat is more than a minute or so ago.",
    requirements=("RFC9449-4.3-11", "RFC9449-11.1-p1"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def old_proofs_are_refused(trial: Trial) -> Outcome:
    """A proof that is good for long is a credential that can be stolen: from a log, from a proxy (section 11.1).

    Where the server demands a nonce of its own, that dates the proof, and ``iat`` need not (section 4.3 item 11).
    """
    return _dated(trial, "an hour old", -HOUR, "a day old", -24 * HOUR, failure="An old proof was taken.")


@check(
    "DP-06-future",
    title="A proof from the future is refused",
    sends="proofs that are dated in an hour and in a day",
    fix="Refuse proofs whose iat is more than some seconds ahead.",
    requirements=("RFC9449-4.3-11",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def future_proofs_are_refused(trial: Trial) -> Outcome:
    """Whoever can have proofs made for a moment could stock up on those of tomorrow (section 11.2)."""
    return _dated(
        trial,
        "of the next hour",
        HOUR,
        "of tomorrow",
        24 * HOUR,
        failure="A proof from the future was taken.",
    )


def _dated(trial: Trial, first: str, by: int, second: str, further: int, *, failure: str) -> Outcome:
    def moved(seconds: int) -> Forgery:
        # Without a nonce, which would date the proof in place of iat (section 4.3 item 11).
        return lambda parts: (
            parts.claiming(iat=int(str(parts.claims["iat"])) + seconds, nonce=None).signed(),
        )

    found = places(trial)
    dated = [each for each in found if not _demands_nonce(trial, each)]
    if not dated:
        return passed(f"Each of {len(found)} places refuses proofs without its own nonce, which dates them.")
    return attack_proofs(
        trial,
        dated,
        [(f"a proof {first}", moved(by)), (f"a proof {second}", moved(further))],
        failure=failure,
        success="Proofs of other times were refused",
    )


def _demands_nonce(trial: Trial, place: Place) -> bool:
    """Whether a proof that only lacks a nonce is refused: then the nonce may date it in place of ``iat``."""
    if place.dear or trial.deployment.wire.nonce(place.url) is None:
        return False
    without = good_parts(trial.deployment, place).claiming(nonce=None).signed()
    answer = trial.deployment.wire.send(place.build().with_header("dpop", without))
    return not place.taken(trial.observe(f"{place.name}, a proof without a nonce", answer))
