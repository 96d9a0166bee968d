"""Who acts on the tour: registered clients, and one person's browser."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.cli.tour.wire import Draft
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.dpop import create_proof

if TYPE_CHECKING:
    from trustweft.cli.tour.wire import Capture, Pairs, Wire
    from trustweft.crypto.keys import Signer
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Browser", "Party"]

ASSERTION_SECONDS: Final = 60.0


class Party:
    """A registered client: its authentication key from the data directory, its proof keys for this tour only."""

    def __init__(
        self, client_id: str, *, signer: Signer, issuer: str, clock: Clock, entropy: Entropy
    ) -> None:
        self.client_id = client_id
        self.proof_signer = LocalSigner("ES256", generate_private_key("ES256"))
        self.other_signer = LocalSigner("ES256", generate_private_key("ES256"))
        self._signer = signer
        self._issuer = issuer
        self._clock = clock
        self._entropy = entropy

    def authentication(self, *, audience: str | None = None) -> Pairs:
        """Return the parameters that authenticate one request (RFC 7523 section 2.2)."""
        assertion = create_client_assertion(
            self._signer,
            client_id=self.client_id,
            issuer=audience or self._issuer,
            now=self._clock.now(),
            lifetime=ASSERTION_SECONDS,
            jti=self._entropy.token(),
        )
        return (("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion))

    def proof(
        self,
        method: str,
        url: str,
        *,
        nonce: str | None,
        access_token: str | None = None,
        signer: Signer | None = None,
    ) -> str:
        """Return a proof of possession for one request (RFC 9449 section 4.2)."""
        return create_proof(
            signer or self.proof_signer,
            method=method,
            url=url,
            now=self._clock.now(),
            jti=self._entropy.token(),
            access_token=access_token,
            nonce=nonce,
        )


class _FormReader(HTMLParser):
    """Collects the forms of a page: where each is sent, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a field of the last one."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((values.get("action", ""), {}))
        elif tag == "input" and values.get("type") == "hidden" and self.forms:
            self.forms[-1][1][values.get("name", "")] = values.get("value", "")


class Browser:
    """What a person's browser does: keeps cookies, follows a redirect when told to, sends the forms of a page."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cookies: dict[str, str] = {}
        self._forms: dict[str, tuple[str, dict[str, str]]] = {}

    def draft(self, url: str) -> Draft:
        """Return the request for a page."""
        return Draft(method="GET", url=url, headers=self._cookie_header())

    def form(self, step: str, *parameters: tuple[str, str]) -> Draft:
        """Return the request that sends the form, of the page seen last, whose address ends with ``step``.

        Raises:
            KeyError: the page has no such form.
        """
        action, hidden = self._forms[step]
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(action))
        return Draft(
            method="POST",
            url=action,
            headers=(*self._cookie_header(), ("origin", origin), ("sec-fetch-site", "same-origin")),
            form=(*hidden.items(), *parameters),
        )

    def take_in(self, capture: Capture) -> None:
        """Keep what an answer brings: its cookies and, if it is a page, its forms."""
        for line in capture.answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value and "max-age=0" not in line.lower():
                self._cookies[name] = value
            else:
                self._cookies.pop(name, None)
        reader = _FormReader()
        reader.feed(capture.answer.text)
        if not reader.forms:
            return
        page = str(capture.answer.url)
        self._forms = {
            action.rpartition("/")[2]: (str(capture.answer.url.join(action)) if action else page, hidden)
            for action, hidden in reader.forms
        }

    def _cookie_header(self) -> Pairs:
        if not self._cookies:
            return ()
        return (("cookie", "; ".join(f"{name}={value}" for name, value in self._cookies.items())),)
