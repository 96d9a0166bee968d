"""RSA signatures (RS256) with nothing but integers: enough for a server in a test, too slow and too simple for others."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Key", "load_key"]

_BITS: Final = 2048
_EXPONENT: Final = 65_537
_ROUNDS: Final = 20
_SMALL: Final = [n for n in range(3, 2000) if all(n % d for d in range(2, int(n**0.5) + 1))]
_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017 section 9.2


@dataclass(frozen=True)
class Key:
    """A key pair."""

    modulus: int
    private: int

    def sign(self, message: bytes) -> bytes:
        """Return the signature by RSASSA-PKCS1-v1_5 with SHA-256."""
        return pow(_padded(message), self.private, self.modulus).to_bytes(_BITS // 8)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's."""
        number = int.from_bytes(signature)
        return len(signature) == _BITS // 8 and pow(number, _EXPONENT, self.modulus) == _padded(message)

    def public_der(self) -> bytes:
        """Return the public key as SubjectPublicKeyInfo."""
        algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
        numbers = _sequence(_integer(self.modulus) + _integer(_EXPONENT))
        return _sequence(algorithm + _element(3, b"\0" + numbers))


def load_key(file: Path) -> Key:
    """Return the key in a file, which is made where it is not there."""
    if not file.exists():
        file.write_text(json.dumps(_generate()))
    return Key(*json.loads(file.read_text()))


def _generate() -> tuple[int, int]:
    while True:
        p, q = _prime(), _prime()
        phi = (p - 1) * (q - 1)
        if p != q and phi % _EXPONENT:
            return p * q, pow(_EXPONENT, -1, phi)


def _prime() -> int:
    while True:
        candidate = secrets.randbits(_BITS // 2) | 1 | 3 << (_BITS // 2 - 2)
        if all(candidate % each for each in _SMALL) and _is_probably_prime(candidate):
            return candidate


def _is_probably_prime(number: int) -> bool:
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(_ROUNDS):
        x = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = pow(x, 2, number)
            if x == number - 1:
                break
        else:
            return False
    return True


def _padded(message: bytes) -> int:
    digest = _SHA256 + sha256(message).digest()
    return int.from_bytes(b"\0\1" + b"\xff" * (_BITS // 8 - 3 - len(digest)) + b"\0" + digest)


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8 or 1)
    head = bytes((length,)) if length < 128 else bytes((0x80 | len(size),)) + size  # X.690 8.1.3
    return bytes((tag,)) + head + content


def _integer(number: int) -> bytes:
    return _element(2, number.to_bytes(number.bit_length() // 8 + 1))


def _sequence(content: bytes) -> bytes:
    return _element(0x30, content)
