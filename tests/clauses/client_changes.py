"""For each clause of a client: a change of the source that takes out what enforces it.

What is not here is shared with the authorization server: see `server_changes`.
"""

from __future__ import annotations

from typing import Final

from clauses.row import Change

__all__ = ["CHANGES"]

_SUITES: Final = (
    Change(
        "net/fetch.py",
        "    context.set_ciphers(CIPHERS_TLS_1_2)",
        '    context.set_ciphers("ALL:@SECLEVEL=0")',
    ),
)
_ANY_TOKEN_TYPE: Final = (
    Change("client/tokens.py", "    if presented.lower() != expected.value.lower():", "    if False:"),
)
_ALL_METHODS: Final = (
    Change(
        "protocol/metadata.py",
        "    if set(needs.authentication_methods).isdisjoint(methods):",
        "    if False:",
    ),
)
_ALWAYS_ALIASES: Final = (
    Change(
        "client/configuration.py",
        "            self.use_mtls_endpoint_aliases\n            or",
        "            True or self.use_mtls_endpoint_aliases\n            or",
    ),
)
_ONE_KEY: Final = (
    Change(
        "client/configuration.py",
        "        if any(keys and keys.signer().public_key == proof_key for keys in (assertions, self.request_keys)):",
        "        if False:",
    ),
)
_CODE_KEPT: Final = (
    Change(
        "demo/moneyview.py", "pending, session.pending = session.pending, None", "pending = session.pending"
    ),
)

CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "5.2.1-1": (Change("client/sending.py", '    if parts.scheme != "https" or', "    if"),),
    "5.2.1-2": (
        Change("net/fetch.py", "    context.minimum_version = ssl.TLSVersion.TLSv1_2", "    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED"),
        *_SUITES,
    ),
    "5.2.1-3": _SUITES,
    "5.2.1-5": (Change("net/fetch.py", "    context.minimum_version = ssl.TLSVersion.TLSv1_2", "    context.check_hostname = False"),),
    "5.2.2-2": _SUITES,
    "5.2.2.1-3": _ALWAYS_ALIASES,
    "5.3.3.1-1": _ANY_TOKEN_TYPE,
    "5.3.3.1-1.1": _ANY_TOKEN_TYPE,
    "5.3.3.1-1.2": (Change("protocol/dpop.py", '        claims["ath"] = sha256_base64url(access_token)', "        pass"),),
    "5.3.3.1-2": _ALL_METHODS,
    "5.3.3.1-2.1": _ALL_METHODS,
    "5.3.3.1-2.2": _ONE_KEY,
    "5.3.3.1-3": (Change("client/auth.py", "            response = yield request", '            request.url = request.url.copy_merge_params({"access_token": self._access_token})\n            response = yield request'),),
    "5.3.3.1-4": (
        Change("demo/moneyview.py", '        return self._with_cookie(_see_other("/accounts"), session)', '        onward = request.query.decode().partition("=https")[2].replace("%3A", ":").replace("%2F", "/")\n        return self._with_cookie(_see_other(f"https{onward}" if onward else "/accounts"), session)'),
    ),
    "5.3.3.1-5": (Change("protocol/client_assertion.py", '            "aud": issuer,', '            "aud": [issuer],'),),
    "5.3.3.1-6": (Change("client/core.py", '            if refused.error != "invalid_grant" or tokens.previous_refresh_token is None:', "            if refused:"),),
    "5.3.3.1-7": (Change("client/configuration.py", "            or isinstance(self.authentication, ClientCertificate)\n            or isinstance(self.sender_constraint, CertificateBound)\n", ""),),
    "5.3.3.1-8": (Change("client/nonces.py", "return self._nonces.get(origin_of(url))", 'return self._nonces.get(origin_of(url), "made-up")'),),
    "5.3.3.1-9": (Change("client/discovery.py", "        if url is None:\n            raise NO_ENDPOINT.reject(name)", '        url = url or f"{self._configuration.issuer}/{name}"'),),
    "5.3.3.1-10": (Change("client/configuration.py", "        check_issuer_identifier(self.issuer)\n        if not", "        if not"),),
    "5.3.3.1-11": (Change("protocol/metadata.py", '    if not is_https(issuer) or document.get("issuer") != issuer:', "    if not is_https(issuer):"),),
    "5.3.3.1-12": (Change("demo/moneyview.py", "        if not expected or not hmac.compare_digest(", "        if expected and not hmac.compare_digest("), Change("demo/moneyview.py", '            raise FORGED.reject("session")', "            session = self._sessions.begin()")),
    "5.3.3.1-p2": (Change("client/server_time.py", "self._offsets.get(origin_of(url), 0.0)", "next(iter(self._offsets.values()), 0.0)"),),
    "5.3.3.2-1": (Change("client/core.py", "    if error is not None:\n        raise AuthorizationDeniedError", "    if False:\n        raise AuthorizationDeniedError"),),
    "5.3.3.2-2": (
        Change("protocol/par.py", "    if (\n        not isinstance(request_uri, str)\n        or", "    if isinstance(request_uri, str) and (\n        False\n        or"),
    ),
    "5.3.3.2-3": (Change("protocol/pkce.py", "return CodeChallenge(sha256_base64url(verifier))", "return CodeChallenge(verifier)"),),
    "5.3.3.2-4": (Change("protocol/pkce.py", "return CodeVerifier(entropy.token())", 'return CodeVerifier("v" * 43)'),),
    "5.3.3.2-5": (Change("protocol/issuer.py", "    if presented != expected:", "    if False:"),),
    "5.3.3.2-6": (Change("protocol/par.py", 'query = urlencode({"client_id": client_id, ', 'query = urlencode({"response_type": "code", "client_id": client_id, '),),
    "5.3.3.2-7": (Change("client/core.py", '        """Return a nonce of 43 characters."""\n        return self._entropy.token()', '        """Return a nonce of 43 characters."""\n        return self._entropy.token() * 2'),),
    "5.4.1-1.1": (Change("protocol/oidc.py", '        if parsed.type not in {"", "jwt"}:', "        if False:"),),
    "5.4.2-p1": (Change("client/publishing.py", '        raise ValueError("the key that signs is not among the published ones")', "        pass"),),
    "5.4.2-1": (
        Change(
            "net/serving.py",
            """        ssl_context_factory=lambda _config, _default: tls_context(
            certificate=listener.certificate,
            private_key=listener.private_key,
            client_authorities=listener.client_authorities,
        ),
""",
            "",
        ),
    ),
    "5.4.2-3": (Change("client/publishing.py", " or len(set(names)) != len(names):", ":"),),
    "6.3-1": (Change("client/several.py", "    if len(set(keys)) != len(keys):", "    if False:"),),
    "6.4-2": _CODE_KEPT,
    "6.8-1": (Change("client/discovery.py", "return not 0 <= age < KEYS_LIFETIME or (age", "return (age"),),
}  # fmt: skip
