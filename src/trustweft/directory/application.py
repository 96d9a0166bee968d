"""The directory as one ASGI application: its endpoints, its parts, and how a refusal is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from trustweft.crypto import jws
from trustweft.directory.config import PATHS, DirectoryConfig
from trustweft.directory.delivery import Deliveries, DeliveryRules
from trustweft.directory.endpoints import federation
from trustweft.directory.endpoints.documents import tell_keys
from trustweft.directory.endpoints.events import ask_for_verification, tell_transmitter_configuration
from trustweft.directory.endpoints.probes import take_probe
from trustweft.directory.endpoints.receipts import take_receipt
from trustweft.directory.endpoints.software_statements import issue_software_statement
from trustweft.directory.endpoints.status import tell_status
from trustweft.directory.feed import Feed
from trustweft.directory.keeper import Keeper
from trustweft.directory.ledger import Ledger
from trustweft.directory.members import is_application, is_shown_to_applications
from trustweft.directory.pace import Pace
from trustweft.directory.participant_keys import ParticipantKeys
from trustweft.directory.resolving import Resolving
from trustweft.directory.signing_orders import sign_order
from trustweft.directory.statements import Statements
from trustweft.directory.terms import terms_of
from trustweft.directory.watching import RegisterWatch
from trustweft.net.asgi import application
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.protocol.oauth import error_fields
from trustweft.protocol.security_event import TOKEN_LIMIT
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.crypto.keyring import KeyRing
    from trustweft.crypto.keys import KeySet
    from trustweft.directory.commands import Command
    from trustweft.directory.events import Actor, Event
    from trustweft.directory.orders import Order
    from trustweft.directory.progress import ProgressKeeper
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.storage import RegisterStore, ReplayMemory
    from trustweft.directory.terms import Terms
    from trustweft.evidence.log import EvidenceLog
    from trustweft.net.asgi import Application
    from trustweft.net.remote_keys import Fetch
    from trustweft.net.status_reader import Send
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

__all__ = ["ENDPOINTS", "REASON_HEADER", "Deployment", "Directory"]

REASON_HEADER: Final = "trustweft-reason"  # the reason id, for people who must find out why
BODY_LIMIT: Final = (
    262_144  # our choice: a probe of a thousand servers fits; forms and other tokens have narrower bounds
)
ASKED_A_MINUTE: Final = (
    120  # our choice: what an address may ask for that costs something before anything is proven
)

NOT_FOUND = reason(
    "directory.not-found", error="not_found", public="There is nothing at this address.", status=404
)
METHOD = reason(
    "directory.method",
    error="invalid_request",
    public="This address is not asked in this way.",
    status=405,
)

_TELLS_WHAT_IS_SO: Final = frozenset(
    (
        "status",
        "software_statements",
        "fetch",
        "list",
        "resolve",
        "trust_mark_status",
        "trust_marked",
        "trust_mark",
    )
)

Answer = Callable[["Directory", HttpRequest], Awaitable[HttpResponse]]


class Endpoint(NamedTuple):
    """What is at an address: its name for the observer, the one method that it is asked with, and who answers."""

    name: str
    method: str
    answer: Answer

    @property
    def tells_what_is_so(self) -> bool:
        """Whether others act by the answer as by what is so now: none is given while nobody knows what is."""
        return self.name in _TELLS_WHAT_IS_SO


# Everything that anybody can ask of a directory, by name in ``PATHS``.
_ANSWERS: Final[dict[str, tuple[str, Answer]]] = {
    "jwks": ("GET", tell_keys),
    "status": ("GET", tell_status),
    "receipts": ("POST", take_receipt),
    "probes": ("POST", take_probe),
    "software_statements": ("POST", issue_software_statement),
    "transmitter_configuration": ("GET", tell_transmitter_configuration),
    "verification": ("POST", ask_for_verification),
    "entity_configuration": ("GET", federation.tell_entity_configuration),
    "fetch": ("GET", federation.fetch),
    "list": ("GET", federation.list_members),
    "resolve": ("GET", federation.resolve),
    "trust_mark_status": ("POST", federation.tell_trust_mark_status),
    "trust_marked": ("GET", federation.list_trust_marked),
    "trust_mark": ("GET", federation.hand_out_trust_mark),
    "historical_keys": ("GET", federation.tell_historical_keys),
}
ENDPOINTS: Final = {PATHS[name]: Endpoint(name, *asked) for name, asked in _ANSWERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a directory is made of.

    Attributes:
        profile: what it, and everybody in it, is held to.
        store: its register.
        keys: sign everything that it says.
        log: where evidence is kept.
        progress: where it is kept how far participants were told.
        push: delivers events; its deadline bounds an attempt.
        fetch: gets what participants publish.
        replays: remembers what may be shown once.
        probe_keys: gives the keys of those who may probe.
    """

    config: DirectoryConfig
    profile: Profile
    store: RegisterStore
    keys: KeyRing
    log: EvidenceLog
    progress: ProgressKeeper
    push: Send
    fetch: Fetch
    replays: ReplayMemory
    probe_keys: Callable[[], KeySet]
    clock: Clock
    entropy: Entropy
    observer: Observer
    delivery: DeliveryRules | None = None


class Directory:
    """Answers requests, and tells what is new while ``watch.run`` and ``deliveries.run`` do; hand ``asgi`` to a server."""

    def __init__(self, deployment: Deployment) -> None:
        self.config = deployment.config
        self.profile = deployment.profile
        self.keys = deployment.keys
        self.clock = deployment.clock
        self.entropy = deployment.entropy
        self.observer = deployment.observer
        self._terms = self._terms_of(deployment.profile)  # as of the profile: asked for with every command
        self.keeper = Keeper(deployment.store, clock=deployment.clock, terms=self.terms)
        self.ledger = Ledger(deployment.log, sign=self._sign, verifies=self._verifies)
        self.feed = Feed(
            snapshot=self.snapshot,
            issuer=self.config.issuer,
            signer=self.keys.signer,
            lifetime=lambda: self.profile.directory.status_lifetime,
            clock=self.clock,
        )
        self.deliveries = Deliveries(
            snapshot=self.snapshot,
            issuer=self.config.issuer,
            signer=self.keys.signer,
            order_token=self._order_token,
            send=deployment.push,
            keeper=deployment.progress,
            clock=self.clock,
            entropy=self.entropy,
            observer=self.observer,
            rules=deployment.delivery or DeliveryRules(verify_every=self.config.verify_every),
        )
        self.participant_keys = ParticipantKeys(
            fetch=deployment.fetch, snapshot=self.snapshot, clock=self.clock, observer=self.observer
        )
        self.replays = deployment.replays
        self.probe_keys = deployment.probe_keys
        self.pace = Pace(clock=self.clock, times=ASKED_A_MINUTE)
        self.statements = Statements(
            self.config,
            snapshot=self.snapshot,
            profile=lambda: self.profile,
            keys=self.keys,
            clock=self.clock,
        )
        self.resolving = Resolving(
            self.config,
            statements=self.statements,
            snapshot=self.snapshot,
            keys=self.keys,
            fetch=deployment.fetch,
            clock=self.clock,
            future_tolerance=self.profile.limits.future_tolerance,
        )
        self.watch = RegisterWatch(
            keeper=self.keeper,
            feed=self.feed,
            deliveries=self.deliveries,
            ledger=self.ledger,
            clock=self.clock,
            observer=self.observer,
        )
        self.asgi: Application = application(
            self.respond,
            participant="directory",
            observer=self.observer,
            body_limit=BODY_LIMIT,
            endpoint_of=_name_of,
        )

    def snapshot(self) -> Snapshot:
        """Return what is so now, as far as it was read."""
        return self.keeper.register.now

    def terms(self) -> Terms:
        """Return what the profile asks of the register."""
        return self._terms

    def adopt(self, profile: Profile) -> None:
        """Act by another profile from now on."""
        self.profile = profile
        self._terms = self._terms_of(profile)

    def _terms_of(self, profile: Profile) -> Terms:
        return terms_of(profile, without_certification=self.config.without_certification)

    async def carry_out(self, command: Command, *, actor: Actor) -> tuple[Event, ...]:
        """Carry out a command of somebody who is here, and tell everybody at once.

        Raises:
            Reject: it is refused.
        """
        events = await self.keeper.carry_out(command, actor=actor)
        await self.watch.look_now()
        return events

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; a refusal becomes an answer here and nowhere else."""
        endpoint = ENDPOINTS.get(request.path)
        try:
            if endpoint is None:
                raise NOT_FOUND.reject(repr(request.path)[:200])
            if request.method != endpoint.method and (request.method, endpoint.method) != ("HEAD", "GET"):
                raise METHOD.reject(request.method[:20], headers=(("allow", endpoint.method),))
            if endpoint.tells_what_is_so:
                self.watch.check_sees()
            return await endpoint.answer(self, request)
        except Reject as refusal:
            self.observer.refused("directory", endpoint.name if endpoint else "none", refusal)
            headers = (*refusal.headers, (REASON_HEADER, refusal.reason.id))
            return json_response(error_fields(refusal), status=refusal.reason.status, headers=headers)

    def _sign(self, order: Order) -> str:
        return sign_order(
            order,
            signer=self.keys.signer(),
            issuer=self.config.issuer,
            receipt_endpoint=self.config.endpoint("receipts"),
        )

    def _order_token(self, order: Order, participant: str) -> str:
        """Return an order as a participant reads it: an application learns no names but those of servers and APIs."""
        if not is_application(participant):
            return self.ledger.order_token(order)
        snapshot = self.snapshot()
        shown = tuple(each for each in order.subjects if is_shown_to_applications(snapshot, each))
        return self._sign(structs.replace(order, subjects=shown))

    def _verifies(self, token: str) -> bool:
        key_id = jws.parse(token, limit=TOKEN_LIMIT).key_id
        return any(each.key_id == key_id for each in self.keys.key_set().keys)

    async def close(self) -> None:
        """Write what was begun."""
        await self.ledger.close()


def _name_of(path: str) -> str:
    endpoint = ENDPOINTS.get(path)
    return endpoint.name if endpoint else "none"
