"""Finds the scenario and the endpoint that a request is for, answers, and writes both down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from trustweft.audit.exchange import FORM_TYPE, Exchange, Request
from trustweft.audit.hostile.authorization_server import AuthorizationServer
from trustweft.audit.hostile.grants import Memory, certificate_name
from trustweft.audit.hostile.journal import Arrival, Journal
from trustweft.audit.hostile.resource_server import ResourceServer
from trustweft.audit.hostile.scenario import HONEST, SECOND, Place, Scenario, Site
from trustweft.protocol.http import HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trustweft.audit.hostile.signing import ServerKeys
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Addresses", "Application"]

_WELL_KNOWN: Final = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_ENDPOINTS: Final = frozenset({"jwks", "par", "authorize", "token", "userinfo", "revoke"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the hostile server is reached.

    Attributes:
        places: base URL of each place.
        counterfeit: another origin, with a good certificate.
        plaintext: without TLS.
    """

    places: Mapping[Place, str]
    counterfeit: str
    plaintext: str


class Application:
    """The hostile server without a network.

    Args:
        scenarios: that are served, each below a path of its own.
        addresses: where.
        keys: that ID tokens are signed with.
        pushing_required: what the metadata says.
        fixed: one issuer serves all scenarios, whichever is on: for clients whose issuer cannot change.
    """

    def __init__(
        self,
        scenarios: Iterable[Scenario],
        *,
        addresses: Addresses,
        keys: ServerKeys,
        pushing_required: bool,
        fixed: bool,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.scenarios = {each.id: each for each in scenarios}
        self.journal = Journal()
        self.memory = Memory()
        self.addresses = addresses
        self.keys = keys
        self.on = HONEST
        self.fixed = fixed
        self._entropy = entropy
        self._visits: Counter[tuple[str, str]] = Counter()
        self._server = AuthorizationServer(clock, self.memory, pushing_required=pushing_required)
        self._resource = ResourceServer(self.memory)

    def issuer(self, scenario: str) -> str:
        """Return the issuer of a scenario."""
        if self.fixed:
            return self.addresses.places[Place.GOOD]
        return f"{self.addresses.places[self.scenarios[scenario].place]}/{scenario}"

    def respond(self, request: HttpRequest, *, base: str) -> HttpResponse:
        """Answer one request that came to ``base``."""
        name, endpoint = self._locate(request.path)
        if base == self.addresses.counterfeit:
            endpoint = "counterfeit"
        scenario = self.scenarios[name]
        self._visits[name, endpoint] += 1
        good, deviates = self._answer(request, endpoint, scenario)
        if self.fixed:  # the next scenario may have another certificate, which the client has to see
            good = replace(good, headers=(*good.headers, ("connection", "close")))
        if base == self.addresses.plaintext:
            endpoint = "plaintext"
        exchange = Exchange(
            request=_as_sent(request, base),
            status=good.status,
            headers=good.headers,
            body=good.body,
            seconds=0.0,
        )
        self.journal.write(Arrival(name, endpoint, exchange, deviates))
        return good

    def _locate(self, path: str) -> tuple[str, str]:
        """Return the scenario and the endpoint of a path."""
        for well_known in _WELL_KNOWN:
            if well_known in path:
                return self._named(path.replace(well_known, "").strip("/")), "metadata"
        first, _, rest = path.strip("/").partition("/")
        if first in self.scenarios:
            name, last = first, rest
        else:
            name, last = self._named(""), path.strip("/")
        endpoint = last.partition("/")[0]
        if endpoint == "api":
            return name, "api"
        return name, last if last in _ENDPOINTS else "nothing"

    def _named(self, name: str) -> str:
        return name if name in self.scenarios else self.on

    def _answer(self, request: HttpRequest, endpoint: str, scenario: Scenario) -> tuple[HttpResponse, bool]:
        site = self._site(scenario)
        if scenario.intercept is not None:
            instead = scenario.intercept(endpoint, request, site)
            if instead is not None:
                return instead, True
        answers: dict[str, tuple[Callable[[], HttpResponse], object]] = {
            "metadata": (lambda: self._server.metadata(scenario, site), scenario.metadata),
            "jwks": (lambda: self._server.jwks(site), None),
            "par": (lambda: self._server.push(request, site), None),
            "authorize": (lambda: self._server.authorize(request, scenario, site), scenario.response),
            "token": (
                lambda: self._server.tokens(request, scenario, site),
                scenario.tokens or scenario.id_token,
            ),
            "userinfo": (lambda: self._resource.userinfo(request, scenario, site), scenario.userinfo),
            "revoke": (lambda: self._server.revoke(request), None),
            "api": (lambda: self._resource.call(request), None),
            "counterfeit": (lambda: self._resource.call(request), None),
        }
        if endpoint not in answers:
            return json_response({"error": "not_found"}, status=404), False
        answer, deviation = answers[endpoint]
        return answer(), deviation is not None

    def _site(self, scenario: Scenario) -> Site:
        other = SECOND if SECOND in self.scenarios and scenario.id != SECOND else HONEST
        path = "" if self.fixed else f"/{scenario.id}"
        return Site(
            issuer=self.issuer(scenario.id),
            other_issuer=f"{self.addresses.places[Place.GOOD]}/{other}",
            plaintext=f"{self.addresses.plaintext}{path}",
            counterfeit=f"{self.addresses.counterfeit}{path}",
            keys=self.keys,
            entropy=self._entropy,
            visit=lambda endpoint: self._visits[scenario.id, endpoint],
        )


def _as_sent(request: HttpRequest, base: str) -> Request:
    query = request.query.decode("latin-1")
    kept = tuple(pair for pair in request.headers if pair[0] != "host")
    return Request(
        method=request.method,
        url=f"{base}{request.path}{'?' if query else ''}{query}",
        headers=kept,
        body=request.body,
        form=_form_of(request),
        certificate=certificate_name(request),
    )


def _form_of(request: HttpRequest) -> tuple[tuple[str, str], ...] | None:
    if not (request.header("content-type") or "").startswith(FORM_TYPE):
        return None
    return tuple(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
