"""Base64url without padding (RFC 7515 section 2), strict on the way in, and digests of secrets."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from binascii import a2b_base64

__all__ = ["decode_base64url", "digest_of", "encode_base64url", "sha256_base64url"]

_PADDING = (b"", b"", b"==", b"=")
# To the alphabet of RFC 4648 section 4, whose own last two letters and padding are none of ours.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
# What the last character may be where it carries unused bits: two of six with three characters, four with two.
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")


def encode_base64url(octets: bytes) -> str:
    """Return ``octets`` in base64url without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Return the octets of unpadded base64url.

    Raises:
        ValueError: padding, another alphabet, an impossible length, or bits set that carry nothing
            (so that one value has one spelling only).
    """
    remainder = len(text) % 4
    octets = a2b_base64(text.encode("ascii").translate(_TO_STANDARD) + _PADDING[remainder], strict_mode=True)
    if remainder and text[-1] not in _LAST[remainder]:
        raise ValueError("base64url with unused bits set")
    return octets


def sha256_base64url(text: str) -> str:
    """Return SHA-256 of ASCII ``text`` in base64url: the form of ``ath``, ``code_challenge`` and thumbprints."""
    return encode_base64url(hashlib.sha256(text.encode("utf-8")).digest())


def digest_of(secret: str) -> bytes:
    """Return SHA-256 of a high-entropy secret: what is stored and looked up in its place (32 octets)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
