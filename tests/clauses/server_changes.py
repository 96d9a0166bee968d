"""For each clause of an authorization server: a change of the source that takes out what enforces it.

Where a clause is for all participants, and its code is shared, the others use the same change.
"""

from __future__ import annotations

from typing import Final

from clauses.row import Change

__all__ = ["CHANGES"]

_SUITES: Final = (
    Change(
        "net/serving.py", "context.set_ciphers(CIPHERS_TLS_1_2)", 'context.set_ciphers("ALL:@SECLEVEL=0")'
    ),
)
_NO_FORM_OF_ALIASES: Final = (
    Change("protocol/registration.py", "if not isinstance(value, bool):", "if False:"),
)
_ANY_ENDPOINT: Final = (
    Change(
        "protocol/metadata.py",
        "    for url in (server.issuer, *endpoints.values(), *aliases.values()):",
        "    for url in ():",
    ),
)
_SPENT_BY_NOBODY: Final = (
    Change(
        "server/login/interactions.py",
        "await exchange.deployment.store.spend_pushed_request(exchange.request_digest, now=exchange.now)",
        "await exchange.deployment.store.find_pushed_request(exchange.request_digest)",
    ),
)
_NO_SIGNATURE: Final = (
    Change(
        "crypto/jws.py",
        "        verify_octets(token.algorithm, key, token.signature, token.signed)",
        "        pass",
    ),
)
_KIND_AND_USE: Final = (
    Change(
        "crypto/keys.py",
        '    permitted = member.get("use", "sig") == "sig" and (\n        not isinstance(operations, list) or "verify" in operations\n    )',
        "    permitted = operations is operations",
    ),
)


def _denied_with(status: int) -> tuple[Change, ...]:
    """Send people who denied a request away with another status."""
    onward = (
        "see_other(exchange, authorization_redirect(pushed.redirect_uri, {**parameters, **state, **issuer}))"
    )
    response = f'HttpResponse({status} if "error" in parameters else 303, answer.headers)'
    change = Change(
        "server/login/answers.py", f"    return {onward}", f"    answer = {onward}\n    return {response}"
    )
    return (change,)


CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "5.2.1-1": (
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
    "5.2.1-2": (
        Change("net/serving.py", "context.minimum_version = ssl.TLSVersion.TLSv1_2", "context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED"),
        Change("net/serving.py", "context.set_ciphers(CIPHERS_TLS_1_2)", 'context.set_ciphers("ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0")'),
    ),
    # The bit is OpenSSL's SSL_OP_ALLOW_CLIENT_RENEGOTIATION: without our flag alone, version 3 would still refuse it.
    "5.2.1-3": (Change("net/serving.py", "ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ", "1 << 8 | "),),
    "5.2.1-5": (Change("net/fetch.py", "            ssl_context=trust,\n", "            ssl_context=ssl._create_unverified_context(),\n"),),
    "5.2.2-1": _SUITES,
    "5.2.2.1-2": _ANY_ENDPOINT,
    "5.2.2.1.1-1": _NO_FORM_OF_ALIASES,
    "5.2.2.1.1-1.1": _NO_FORM_OF_ALIASES,
    "5.2.3-1": (Change("web/security_headers.py", "return not _is_loopback(host) and not _is_ip_address(host)", "return False"),),
    "5.2.3-2": _SUITES,
    "5.2.3-3": (Change("server/login/answers.py", '_HEADERS: Final = (("cache-control", "no-store"),', '_HEADERS: Final = (("access-control-allow-origin", "*"), ("cache-control", "no-store"),'),),
    "5.3.2.1-1": _ANY_ENDPOINT,
    "5.3.2.1-2": (Change("server/checks/grant_type.py", "if grant_type not in exchange.deployment.profile.limits.grant_types:", "if False:"),),
    "5.3.2.1-3": (
        Change("protocol/registration.py", '    if method == "none":', "    if False:"),
        Change("protocol/registration.py", "    if method not in AUTHENTICATION_METHODS:", "    if False:"),
    ),
    "5.3.2.1-4": (
        Change("server/checks/certificate.py", "            raise dpop.MISSING.reject()", '            exchange.confirmation = Confirmation(jkt="A" * 43)\n            return'),
    ),
    "5.3.2.1-5": (Change("protocol/registration.py", " or certificate is proof_key:", ":"),),
    "5.3.2.1-5.1": (Change("server/checks/certificate.py", '        raise BINDING_MISSING.reject(f"client_id={exchange.client_id}")', '        certificate = b""'),),
    "5.3.2.1-5.2": (Change("protocol/dpop.py", "        claims = jws.verify(parsed, key=key)  # (4)", "        claims = parsed.unverified_claims()"),),
    "5.3.2.1-6": (Change("server/checks/assertion.py", '        raise client_assertion.MISSING.reject(f"client_id={exchange.client_id}")', "        return"),),
    "5.3.2.1-6.1": (Change("protocol/mtls.py", "    if normal_form(expected.value) not in _names(certificate, expected.member):", "    if False:"),),
    "5.3.2.1-6.2": (Change("protocol/client_assertion.py", "claims = jws.verify(token, key=key.key, algorithm=key.algorithm)  # (3)", "claims = token.unverified_claims()"),),
    "5.3.2.1-7": (
        Change("protocol/redirect_uri.py", "    raise NOT_REGISTERED.reject(repr(presented)[:200])", "    return RedirectUri(presented)"),
    ),
    "5.3.2.1-8": (Change("protocol/client_assertion.py", "    if presented != issuer:", "    if issuer not in presented:"),),
    "5.3.2.1-9": (Change("server/grants/refresh_token.py", "return None if rotation is None else _replace(exchange, window=rotation.window_seconds)", "return _replace(exchange, window=60)"),),
    "5.3.2.1-p3": (Change("server/grants/refresh_token.py", "until=exchange.now + window)", "until=exchange.now)"),),
    "5.3.2.1-10": (Change("protocol/dpop_nonces.py", "        if nonce not in self._around(now):", "        if False:"),),
    "5.3.2.1-11": (Change("server/endpoints/interaction.py", "exchange.now + exchange.deployment.profile.limits.authorization_code_lifetime", "exchange.now + 120"),),
    "5.3.2.1-12": (Change("server/grants/authorization_code.py", "    if bound_to is not None and exchange.confirmation.jkt != bound_to:", "    if False:"),),
    "5.3.2.1-13": (Change("protocol/signed_token.py", "time is not None and time > latest:", "time is not None and time > latest + 600:"),),
    "5.3.2.1-14": (Change("server/checks/scope.py", "    if beyond:", "    if False:"),),
    "5.3.2.2-1": (Change("server/checks/authorization_request.py", "    if response_type not in exchange.deployment.profile.limits.response_types:", "    if False:"),),
    "5.3.2.2-2": (Change("protocol/par.py", "    if uri is not None:\n        raise NESTED", "    if False:\n        raise NESTED"),),
    "5.3.2.2-3": (Change("protocol/par.py", "    if uri is None:\n        raise MISSING.reject()", '    if uri is None:\n        return "not-pushed"'),),
    "5.3.2.2-4": (
        Change("server/checks/assertion.py", '        raise client_assertion.MISSING.reject(f"client_id={exchange.client_id}")', "        return"),
        Change("server/checks/certificate.py", "            return _verify_name(exchange)\n", "            return None\n"),
    ),
    "5.3.2.2-5": (
        Change("protocol/pkce.py", "    if method != METHOD:", "    if False:"),
    ),
    "5.3.2.2-6": (Change("protocol/redirect_uri.py", "        raise MISSING.reject()\n    known = tuple(registered)", "        return RedirectUri(next(iter(registered)))\n    known = tuple(registered)"),),
    "5.3.2.2-7": (Change("server/login/answers.py", 'issuer = {"iss": exchange.deployment.config.issuer}', 'issuer = {} if "error" in parameters else {"iss": exchange.deployment.config.issuer}'),),
    "5.3.2.2-8": (Change("protocol/redirect_uri.py", '    if url.scheme == "http" and not (', "    if False and not ("),),
    "5.3.2.2-9": (Change("server/grants/authorization_code.py", "    if outcome is not Redemption.REDEEMED:", "    if False:"),),
    "5.3.2.2-10": _denied_with(307),
    "5.3.2.2-11": _denied_with(302),
    "5.3.2.2-12": (Change("server/endpoints/pushed_request.py", "lifetime = int(exchange.deployment.profile.limits.request_uri_lifetime)", "lifetime = 600"),),
    "5.3.2.2-13": (Change("web/wording.py", '    return _INVISIBLE.sub("", _SURROGATE', "    return str(_SURROGATE"),),
    "5.3.2.2-14": (Change("profile/requirements/fapi2-security.toml", 'bounds = [{ on = "nonce_max_length", must_be = "at least", value = 64 }]', 'bounds = [{ on = "nonce_max_length", must_be = "at least", value = 8 }]'),),
    "5.3.2.2-p4": _SPENT_BY_NOBODY,
    "5.3.2.3-p1": (Change("protocol/oidc.py", '        "nonce": token.nonce,\n        "auth_time"', '        "nonce": token.nonce or "",\n        "auth_time"'),),
    "5.4.1-1": _NO_SIGNATURE,
    "5.4.1-1.1": (Change("protocol/client_assertion.py", '    if token.type not in _TYPES or ("typ" in token.header and not token.type):', "    if False:"),),
    "5.4.1-1.2": (
        Change("crypto/algorithms.py", "_CANONICAL: Final = {", '_CANONICAL: Final = {"RS256": "PS256", '),
        Change(
            "crypto/algorithms.py",
            "    key.verify(signature, signed, _PSS, _SHA256)",
            """    try:
        key.verify(signature, signed, _PSS, _SHA256)
    except InvalidSignature:
        key.verify(signature, signed, padding.PKCS1v15(), _SHA256)""",
        ),
    ),
    "5.4.1-1.3": (
        Change("crypto/algorithms.py", "_CANONICAL: Final = {", '_CANONICAL: Final = {"none": "ES256", '),
        Change("crypto/jws.py", "        verify_octets(", '        token.header["alg"] == "none" or verify_octets('),
    ),
    "5.4.1-p2": (Change("crypto/algorithms.py", "_CANONICAL: Final = {", '_CANONICAL: Final = {"Ed448": "EdDSA", '),),
    "5.4.1-2": (Change("crypto/keys.py", "MINIMUM_RSA_BITS: Final = 2048", "MINIMUM_RSA_BITS: Final = 1024"),),
    "5.4.1-3": (Change("crypto/keys.py", '        case "EC", "P-256":', '        case "EC", _:'),),
    "5.4.1-4": (Change("runtime/entropy.py", "return secrets.token_urlsafe(32)", 'return secrets.token_urlsafe(8).rjust(43, "A")'),),
    "5.4.2-p1": (Change("protocol/registered_keys.py", "    if not isinstance(jwks, dict):\n        raise KEYS", '    if jwks is None:\n        return {"keys": []}\n    if not isinstance(jwks, dict):\n        raise KEYS'),),
    "5.4.2-1": (Change("protocol/registered_keys.py", 'url is None or url.scheme != "https" or', "url is None or"),),
    "5.4.2-2": (Change("crypto/jws.py", 'full: dict[str, object] = {"alg": signer.algorithm}', 'full: dict[str, object] = {"alg": signer.algorithm, "jku": "https://server.example/jwks"}'),),
    "5.4.2-3": (Change("crypto/key_files.py", "        or path.stem != record.key_id\n        or record.key_id != thumbprint(record.public_key)[:KEY_ID_LENGTH]\n", ""),),
    "5.4.3-p1": (*_KIND_AND_USE, Change("crypto/keys.py", "for member in sorted(members, key=_vagueness):", "for member in members:")),
    "5.4.3-1": (Change("crypto/keys.py", "if key.algorithm == algorithm and (key_id is None or key.key_id == key_id)", "if key.algorithm == algorithm"),),
    "5.4.3-2": (Change("crypto/keys.py", "    if not fitting or (key_id is None and len(fitting) > 1):", "    if not fitting:"), ),
    "5.4.3-3": _KIND_AND_USE,
    "6.4-1": _SPENT_BY_NOBODY,
    "6.7-p2": (Change("protocol/registration.py", "    if not isinstance(value, str) or not fits:", "    if not isinstance(value, str):"),),
    "6.8-1": (Change("crypto/key_states.py", "    if now >= retired_at or not status.record.has_secret:\n        return KeyStatus(record=status.record", "    if False:\n        return KeyStatus(record=status.record"),),
    "6.8-2": _KIND_AND_USE,
    "6.8-4": (Change("server/tokens.py", "            grant_id=grant_id,", "            grant_id=None,"),),
}  # fmt: skip
