"""From a subject to a probe: whose credentials are used, which of them must stop, and who must be able to go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from trustweft.crypto.keys import thumbprint
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.directory.cascade import dependents
from trustweft.directory.objects import Authorisation, Brand, Certificate, Key, Role, Software
from trustweft.protocol.offboarding_probe import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from trustweft.audit.offboarding.scene import Holder, Site
    from trustweft.audit.parties import Party
    from trustweft.audit.target import User
    from trustweft.cli.offboard.box import Box
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.protocol.offboarding_probe import Credential

__all__ = ["NothingToProbe", "plan_probe"]

_ALL: Final[frozenset[Credential]] = frozenset(CREDENTIALS)
_TOKENS: Final[frozenset[Credential]] = frozenset({"code", "refresh_token", "access_token"})
_BY_KEY: Final[frozenset[Credential]] = frozenset({"client_key", "code", "refresh_token"})
_BY_CERTIFICATE: Final[frozenset[Credential]] = frozenset({"client_key", "access_token"})


class NothingToProbe(Exception):  # noqa: N818  # it says what is the case
    """No credential of the subject is in the data directory; the message says what is missing."""


class _Suspect(NamedTuple):
    """A client, and which of its credentials must stop working.

    ``scope`` is what is asked for; None for everything. ``left`` is what must go on working beside it.
    """

    holder: Holder
    credentials: frozenset[Credential]
    left: Holder | None = None


def plan_probe(box: Box, snapshot: Snapshot, record: Record, *, suspends: bool) -> list[Site]:
    """Return the sites of a probe.

    Raises:
        NothingToProbe: nothing of the subject could be tried.
    """
    suspects = list(_suspects(box, snapshot, record))
    if not suspects:
        raise NothingToProbe(f"no credential of {record.subject} is in {box.data.path}")
    affected = {each.holder.party.client_id for each in suspects}
    everybody = _signs_tokens(box, record) or any(
        isinstance(snapshot.find(each).facts, Brand)
        for each in (str(record.subject), *_below(snapshot, record))
    )
    sites = []
    for each in suspects:
        controls = () if everybody else tuple(_controls(box, snapshot, each, affected, record))
        sites.append(
            box.site(
                each.holder,
                controls=controls,
                credentials=each.credentials,
                withdraws=suspends and bool(each.holder.user) and record.species in _WITHDRAWN,
            )
        )
    return sites


def _signs_tokens(box: Box, record: Record) -> bool:
    return record.species == "key" and record.subject.id == box.token_key


# What can be suspended while whose permission it is can still take it back.
_WITHDRAWN: Final = frozenset({"software", "organisation"})


def _below(snapshot: Snapshot, record: Record) -> list[str]:
    return list(dependents(snapshot, record.subject))


def _controls(
    box: Box, snapshot: Snapshot, suspect: _Suspect, affected: set[str], record: Record
) -> Iterator[Holder]:
    """Yield who must be able to go on: the same client with what is left, another client, or another person."""
    if suspect.left is not None:
        yield suspect.left
    party = suspect.holder.party
    people = [each for each in box.people(snapshot) if each != suspect.holder.user]
    if record.species == "user":
        if people:
            yield box.holder(party, people[0])
        return
    others = [
        each
        for name, each in box.clients.items()
        if name not in affected
        and name != party.client_id
        and "authorization_code" in each.entry.grant_types
        and _takes_part(snapshot, name)
    ]
    if others and record.species != "api":  # an API ends for everybody
        # Another person, where there is one: nothing that the probe does to the first is then in the way.
        user = (*people, *box.people(snapshot))[:1]
        preferred = next((each for each in others if each.client_id == "tour"), others[0])
        yield from (box.holder(preferred, each) for each in user)


def _takes_part(snapshot: Snapshot, client_id: str) -> bool:
    """Whether the directory does not say that a client was stopped already."""
    for record in snapshot.records("software"):
        registered = {each.client_id for each in snapshot.registrations(record.subject)}
        if client_id in (*registered, record.subject.id):
            return snapshot.effective(record.subject).active
    return True


def _user(box: Box, snapshot: Snapshot) -> User | None:
    """Return the demo user who takes part; None where all were stopped."""
    return next(iter(box.people(snapshot)), None)


def _suspects(box: Box, snapshot: Snapshot, record: Record) -> Iterator[_Suspect]:
    match record.species:
        case "software" | "organisation":
            yield from _software(box, snapshot, record)
        case "role" | "authorisation":
            yield from _scopes(box, snapshot, record)
        case "key":
            yield from _key(box, snapshot, record)
        case "certificate":
            yield from _certificate(box, record)
        case "user":
            user = box.user_called(record.subject)
            party = box.clients.get("tour")
            if user is not None and party is not None:
                yield _Suspect(box.holder(party, user), _TOKENS)
        case "brand":
            yield from _everybody(box, snapshot)
        case "api":
            yield from _api(box, snapshot, record)


def _api(box: Box, snapshot: Snapshot, record: Record) -> Iterator[_Suspect]:
    """Yield one client, asking for the scope values of the API alone, with the rest as what must go on."""
    apis = box.server.directory.names.apis if box.server.directory is not None else {}
    lost = {scope for scope, api in apis.items() if api == record.subject.id}
    party = box.clients.get("tour")
    if party is not None:
        yield from _losing(box, snapshot, party, lost)


def _losing(box: Box, snapshot: Snapshot, party: Party, lost: Collection[str]) -> Iterator[_Suspect]:
    """Yield a client that loses scope values, where it has any of them."""
    asked, user = party.entry.scope.split(), _user(box, snapshot)
    gone = [scope for scope in asked if scope in lost]
    left = [scope for scope in asked if scope not in lost]
    if gone:
        going_on = box.holder(party, user, scope=" ".join(left)) if left else None
        subject = box.holder(party, user, scope=" ".join(gone))
        yield _Suspect(subject, _TOKENS & _credentials(party), going_on)


def _software(box: Box, snapshot: Snapshot, record: Record) -> Iterator[_Suspect]:
    names = [str(record.subject), *_below(snapshot, record)]
    if any(isinstance(snapshot.find(name).facts, Brand) for name in names):
        yield from _everybody(box, snapshot)
        return
    for name in names:
        facts = snapshot.find(name).facts
        if isinstance(facts, Software):
            for party in _parties(box, snapshot, name):
                yield _Suspect(box.holder(party, _user(box, snapshot)), _credentials(party))


def _credentials(party: Party) -> frozenset[Credential]:
    return _ALL if "authorization_code" in party.entry.grant_types else _BY_CERTIFICATE


def _everybody(box: Box, snapshot: Snapshot) -> Iterator[_Suspect]:
    """Yield one client: where a server takes part no more, nobody gets anything there."""
    party = box.clients.get("tour") or next(iter(box.clients.values()), None)
    if party is not None:
        yield _Suspect(box.holder(party, _user(box, snapshot)), _credentials(party))


def _parties(box: Box, snapshot: Snapshot, software: str) -> Iterator[Party]:
    """Yield the clients that a software is at the server: as it was registered there, or under its own name."""
    names = [each.client_id for each in snapshot.registrations(software) if each.ended_at is None]
    for name in dict.fromkeys((*names, software.partition(":")[2])):
        if name in box.clients:
            yield box.clients[name]


def _scopes(box: Box, snapshot: Snapshot, record: Record) -> Iterator[_Suspect]:
    """Yield each client that loses scope values, asking for these alone, with the rest as what must go on."""
    names = box.server.directory.names if box.server.directory is not None else None
    apis, roles = (names.apis, names.roles) if names is not None else ({}, {})
    authorisations = [
        facts
        for name in (str(record.subject), *_below(snapshot, record))
        if isinstance(facts := snapshot.find(name).facts, Authorisation)
    ]
    by_software: dict[str, set[str]] = {}
    for facts in authorisations:
        lost = {scope for scope, api in apis.items() if api == facts.api} or {facts.api}
        by_software.setdefault(f"software:{facts.software}", set()).update(lost)
    if isinstance(record.facts, Role):
        lost = {scope for scope, role in roles.items() if role == record.facts.role}
        for each in snapshot.records("software"):
            if isinstance(each.facts, Software) and each.facts.organisation == record.facts.organisation:
                by_software.setdefault(str(each.subject), set()).update(lost)
    for software, scopes in by_software.items():
        for party in _parties(box, snapshot, software):
            yield from _losing(box, snapshot, party, scopes)


def _key(box: Box, snapshot: Snapshot, record: Record) -> Iterator[_Suspect]:
    """Yield the clients that have this key: the one that they authenticate with, or the one that binds or signs tokens."""
    wanted, facts = record.subject.id, record.facts
    if not isinstance(facts, Key):
        return
    if _signs_tokens(box, record):
        for each in _everybody(box, snapshot):  # whoever has a token has one that this key signed
            yield each._replace(credentials=each.credentials & {"access_token"})
        return
    for party in _parties(box, snapshot, facts.owner):
        if party.key is not None and thumbprint(party.key.public_key()) == wanted:
            yield _Suspect(box.holder(party, _user(box, snapshot)), _BY_KEY)
        elif thumbprint(party.proof_signer.public_key) == wanted:
            yield _Suspect(box.holder(party, _user(box, snapshot)), _TOKENS)


def _certificate(box: Box, record: Record) -> Iterator[_Suspect]:
    if not isinstance(record.facts, Certificate):
        return
    for party in box.clients.values():
        if party.entry.certificate is not None:
            shown = x509.load_pem_x509_certificate(Path(party.entry.certificate).read_bytes())
            if certificate_thumbprint(shown.public_bytes(Encoding.DER)) == record.subject.id:
                yield _Suspect(box.holder(party, None), _BY_CERTIFICATE)
