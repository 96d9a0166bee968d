"""An authenticator in software: what a security key and the browser before it do (Web Authentication Level 3)."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from trustweft.runtime.encoding import decode_base64url, encode_base64url

__all__ = ["SoftwareAuthenticator"]

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class SoftwareAuthenticator:
    """One credential in one device; each attribute can be set to what an attacker would have it be."""

    origin: str
    rp_id: str = "localhost"
    flags: int = USER_PRESENT | USER_VERIFIED
    sign_count: int = 0
    counts: bool = True
    cross_origin: bool = False
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: str = ""
    certificates: dict[str, list[bytes]] = field(default_factory=dict)

    def create(self, options: bytes, *, attestation: str = "none", **changes: Any) -> str:
        """Answer ``navigator.credentials.create()``."""
        asked = json.loads(options)
        self.user_handle = asked["user"]["id"]
        client_data = self._client_data("webauthn.create", asked["challenge"], changes)
        length = struct.pack(">H", len(self.credential_id))
        attested = bytes(16) + length + self.credential_id + cbor2.dumps(self._cose())
        data = self._data(ATTESTED) + attested
        statement: dict[str, Any] = {}
        if attestation != "none":
            signature = self._sign(data + hashlib.sha256(client_data).digest())
            statement = {"alg": self._cose()[3], "sig": signature, **self.certificates}
        members = {"fmt": attestation, "authData": data, "attStmt": statement}
        return self._credential(clientDataJSON=client_data, attestationObject=cbor2.dumps(members))

    def get(self, options: bytes, **changes: Any) -> str:
        """Answer ``navigator.credentials.get()``."""
        client_data = self._client_data("webauthn.get", json.loads(options)["challenge"], changes)
        data = self._data(0)
        signature = self._sign(data + hashlib.sha256(client_data).digest())
        return self._credential(
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=signature,
            userHandle=decode_base64url(self.user_handle),
        )

    def _client_data(self, kind: str, challenge: str, changes: dict[str, Any]) -> bytes:
        members = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return json.dumps({**members, **changes}).encode()

    def _data(self, flags: int) -> bytes:
        if self.counts:
            self.sign_count += 1
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_id_hash + struct.pack(">BI", self.flags | flags, self.sign_count)

    def _sign(self, octets: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(octets, ec.ECDSA(hashes.SHA256()))
        assert isinstance(self.key, ed25519.Ed25519PrivateKey)
        return self.key.sign(octets)

    def _cose(self) -> dict[int, int | bytes]:
        """Return the public key as RFC 9053 section 7 writes it."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            numbers = self.key.public_key().public_numbers()
            x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
            return {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}
        modulus = self.key.public_key().public_numbers().n
        return {1: 3, 3: -257, -1: modulus.to_bytes(256, "big"), -2: b"\x01\x00\x01"}

    def _credential(self, **response: bytes) -> str:
        identifier = encode_base64url(self.credential_id)
        octets = {name: encode_base64url(value) for name, value in response.items()}
        return json.dumps({"id": identifier, "rawId": identifier, "type": "public-key", "response": octets})
