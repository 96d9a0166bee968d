"""Who asks: an assertion that one of the keys signed that the register knows, or that a participant publishes (RFC 7523).

(1) shape (2) who it says it is (3) the keys of that one, as they are now (4) the assertion (5) used once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.crypto.keys import KeySet
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.members import active_keys
from trustweft.directory.objects import Software
from trustweft.protocol.client_assertion import (
    ASSERTION_TYPE,
    REPLAYED,
    parse_client_assertion,
    verify_client_assertion,
)
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.directory.members import Participant
    from trustweft.directory.snapshot import Record
    from trustweft.protocol.client_assertion import UnverifiedAssertion
    from trustweft.protocol.oauth import Form

__all__ = ["authenticate_participant", "authenticate_software"]

_BEARER: Final = "bearer "

UNKNOWN_SOFTWARE = reason(
    "directory.unknown-software",
    error="invalid_client",
    public="The directory knows no such software.",
    status=401,
)
UNKNOWN_PARTICIPANT = reason(
    "directory.unknown-participant",
    error="invalid_client",
    public="The directory tells nobody of this name of events.",
    status=401,
)


async def authenticate_software(directory: Directory, form: Form) -> tuple[Record, Software]:
    """Return the software that a form comes from, and its facts; ``iss`` and ``sub`` of its assertion are its id in the directory.

    Raises:
        Reject: ``client-assertion.*``, ``directory.unknown-software``.
    """
    assertion = parse_client_assertion(
        assertion_type=form.get("client_assertion_type"), assertion=form.get("client_assertion")
    )
    name, snapshot = assertion.claimed_client_id, directory.snapshot()
    try:
        record = snapshot.get(parse_subject(f"software:{name}"))
    except Reject as cause:
        raise UNKNOWN_SOFTWARE.reject(f"{name!r:.140}") from cause
    if record is None or not isinstance(record.facts, Software):
        raise UNKNOWN_SOFTWARE.reject(name)
    members = [jwk for _, jwk in active_keys(snapshot, f"software:{name}", use="sig")]
    await _verify(directory, assertion, client_id=name, keys=KeySet.read({"keys": members}))
    return record, record.facts


async def authenticate_participant(directory: Directory, authorization: str | None) -> Participant:
    """Return the participant that a request comes from: its assertion is the bearer token, signed with a published key.

    Raises:
        Reject: ``client-assertion.*``, ``directory.unknown-participant``, ``participant-keys.*``.
    """
    given = (authorization or "")[: len(_BEARER)].lower() == _BEARER
    assertion = parse_client_assertion(
        assertion_type=ASSERTION_TYPE, assertion=(authorization or "")[len(_BEARER) :] if given else None
    )
    participant = directory.deliveries.participant(assertion.claimed_client_id)
    if participant is None:
        raise UNKNOWN_PARTICIPANT.reject(assertion.claimed_client_id[:200])
    keys = await directory.participant_keys.find(participant.jwks_uri, assertion.token)
    await _verify(directory, assertion, client_id=participant.identifier, keys=keys)
    return participant


async def _verify(
    directory: Directory, assertion: UnverifiedAssertion, *, client_id: str, keys: KeySet
) -> None:
    limits = directory.profile.limits
    verified = verify_client_assertion(
        assertion,
        client_id=client_id,
        keys=keys,
        algorithm=None,
        issuer=directory.config.issuer,
        now=directory.clock.now(),
        future_tolerance=limits.future_tolerance,
        maximum_lifetime=limits.client_assertion_max_lifetime,
    )
    if not await directory.replays.first_use(key=verified.replay_key, expires_at=verified.expires_at):
        raise REPLAYED.reject(client_id[:200])
