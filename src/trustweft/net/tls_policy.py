"""What a profile says of TLS: it narrows a context, and widens none."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["TlsPolicy"]

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPolicy:
    """The lowest version, and the cipher suites of TLS 1.2, by their names in the IANA registry."""

    minimum_version: Literal["1.2", "1.3"]
    cipher_suites: tuple[str, ...]

    def narrow(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Take away from the context what the policy does not allow, and return it.

        Raises:
            ValueError: nothing that the context had for TLS 1.2 is left, and nothing else may be spoken.
        """
        context.minimum_version = max(context.minimum_version, _VERSIONS[self.minimum_version])
        allowed = set(self.cipher_suites)
        left = [each["name"] for each in context.get_ciphers() if _registered_name(each["name"]) in allowed]
        if left:
            context.set_ciphers(":".join(left))
        elif context.minimum_version < ssl.TLSVersion.TLSv1_3:
            raise ValueError(f"none of {', '.join(self.cipher_suites)} is a suite that is spoken here")
        return context


def _registered_name(name: str) -> str:
    """Return the IANA name of a suite that OpenSSL calls so; its name for TLS 1.3 is that name already."""
    if name.startswith("TLS_"):
        return name
    exchange, _, rest = name.partition("-AES")
    bits, _, mode = rest.partition("-")
    return f"TLS_{exchange.replace('-', '_')}_WITH_AES_{bits}_{mode.replace('-', '_')}"
