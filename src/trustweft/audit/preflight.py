"""Before the first check: who answers, who can log in, which operations work. What is missing is said, not guessed."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.api import Operation, named_operations
from trustweft.audit.check import GrantRefused, Inconclusive, LoginFailed, NotApplicable
from trustweft.audit.deployment import Deployment
from trustweft.audit.discovery import Discovery, discover
from trustweft.audit.exchange import Request
from trustweft.audit.forging import read_parts
from trustweft.audit.harvest import Harvest, harvest
from trustweft.audit.openapi import described_templates
from trustweft.audit.parties import client_context, load_party
from trustweft.audit.results import Reached
from trustweft.audit.target import TargetError
from trustweft.audit.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.parties import Party
    from trustweft.audit.target import Target, User
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["need_answer", "open_wire", "prepare", "reach"]

_USERS: Final = frozenset({"authorization_code", "password"})
_DISTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"  # OpenSSL's word


def _users(party: Party) -> bool:
    """Whether users log in with a client."""
    return bool(_USERS & set(party.entry.grant_types))


def open_wire(target: Target) -> Wire:
    """Return the way out to the hosts of the target file.

    Raises:
        TargetError: authorities or a certificate cannot be read.
    """
    certificates = {
        entry.client_id: client_context(_trust(target), entry)
        for entry in (*target.clients, *target.resource_servers)
        if entry.certificate is not None
    }
    return Wire(_trust(target), certificates=certificates, hosts=target.allowed_hosts(), rate=target.rate)


def _trust(target: Target) -> ssl.SSLContext:
    # The system's authorities and those of the file: what is audited may use either. Old versions and suites are
    # allowed to us, so that a server that has nothing better is audited too; the TLS checks judge them.
    context = ssl.create_default_context()
    try:
        if target.trust is not None:
            context.load_verify_locations(cafile=target.trust)
    except (OSError, ssl.SSLError) as cause:
        raise TargetError(f"{target.trust} cannot be read: {cause}") from cause
    return context


def prepare(target: Target, wire: Wire, *, clock: Clock, entropy: Entropy) -> Deployment:
    """Find out what can be audited.

    Raises:
        TargetError: a key cannot be read, or the issuer does not answer, or neither publishes metadata nor is described.
    """
    discovery = discover(wire, target)
    if not discovery.text("token_endpoint"):
        need_answer(wire, target.issuer)
        raise TargetError(
            f"{target.issuer} publishes no metadata; name authorization_endpoint and token_endpoint in [endpoints]"
        )
    _allow_endpoints(wire, discovery)
    parties, resource_servers = (
        tuple(load_party(entry, issuer=target.issuer, clock=clock, entropy=entropy) for entry in entries)
        for entries in (target.clients, target.resource_servers)
    )
    deployment = Deployment(
        target=target,
        wire=wire,
        discovery=discovery,
        # The first is whom users log in with; a client that acts for itself alone can be any other.
        parties=tuple(sorted(parties, key=lambda each: not _users(each))),
        resource_servers=resource_servers,
        users=target.users,
        operations=(),
        claims_fapi=_claims_fapi(target, discovery),
        clock=clock,
        entropy=entropy,
    )
    for api in target.apis:
        deployment.operations = (*deployment.operations, *named_operations(api))
        deployment.templates = (*deployment.templates, *described_templates(api, deployment))
    return deployment


def need_answer(wire: Wire, issuer: str) -> None:
    """Make sure that a server that seems to publish nothing is there at all.

    Raises:
        TargetError: it cannot be asked.
    """
    try:
        wire.send(Request(method="GET", url=issuer))
    except Inconclusive as cause:
        hint = "; `trust` names the authorities of its certificate" if _DISTRUSTED in str(cause) else ""
        raise TargetError(f"{issuer} cannot be asked: {cause}{hint}") from cause


def reach(deployment: Deployment) -> Reached:
    """Log in with every client and user and call every operation that only reads; drop those that do not work."""
    without_token = {each.client_id: _why_without_token(deployment, each) for each in deployment.parties}
    clients = [name for name, why in without_token.items() if not why]
    # The first is the one that checks act as: of those that users log in with, one that works, for the first user too.
    deployment.parties = tuple(
        sorted(
            deployment.parties,
            key=lambda each: (
                not _users(each),
                bool(without_token[each.client_id]),
                any(
                    (each.client_id, user.username) in deployment.shut_out_of for user in deployment.users[:1]
                ),
            ),
        )
    )
    missing = [f"client {name} obtains no token: {why}" for name, why in without_token.items() if why]
    outside = {each.username: _why_outside(deployment, each) for each in deployment.users}
    users = [name for name, why in outside.items() if not why]
    missing += [why for why in outside.values() if why]
    missing += _too_few(deployment)
    unknown = _harvest(deployment)
    working, unreached = _probe(deployment)
    unreached |= unknown
    deployment.operations = tuple(working)
    missing += [
        f"pages wanted something of {host}, which the target file does not name: it was cut off"
        for host in sorted(deployment.wire.cut_off)
    ]
    return Reached(
        operations=tuple(each.name for each in working if each.safe),
        writing=tuple(each.name for each in working if not each.safe),
        unreached=unreached,
        clients=tuple(clients),
        locked_out=tuple(each.client_id for each in deployment.parties if each.client_id not in clients),
        users=tuple(users),
        missing=tuple(missing),
    )


def _why_without_token(deployment: Deployment, party: Party) -> str:
    """Return why a client obtains no token; empty where it obtains one, for the first user whom the server lets in."""
    refusals = []
    for number, user in enumerate(deployment.users or (None,)):
        try:
            # The first user's token is the one that checks share, and goes without saying whose it is.
            deployment.access(party, user if number else None)
        except LoginFailed as cause:
            why = _shut_out(deployment, party, user, cause)
            refusals.append(f"user {user.username} cannot log in: {why}" if user is not None else why)
        except (Inconclusive, NotApplicable) as cause:
            return str(cause)
        else:
            return ""
    return refusals[0]


def _why_outside(deployment: Deployment, user: User) -> str:
    """Return that a user cannot log in, or that no client lets them; empty where one does.

    What a client is refused for says nothing of the user.
    """
    refusals = []
    for party in filter(_users, deployment.parties):
        try:
            deployment.access(party, user)
        except LoginFailed as cause:
            why = _shut_out(deployment, party, user, cause)
            if user.username in deployment.shut_out:
                return f"user {user.username} cannot log in: {why}"
            refusals.append(f"client {party.client_id}: {why}")
        except (Inconclusive, NotApplicable) as cause:
            refusals.append(f"client {party.client_id}: {cause}")
        else:
            return ""
    why = "; ".join(refusals) or "the target file names none that users log in with"
    return f"no client obtains a token for user {user.username} ({why})"


def _shut_out(deployment: Deployment, party: Party, user: User | None, cause: LoginFailed) -> str:
    """Remember why the server does not let a user in, so that nobody tries again; return it.

    A login form asks the user alone. The password grant also refuses who needs a second factor with one client, or is
    not assigned to it: the user is shut out where it refuses every client that users log in with.
    """
    if user is None:
        return str(cause)
    if isinstance(cause, GrantRefused):
        refused = deployment.shut_out_of
        refused[party.client_id, user.username] = str(cause)
        others = filter(_users, deployment.parties)
        if any((each.client_id, user.username) not in refused for each in others):
            return str(cause)
    return deployment.shut_out.setdefault(user.username, str(cause))


def _harvest(deployment: Deployment) -> dict[str, str]:
    """Make operations of what the documents describe, with each user's own values; return what stays unknown."""
    for number, user in enumerate(deployment.users[:2]):
        try:
            access = deployment.access(None, user)
        except (Inconclusive, NotApplicable):
            continue
        names = (user.username, *_subject(access))
        deployment.harvests[user.username] = harvest(
            deployment, deployment.templates, access, names=names, given=number == 0
        )
    own = next(iter(deployment.harvests.values()), None) or harvest(
        deployment, deployment.templates, _own(deployment)
    )
    first = {each.name: each for each in reversed(own.operations)}
    deployment.operations += tuple(first[each.name] for each in deployment.templates if each.name in first)
    return {
        each.name: f"no value is known for {', '.join(each.places) or 'what it demands'}"
        for each in deployment.templates
        if each.name not in first
    }


def _own(deployment: Deployment) -> Access | None:
    try:
        return deployment.access()
    except (Inconclusive, NotApplicable):
        return None


def _subject(access: Access) -> tuple[str, ...]:
    _, claims = read_parts(access.id_token or access.token)
    subject = claims.get("sub")
    return (subject,) if isinstance(subject, str) else ()


def _probe(deployment: Deployment) -> tuple[list[Operation], dict[str, str]]:
    working: list[Operation] = []
    unreached: dict[str, str] = {}
    for operation in deployment.operations:
        if not operation.safe:
            working.append(operation)
            continue
        owner = _other_owner(deployment, operation)
        try:
            if operation.public:
                exchange = deployment.wire.send(operation.request())
            else:
                access = deployment.access(None, owner)
                exchange = deployment.send_call(deployment.calling(operation, access), access)
        except (Inconclusive, NotApplicable) as cause:
            unreached[operation.name] = str(cause)
            continue
        if exchange.ok and owner is not None:
            # It is none of the first user's, as whom the checks call; what it shows is that its owner's token works.
            known = deployment.harvests.get(owner.username) or Harvest()
            deployment.harvests[owner.username] = replace(known, operations=[*known.operations, operation])
        elif exchange.ok:
            working.append(operation)
        else:
            if exchange.broke and not operation.public:
                deployment.broken += (operation,)
            unreached[operation.name] = f"a good request was answered with {exchange.status}"
    return working, unreached


def _other_owner(deployment: Deployment, operation: Operation) -> User | None:
    """Return the user whose object the target file says this is, where that is not the first."""
    others = deployment.users[1:]
    return next((each for each in others if operation.owner and each.username == operation.owner), None)


def _too_few(deployment: Deployment) -> Iterable[str]:
    if len(deployment.parties) < 2:  # noqa: PLR2004  # a client and a stranger
        yield "fewer than two clients: nothing between clients was tried"
    if len(deployment.users) < 2:  # noqa: PLR2004  # a user and an attacker
        yield "fewer than two users: nothing between users was tried"
    if not deployment.target.apis:
        yield "no API: no resource server was tried"


def _allow_endpoints(wire: Wire, discovery: Discovery) -> None:
    """Let the server's own endpoints be asked where they are on its host, as a matter of course."""
    issuer_host = (urlsplit(discovery.issuer).hostname or "").lower()
    for value in discovery.metadata.values():
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            host = (urlsplit(value).hostname or "").lower()
            if host.endswith(f".{issuer_host}"):
                wire.hosts.add(host)


def _claims_fapi(target: Target, discovery: Discovery) -> bool:
    if target.profile is not None:
        return target.profile not in ("oauth2-plain", "oauth2-bcp")
    return discovery.flag("require_pushed_authorization_requests")
