"""The client with a network: the same conversations over a synchronous or an asynchronous httpx2 client.

The httpx2 client is passed in, so that trust in certificates is the caller's decision; redirects are never followed.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakValueDictionary

from trustweft.client.auth import SenderConstrained
from trustweft.client.core import ClientCore
from trustweft.client.driving import drive, drive_async
from trustweft.client.errors import ServerRefusedError
from trustweft.client.standing import check_server, while_it_takes_part
from trustweft.client.tokens import MemoryTokenStore
from trustweft.client.wire import Call
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx2

    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.pending import PendingAuthorization, StartedAuthorization
    from trustweft.client.tokens import TokenSet, TokenStore
    from trustweft.client.wire import Flow
    from trustweft.protocol.http import HttpResponse
    from trustweft.protocol.oidc import UserInfo
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["AsyncClient", "Client"]

T = TypeVar("T")
Headers = tuple[tuple[str, str], ...]

REFRESH_BEFORE: Final = 10.0  # seconds: a token must not end on its way

NO_TOKENS = reason(
    "client.no-tokens", error="invalid_request", public="There is no authorization under this name."
)


class _Base:
    """What both drivers share."""

    def __init__(
        self,
        configuration: ClientConfiguration,
        *,
        clock: Clock,
        entropy: Entropy,
        store: TokenStore | None = None,
    ) -> None:
        self.core = ClientCore(configuration, clock=clock, entropy=entropy)
        self.store: TokenStore = MemoryTokenStore() if store is None else store
        self._clock = clock

    def forget_issuer(self, issuer: str) -> dict[str, int]:
        """Forget metadata and keys of the server, if it is the one; return how many documents there were.

        Its tokens are the store's matter.
        """
        return {"caches": self.core.forget_server() if issuer == self.core.configuration.issuer else 0}

    def _load(self, name: str) -> TokenSet:
        check_server(self.core.configuration, ended_only=True)
        tokens = self.store.load(name)
        # Clients of several servers may share a store: what one server gave is never sent to another.
        if tokens is None or tokens.issuer != self.core.configuration.issuer:
            raise NO_TOKENS.reject(name[:80])
        return tokens

    def _keep(self, name: str, tokens: TokenSet) -> None:
        """Keep what a server gave that has not ended meanwhile: whatever waited in between, all of it was forgotten."""
        check_server(self.core.configuration, ended_only=True)
        self.store.save(name, tokens)

    def _newer(self, name: str, tried: TokenSet, refused: ServerRefusedError) -> TokenSet:
        """Return what another process kept meanwhile, which had the newer refresh token; else raise the refusal."""
        kept = self.store.load(name)
        if refused.error != "invalid_grant" or kept is None or kept.refresh_token == tried.refresh_token:
            raise refused
        return self._load(name)

    def _is_fresh(self, tokens: TokenSet) -> bool:
        return self._clock.now() < tokens.expires_at - REFRESH_BEFORE or tokens.refresh_token is None


class Client(_Base):
    """A client for synchronous programs.

    Raises of every method: ``Reject`` where an answer does not fit, ``ServerRefusedError`` where the server refuses,
    and what httpx2 raises where there is no answer.
    """

    def __init__(
        self,
        configuration: ClientConfiguration,
        http: httpx2.Client,
        *,
        clock: Clock,
        entropy: Entropy,
        store: TokenStore | None = None,
    ) -> None:
        super().__init__(configuration, clock=clock, entropy=entropy, store=store)
        self._http = http
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._locks_lock = threading.Lock()

    def begin(self, *, authorization_details: Sequence[Mapping[str, object]] = ()) -> StartedAuthorization:
        """Push an authorization request; send the browser to ``url``, keep ``pending`` in its session."""
        return self._drive(self.core.begin(authorization_details=authorization_details))

    def finish(self, pending: PendingAuthorization, query: str, *, name: str) -> TokenSet:
        """Turn the callback's query into tokens, kept under ``name``."""
        tokens = self._drive(self.core.finish(pending, query.encode("utf-8", "surrogatepass")))
        with self._lock(name):  # a refresh under way is kept before, not after
            self._keep(name, tokens)
        return tokens

    def tokens(self, name: str) -> TokenSet:
        """Return the tokens, refreshed if they are about to end: by one of the threads that ask at once, for all."""
        tokens = self._load(name)
        if self._is_fresh(tokens):
            return tokens
        with self._lock(name):
            tokens = self._load(name)
            return tokens if self._is_fresh(tokens) else self._refresh(name, tokens)

    def _lock(self, name: str) -> threading.Lock:
        """Return the one lock of a name, which lasts as long as anybody holds it or waits for it."""
        with self._locks_lock:
            lock = self._locks.get(name)
            if lock is None:
                lock = self._locks[name] = threading.Lock()
            return lock

    def _refresh(self, name: str, tokens: TokenSet) -> TokenSet:
        try:
            fresh = self._drive(self.core.refresh(tokens))
        except ServerRefusedError as refused:
            newer = self._newer(name, tokens, refused)
            if self._is_fresh(newer):
                return newer
            fresh = self._drive(self.core.refresh(newer))
        self._keep(name, fresh)  # before anybody uses any of it
        return fresh

    def auth(self, name: str) -> SenderConstrained:
        """Return what signs requests: ``http.get(url, auth=client.auth(name))``."""
        return SenderConstrained(self.core.sending, self.tokens(name).access_token)

    def call(
        self, method: str, url: str, *, name: str, headers: Headers = (), body: bytes = b""
    ) -> HttpResponse:
        """Send a request to a protected resource, with the tokens under ``name``; return whatever it answers.

        Args:
            method: in capitals.
            url: https.
            name: whose tokens.
            headers: names in lower case; those of the token and its proof are added.
            body: sent as it is.
        """
        request = Call(method=method, url=url, headers=tuple(headers), body=body)
        flow = self.core.sending.call(request, self.tokens(name).access_token)
        return self._drive(flow, ended_only=True)

    def userinfo(self, name: str) -> UserInfo:
        """Return what the server tells about the person."""
        return self._drive(self.core.userinfo(self.tokens(name)))

    def client_credentials(self, scope: tuple[str, ...], *, name: str) -> TokenSet:
        """Obtain tokens for the client itself, kept under ``name``."""
        tokens = self._drive(self.core.client_credentials(scope))
        with self._lock(name):  # a refresh under way is kept before, not after
            self._keep(name, tokens)
        return tokens

    def revoke(self, name: str) -> None:
        """End the authorization at the server, then forget it."""
        with self._lock(name):  # else a refresh under way would bring back what is forgotten here
            self._drive(self.core.revoke(self._load(name)), ended_only=True)
            self.store.forget(name)

    def _drive(self, flow: Flow[T], *, ended_only: bool = False) -> T:
        watched = while_it_takes_part(flow, self.core.configuration, ended_only=ended_only)
        return drive(watched, self._http)


class AsyncClient(_Base):
    """A client for asynchronous programs; see `Client`."""

    def __init__(
        self,
        configuration: ClientConfiguration,
        http: httpx2.AsyncClient,
        *,
        clock: Clock,
        entropy: Entropy,
        store: TokenStore | None = None,
    ) -> None:
        super().__init__(configuration, clock=clock, entropy=entropy, store=store)
        self._http = http
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(
        self, *, authorization_details: Sequence[Mapping[str, object]] = ()
    ) -> StartedAuthorization:
        """Push an authorization request; send the browser to ``url``, keep ``pending`` in its session."""
        return await self._drive(self.core.begin(authorization_details=authorization_details))

    async def finish(self, pending: PendingAuthorization, query: str, *, name: str) -> TokenSet:
        """Turn the callback's query into tokens, kept under ``name``."""
        tokens = await self._drive(self.core.finish(pending, query.encode("utf-8", "surrogatepass")))
        async with self._lock(name):  # a refresh under way is kept before, not after
            self._keep(name, tokens)
        return tokens

    async def tokens(self, name: str) -> TokenSet:
        """Return the tokens, refreshed if they are about to end: by one of those who ask at once, for all."""
        tokens = self._load(name)
        if self._is_fresh(tokens):
            return tokens
        async with self._lock(name):
            tokens = self._load(name)
            return tokens if self._is_fresh(tokens) else await self._refresh(name, tokens)

    def _lock(self, name: str) -> asyncio.Lock:
        """Return the one lock of a name, which lasts as long as anybody holds it or waits for it."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock

    async def _refresh(self, name: str, tokens: TokenSet) -> TokenSet:
        try:
            fresh = await self._drive(self.core.refresh(tokens))
        except ServerRefusedError as refused:
            newer = self._newer(name, tokens, refused)
            if self._is_fresh(newer):
                return newer
            fresh = await self._drive(self.core.refresh(newer))
        self._keep(name, fresh)  # before anybody uses any of it
        return fresh

    async def auth(self, name: str) -> SenderConstrained:
        """Return what signs requests: ``await http.get(url, auth=await client.auth(name))``."""
        return SenderConstrained(self.core.sending, (await self.tokens(name)).access_token)

    async def call(
        self, method: str, url: str, *, name: str, headers: Headers = (), body: bytes = b""
    ) -> HttpResponse:
        """Send a request to a protected resource; see `Client.call`."""
        request = Call(method=method, url=url, headers=tuple(headers), body=body)
        flow = self.core.sending.call(request, (await self.tokens(name)).access_token)
        return await self._drive(flow, ended_only=True)

    async def userinfo(self, name: str) -> UserInfo:
        """Return what the server tells about the person."""
        return await self._drive(self.core.userinfo(await self.tokens(name)))

    async def client_credentials(self, scope: tuple[str, ...], *, name: str) -> TokenSet:
        """Obtain tokens for the client itself, kept under ``name``."""
        tokens = await self._drive(self.core.client_credentials(scope))
        async with self._lock(name):  # a refresh under way is kept before, not after
            self._keep(name, tokens)
        return tokens

    async def revoke(self, name: str) -> None:
        """End the authorization at the server, then forget it."""
        async with self._lock(name):
            await self._drive(self.core.revoke(self._load(name)), ended_only=True)
            self.store.forget(name)

    async def _drive(self, flow: Flow[T], *, ended_only: bool = False) -> T:
        watched = while_it_takes_part(flow, self.core.configuration, ended_only=ended_only)
        return await drive_async(watched, self._http)
