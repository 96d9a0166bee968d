"""Probes: what somebody outside saw when the credentials of who was off-boarded were used again.

The order of the checks on one, here and in the tests: (1) size, shape and ``alg`` (2) ``typ`` (3) key (4) signature
(5) ``iss`` (6) ``aud`` (7) ``iat`` (8) the members, each of its type (9) nothing is called refused that did not work
before, and no participant is named twice.
There is no standard for it: the claims are ours, and RFC 8725 section 3.11 is why the type has a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from trustweft.crypto import jws
from trustweft.protocol.offboarding import Identifier, Name, Time  # noqa: TC001  # msgspec reads the annotations
from trustweft.protocol.security_event import TOKEN_LIMIT
from trustweft.protocol.signed_token import check_not_in_future, restate
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.runtime.errors import Reason

__all__ = [
    "CREDENTIALS",
    "PROBE_MEDIA_TYPE",
    "PROBE_TYPE",
    "Credential",
    "ParticipantKind",
    "Probe",
    "ProbedParticipant",
    "create_probe",
    "read_kept_probe",
    "verify_probe",
]

# What an off-boarded client may still have in its hands.
Credential = Literal["request_uri", "code", "refresh_token", "access_token", "client_key"]
ParticipantKind = Literal["server", "resource"]
Seconds = Annotated[float, Meta(ge=0, lt=10_000_000)]
Note = Annotated[str, Meta(max_length=300)]

PROBE_TYPE: Final = "offboarding-probe+jwt"
PROBE_MEDIA_TYPE: Final = "application/offboarding-probe+jwt"
CREDENTIALS: Final[tuple[Credential, ...]] = get_args(Credential)
_ERROR: Final = "invalid_request"

MALFORMED = reason("probe.malformed", error=_ERROR, public="The probe is no signed probe.")
WRONG_TYPE = reason(
    "probe.wrong-type", error=_ERROR, public="The typ of a probe must be offboarding-probe+jwt."
)
NO_KEY = reason(
    "probe.no-key", error="invalid_key", public="The key that signed the probe is no key of who probed."
)
BAD_SIGNATURE = reason(
    "probe.bad-signature",
    error="authentication_failed",
    public="The signature of the probe does not verify.",
)
ISSUER = reason("probe.issuer", error="invalid_issuer", public="The probe comes from somebody else.")
AUDIENCE = reason("probe.audience", error="invalid_audience", public="The probe is for another directory.")
FROM_FUTURE = reason("probe.from-future", error=_ERROR, public="The probe comes from the future.")
VOID = reason(
    "probe.void",
    error=_ERROR,
    public="A credential shows a refusal where it worked before, and only there.",
)
REPEATED = reason("probe.repeated", error=_ERROR, public="The probe names a participant more than once.")


class ProbedParticipant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one participant answered.

    Attributes:
        id: its identifier in the directory: an issuer, or the URL of a resource server.
        kind: which of the two.
        before_ok: by credential, whether it worked before the order; where it did not, its test is void.
        refused: by credential that worked, seconds from ``effective_at`` to the first refusal, at most as much too
            long as two attempts are apart; None where it was never refused.
        came_back: credentials that were accepted again after a refusal.
        notes: by credential, what else there is to say.
    """

    id: Name
    kind: ParticipantKind
    before_ok: dict[Credential, bool]
    refused: dict[Credential, Seconds | None]
    came_back: tuple[Credential, ...] = ()
    notes: dict[Credential, Note] = {}  # msgspec copies an empty default


class Probe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen; a claim of the token for each member.

    Attributes:
        iss: who probed.
        aud: the directory.
        order: the identifier of the order.
        participants: what each answered.
        control_ok: whether somebody whom the order does not concern could go on working; None where there is nobody.
        finished_at: when the last attempt was answered, in seconds since the epoch.
        withdrawal_ok: of a suspension, whether permission could still be taken back; None where that was not tried.
        notes: what else there is to say.
    """

    iss: Name
    aud: Name
    order: Identifier
    iat: Time
    participants: tuple[ProbedParticipant, ...]
    control_ok: bool | None
    finished_at: Time
    withdrawal_ok: bool | None = None
    notes: tuple[Note, ...] = ()


def create_probe(signer: Signer, probe: Probe) -> str:
    """Return the signed probe."""
    return jws.sign(msgspec.to_builtins(probe), signer=signer, header={"typ": PROBE_TYPE})


def read_kept_probe(token: str) -> Probe:
    """Read a probe that was verified when it came, or that we signed, and kept since then where nobody else writes."""
    return msgspec.convert(jws.parse(token, limit=TOKEN_LIMIT).unverified_claims(), Probe)


_WORDS: Final[Mapping[str, Reason]] = {"jws.bad-signature": BAD_SIGNATURE, "jwks.no-key": NO_KEY}


def verify_probe(
    token: str, *, keys: KeySet, issuer: str | None, audience: str, now: float, tolerance: float
) -> Probe:
    """Verify a probe.

    The caller MUST hold ``order`` against the orders that the directory gave.

    Args:
        token: as it came.
        keys: those of whoever may probe.
        issuer: who that is; None where their keys alone say it.
        audience: the directory.
        now: the time.
        tolerance: seconds that the clock of who probed may be ahead.

    Raises:
        Reject: ``probe.*``.
    """
    try:
        parsed = jws.parse(token, limit=TOKEN_LIMIT)  # (1)
        if parsed.type != PROBE_TYPE:  # (2)
            raise WRONG_TYPE.reject(parsed.type[:80])
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)  # (3)
        claims = jws.verify(parsed, key=key.key, algorithm=key.algorithm)  # (4)
    except Reject as cause:
        if cause.reason is WRONG_TYPE:
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if issuer is not None and claims.get("iss") != issuer:  # (5)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}")
    if claims.get("aud") != audience:  # (6)
        raise AUDIENCE.reject(f"{claims.get('aud')!r:.200}")
    check_not_in_future(claims, now=now, tolerance=tolerance, malformed=MALFORMED, refused=FROM_FUTURE)  # (7)
    try:
        probe = msgspec.convert(claims, Probe)  # (8)
    except msgspec.ValidationError as cause:
        raise MALFORMED.reject(str(cause)[:200]) from cause
    _check_consistent(probe)  # (9)
    return probe


def _check_consistent(probe: Probe) -> None:
    names = [(each.kind, each.id) for each in probe.participants]
    if len(set(names)) != len(names):
        raise REPEATED.reject(str(len(names)))
    for each in probe.participants:
        worked = {credential for credential, ok in each.before_ok.items() if ok}
        if set(each.refused) != worked or not worked.issuperset(each.came_back):
            raise VOID.reject(f"{each.id[:100]}: {sorted(set(each.refused) ^ worked)}")
