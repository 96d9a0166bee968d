"""Everything in the ecosystem on this machine, on-boarded: what `trustweft up` does at each start where it is missing.

It takes the steps that `trustweft onboard` takes, as the operator `trustweft-up`, and says of each what it rests on. Whoever
was stopped, here or by somebody else, stays stopped; whatever a start that was cut off left undone, the next one does.
Nothing here was audited when it was entered, and nothing says that it was: `trustweft onboard prove` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import structs

from trustweft.cli.sample_clients import BANK_NAME, ORGANISATION_OF, client_metadata
from trustweft.cli.settings import ClientSettings
from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import public_jwk, read_private_jwk, read_public_jwk, thumbprint
from trustweft.crypto.strength import strong_key
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.directory.commands import NoteRegistration
from trustweft.directory.enrolment import Enrolment
from trustweft.directory.events import Actor
from trustweft.directory.identifiers import (
    authorisation_subject,
    customer_subject,
    parse_subject,
    role_subject,
)
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import (
    Api,
    Authorisation,
    Brand,
    Certificate,
    Key,
    Organisation,
    Role,
    Software,
    User,
    parents_of,
)
from trustweft.net.event_addresses import RECEIPT_KEYS_PATH
from trustweft.net.event_receiver import EVENTS_PATH
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import read_private_file
from trustweft.runtime.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.keeper import Keeper
    from trustweft.directory.objects import Facts
    from trustweft.runtime.observability import Observer

__all__ = ["BRAND", "BY_SCOPE", "ROLES", "enrol_box"]

BRAND: Final = "harbour-bank"
# By scope value: the API behind it, and the role that an organisation needs for it.
BY_SCOPE: Final[Mapping[str, str]] = {"accounts": "accounts", "payments": "payments"}
ROLES: Final[Mapping[str, str]] = {"accounts": "account-information", "payments": "payment-initiation"}
ACTOR: Final = Actor(id="trustweft-up", part="operator")
_HERE: Final = "made by trustweft up on this machine"
_NAMES: Final = {
    "harbour-bank": BANK_NAME,
    "moneyview": "MoneyView",
    "paypilot": "PayPilot",
    "trustweft": "Trustweft",
}
# By client, the folder of an application that is served.
_FOLDERS: Final = {"moneyview": "client", "paypilot": "second-client"}
# By state, what led there.
_STOPPED_BY: Final = {"suspended": "suspend", "withdrawn": "withdraw", "revoked": "revoke", "lapsed": "lapse"}
_TERMS: Final = "box-1"
_ADMISSION: Final = (
    ("verify", _HERE),
    ("sign-terms", f"terms {_TERMS}: nobody but this machine takes part"),
    ("activate", _HERE),
)
# What counts in the end: whoever goes live without a certification is not called certified.
_LIVE: Final = "a part of the box that was not audited yet: trustweft onboard prove does that"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Something that belongs in the directory, and the arrows that bring it to life, each with what it rests on."""

    subject: Subject
    facts: Facts
    arrows: tuple[tuple[str, str], ...]


async def enrol_box(data: DataDirectory, keeper: Keeper, *, observer: Observer, at: float) -> None:
    """Enter what is missing, and bring to life what never was; a refusal is told, and stops nothing else.

    Args:
        data: where; the participants' keys are in their folders, because they were assembled before.
        keeper: of its register.
        observer: hears of what was refused.
        at: the time, by which keys are published.

    Raises:
        Reject: ``store.unavailable``.
    """
    enrolment = Enrolment(keeper, actor=ACTOR)
    try:
        await _name_customers_by_brand(enrolment)
    except Reject as refused:
        _tell(observer, f"brand:{BRAND}", refused)
    for wanted in _everything(data, at):
        try:
            await _bring(enrolment, wanted)
        except Reject as refused:
            _tell(observer, str(wanted.subject), refused)
    now = await enrolment.snapshot()
    for client_id in ORGANISATION_OF:
        software, brand = parse_subject(f"software:{client_id}"), parse_subject(f"brand:{BRAND}")
        gone = any(
            now.get(each) is None or now.effective(each).effect == "ended" for each in (software, brand)
        )
        if gone or any(each.brand == str(brand) for each in now.registrations(software)):
            continue
        try:
            noted = NoteRegistration(software=software, brand=brand, client_id=client_id)
            await keeper.carry_out(noted, actor=ACTOR)
        except Reject as refused:
            _tell(observer, str(software), refused)


async def _name_customers_by_brand(enrolment: Enrolment) -> None:
    """Stop under their names of now the customers who were stopped when the directory named them without a brand.

    Servers know nobody by such a name any more: without this, who was stopped would go on.
    """
    now = await enrolment.snapshot()
    for record in list(now.records("user")):
        facts, action = record.facts, _STOPPED_BY.get(record.state)
        if (
            not isinstance(facts, User)
            or facts.part != "customer"
            or facts.brand is not None
            or action is None
        ):
            continue
        subject = customer_subject(brand=BRAND, identifier=record.subject.id)
        if facts.organisation != BRAND or now.get(subject) is not None:
            continue
        await enrolment.enter(subject, structs.replace(facts, brand=BRAND), reason=f"was {record.subject}")
        await enrolment.advance(subject, "activate", reason=f"was {record.subject}")
        await enrolment.advance(subject, action, reason=f"as {record.subject} was {record.state}")


def _tell(observer: Observer, subject: str, refused: Reject) -> None:
    if not refused.reason.id.startswith("register."):
        raise refused
    observer.happened("directory", "not on-boarded", subject=subject, reason=refused.reason.id)


async def _bring(enrolment: Enrolment, wanted: _Wanted) -> None:
    now = await enrolment.snapshot()
    if now.get(wanted.subject) is None:
        parents = [now.get(each) for each in parents_of(wanted.facts)]
        if any(each is None or now.effective(each.subject).effect == "ended" for each in parents):
            return  # what it would belong to was stopped for good, or is not there yet
        await enrolment.enter(wanted.subject, wanted.facts)
    await _let_follow(enrolment, wanted)
    for action, evidence in wanted.arrows:
        record = (await enrolment.snapshot()).find(wanted.subject)
        # Once it took part, what became of it was somebody's decision.
        if record.standing.effect is not None:
            return
        if LIFECYCLES[record.species].arrow(source=record.state, action=action) is not None:
            await enrolment.advance(wanted.subject, action, evidence=evidence)


async def _let_follow(enrolment: Enrolment, wanted: _Wanted) -> None:
    """Say where an application is told of events that was entered before it could be."""
    now = await enrolment.snapshot()
    facts, new = now.find(wanted.subject).facts, wanted.facts
    if (
        isinstance(facts, Software)
        and isinstance(new, Software)
        and new.events_endpoint
        and not facts.events_endpoint
        and now.effective(wanted.subject).effect != "ended"
    ):
        follows = structs.replace(facts, events_endpoint=new.events_endpoint, jwks_uri=new.jwks_uri)
        await enrolment.amend(
            wanted.subject, follows, reason="its settings say that it follows the directory"
        )


def _everything(data: DataDirectory, at: float) -> Iterator[_Wanted]:
    """Yield all of it, parents first."""
    for identifier, name in _NAMES.items():
        subject = parse_subject(f"organisation:{identifier}")
        yield _Wanted(subject, Organisation(name=name, terms=_TERMS), _ADMISSION)
    yield from _roles()
    yield from _of_the_bank(data, at)
    clients = {str(each["client_id"]): each for each in client_metadata(data)}
    for client_id, metadata in clients.items():
        yield from _software(data, client_id, metadata, at=at)
    for client_id, metadata in clients.items():
        yield from _authorisations(client_id, str(metadata.get("scope", "")).split())


def _roles() -> Iterator[_Wanted]:
    held = (
        ("harbour-bank", "data-holder", ()),
        ("moneyview", ROLES["accounts"], ("accounts",)),
        *(
            (organisation, ROLES[api], (api,))
            for organisation in ("paypilot", "trustweft")
            for api in ("accounts", "payments")
        ),
    )
    for organisation, role, apis in held:
        facts = Role(organisation=organisation, role=role, authority="trustweft", apis=apis)
        yield _Wanted(role_subject(organisation=organisation, role=role), facts, (("grant", _HERE),))


def _of_the_bank(data: DataDirectory, at: float) -> Iterator[_Wanted]:
    ports = data.ports
    brand = parse_subject(f"brand:{BRAND}")
    issuer, bank = ports.url(ports.server), ports.url(ports.resource)
    facts = Brand(
        organisation="harbour-bank",
        name=BANK_NAME,
        issuer=issuer,
        events_endpoint=f"{issuer}{EVENTS_PATH}",
        jwks_uri=f"{issuer}/jwks",
    )
    yield _Wanted(brand, facts, (("list", _LIVE),))
    for jwk in _ring(data, "server/keys", at=at):
        yield _key(str(brand), jwk)
    for family in BY_SCOPE.values():
        api = Api(
            brand=BRAND,
            family=family,
            resource=bank,
            events_endpoint=f"{bank}{EVENTS_PATH}",
            jwks_uri=f"{bank}{RECEIPT_KEYS_PATH}",
        )
        yield _Wanted(parse_subject(f"api:{family}"), api, (("list", f"{bank}/openapi.json"),))


def _software(
    data: DataDirectory, client_id: str, metadata: Mapping[str, object], *, at: float
) -> Iterator[_Wanted]:
    subject = parse_subject(f"software:{client_id}")
    described = {
        name: value
        for name, value in metadata.items()
        if name not in ("client_id", "jwks", "organisation_id")
    }
    published = str(metadata.get("jwks_uri", "")) if _follows(data, client_id) else ""
    facts = Software(
        organisation=ORGANISATION_OF[client_id],
        name=str(metadata["client_name"]),
        metadata=described,
        events_endpoint=f"{published.removesuffix('/jwks')}{EVENTS_PATH}" if published else "",
        jwks_uri=published,
    )
    # Entered first and live last: going live needs a key.
    yield _Wanted(subject, facts, ())
    for jwk in _keys_of(data, client_id, at=at):
        yield _key(str(subject), jwk)
    yield from _certificates(data, client_id)
    yield _Wanted(subject, facts, (("go-live", _LIVE),))


def _follows(data: DataDirectory, client_id: str) -> bool:
    """Say whether an application's settings have it follow the directory."""
    folder = _FOLDERS.get(client_id)
    if folder is None:
        return False
    path = data.file(f"{folder}/{folder}.toml")
    return read_settings(path, ClientSettings, environment={}).value.directory is not None


def _authorisations(client_id: str, scope: list[str]) -> Iterator[_Wanted]:
    for name in scope:
        if name in BY_SCOPE:
            api, role = BY_SCOPE[name], f"{ORGANISATION_OF[client_id]}~{ROLES[name]}"
            subject = authorisation_subject(software=client_id, api=api)
            facts = Authorisation(software=client_id, api=api, role=role)
            yield _Wanted(subject, facts, (("grant", f"role:{role}"),))


def _key(owner: str, jwk: Mapping[str, Any]) -> _Wanted:
    public = public_jwk(read_public_jwk(jwk))
    subject = parse_subject(f"key:{thumbprint(read_public_jwk(jwk))}")
    return _Wanted(
        subject,
        Key(owner=owner, jwk=public),
        (("activate", f"its private half is in this data directory, {_HERE}"),),
    )


def _keys_of(data: DataDirectory, client_id: str, *, at: float) -> Iterator[dict[str, Any]]:
    if client_id in _FOLDERS:
        yield from _ring(data, f"{_FOLDERS[client_id]}/keys", at=at)
        yield _public(data, f"{client_id}-proof")
    elif data.file(f"client-keys/{client_id}.json").exists():
        yield _public(data, client_id)


def _ring(data: DataDirectory, folder: str, *, at: float) -> Iterator[dict[str, Any]]:
    """Yield the public keys that a participant publishes."""
    ring = KeyRing(KeyDirectory(data.path / folder), algorithms=("ES256",))
    ring.reload(at)
    published: Any = ring.public_jwks()["keys"]
    yield from published


def _public(data: DataDirectory, name: str) -> dict[str, Any]:
    document = msgspec.json.decode(read_private_file(data.file(f"client-keys/{name}.json")))
    return dict(public_jwk(read_private_jwk(document).public_key()))


def _certificates(data: DataDirectory, client_id: str) -> Iterator[_Wanted]:
    file = data.file(f"client-keys/{client_id}.pem")
    if not file.exists():
        return
    certificate = x509.load_pem_x509_certificate(read_private_file(file))
    owner, public = f"software:{client_id}", strong_key(certificate.public_key())
    yield _key(owner, public_jwk(public))
    facts = Certificate(
        owner=owner,
        key=thumbprint(public),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        valid_until=certificate.not_valid_after_utc.timestamp(),
    )
    subject = parse_subject(f"certificate:{certificate_thumbprint(certificate.public_bytes(Encoding.DER))}")
    yield _Wanted(subject, facts, (("issue", "signed by the built-in authority"),))
