"""Passkeys: the ceremonies of Web Authentication Level 3, on the library ``webauthn``; values in, values out.

A passkey is a discoverable credential with user verification. Its relying party is the host of the issuer; browsers
ignore the port there, so it is the origin, compared exactly, that keeps the neighbours of a host apart.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import msgspec
import webauthn
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.encoding import decode_base64url
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trustweft.server.config import ServerConfig

__all__ = [
    "Holder",
    "Known",
    "NewPasskey",
    "PasskeyUse",
    "RelyingParty",
    "creation_options",
    "credential_id_of",
    "read_credential",
    "request_options",
    "user_handle_of",
    "verify_assertion",
    "verify_new_credential",
]

MAXIMUM_CREDENTIAL: Final = 32_768  # octets of JSON; our choice: without attestation it has less than 2,000
MAXIMUM_IDENTIFIER: Final = 1_023  # octets (WebAuthn section 7.1)
TIMEOUT: Final = 300_000  # milliseconds: the default that WebAuthn section 15.1 recommends
_VERIFY: Final = UserVerificationRequirement.REQUIRED
# Our choice: the signatures that the rest of the system knows, minus PS256, which no authenticator makes.
_ALGORITHMS: Final = [COSEAlgorithmIdentifier.EDDSA, COSEAlgorithmIdentifier.ECDSA_SHA_256]
# We ask for no attestation; a browser may still pass on one that the new key itself made. Everything else, and
# every certificate, is a parser more.
_ATTESTATIONS: Final = ("none", "packed")

MALFORMED = reason(
    "passkey.malformed",
    error=ACCESS_DENIED,
    public="What the passkey sent could not be read.",
    status=303,
    shown=Shown.PAGE,
)
NO_CHALLENGE = reason(
    "passkey.no-challenge",
    error=ACCESS_DENIED,
    public="The passkey was used without being asked for.",
    status=303,
    shown=Shown.PAGE,
)
WRONG_CHALLENGE = reason(
    "passkey.wrong-challenge",
    error=ACCESS_DENIED,
    public="The passkey answered another question than it was asked.",
    status=303,
    shown=Shown.PAGE,
)
WRONG_ORIGIN = reason(
    "passkey.wrong-origin",
    error=ACCESS_DENIED,
    public="The passkey was used at another address.",
    status=303,
    shown=Shown.PAGE,
)
NOT_VERIFIED = reason(
    "passkey.not-verified",
    error=ACCESS_DENIED,
    public="The passkey could not be verified.",
    status=303,
    shown=Shown.PAGE,
)
CLONED = reason(
    "passkey.cloned",
    error=ACCESS_DENIED,
    public="The passkey was used twice at once, or there is a copy of it. Use another one.",
    status=303,
    shown=Shown.PAGE,
)


class Holder(Protocol):
    """Whose passkey it becomes."""

    @property
    def subject(self) -> str:
        """What the person's passkeys are filed under."""
        ...

    @property
    def username(self) -> str:
        """What the authenticator shows."""
        ...

    @property
    def name(self) -> str:
        """The name for people."""
        ...


class Known(Protocol):
    """A passkey that was registered."""

    @property
    def credential_id(self) -> bytes:
        """Which passkey it is."""
        ...

    @property
    def public_key(self) -> bytes:
        """Its key, as COSE writes it."""
        ...


class RelyingParty(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for passkeys."""

    identifier: str
    origin: str
    name: str

    @classmethod
    def of(cls, config: ServerConfig) -> RelyingParty:
        """Return the relying party that this server is."""
        host = urlsplit(config.issuer).hostname or ""
        return cls(identifier=host, origin=config.origin, name=config.display_name)


class PasskeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """A verified assertion; the caller MUST still advance the counter and refuse a second use of the challenge.

    Attributes:
        backed_up: whether the key is kept in more places than one device.
    """

    sign_count: int
    backed_up: bool


class NewPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """A verified new credential; the caller MUST still refuse a second use of the challenge."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def request_options(party: RelyingParty, *, challenge: str) -> bytes:
    """Return the options of a login (WebAuthn section 5.5) in JSON; the authenticator knows whose passkeys it has."""
    options = webauthn.generate_authentication_options(
        rp_id=party.identifier,
        challenge=decode_base64url(challenge),
        timeout=TIMEOUT,
        user_verification=_VERIFY,
    )
    return webauthn.options_to_json(options).encode()


def creation_options(
    party: RelyingParty, user: Holder, *, existing: Iterable[Known], challenge: str
) -> bytes:
    """Return the options of a registration (WebAuthn section 5.4) in JSON."""
    options = webauthn.generate_registration_options(
        rp_id=party.identifier,
        rp_name=party.name,
        user_id=user.subject.encode(),
        user_name=user.username,
        user_display_name=user.name,
        challenge=decode_base64url(challenge),
        timeout=TIMEOUT,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_VERIFY
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in existing],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return webauthn.options_to_json(options).encode()


def read_credential(text: str | None) -> dict[str, object]:
    """Read the JSON of a credential (WebAuthn section 5.1.7), bounded and without duplicates.

    Raises:
        Reject: ``passkey.malformed``.
    """
    try:
        return load_object((text or "").encode(), limit=MAXIMUM_CREDENTIAL)
    except Reject as cause:
        raise MALFORMED.reject(cause.reason.id) from cause


def credential_id_of(credential: Mapping[str, object]) -> bytes:
    """Return which passkey it claims to be.

    Raises:
        Reject: ``passkey.malformed``.
    """
    return _octets(credential, "rawId")


def user_handle_of(credential: Mapping[str, object]) -> str:
    """Return whose passkey it claims to be; discoverable credentials always say (WebAuthn section 7.2).

    Raises:
        Reject: ``passkey.malformed``.
    """
    return _octets(_response(credential), "userHandle").decode("utf-8", "replace")


def verify_assertion(
    credential: dict[str, object], passkey: Known, *, party: RelyingParty, challenge: str | None
) -> PasskeyUse:
    """Verify a login (WebAuthn section 7.2).

    (1) challenge (2) origin, not within a page of another (3) type, relying party, user present and verified,
    signature. The caller MUST do (4) replay (5) counter.

    Raises:
        Reject: ``passkey.*``.
    """
    expected = _check_client_data(credential, party=party, challenge=challenge)  # (1) (2)
    for name in ("authenticatorData", "signature"):
        _octets(_response(credential), name)  # the library would read spellings that are no base64url
    with _refusing():  # (3)
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=expected,
            expected_rp_id=party.identifier,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # judged by the caller, together with the store
            require_user_verification=True,
        )
    return PasskeyUse(sign_count=verified.new_sign_count, backed_up=verified.credential_backed_up)


def check_counter(use: PasskeyUse, *, seen: int) -> None:
    """Refuse a signature counter that did not grow (WebAuthn section 7.2); many passkeys keep it at zero.

    Raises:
        Reject: ``passkey.cloned``.
    """
    if (use.sign_count or seen) and use.sign_count <= seen:
        raise CLONED.reject(f"counter {use.sign_count} after {seen}")


def verify_new_credential(
    credential: dict[str, object], *, party: RelyingParty, challenge: str | None
) -> NewPasskey:
    """Verify a registration (WebAuthn section 7.1).

    (1) challenge (2) origin (3) no foreign attestation (4) type, relying party, user present and verified, algorithm
    (5) the credential's identifier is the one that the browser names, and not too long (6) the key can verify
    signatures. The caller MUST do (7) replay (8) the credential is new.

    Raises:
        Reject: ``passkey.*``.
    """
    expected = _check_client_data(credential, party=party, challenge=challenge)  # (1) (2)
    attestation = _octets(_response(credential), "attestationObject")
    with _refusing():
        attested = parse_attestation_object(attestation)
        if attested.fmt not in _ATTESTATIONS or attested.att_stmt.x5c is not None:  # (3)
            raise NOT_VERIFIED.reject("attestation format")
        verified = webauthn.verify_registration_response(  # (4)
            credential=credential,
            expected_challenge=expected,
            expected_rp_id=party.identifier,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        identifier, public_key = verified.credential_id, verified.credential_public_key
        if identifier != credential_id_of(credential) or len(identifier) > MAXIMUM_IDENTIFIER:  # (5)
            raise NOT_VERIFIED.reject("credential identifier")
        decoded_public_key_to_cryptography(decode_credential_public_key(public_key))  # (6)
    return NewPasskey(
        credential_id=identifier,
        public_key=public_key,
        sign_count=verified.sign_count,
    )


def _check_client_data(
    credential: Mapping[str, object], *, party: RelyingParty, challenge: str | None
) -> bytes:
    """Compare what the browser says about the ceremony, before anything is parsed that it does not write itself."""
    if challenge is None:
        raise NO_CHALLENGE.reject()
    expected = decode_base64url(challenge)
    raw = _octets(_response(credential), "clientDataJSON")
    with _refusing():
        said = parse_client_data_json(raw)
    if said.challenge != expected:
        raise WRONG_CHALLENGE.reject()
    if said.origin != party.origin or said.cross_origin:
        raise WRONG_ORIGIN.reject(f"{said.origin!r}"[:200])
    return expected


def _response(credential: Mapping[str, object]) -> Mapping[str, object]:
    response = credential.get("response")
    if not isinstance(response, dict):
        raise MALFORMED.reject("response")
    return response


def _octets(members: Mapping[str, object], name: str) -> bytes:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise MALFORMED.reject(name)
    try:
        return decode_base64url(value)
    except ValueError as cause:
        raise MALFORMED.reject(name) from cause


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn whatever the library raises into a refusal.

    Its parsers let exceptions of their own libraries through; whatever went wrong, nothing was verified.
    """
    try:
        yield
    except Reject:
        raise
    except Exception as cause:
        raise NOT_VERIFIED.reject(f"{type(cause).__name__}: {cause}"[:200]) from cause
