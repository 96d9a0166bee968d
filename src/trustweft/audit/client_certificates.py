"""Client certificates for attacks: the party's own as it is shown, and one that only looks like it."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trustweft.audit.target import TargetError

if TYPE_CHECKING:
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.parties import Party

__all__ = ["presented_certificate", "same_name_certificate"]


def presented_certificate(party: Party) -> x509.Certificate:
    """Return the certificate that a party shows.

    Raises:
        TargetError: it cannot be read.
    """
    try:
        return x509.load_pem_x509_certificate(Path(party.entry.certificate or "").read_bytes())
    except (OSError, ValueError) as cause:
        raise TargetError(f"{party.entry.certificate} holds no certificate: {cause}") from cause


def same_name_certificate(deployment: Deployment, party: Party) -> str:
    """Make a self-signed certificate with all names of the party's, and return how the wire calls it."""
    # Each under a name of its own: checks run side by side, and the wire closes what it was given.
    name = f"{party.client_id}, self-made {deployment.entropy.token()[:6]}"
    real = presented_certificate(party)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.fromtimestamp(deployment.clock.now(), UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(key.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in real.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName | x509.ExtendedKeyUsage | x509.KeyUsage):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    made = builder.sign(key, SHA256())
    context = _trusting(deployment)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(made.public_bytes(Encoding.PEM))
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        context.load_cert_chain(file.name)
    deployment.wire.add_certificate(name, context)
    return name


def _trusting(deployment: Deployment) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if deployment.target.trust is not None:
        context.load_verify_locations(cafile=deployment.target.trust)
    return context
