"""The deployment under audit, as all checks share it: who is who, and credentials that are known to work."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trustweft.audit.access import Access, read_access
from trustweft.audit.check import GrantRefused, Inconclusive, LoginFailed, NotApplicable
from trustweft.audit.consenting import Consents
from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.audit.flow import Flow, bound, new_verifier
from trustweft.audit.once import Once
from trustweft.audit.plan import Plan, make_plan
from trustweft.audit.user_agent import UserAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.audit.api import Operation
    from trustweft.audit.discovery import Discovery
    from trustweft.audit.harvest import Harvest
    from trustweft.audit.openapi import Template
    from trustweft.audit.parties import Party
    from trustweft.audit.relying.under_test import ClientUnderTest
    from trustweft.audit.target import Target, User
    from trustweft.audit.user_agent import Callback
    from trustweft.audit.wire import Wire
    from trustweft.crypto.keys import LocalSigner
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Deployment"]

MAXIMUM_RENEWED: Final = (
    8  # our choice: a server that ends tokens faster than this is not audited by logging in more
)
FRESH_SECONDS: Final = 30.0  # a token that ends sooner is not handed to another check


@dataclass(slots=True, kw_only=True)
class Deployment:
    """What is audited, with who the auditor may be there.

    Attributes:
        parties: the clients; checks between clients need two.
        resource_servers: as which tokens can be introspected.
        users: people who can log in; checks between people need two.
        operations: of the protected APIs, with values of the first user.
        shut_out: by username, why somebody could not log in before the first check; nobody tries again for them.
        shut_out_of: the same of the password grant, by client and username: another client may let them in.
        broken: operations that answered a request that should be good with 5xx, so that nothing else tries them.
        templates: what their documents describe.
        harvests: by username, what each user's own answers made of the templates.
        answers_anybody: by URL, whether an operation answers without a token; filled as it is asked.
        claims_fapi: whether the clauses of FAPI bind it.
        wait: lets so many seconds pass, for checks that wait until something expires.
        once: what checks find out together.
        consents: who was asked for consent.
        stage_client: leads the client application to the hostile server, and returns it; None where nobody can.
    """

    target: Target
    wire: Wire
    discovery: Discovery
    parties: tuple[Party, ...]
    resource_servers: tuple[Party, ...] = ()
    users: tuple[User, ...]
    operations: tuple[Operation, ...]
    claims_fapi: bool
    clock: Clock
    entropy: Entropy
    wait: Callable[[float], None] = time.sleep
    shut_out: dict[str, str] = field(default_factory=dict)
    shut_out_of: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: tuple[Operation, ...] = ()
    templates: tuple[Template, ...] = ()
    harvests: dict[str, Harvest] = field(default_factory=dict)
    answers_anybody: dict[str, bool] = field(default_factory=dict)
    once: Once = field(default_factory=Once)
    consents: Consents = field(default_factory=Consents)
    stage_client: Callable[[], ClientUnderTest | Inconclusive] | None = None
    _held: dict[tuple[str, str, str], Access] = field(default_factory=dict)
    _renewed: set[str] = field(default_factory=set)
    _locks: dict[tuple[str, str, str], threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def party(self, number: int = 0) -> Party:
        """Return one of the clients.

        Raises:
            NotApplicable: the target file names too few.
        """
        if len(self.parties) <= number:
            raise NotApplicable(
                f"the target file names {len(self.parties)} clients, and this needs {number + 1}"
            )
        return self.parties[number]

    def user(self, number: int = 0) -> User:
        """Return one of the users.

        Raises:
            NotApplicable: the target file names too few.
            LoginFailed: the server did not let this one in before the first check.
        """
        if len(self.users) <= number:
            raise NotApplicable(f"the target file names {len(self.users)} users, and this needs {number + 1}")
        return self._let_in(self.users[number])

    def _let_in(self, user: User) -> User:
        """Return a user, unless the server did not let this one in: a login more would be one more that fails."""
        why = self.shut_out.get(user.username)
        if why is not None:
            raise LoginFailed(f"user {user.username} cannot log in: {why}")
        return user

    def client_under_test(self) -> ClientUnderTest:
        """Return the client application, led to the hostile server.

        Raises:
            NotApplicable: the target has none.
            Inconclusive: nothing says how it is led there, or the server cannot be served.
        """
        if self.target.relying_party is None:
            raise NotApplicable("the target names no client application")
        if self.stage_client is None:
            raise Inconclusive("nothing says how the client is led to another server: see [relying_party]")
        client = self.once.find("client under test", self.stage_client)
        if isinstance(client, Inconclusive):
            raise Inconclusive(str(client))
        return client

    def plan(self, party: Party) -> Plan:
        """Return how a client talks to the server."""
        return make_plan(self.discovery, party)

    def browser(self, party: Party) -> UserAgent:
        """Return a fresh browser that stops at the client's redirect URI.

        Raises:
            NotApplicable: the client has no redirect URI.
        """
        if party.entry.redirect_uri is None:
            raise NotApplicable(f"client {party.client_id} has no redirect_uri in the target file")
        return UserAgent(
            self.wire,
            recipe=self.target.login,
            redirect_uri=party.entry.redirect_uri,
            trust=self.target.trust,
        )

    def flow(
        self,
        party: Party | None = None,
        *,
        browser: UserAgent | None = None,
        changes: Mapping[str, str | None] | None = None,
    ) -> Flow:
        """Begin an authorization; nothing is sent yet.

        Args:
            party: the client; the first unless given.
            browser: a fresh one unless given.
            changes: to the parameters; None leaves one out.

        Raises:
            NotApplicable: the target has no such client, or it may not use the code flow.
        """
        party = party or self.party()
        if "authorization_code" not in party.entry.grant_types:
            raise NotApplicable(f"client {party.client_id} does not use the authorization code grant")
        plan = self.plan(party)
        browser = browser or self.browser(party)
        verifier, challenge = new_verifier(plan, party)
        parameters = {
            "response_type": "code",
            "client_id": party.client_id,
            "redirect_uri": party.entry.redirect_uri or "",
            "scope": party.entry.scope,
            "state": self.entropy.token(),
            **({"nonce": self.entropy.token()} if plan.nonce else {}),
            **challenge,
            **party.entry.parameters,
        }
        flow = Flow(
            wire=self.wire, plan=plan, party=party, browser=browser, verifier=verifier, parameters=parameters
        )
        flow.with_parameters(changes or {})
        if "openid" not in flow.parameters.get("scope", "").split() and "nonce" not in (changes or {}):
            flow.parameters.pop(
                "nonce", None
            )  # OpenID Connect's, and there are servers that refuse it without
        return flow

    def send_bound(self, request: Request, party: Party, *, signer: LocalSigner | None = None) -> Exchange:
        """Send a request for tokens, once more where the server asks for its nonce (RFC 9449 section 8)."""
        exchange = self.wire.send(request)
        if exchange.text("error") == "use_dpop_nonce" and request.header("dpop") is not None:
            # Only an assertion is good for one time alone; what came without credentials is meant to be without.
            anew = party.authenticate(request) if request.parameter("client_assertion") else request
            again = bound(anew, party=party, wire=self.wire, plan=self.plan(party), signer=signer)
            return self.wire.send(again)
        return exchange

    def code(self, flow: Flow, user: User | None = None) -> str:
        """Go through a flow as a user and return the code.

        Raises:
            LoginFailed: the server does not let the user in.
            Inconclusive: no code came.
        """
        user = self._let_in(user) if user is not None else self.user()
        visit = flow.log_in(user)
        if visit.refused:
            raise LoginFailed("the form that asks who somebody is came back after name and password")
        if not visit.code:
            raise Inconclusive(f"no code came back: {_where(visit.callback, visit.last)}")
        if self.target.login.kind == "form":  # the others do not show what was on their pages
            self.consents.note(flow, user, visit)
        return visit.code

    def redeem(self, flow: Flow, code: str, user: User | None = None) -> Access:
        """Redeem a code as its client does.

        Raises:
            Inconclusive: no token came.
        """
        answer = self.send_bound(flow.token_request(code), flow.party)
        if not answer.issued:
            raise Inconclusive(f"a good code gave no token: {answer.shows}")
        return read_access(
            answer, party=flow.party, user=user or self.user(), flow=flow, now=self.clock.now()
        )

    def fresh_access(
        self, party: Party | None = None, user: User | None = None, *, scope: str | None = None
    ) -> Access:
        """Obtain an access token that no other check uses.

        Raises:
            Inconclusive: none came.
            NotApplicable: the target has no such client or user.
        """
        party = party or self.party()
        if self.logs_in_by_password(party):
            return self.password_access(party, user, scope=scope)
        if "authorization_code" not in party.entry.grant_types:
            return self.own_access(party, scope=scope)
        user = user or self.user()
        flow = self.flow(party, changes={} if scope is None else {"scope": scope})
        return self.redeem(flow, self.code(flow, user), user)

    def logs_in_by_password(self, party: Party) -> bool:
        """Whether users get tokens of a client by their password alone: because nothing better is there for it.

        Where the code flow works as well, it is what is used, and the password grant is an attack (TK-07-password).
        """
        named = party.entry.grant_types
        offered = self.discovery.list("grant_types_supported") or ()
        coded = "authorization_code" in named and bool(self.discovery.text("authorization_endpoint"))
        return not coded and (
            "password" in named or ("authorization_code" in named and "password" in offered)
        )

    def password_access(
        self, party: Party | None = None, user: User | None = None, *, scope: str | None = None
    ) -> Access:
        """Obtain a user's token with name and password (RFC 6749 section 4.3).

        Raises:
            LoginFailed: the server does not let the user in.
            Inconclusive: none came.
            NotApplicable: the target has no such client or user.
        """
        party, user = party or self.party(), self._let_in(user) if user is not None else self.user()
        why = self.shut_out_of.get((party.client_id, user.username))
        if why is not None:
            raise GrantRefused(why)
        answer = self.send_bound(self.password_request(party, user, scope=scope), party)
        if answer.text("error") == "invalid_grant":
            raise GrantRefused(
                "the password grant lets nobody in with this name and password (invalid_grant)"
            )
        if not answer.issued:
            raise Inconclusive(f"the password grant gave no token: {answer.shows}")
        return read_access(answer, party=party, user=user, flow=None, now=self.clock.now())

    def password_request(self, party: Party, user: User, *, scope: str | None = None) -> Request:
        """Return the authenticated request for a user's token with name and password."""
        plan = self.plan(party)
        request = form_request(
            plan.endpoint("token_endpoint", party),
            ("grant_type", "password"),
            ("username", user.username),
            ("password", user.password),
            ("scope", scope or party.entry.scope),
        )
        return bound(party.authenticate(request), party=party, wire=self.wire, plan=plan)

    def own_access(self, party: Party | None = None, *, scope: str | None = None) -> Access:
        """Obtain a client's own token (RFC 6749 section 4.4).

        Raises:
            Inconclusive: none came.
            NotApplicable: the client may not.
        """
        party = party or self.party()
        if "client_credentials" not in party.entry.grant_types:
            raise NotApplicable(f"client {party.client_id} may not use client_credentials")
        plan = self.plan(party)
        own = scope or party.entry.narrow_scope or party.entry.scope
        url = plan.endpoint("token_endpoint", party)
        request = form_request(url, ("grant_type", "client_credentials"), ("scope", own))
        request = bound(party.authenticate(request), party=party, wire=self.wire, plan=plan)
        answer = self.send_bound(request, party)
        if not answer.issued:
            raise Inconclusive(f"client credentials gave no token: {answer.shows}")
        return read_access(answer, party=party, user=None, flow=None, now=self.clock.now())

    def access(
        self, party: Party | None = None, user: User | None = None, *, scope: str | None = None
    ) -> Access:
        """Return an access token that works and that checks share: none of them may end it.

        Raises:
            Inconclusive: none could be obtained.
            NotApplicable: the target has no such client or user.
        """
        party = party or self.party()
        name = (party.client_id, user.username if user else "", scope or "")
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            held = self._held.get(name)
            if held is None or held.expires_at < self.clock.now() + FRESH_SECONDS:
                held = self.fresh_access(party, user, scope=scope)
                self._held[name] = held
            return held

    def renew(self, token: str) -> bool:
        """Forget a shared access token that does not work any more, so that the next who asks logs in anew.

        Servers drop what they gave, for example the oldest where there is much of it. Say whether it was a shared one
        that may be renewed; so often, and no oftener.
        """
        with self._lock:
            for name, held in list(self._held.items()):
                if held.token == token and len(self._renewed) < MAXIMUM_RENEWED:
                    del self._held[name]
                    self._renewed.add(token)
            return token in self._renewed

    def wait_until(self, moment: float) -> None:
        """Wait until a moment, in seconds since 1970; for checks that say so (``waits``)."""
        while (left := moment - self.clock.now()) > 0:
            self.wait(left)

    def refreshing(self, access: Access, *changes: tuple[str, str], party: Party | None = None) -> Request:
        """Return the request that uses a refresh token, as ``party``; its own client unless given.

        Raises:
            NotApplicable: no refresh token came.
        """
        if not access.refresh_token:
            raise NotApplicable("the server gave no refresh token")
        party = party or access.party
        plan = self.plan(party)
        url = plan.endpoint("token_endpoint", party)
        request = form_request(
            url, ("grant_type", "refresh_token"), ("refresh_token", access.refresh_token), *changes
        )
        return bound(party.authenticate(request), party=party, wire=self.wire, plan=plan)

    def calling(
        self,
        operation: Operation,
        access: Access,
        *,
        signer: LocalSigner | None = None,
    ) -> Request:
        """Return the request for an operation with a token and a fresh proof."""
        return self.using(operation.request(), access, signer=signer)

    def using(self, request: Request, access: Access, *, signer: LocalSigner | None = None) -> Request:
        """Return a request to a resource with a token and a fresh proof."""
        carried = request.with_header("authorization", f"{access.scheme} {access.token}")
        if access.scheme == "Bearer" and self.plan(access.party).binding == "dpop":
            return carried  # the server took the proof at the token endpoint for nothing
        return bound(
            carried,
            party=access.party,
            wire=self.wire,
            plan=self.plan(access.party),
            access_token=access.token,
            signer=signer,
        )

    def send_call(self, request: Request, access: Access, *, signer: LocalSigner | None = None) -> Exchange:
        """Send a request to a resource, once more where it asks for its nonce (RFC 9449 section 9)."""
        exchange = self.wire.send(request)
        challenge = exchange.header("www-authenticate") or ""
        if exchange.status == 401 and "use_dpop_nonce" in challenge:  # noqa: PLR2004
            return self.wire.send(self.using(request, access, signer=signer))
        return exchange


def _where(callback: Callback | None, last: Exchange) -> str:
    if callback is not None:
        error, words = (callback.parameters.get(name, "") for name in ("error", "error_description"))
        told = ": ".join(each for each in (error, words) if each)
        return (
            f"the client was told {told[:200]}"
            if told
            else "the client was called with neither code nor error"
        )
    return f"the browser stayed at {last.request.url.partition('?')[0]} ({last.status})"
