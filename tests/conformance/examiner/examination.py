"""One examination: whom it is about, what is published about them, and what time it is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from conformance.examiner.browser import Browser
from conformance.examiner.conversation import Conversation
from conformance.examiner.parties import CALLBACKS
from conformance.examiner.wire import Wire, read_object

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.examiner.browser import Person
    from conformance.examiner.certificates import ClientCertificate
    from conformance.examiner.parties import Party
    from conformance.examiner.variants import Constraint, Method, Variant

__all__ = ["Examination", "Subject"]


class Subject(Protocol):
    """Whom an examination is about: participants that run."""

    issuer: str
    resource: str
    authority: Path
    person: Person

    def now(self) -> float:
        """Return the time by the participants' clock."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        ...

    def parties(self, authentication: Method, constraint: Constraint) -> tuple[Party, Party]:
        """Return two registered clients of this kind."""
        ...

    def wire(self, party: Party | None = None) -> Wire:
        """Return connections; with the client's certificate if one is named."""
        ...

    def issue_certificate(self, name: str) -> ClientCertificate:
        """Return a certificate with that subject, of the authority that issues those of clients."""
        ...

    def rotate_key(self) -> str:
        """Let the server publish its next signing key, and return its identifier; time does the rest."""
        ...


class Examination:
    """One module in one variant."""

    def __init__(self, subject: Subject, variant: Variant) -> None:
        self.subject = subject
        self.variant = variant
        self.first, self.second = subject.parties(variant.authentication, variant.constraint)
        self.wire = subject.wire()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What the server publishes, from where a client of this variant looks for it."""
        known = "openid-configuration" if self.variant.openid else "oauth-authorization-server"
        answer = self.wire.get(f"{self.subject.issuer}/.well-known/{known}")
        assert answer.status == 200, answer
        return answer.json

    @cached_property
    def keys(self) -> dict[str, Any]:
        """The keys that the server publishes."""
        answer = self.wire.get(self.metadata["jwks_uri"])
        assert answer.status == 200, answer
        assert answer.media_type in {"application/jwk-set+json", "application/json"}, answer
        return read_object(answer)

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint: its alias for clients with certificates, where there is one."""
        published = self.metadata[f"{name}_endpoint"]
        if self.variant.needs_certificates:
            published = self.metadata.get("mtls_endpoint_aliases", {}).get(f"{name}_endpoint", published)
        assert isinstance(published, str)
        return published

    @property
    def resources(self) -> tuple[str, ...]:
        """The protected resources that tokens of this variant are for."""
        bank = f"{self.subject.resource}/accounts"
        return (bank, self.endpoint("userinfo")) if self.variant.openid else (bank,)

    def now(self) -> int:
        """Return the time in whole seconds."""
        return int(self.subject.now())

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.subject.wait(seconds)

    def browser(self) -> Browser:
        """Return a browser without a past."""
        return Browser(self.wire, origin=self.subject.issuer)

    def begin(self, party: Party | None = None, *, with_query: bool = False) -> Conversation:
        """Begin to talk as a client, the first unless another is named."""
        return Conversation(self, party or self.first, redirect_uri=CALLBACKS[with_query])

    def begin_second(self) -> Conversation:
        """Begin as the suite's second client does: with a query in its redirect URI, and a long state and nonce."""
        conversation = self.begin(self.second, with_query=True)
        conversation.set_state(128)
        return conversation
