"""Base64url without padding (RFC 7515 section 2), strict on the way in, and digests of secrets."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

__all__ = ["decode_base64url", "digest_of", "encode_base64url", "sha256_base64url"]

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")
_PADDING = ("", "", "==", "=")


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
    if remainder == 1 or not _ALPHABET.fullmatch(text):
        raise ValueError("not base64url without padding")
    octets = urlsafe_b64decode(text + _PADDING[remainder])
    if remainder and encode_base64url(octets[-(len(octets) % 3) :])[-1] != text[-1]:
        raise ValueError("base64url with unused bits set")
    return octets


def sha256_base64url(text: str) -> str:
    """Return SHA-256 of ASCII ``text`` in base64url: the form of ``ath``, ``code_challenge`` and thumbprints."""
    return encode_base64url(hashlib.sha256(text.encode("utf-8")).digest())


def digest_of(secret: str) -> bytes:
    """Return SHA-256 of a high-entropy secret: what is stored and looked up in its place (32 octets)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
