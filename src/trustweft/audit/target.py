"""The target file: what is audited, and what the auditor may use for it (TOML)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from trustweft.profile import profile_names

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ISSUER",
    "Api",
    "Authentication",
    "Binding",
    "ClientEntry",
    "DetailsEntry",
    "Endpoints",
    "LoginRecipe",
    "LoginStep",
    "OperationEntry",
    "RelyingParty",
    "ResourceServerEntry",
    "Target",
    "TargetError",
    "User",
    "read_target",
]

Authentication = Literal[
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "none",
]
Binding = Literal["dpop", "mtls", "none"]
Url = Annotated[str, msgspec.Meta(pattern="^https?://")]
ISSUER: Final = "{issuer}"  # stands for the issuer of a scenario


class TargetError(Exception):
    """The target file cannot be used; the message names the file, the key and the mend, and no secret."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that nobody knows is an error: a slip of the pen must not leave something unaudited."""


class Endpoints(_Strict, frozen=True, kw_only=True):
    """Endpoints of a server that publishes no metadata; what is named here counts more than what is published."""

    authorization_endpoint: Url | None = None
    token_endpoint: Url | None = None
    pushed_authorization_request_endpoint: Url | None = None
    jwks_uri: Url | None = None
    userinfo_endpoint: Url | None = None
    introspection_endpoint: Url | None = None
    revocation_endpoint: Url | None = None
    registration_endpoint: Url | None = None
    end_session_endpoint: Url | None = None


class OperationEntry(_Strict, frozen=True, kw_only=True):
    """A request to an API that is known to work.

    Attributes:
        path: with real identifiers, below the API's ``url``.
        scope: that it needs; empty where any token is enough.
        public: it needs no token at all.
        owner: the name of the user whose data it shows; by default the first.
    """

    method: str = "GET"
    path: str
    headers: dict[str, str] = {}
    body: str | None = None
    content_type: str = "application/json"
    scope: str | None = None
    public: bool = False
    owner: str | None = None


class DetailsEntry(_Strict, frozen=True, kw_only=True):
    """Authorization details that the first user may grant to a client (RFC 9396).

    Attributes:
        good: their JSON text, as it stands in a request.
        scope: asked for beside them; it must not cover what the details are about.
        wider: JSON text of details of the same types that go beyond these.
        shown: texts of them that must stand on the page that asks for consent.
        personal: whether they are a person's to grant, and never a client's alone.
        stranger: the identifier of another client of this file that is not registered for their types.
        covered: a request to the first API that the details cover.
        beyond: one that they do not.
    """

    good: str
    scope: str = "openid"
    wider: str | None = None
    shown: tuple[str, ...] = ()
    personal: bool = True
    stranger: str | None = None
    covered: OperationEntry | None = None
    beyond: OperationEntry | None = None


class ClientEntry(_Strict, frozen=True, kw_only=True):
    """A client that the auditor acts as.

    Attributes:
        authentication: how it authenticates at the token endpoint.
        key: file of its private key (JWK, JWK Set or PEM), for ``private_key_jwt``.
        algorithm: that it signs with; by default the one that fits the key.
        key_id: the ``kid`` of its assertions; by default that of the file, else none.
        assertion_audience: the ``aud`` of its assertions; by default the issuer.
        secret: its client secret; ``secret_file`` keeps it out of this file.
        certificate: PEM file with certificate and key, for mutual TLS.
        redirect_uri: registered; nothing has to answer there, the auditor only reads the address.
        scope: what it asks for.
        narrow_scope: a smaller scope, for what must be refused without the rest.
        binding: how its tokens are bound; by default what the server offers.
        grant_types: what it may use.
        parameters: sent along with each authorization request, such as ``resource`` or ``audience``.
        details: authorization details that it is registered for.
    """

    client_id: str
    authentication: Authentication = "private_key_jwt"
    key: str | None = None
    algorithm: str | None = None
    key_id: str | None = None
    assertion_audience: str | None = None
    secret: str | None = None
    secret_file: str | None = None
    certificate: str | None = None
    redirect_uri: str | None = None
    scope: str = "openid"
    narrow_scope: str | None = None
    binding: Binding | None = None
    grant_types: tuple[str, ...] = ("authorization_code",)
    parameters: dict[str, str] = {}
    details: DetailsEntry | None = None


class ResourceServerEntry(ClientEntry, frozen=True, kw_only=True):
    """A resource server, as which the auditor asks the authorization server about tokens (RFC 7662).

    Attributes:
        audience: its resource identifier, as it stands in the ``aud`` of tokens; for telling whose tokens it may see.
    """

    audience: str | None = None


class User(_Strict, frozen=True, kw_only=True):
    """Somebody who can log in.

    Attributes:
        fields: more that the login form asks for, by the name of the field.
        cookies: file of a saved browser state (Playwright's ``storage_state``), in place of logging in.
    """

    username: str
    password: str = ""
    password_file: str | None = None
    fields: dict[str, str] = {}
    cookies: str | None = None


class LoginStep(_Strict, frozen=True, kw_only=True):
    """What is filled in on one page.

    Attributes:
        when: a text that stands on the page.
        fields: values by the name of the field; ``{username}`` and ``{password}`` stand for the user's.
        press: name, value or text of the button.
    """

    when: str
    fields: dict[str, str] = {}
    press: str | None = None


class LoginRecipe(_Strict, frozen=True, kw_only=True):
    """How a user gets from the authorization request to the redirect URI.

    Attributes:
        kind: ``form`` sends plain HTML forms; ``browser`` lets Chromium do it, for pages with scripts; ``command``
            runs a program, which gets the URL as its last argument, the user in ``TRUSTWEFT_USERNAME`` and
            ``TRUSTWEFT_PASSWORD``, and prints the URL of the callback.
        steps: for pages that do not explain themselves; others are understood without.
        dev_unsafe_no_sandbox: root may let Chromium walk pages without its sandbox; only for pages of one's own.
        command: program and arguments.
    """

    kind: Literal["form", "browser", "command"] = "form"
    dev_unsafe_no_sandbox: bool = False
    steps: tuple[LoginStep, ...] = ()
    command: tuple[str, ...] = ()


class Api(_Strict, frozen=True, kw_only=True):
    """A protected API.

    Attributes:
        url: base of the operations' paths.
        openapi: file or URL of its OpenAPI document.
        operations: known-good requests, besides those that the document explains.
        parameters: values for path and query parameters of the document, by name.
        resource: its resource identifier (RFC 8707), where the server wants to be told.
        origin: where it can be reached behind its gateway, to see whether that is closed.
    """

    url: Url
    name: str = ""
    openapi: str | None = None
    operations: tuple[OperationEntry, ...] = ()
    parameters: dict[str, str] = {}
    resource: str | None = None
    origin: Url | None = None


class RelyingParty(_Strict, frozen=True, kw_only=True):
    """The client application under test, and how it is set going.

    ``{issuer}`` in ``start`` or ``command`` stands for the issuer of a scenario; a command also finds it in
    ``TRUSTWEFT_ISSUER``. Where it stands nowhere, the client is configured with ``server`` as its one issuer, and
    ``restart`` makes it forget what it knows of that.

    Attributes:
        base_url: of the application.
        start: where a flow begins: a page or an address that leads to the authorization server.
        callback: where it is called back.
        command: a program that goes through one flow, prints the authorization URL, and exits with 0 where the flow
            came to its end and with another status where it did not.
        callback_by: how such a program hears of the answer: it listens at its redirect URI, or reads the callback's
            URL from its standard input.
        server: where the hostile server is to answer; by default on a free port of this machine.
        authority: PEM file of the authority of ``certificate``, which the client trusts.
        certificate: PEM file for ``server``; without it a local authority makes one, for this machine's names only.
        private_key: of the certificate.
        restart: a program that is run before each scenario.
        id_token_algorithm: that the client expects.
        jwks_uri: where the client publishes its keys.
        patience: seconds that one flow may take.
    """

    base_url: Url | None = None
    start: Url | None = None
    callback: Url | None = None
    command: tuple[str, ...] = ()
    callback_by: Literal["http", "stdin"] = "http"
    server: Url | None = None
    authority: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    restart: tuple[str, ...] = ()
    id_token_algorithm: Literal["ES256", "PS256", "EdDSA", "RS256"] = "ES256"  # noqa: S105  # an algorithm
    jwks_uri: Url | None = None
    patience: Annotated[float, msgspec.Meta(gt=0)] = 30.0

    @property
    def tells_issuer(self) -> bool:
        """Whether each scenario can have an issuer of its own."""
        named = any(ISSUER in each for each in (self.start or "", *self.command))
        return named or (bool(self.command) and self.server is None)

    @property
    def drivable(self) -> bool:
        """Whether the auditor can start a flow with the hostile server."""
        return bool(self.command) or (self.callback is not None and ISSUER in (self.start or ""))


class Target(_Strict, frozen=True, kw_only=True):
    """What is audited.

    Attributes:
        issuer: of the authorization server; left out where a client alone is audited, with `trustweft check client`.
        profile: what the deployment claims: the name of one of our profiles; by default what its metadata says.
        trust: PEM file of the authorities to trust, besides the system's.
        hosts: names of further hosts that may be asked; those of issuer, endpoints and APIs may be.
        rate: requests in a second.
        canary_host: a name of this machine that the deployment can reach; without it nothing that makes a server
            fetch something is tried.
    """

    issuer: Url = ""
    name: str = ""
    profile: str | None = None
    trust: str | None = None
    hosts: tuple[str, ...] = ()
    rate: Annotated[float, msgspec.Meta(gt=0)] = 50.0
    canary_host: str | None = None
    endpoints: Endpoints = Endpoints()
    clients: Annotated[tuple[ClientEntry, ...], msgspec.Meta(max_length=4)] = ()
    resource_servers: Annotated[tuple[ResourceServerEntry, ...], msgspec.Meta(max_length=4)] = ()
    users: Annotated[tuple[User, ...], msgspec.Meta(max_length=4)] = ()
    login: LoginRecipe = LoginRecipe()
    apis: tuple[Api, ...] = ()
    relying_party: RelyingParty | None = None

    def allowed_hosts(self) -> frozenset[str]:
        """Return the names of the hosts that the file itself names."""
        urls: Iterable[str | None] = (
            self.issuer,
            *msgspec.structs.asdict(self.endpoints).values(),
            *(api.url for api in self.apis),
            *(api.origin for api in self.apis),
            *self._relying_addresses(),
        )
        named = {(urlsplit(url).hostname or "").lower() for url in urls if url}
        return frozenset(named | {host.lower() for host in self.hosts})

    def _relying_addresses(self) -> tuple[str | None, ...]:
        relying = self.relying_party
        return () if relying is None else (relying.base_url, relying.start, relying.callback)


_Entry = TypeVar("_Entry", bound=ClientEntry)


def read_target(path: Path) -> Target:
    """Read a target file; the files that it names are found beside it.

    Raises:
        TargetError: it cannot be read, or says something that nobody understands.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        target = msgspec.convert(document, Target)
    except OSError as cause:
        raise TargetError(f"{path}: {cause.strerror}") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as cause:
        raise TargetError(f"{path}: {cause}") from cause
    if target.profile is not None and target.profile not in profile_names():
        raise TargetError(
            f"{path}: profile: there is no {target.profile!r}, but {', '.join(profile_names())}"
        )
    if not target.issuer and target.relying_party is None:
        raise TargetError(f"{path}: issuer is missing, and so is [relying_party]: there is nothing to audit")
    return _with_files(target, path.parent, path)


def _with_files(target: Target, folder: Path, path: Path) -> Target:
    """Make the names of files absolute, and read the secrets that stand in files of their own."""

    def located(name: str | None) -> str | None:
        return name if name is None or "://" in name else str(folder / name)

    def credentials(entry: _Entry) -> _Entry:
        return msgspec.structs.replace(
            entry,
            key=located(entry.key),
            certificate=located(entry.certificate),
            secret=_secret(entry.secret, located(entry.secret_file), path),
            secret_file=None,
        )

    users = tuple(
        msgspec.structs.replace(
            user,
            password=_secret(user.password, located(user.password_file), path) or "",
            password_file=None,
            cookies=located(user.cookies),
        )
        for user in target.users
    )
    apis = tuple(msgspec.structs.replace(api, openapi=located(api.openapi)) for api in target.apis)
    relying = target.relying_party and msgspec.structs.replace(
        target.relying_party,
        authority=located(target.relying_party.authority),
        certificate=located(target.relying_party.certificate),
        private_key=located(target.relying_party.private_key),
    )
    return msgspec.structs.replace(
        target,
        trust=located(target.trust),
        clients=tuple(map(credentials, target.clients)),
        resource_servers=tuple(map(credentials, target.resource_servers)),
        users=users,
        apis=apis,
        relying_party=relying,
    )


def _secret(value: str | None, file: str | None, path: Path) -> str | None:
    if file is None:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as cause:
        raise TargetError(f"{path}: {file} cannot be read: {type(cause).__name__}") from cause
