"""Where browsers attack a client application: as it is deployed with its own server, or on the hostile server's stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import Request
from trustweft.audit.relying.browser import Application, BrowserDriver, deliver, features_of
from trustweft.audit.target import ISSUER
from trustweft.audit.user_agent import UserAgent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.target import LoginRecipe, User
    from trustweft.audit.user_agent import Visit
    from trustweft.audit.wire import Wire

__all__ = ["Ground", "ground_of", "staged_ground"]

_PAGE: Final = (("accept", "text/html,application/xhtml+xml"), ("sec-fetch-site", "none"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A client application and its authorization server, for several browsers at once.

    Attributes:
        deployment: what the honest flow came to is remembered there.
        authorization_endpoint: where the client sends browsers.
        users: two people, or twice the same where only one is known.
    """

    deployment: Deployment
    wire: Wire
    recipe: LoginRecipe
    application: Application
    authorization_endpoint: str
    users: tuple[User, User]

    def browser(self, *, stops_at: str | None = None) -> UserAgent:
        """Return a fresh browser; it stops where the client is called back, unless told otherwise."""
        return UserAgent(
            self.wire,
            recipe=self.recipe,
            redirect_uri=stops_at or self.application.callback,
            trust=self.deployment.target.trust,
        )

    def begin(self, browser: UserAgent, user: User) -> Visit:
        """Go through a flow up to the client's redirect URI, which is not called yet.

        Raises:
            Inconclusive: the browser did not get there.
        """
        visit = browser.log_in(self.application.start, user)
        if visit.callback is None:
            raise Inconclusive(
                f"a flow from {self.application.start} stayed at "
                f"{visit.last.request.url.partition('?')[0]} ({visit.last.status})"
            )
        return visit

    def request_of(self, browser: UserAgent, user: User) -> str:
        """Begin a flow and return the address that the client sends the browser to; it is not opened.

        Raises:
            Inconclusive: the client sends the browser elsewhere.
        """
        visit = browser.log_in(self.application.start, user)
        if visit.callback is None:
            raise Inconclusive("the client did not send the browser to the authorization endpoint")
        return visit.callback.url

    def honest(self) -> tuple[Exchange, ...]:
        """Return what the client answers to an answer that is its own, found out once.

        Raises:
            Inconclusive: no flow gets there, or it does not end well.
        """

        def finish() -> tuple[Exchange, ...]:
            browser = self.browser()
            return tuple(deliver(browser, self.begin(browser, self.users[0])))

        ended = self.deployment.once.find(("honest flow of", self.application), finish)
        if not ended or not ended[-1].ok:
            raise Inconclusive("an honest flow does not end with a page")
        return ended

    def denied(self) -> tuple[Exchange, ...]:
        """Return what the client answers where the user did not agree, found out once."""

        def finish() -> tuple[Exchange, ...]:
            browser = self.browser()
            visit = self.begin(browser, self.users[0])
            kept = {} if visit.callback is None else dict(visit.callback.parameters)
            kept.pop("code", None)
            return tuple(deliver(browser, visit, parameters={**kept, "error": "access_denied"}))

        return self.deployment.once.find(("denied flow of", self.application), finish)

    def finished(self, answered: Sequence[Exchange]) -> bool:
        """Tell whether the client took an answer as it took the honest one.

        Raises:
            Inconclusive: it answers alike whether or not somebody is logged in.
        """
        honest, denied, seen = features_of(self.honest()), features_of(self.denied()), features_of(answered)
        telling = [name for name in honest if honest[name] != denied.get(name)]
        if not telling:
            raise Inconclusive("the client answers alike whether or not somebody is logged in")
        return all(seen.get(name) == honest[name] for name in telling)

    def inside(self, browser: UserAgent) -> Exchange:
        """Open the page on which an honest flow ends."""
        return browser.send(Request(method="GET", url=self.honest()[-1].request.url, headers=_PAGE))

    def shows_inside(self, seen: Exchange) -> bool:
        """Tell whether a page is what somebody sees who is logged in.

        Raises:
            Inconclusive: strangers see the same.
        """
        stranger = self.deployment.once.find(
            ("stranger at", self.application), lambda: self.inside(self.browser())
        )
        honest, strange = features_of([self.honest()[-1]]), features_of([stranger])
        telling = [name for name in honest if name != "cookies" and honest[name] != strange.get(name)]
        if not telling:
            raise Inconclusive("strangers see the same page as somebody who is logged in")
        return all(features_of([seen]).get(name) == honest[name] for name in telling)


def ground_of(deployment: Deployment, scenario: str) -> Ground:
    """Return the application as it is deployed, where users can log in there; else on the stage.

    Raises:
        NotApplicable: there is no client application, or none with pages.
        Inconclusive: nothing leads to it.
    """
    relying = deployment.target.relying_party
    if relying is None:
        raise NotApplicable("the target names no client application")
    deployed = (
        relying.start is not None
        and relying.callback is not None
        and ISSUER not in relying.start
        and relying.server is None
        and deployment.users
    )
    if not deployed:
        return staged_ground(deployment, scenario)
    first = deployment.user()
    return Ground(
        deployment=deployment,
        wire=deployment.wire,
        recipe=deployment.target.login,
        application=Application(start=relying.start or "", callback=relying.callback or ""),
        authorization_endpoint=deployment.discovery.endpoint("authorization_endpoint"),
        users=(first, deployment.user(1) if len(deployment.users) > 1 else first),
    )


def staged_ground(deployment: Deployment, scenario: str) -> Ground:
    """Return the application on the hostile server's stage.

    Raises:
        NotApplicable: there is no client application, or none with pages.
        Inconclusive: nothing leads it there.
    """
    client = deployment.client_under_test()
    if not isinstance(client.driver, BrowserDriver):
        raise NotApplicable("the client is no application that people use with a browser")
    if not client.tells_issuer:
        scenario = client.stage.on
    issuer = client.stage.issuer(scenario)
    return Ground(
        deployment=deployment,
        wire=client.wire,
        recipe=deployment.target.login,
        application=client.driver.application(issuer),
        authorization_endpoint=f"{issuer}/authorize",
        users=(client.driver.user, client.driver.user),
    )
