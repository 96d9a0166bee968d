"""The step in which keys come: announced as they are, certified by the built-in authority, or brought with a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from trustweft.cli.assembly.certificates import revocation_lists
from trustweft.cli.assembly.parts import Surroundings, resolve, tls_policy
from trustweft.cli.onboard.desk import at_the_desk, data_option, find, person_option
from trustweft.cli.onboard.narration import tell
from trustweft.cli.output import examples, json_option
from trustweft.cli.settings import ServerSettings
from trustweft.crypto.brought_certificates import read_certificate_file, verify_brought
from trustweft.crypto.certificate_requests import verify_request
from trustweft.crypto.keys import LocalSigner, public_jwk, read_private_jwk, read_public_jwk, thumbprint
from trustweft.crypto.local_authority import issue_client_certificate, load_or_create_authority
from trustweft.crypto.strength import strong_key
from trustweft.crypto.x509 import certificate_thumbprint, load_authorities
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import Certificate, Key
from trustweft.directory.permitting import check_may
from trustweft.protocol.key_proof import create_key_proof, verify_key_proof
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError, read_private_file
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.settings import read_settings
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from cryptography import x509

    from trustweft.cli.onboard.desk import Desk
    from trustweft.crypto.algorithms import PublicKey
    from trustweft.directory.events import Event
    from trustweft.directory.snapshot import Record

__all__ = ["key", "proof"]

_MAXIMUM: Final = 65_536
_ALGORITHMS: Final = {"EC": "ES256", "RSA": "PS256", "OKP": "EdDSA"}
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OWNERS: Final = ("software", "brand", "organisation")


@click.command(
    epilog=examples(
        "trustweft onboard key acme-pay --jwk public.json --proof proof.jwt",
        "trustweft onboard key acme-pay --csr acme-pay.csr --output acme-pay.pem",
        "trustweft onboard key acme-pay --certificate acme-pay.pem --proof proof.jwt",
    )
)
@data_option
@person_option
@json_option
@click.argument("subject", metavar="SUBJECT")
@click.option("--jwk", type=click.File("rb"), metavar="FILE", help="A public key, as a JSON Web Key.")
@click.option(
    "--csr",
    type=click.File("rb"),
    metavar="FILE",
    help="A certificate signing request, whose one name is the id of its owner: the built-in authority signs it.",
)
@click.option(
    "--certificate",
    type=click.File("rb"),
    metavar="FILE",
    help="A certificate brought along, in PEM, with the intermediate ones after it.",
)
@click.option(
    "--proof",
    "proof_file",
    type=click.File("rb"),
    metavar="FILE",
    help="What `trustweft onboard proof` printed.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Write the certificate for a --csr to FILE. [default: standard output]",
)
def key(  # noqa: PLR0913  # each is another option
    data: Path,
    person: str | None,
    subject: str,
    *,
    jwk: BinaryIO | None,
    csr: BinaryIO | None,
    certificate: BinaryIO | None,
    proof_file: BinaryIO | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Bring a key of SUBJECT, and prove that its private half is there.

    A --csr is signed with the key itself, which is the proof. A key that is announced with --jwk alone waits for its
    --proof. A certificate brought along must hang off an authority that the authorization server believes, or vouch for
    itself where the profile allows that; its key, its time and its revocation are looked at.
    """
    if sum(each is not None for each in (jwk, csr, certificate)) != 1:
        raise click.UsageError("Give exactly one of --jwk, --csr and --certificate.")
    if output is not None and csr is None:
        raise click.UsageError("--output is for the certificate that answers a --csr.")
    if certificate is not None and proof_file is None:
        raise click.UsageError(
            "A certificate proves nothing by itself: give --proof too (trustweft onboard proof)."
        )
    token = None if proof_file is None else proof_file.read(_MAXIMUM).decode("ascii", "replace").strip()

    async def work(desk: Desk) -> None:
        owner = find(desk.now, subject, kinds=_OWNERS)
        issued: x509.Certificate | None = None
        events: tuple[Event, ...] = ()
        if jwk is not None:
            document = load_object(jwk.read(_MAXIMUM + 1), limit=_MAXIMUM)
            events = await _announce(desk, owner, read_public_jwk(document), token)
        elif csr is not None:
            events, issued = await _certify(desk, owner, csr.read(_MAXIMUM))
        elif certificate is not None:
            events = await _bring(desk, owner, certificate.read(10 * _MAXIMUM), token or "")
        pem = "" if issued is None else issued.public_bytes(Encoding.PEM).decode()
        if output is not None:
            _write(output, pem)
        tell(desk, owner.subject, events, as_json=as_json, **({"certificate": pem} if pem else {}))
        if pem and output is None and not as_json:
            click.echo(pem, nl=False)

    at_the_desk(data, person, work)


def _write(file: Path, pem: str) -> None:
    try:
        file.write_text(pem, encoding="ascii")
    except OSError as cause:
        raise click.ClickException(f"{file}: {cause.strerror}") from cause


async def _announce(desk: Desk, owner: Record, public: PublicKey, token: str | None) -> tuple[Event, ...]:
    shown = "" if token is None else _proven(desk, owner, public, token)
    return await _enter(desk, owner, public, proof=shown)


def _proven(desk: Desk, owner: Record, public: PublicKey, token: str) -> str:
    return verify_key_proof(
        token, key=public, directory=desk.directory, subject=str(owner.subject), now=desk.clock.now()
    )


async def _enter(desk: Desk, owner: Record, public: PublicKey, *, proof: str) -> tuple[Event, ...]:
    facts = Key(owner=str(owner.subject), jwk=public_jwk(public))
    return await desk.enrolment.key(thumbprint(public), facts, proof=proof)


async def _certify(desk: Desk, owner: Record, request: bytes) -> tuple[tuple[Event, ...], x509.Certificate]:
    """Have the built-in authority sign a request; nobody has a certificate that the directory does not know.

    Servers know clients by the name in it: an organisation or a brand may share its id with somebody else's software.
    """
    if owner.species != "software":
        raise click.BadParameter("a certificate is issued to software alone", param_hint="--csr")
    issues = {
        part for arrow in LIFECYCLES["certificate"].arrows if arrow.action == "issue" for part in arrow.who
    }
    check_may(desk.now, desk.actor, parts=issues, about=owner.subject)
    public, now = verify_request(request, common_name=owner.subject.id), desk.clock.now()
    events = await _enter(desk, owner, public, proof="signed its certificate request")
    authority = load_or_create_authority(desk.data.path / "ca", now=now)
    issued = issue_client_certificate(authority, public, common_name=owner.subject.id, now=now)
    events += await _note(desk, owner, issued, public, evidence="signed by the built-in authority")
    return events, issued


async def _bring(desk: Desk, owner: Record, pem: bytes, token: str) -> tuple[Event, ...]:
    # (1) chain, key, time, use  (2) revocation  (3) possession of the key
    der, intermediates = read_certificate_file(pem)
    settings = read_settings(desk.data.file("server/server.toml"), ServerSettings, environment={}).value
    base = desk.data.path / "server"
    named = settings.tls.client_authorities
    methods = desk.profile.limits.client_authentication_methods
    verified, public = verify_brought(
        der,
        intermediates=intermediates,
        roots=load_authorities(resolve(base, named)) if named and "tls_client_auth" in methods else (),
        self_signed="self_signed_tls_client_auth" in methods,
        now=desk.clock.now(),
    )
    lists = revocation_lists(
        settings.certificate_revocation,
        base=base,
        surroundings=Surroundings(desk.clock, SystemEntropy(), SilentObserver()),
        policy=tls_policy(desk.profile),
    )
    await lists.verify(verified.chain)
    shown = _proven(desk, owner, public, token)
    events = await _enter(desk, owner, public, proof=shown)
    how = "vouches for itself" if len(verified.chain) == 1 else f"issued by {_name(verified.chain[-1])}"
    return events + await _note(desk, owner, verified.certificate, public, evidence=how)


async def _note(
    desk: Desk, owner: Record, certificate: x509.Certificate, public: PublicKey, *, evidence: str
) -> tuple[Event, ...]:
    facts = Certificate(
        owner=str(owner.subject),
        key=thumbprint(public),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        valid_until=certificate.not_valid_after_utc.timestamp(),
    )
    shown = certificate_thumbprint(certificate.public_bytes(Encoding.DER))
    return await desk.enrolment.certificate(shown, facts, evidence=evidence)


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


@click.command(
    epilog=examples(
        "trustweft onboard proof software:acme-pay --key private.json > proof.jwt",
        "trustweft onboard proof software:acme-pay --key private.pem --directory https://directory.example > proof.jwt",
    )
)
@data_option
@click.argument("subject", metavar="KIND:ID")
@click.option(
    "--key",
    "file",
    type=_FILE,
    required=True,
    metavar="FILE",
    help="The private key: a JSON Web Key, or PEM.",
)
@click.option(
    "--directory",
    metavar="URL",
    help="The directory's identifier. [default: that of the ecosystem in --data]",
)
def proof(data: Path, subject: str, *, file: Path, directory: str | None) -> None:
    """Print a proof that a private key is there, for a directory and a subject of it; it is good for an hour.

    Whoever applies runs this where the key is. The key is read, and goes nowhere.
    """
    from trustweft.cli.data_directory import DataDirectory

    if directory is None:
        ports = DataDirectory.open(data).ports
        directory = ports.url(ports.directory)
    try:
        about = parse_subject(subject)
        signer = _signer(file)
    except (Reject, KeyFileError, ValueError, TypeError) as cause:
        raise click.ClickException(str(cause)) from cause
    click.echo(create_key_proof(signer, directory=directory, subject=str(about), now=SystemClock().now()))


def _signer(file: Path) -> LocalSigner:
    octets = read_private_file(file)
    if octets.lstrip().startswith(b"{"):
        private = read_private_jwk(load_object(octets, limit=_MAXIMUM))
    else:
        private = load_pem_private_key(octets, password=None)  # type: ignore[assignment]  # held to the kinds below
    public = strong_key(private.public_key())
    return LocalSigner(_ALGORITHMS[public_jwk(public)["kty"]], private)
