"""`trustweft check init`: a first target file, from what the server says of itself, and what it still lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.discovery import discover
from trustweft.audit.preflight import need_answer, open_wire
from trustweft.audit.target import Target

if TYPE_CHECKING:
    from trustweft.audit.discovery import Discovery

__all__ = ["first_target"]

_KEYED = ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth")
_SECRETS = ("client_secret_basic", "client_secret_post", "client_secret_jwt")


def first_target(issuer: str, *, trust: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the text of a target file, and what a person must still fill in.

    Raises:
        TargetError: the authorities cannot be read, or the server does not answer.
    """
    target = Target(issuer=issuer, trust=trust)
    with open_wire(target) as wire:
        discovery = discover(wire, target)
        if not discovery.published:
            need_answer(wire, issuer)
    missing = list(_missing(discovery))
    lines = [
        "# What `trustweft check --target` audits. Keep it private: it names secrets.",
        f'issuer = "{issuer}"',
        *([f'trust = "{trust}"'] if trust else []),
        '# profile = "fapi2-security"     # what the deployment claims; by default what its metadata says',
        '# hosts = ["api.example"]        # further hosts that may be asked',
        '# canary_host = "localhost"      # a name of this machine that the deployment can reach',
        "",
    ]
    if not discovery.published:
        lines += [
            "# The server publishes no metadata, so its endpoints have to stand here: these are guesses.",
            "[endpoints]",
            f'authorization_endpoint = "{issuer.rstrip("/")}/authorize"',
            f'token_endpoint = "{issuer.rstrip("/")}/token"',
            "",
        ]
    for number in (1, 2):
        lines += _client(discovery, number)
    for name in ("first", "second"):
        lines += ["[[users]]", f'username = "{name}-user"', 'password_file = "' + name + '-password"', ""]
    lines += [
        "# [login]                        # only where the pages do not explain themselves",
        '# kind = "browser"               # for pages with scripts',
        "# [[login.steps]]",
        '# when = "Enter the code"        # a text on the page',
        '# fields = { code = "123456" }',
        '# press = "Continue"',
        "",
        "[[apis]]",
        'url = "https://api.example"',
        '# openapi = "https://api.example/openapi.json"',
        "[[apis.operations]]",
        'method = "GET"',
        'path = "/accounts"',
        "",
    ]
    return "\n".join(lines), tuple(missing)


def _client(discovery: Discovery, number: int) -> list[str]:
    method = _method(discovery)
    lines = ["[[clients]]", f'client_id = "client-{number}"', f'authentication = "{method}"']
    if method == "private_key_jwt":
        lines.append(f'key = "client-{number}.jwk.json"      # private key: JWK, JWK Set or PEM')
    elif method in _SECRETS:
        lines.append(f'secret_file = "client-{number}-secret"')
    elif method != "none":
        lines.append(f'certificate = "client-{number}.pem"   # certificate and key')
    scopes = discovery.list("scopes_supported") or ("openid",)
    return [
        *lines,
        'redirect_uri = "https://client.example/callback"   # registered; nothing has to answer there',
        f'scope = "{" ".join(each for each in scopes if each != "offline_access")}"',
        f"grant_types = [{', '.join(f'{chr(34)}{each}{chr(34)}' for each in _grants(discovery))}]",
        "",
    ]


def _method(discovery: Discovery) -> str:
    """Return the strongest method that the server names; RFC 8414 says which holds where it names none."""
    offered = discovery.list("token_endpoint_auth_methods_supported") or ("client_secret_basic",)
    return next((each for each in (*_KEYED, *_SECRETS, "none") if each in offered), "client_secret_basic")


def _grants(discovery: Discovery) -> tuple[str, ...]:
    offered = discovery.list("grant_types_supported") or ("authorization_code",)
    return tuple(
        each for each in ("authorization_code", "refresh_token", "client_credentials") if each in offered
    ) or ("authorization_code",)


def _missing(discovery: Discovery) -> list[str]:
    found = [
        "two clients with their keys or secrets, and a redirect URI that is registered for them",
        "two users who can log in",
        "the APIs, with an OpenAPI document or one good request",
    ]
    if not discovery.published:
        found.insert(0, "the endpoints: the server publishes no metadata")
    if discovery.text("registration_endpoint"):
        found[-3] += " (the server offers registration: its endpoint is named in its metadata)"
    return found
