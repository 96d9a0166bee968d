"""For each clause of a resource server: a change of the source that takes out what enforces it.

What is not here is shared with the authorization server: see `server_changes`.
"""

from __future__ import annotations

from typing import Final

from clauses.row import Change

__all__ = ["CHANGES"]

CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "5.2.1-1": (Change("net/fetch.py", '        parsed.scheme != "https"\n        or', "       "),),
    "5.3.4-1": (Change("protocol/bearer.py", "    if len(values) > 1:\n        raise REPEATED.reject()", "    if False:\n        raise REPEATED.reject()"),),
    "5.3.4-2": (Change("protocol/bearer.py", "    if query and _has_access_token(query):", "    if False:"),),
    "5.3.4-3": (Change("resource/checks.py", "    if not active:", "    if False:"),),
    "5.3.4-4": (Change("protocol/bearer.py", "    if missing:\n        raise INSUFFICIENT", "    if False:\n        raise INSUFFICIENT"),),
    "5.3.4-5": (Change("protocol/sender_constraint.py", "        dpop.verify_key_binding(proof, expected_jkt=bound_to.jkt)", "        pass"),),
    "5.3.4-5.1": (Change("protocol/mtls.py", "    if seen != expected:", "    if False:"), Change("protocol/mtls.py", "        raise NO_CERTIFICATE.reject()", "        return")),
    "5.3.4-5.2": (Change("protocol/dpop.py", '    if claims.get("htm") != method:', "    if False:"),),
    "5.4.1-1.1": (Change("protocol/access_token.py", "        if parsed.type != TOKEN_TYPE:", "        if False:"),),
    "5.4.1-4": (Change("protocol/dpop_nonces.py", "        if len(secret) < hashlib.sha256().digest_size or not 0", "        if not 0"),),
    "6.2-1": (Change("protocol/dpop_nonces.py", "        if nonce is None:\n            raise NONCE_REQUIRED", "        if nonce is None:\n            return\n            raise NONCE_REQUIRED"),),
    "6.2-2": (Change("resource/checks.py", "        raise dpop.REPLAYED.reject(", "        dpop.REPLAYED.reject("),),
    "6.8-1": (Change("resource/tokens.py", "        if keys is not self._keys:", "        if self._keys is None:"),),
}  # fmt: skip
