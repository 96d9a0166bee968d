"""The ecosystem in a data directory, as a probe sees it: its servers, and the clients whose keys are there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.audit.api import named_operation
from trustweft.audit.offboarding.scene import Call, Holder, Site
from trustweft.audit.parties import Party, client_context, load_party
from trustweft.audit.preflight import open_wire, prepare
from trustweft.audit.target import Api, ClientEntry, OperationEntry, Target, User
from trustweft.cli.assembly.client import ASSERTION_ALGORITHMS
from trustweft.cli.assembly.parts import read_key, resolve
from trustweft.cli.box_enrolment import BRAND
from trustweft.cli.first_start import SECOND_CLIENT, DemoCredentials
from trustweft.cli.settings import ClientSettings, ResourceSettings, ServerSettings
from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import LocalSigner, thumbprint
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.files import read_private_file
from trustweft.runtime.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.audit.deployment import Deployment
    from trustweft.cli.data_directory import DataDirectory
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.snapshot import Snapshot
    from trustweft.protocol.offboarding_probe import Credential
    from trustweft.runtime.clock import Clock

__all__ = ["Box"]

_RATE: Final = 400.0  # requests in a second: what is tried comes every few milliseconds, on purpose
# The sample bank's operation for each scope value. No payment is made: the guard looks at the token first.
_OPERATIONS: Final[Mapping[str, tuple[str, frozenset[int]]]] = {
    "accounts": ("/accounts", frozenset({200})),
    "payments": ("/payments/none", frozenset({404})),
}
_FLOWS: Final = ("authorization_code", "refresh_token")


@dataclass
class Box:
    """What there is to probe with.

    Attributes:
        data: where it is.
        clock: tells the time.
        code_seconds: for how long a code works, at least.
        deployment: the server.
        server: its settings, which say what the directory's names mean there.
        clients: those whose keys are here, by ``client_id``.
        customers: by subject identifier, the demo user's name.
    """

    data: DataDirectory
    clock: Clock
    code_seconds: float
    deployment: Deployment = field(init=False)
    server: ServerSettings = field(init=False)
    clients: dict[str, Party] = field(init=False)
    customers: dict[str, str] = field(init=False)
    _entropy: SystemEntropy = field(default_factory=SystemEntropy)

    def __post_init__(self) -> None:
        """Read everything, and ask the server for its metadata.

        Raises:
            TargetError: a key cannot be read, or the server does not answer.
            SettingsError: settings cannot be read.
        """
        data = self.data
        self.server = read_settings(data.path / "server/server.toml", ServerSettings, environment={}).value
        resource = read_settings(data.path / "resource/resource.toml", ResourceSettings, environment={}).value
        self.customers = resource.customers
        target = Target(
            issuer=self.issuer,
            name="the ecosystem on this machine",
            profile="fapi2-security",
            trust=str(data.authority),
            rate=_RATE,
            hosts=("localhost",),
            users=self._users(),
        )
        wire = open_wire(target)
        self.deployment = prepare(target, wire, clock=self.clock, entropy=self._entropy)
        self.clients = {each.client_id: each for each in (*self._applications(), *self._tours())}
        for party in self.clients.values():
            if party.certificate is not None:
                own = open_wire(target)
                wire.add_certificate(party.certificate, client_context(own.context(), party.entry))
                own.close()
        self.deployment.parties = tuple(self.clients.values())

    @property
    def issuer(self) -> str:
        """The authorization server, which is its name in the directory too."""
        return self.data.ports.url(self.data.ports.server)

    @cached_property
    def token_key(self) -> str:
        """The thumbprint of the key that signed the access tokens which there were when it was first asked for."""
        settings, now = self.server.keys, self.clock.now()
        ring = KeyRing(
            KeyDirectory(resolve(self.data.path / "server", settings.directory)),
            algorithms=settings.algorithms,
        )
        ring.reload(now)
        return thumbprint(ring.signer().public_key)

    @property
    def bank(self) -> str:
        """The sample bank, which is its name in the directory too."""
        return self.data.ports.url(self.data.ports.resource)

    def close(self) -> None:
        """Close the connections."""
        self.deployment.wire.close()

    def _users(self) -> tuple[User, ...]:
        people = msgspec.json.decode(read_private_file(self.data.credentials), type=DemoCredentials)
        return tuple(User(username=each.username, password=each.password) for each in people.users)

    def people(self, snapshot: Snapshot) -> tuple[User, ...]:
        """Return the demo users whom the directory has not stopped."""
        stopped = {
            self._username(each.subject)
            for each in snapshot.records("user")
            if not snapshot.effective(each.subject).active
        }
        return tuple(user for user in self.deployment.users if user.username not in stopped)

    def user_called(self, subject: Subject) -> User | None:
        """Return the demo user whom the directory knows as this customer of the bank; None where nobody is."""
        name = self._username(subject)
        return next((each for each in self.deployment.users if each.username == name), None)

    def _username(self, subject: Subject) -> str | None:
        brand, _, identifier = subject.id.partition("~")
        return self.customers.get(identifier) if brand == BRAND else None

    def _applications(self) -> Iterator[Party]:
        """Yield the sample applications: each has its settings in a folder of its own."""
        for folder in ("client", SECOND_CLIENT):
            path = self.data.path / folder / f"{folder}.toml"
            if not path.exists():
                continue
            settings = read_settings(path, ClientSettings, environment={}).value.moneyview
            base = path.parent
            keys = KeyRing.load_or_create(
                resolve(base, settings.assertion_keys), algorithms=ASSERTION_ALGORITHMS, now=self.clock.now()
            )
            signer = keys.signer()
            if isinstance(signer, LocalSigner):
                yield Party(
                    entry=ClientEntry(
                        client_id=settings.client_id,
                        redirect_uri=f"{settings.base_url}/callback",
                        scope=" ".join(settings.scope),
                        grant_types=_FLOWS,
                    ),
                    issuer=self.issuer,
                    clock=self.clock,
                    entropy=self._entropy,
                    key=signer.private_key,
                    algorithm=signer.algorithm,
                    key_id=signer.key_id,
                    proof_signer=replace(read_key(resolve(base, settings.proof_key_file)), key_id=None),
                )

    def _tours(self) -> Iterator[Party]:
        callback = f"{self.data.ports.url(self.data.ports.home)}/tour/callback"
        for entry in (
            ClientEntry(
                client_id="tour",
                key=self._file("tour.json"),
                redirect_uri=callback,
                scope="openid profile accounts payments",
                grant_types=(*_FLOWS, "client_credentials"),
            ),
            ClientEntry(
                client_id="tour-stranger",
                key=self._file("tour-stranger.json"),
                redirect_uri=callback,
                scope="openid accounts",
                grant_types=_FLOWS,
            ),
            ClientEntry(
                client_id="tour-certificate",
                authentication="tls_client_auth",
                certificate=self._file("tour-certificate.pem"),
                binding="mtls",
                scope="accounts",
                grant_types=("client_credentials",),
            ),
        ):
            if _exists(entry.key or entry.certificate):
                yield load_party(entry, issuer=self.issuer, clock=self.clock, entropy=self._entropy)

    def _file(self, name: str) -> str:
        return str(self.data.path / "client-keys" / name)

    def holder(self, party: Party, user: User | None, *, scope: str | None = None) -> Holder:
        """Return a client with what it may ask for, and what its tokens are then good for."""
        asked = party.entry.scope if scope is None else scope
        api = Api(url=self.bank, name="bank")
        calls = tuple(
            Call(
                participant=self.bank,
                operation=named_operation(api, OperationEntry(path=path, scope=name)),
                good=good,
            )
            for name, (path, good) in _OPERATIONS.items()
            if name in asked.split()
        )
        by_code = "authorization_code" in party.entry.grant_types
        # One call shows whether the token is taken, and each takes time from the next.
        return Holder(party=party, user=user if by_code else None, scope=asked, calls=calls[:1])

    def site(
        self,
        subject: Holder,
        *,
        controls: tuple[Holder, ...],
        credentials: frozenset[Credential],
        withdraws: bool,
    ) -> Site:
        """Return the server with who is off-boarded there and who is not."""
        return Site(
            participant=self.issuer,
            deployment=self.deployment,
            subject=subject,
            controls=controls,
            credentials=credentials,
            code_seconds=self.code_seconds,
            withdraws=withdraws,
        )


def _exists(name: str | None) -> bool:
    return name is not None and Path(name).exists()
