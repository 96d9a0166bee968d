"""One request on its way through a pipeline: what arrived, what has been established, what is answered.

A check reads what earlier checks established and adds its own. A fact that nobody established raises
``AttributeError`` when it is read: a pipeline with a hole fails closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trustweft.server.details import DetailTypes

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.crypto.keyring import KeyRing
    from trustweft.crypto.keys import KeySet
    from trustweft.profile import Profile
    from trustweft.protocol.access_token import AccessToken, Confirmation
    from trustweft.protocol.bearer import PresentedToken
    from trustweft.protocol.client_assertion import ClientAssertion, UnverifiedAssertion
    from trustweft.protocol.dpop import Proof
    from trustweft.protocol.dpop_nonces import Nonces
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.federation_registration import FederatedClient
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.protocol.jar import RequestObject, UnverifiedRequestObject
    from trustweft.protocol.oauth import Form
    from trustweft.protocol.par import RequestUri
    from trustweft.protocol.pkce import CodeChallenge
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.protocol.redirect_uri import RedirectUri
    from trustweft.protocol.registration import ClientMetadata
    from trustweft.protocol.registration_request import RegistrationRequest, SignedRequest
    from trustweft.protocol.software_statement import SoftwareStatement
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.errors import Reason
    from trustweft.runtime.observability import Observer
    from trustweft.server.client_certificates import ClientCertificates
    from trustweft.server.client_keys import ClientKeys
    from trustweft.server.clients import PublishedKeys, RegisteredClient
    from trustweft.server.config import ServerConfig
    from trustweft.server.federation import Federation
    from trustweft.server.login.passkeys import NewPasskey, PasskeyUse
    from trustweft.server.login.passwords import Passwords
    from trustweft.server.pages import Pages
    from trustweft.server.participation import Participation
    from trustweft.server.records import (
        AuthorizationCode,
        Freshness,
        Grant,
        Interaction,
        Passkey,
        PushedRequest,
        RefreshToken,
        Registration,
        User,
    )
    from trustweft.server.registrations import Registrations
    from trustweft.server.storage import ServerStore

__all__ = ["Deployment", "Exchange", "Submitted"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What one authorization server is made of; everything that it depends on is passed in here."""

    config: ServerConfig
    profile: Profile
    store: ServerStore
    keys: KeyRing
    client_certificates: ClientCertificates
    client_keys: ClientKeys
    nonces: Nonces
    pages: Pages
    passwords: Passwords
    clock: Clock
    entropy: Entropy
    observer: Observer
    detail_types: DetailTypes = field(default_factory=DetailTypes)
    participation: Participation | None = None  # None where no directory says who takes part
    registrations: Registrations | None = None  # None where clients cannot register themselves
    federation: Federation | None = None

    def token_keys(self) -> KeySet:
        """Return what this server's own tokens are verified with: its published keys that have not ended."""
        published = self.keys.key_set()
        return published if self.participation is None else self.participation.keys.among(published)

    def with_profile(self, profile: Profile) -> Deployment:
        """Return the same with another profile, and with nonces that change as often as it says."""
        return replace(self, profile=profile, nonces=self.nonces.every(profile.limits.dpop_nonce_step))


@dataclass(frozen=True, slots=True)
class Submitted:
    """A write under way in the replay memory, and what to say if it finds a replay."""

    outcome: Awaitable[Freshness]
    replayed: Reason


class Exchange:
    """The facts of one request. Which check establishes which is told beside each name."""

    __slots__ = (
        "_now",
        "access_token",
        "assertion",
        "authentication",
        "authorization_code",
        "chain",
        "client",
        "client_id",
        "client_keys",
        "code_challenge",
        "code_digest",
        "confirmation",
        "cookies",
        "deployment",
        "details",
        "dpop_jkt",
        "endpoint",
        "federated",
        "federation",
        "form",
        "grant",
        "grant_type",
        "handle",
        "interaction",
        "interaction_digest",
        "introspected",
        "new_metadata",
        "new_passkey",
        "new_refresh_token",
        "new_registered",
        "passkey",
        "passkey_use",
        "presented",
        "prompt",
        "proof",
        "pushed",
        "redirect_uri",
        "refresh_token",
        "refresh_token_digest",
        "registered",
        "registration",
        "registration_request",
        "registration_token",
        "registrations",
        "request",
        "request_digest",
        "request_object",
        "request_uri",
        "response",
        "revoked",
        "saved",
        "scope",
        "signed_parameters",
        "signed_request",
        "statement",
        "statements",
        "submitted",
        "user",
    )

    deployment: Deployment
    endpoint: str
    request: HttpRequest
    response: HttpResponse
    form: Form  # read_form, read_query; verify_request_object: from there on what the client signed
    # read_client_credentials, read_authorization_parameters, find_interaction_client, verify_userinfo_token
    client_id: str
    client: RegisteredClient  # find_client
    client_keys: PublishedKeys  # find_client_keys
    assertion: UnverifiedAssertion | None  # read_client_credentials; None where a certificate authenticates
    authentication: ClientAssertion | None  # verify_client_assertion; None where a certificate authenticates
    confirmation: Confirmation  # establish_confirmation
    proof: Proof | None  # read_dpop_proof
    submitted: list[Submitted]  # remember_client_assertion, remember_dpop_proof
    dpop_jkt: str | None  # bind_pushed_request_key
    request_object: (
        UnverifiedRequestObject | None
    )  # read_request_object; None where the request is not signed
    signed_parameters: RequestObject | None  # verify_request_object; likewise
    redirect_uri: RedirectUri  # check_redirect_uri
    code_challenge: CodeChallenge  # check_code_challenge
    prompt: tuple[str, ...]  # read_prompt
    request_uri: RequestUri  # save_pushed_request
    saved: Awaitable[None]  # save_pushed_request
    scope: tuple[str, ...]
    details: tuple[AuthorizationDetail, ...]  # read_authorization_details, find_code, find_refresh_token
    pushed: PushedRequest
    request_digest: bytes
    handle: str
    interaction: Interaction
    interaction_digest: bytes
    cookies: list[str]  # begin_interaction, log_in_*, end_interaction: values of Set-Cookie for the answer
    user: User
    passkey: Passkey  # find_passkey
    passkey_use: PasskeyUse  # verify_passkey_assertion
    new_passkey: NewPasskey  # verify_new_passkey
    grant_type: str
    authorization_code: AuthorizationCode
    code_digest: bytes
    refresh_token: RefreshToken
    refresh_token_digest: bytes
    grant: Grant  # check_refreshed_grant
    new_refresh_token: str | None  # redeem_code, rotate_refresh_token
    presented: PresentedToken  # verify_userinfo_token
    access_token: AccessToken  # verify_userinfo_token
    introspected: AccessToken | None  # find_introspected_token
    revoked: AccessToken | RefreshToken | None  # find_revoked_token
    registrations: Registrations  # check_registration_offered
    registration_request: RegistrationRequest  # read_software_request
    statement: SoftwareStatement  # verify_statement
    signed_request: SignedRequest | None  # verify_request_signature; None where a certificate is the proof
    new_metadata: ClientMetadata  # compose_new_client, compose_changed_client
    new_registered: bytes  # the same as it is kept
    registration: Registration  # find_own_registration, find_software_to_recover, save_registration
    registered: (
        bytes  # the metadata as it is kept: save_registration, read_registration, replace_registration
    )
    registration_token: str  # of the registration from now on: with the same
    federation: Federation  # check_federation
    statements: tuple[str, ...]  # read_registration_request
    chain: TrustChain  # resolve_registration
    federated: FederatedClient  # register_explicitly

    def __init__(self, deployment: Deployment, *, endpoint: str, request: HttpRequest) -> None:
        self.deployment = deployment
        self.endpoint = endpoint
        self.request = request
        self.submitted = []
        self.cookies = []
        self.proof = None
        self.dpop_jkt = None
        self.request_object = None
        self.signed_parameters = None
        self._now = deployment.clock.now()

    @property
    def now(self) -> float:
        """Return when the request arrived: one time for all of its checks."""
        return self._now
