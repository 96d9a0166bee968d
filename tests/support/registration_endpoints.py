"""Where software registers itself: a good request to each endpoint, and whether an answer was deserved."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from support.endpoints import Endpoint, hold
from support.judge import Judge
from support.software import (
    CALLBACKS,
    Software,
    change_request,
    manage,
    plain_request,
    recovery_request,
    registered,
    registration_request,
    statement_draft,
)
from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from support.authority import Authority
    from support.drafts import Draft
    from support.wire import Answer, Sent

__all__ = ["registration_endpoints"]

ALLOWED = {"openid", "profile", "email", "accounts"}
WANTED: dict[str, Any] = {
    "redirect_uris": [CALLBACKS[0]],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid accounts loans",
    "client_name": "Bank of Somewhere",
    "favourite_colour": "blue",
}


class _Newcomers:
    """Software that registers itself, each request that of another one."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.judge = Judge(authority)
        self._number = count()
        self._key = Software().signer

    def newcomer(self) -> Software:
        return Software(f"planner-{next(self._number)}", "plannery", self._key)

    async def register(self) -> tuple[Draft, Any]:
        software = self.newcomer()
        return registration_request(self.authority, software, **WANTED), software

    async def state(self) -> tuple[Draft, Any]:
        software = self.newcomer()
        return statement_draft(self.authority, software, **WANTED), software

    async def register_plainly(self) -> tuple[Draft, Any]:
        software = self.newcomer()
        return plain_request(self.authority, software, **WANTED), software

    async def recover(self) -> tuple[Draft, Any]:
        software = self.newcomer()
        await registered(self.authority, software)
        return recovery_request(self.authority, software), software

    async def approve(self, sent: Sent, answer: Answer, software: Software) -> None:
        hold(sent.method == "POST", "another method")
        document, said = self.judge.registration(sent, software, self.authority.directory)
        recovered = sent.path != b"/register"
        hold(answer.status == (200 if recovered else 201), "another status")
        await self._approve_registered(answer, {} if recovered else document, said)

    async def _approve_registered(
        self, answer: Answer, document: dict[str, Any], said: dict[str, Any]
    ) -> None:
        told = answer.json
        hold("resource_server_for" not in told and "favourite_colour" not in told, "more than there is")
        hold(told["client_id"].startswith("software-"), "an identifier of one's own")
        names = ("software_id", "organisation_id", "client_name", "organization_name")
        hold(all(told[name] == said[name] for name in names), "not what the statement says")
        hold(told.get("jwks") == said.get("jwks"), "other keys")
        hold(told.get("jwks_uri") == said.get("jwks_uri"), "other keys")
        hold(set(told["redirect_uris"]) <= set(said.get("redirect_uris", [])), "other redirect URIs")
        wanted = set(document.get("scope", said.get("scope", "")).split(" "))
        active = {each["role"] for each in said.get("software_roles", []) if each["status"] == "active"}
        allowed = ALLOWED & set(said.get("scope", "").split(" ")) if "DATA" in active else set()
        hold(set(told["scope"].split(" ")) - {""} <= wanted & allowed, "more scope than there is")
        kept = await self.authority.store.find_registration(told["client_id"], now=self.authority.clock.now())
        hold(kept is not None and kept.token == digest_of(told["registration_access_token"]), "not kept")

    async def read(self) -> tuple[Draft, Any]:
        return await self._manage("GET")

    async def remove(self) -> tuple[Draft, Any]:
        return await self._manage("DELETE")

    async def _manage(self, method: str) -> tuple[Draft, Any]:
        software = self.newcomer()
        told = await registered(self.authority, software)
        return manage(method, told["client_id"], told["registration_access_token"]), (software, told)

    async def change(self) -> tuple[Draft, Any]:
        software = self.newcomer()
        told = await registered(self.authority, software)
        client_id, token = told["client_id"], told["registration_access_token"]
        return change_request(self.authority, software, client_id, token, **WANTED), (software, told)

    async def approve_management(self, sent: Sent, answer: Answer, known: Any) -> None:
        software, told = known
        scheme, _, token = sent.header_values("authorization")[0].partition(" ")
        hold(scheme.lower() == "bearer", "another scheme")
        hold(token.strip(" \t") == told["registration_access_token"], "another token")
        hold(sent.path.decode() == f"/register/{told['client_id']}", "another client")
        match sent.method:
            case "GET":
                hold(answer.json == told, "something else is told")
            case "DELETE":
                found = await self.authority.store.find_client(told["client_id"])
                hold(answer.status == 204 and found is None, "not removed")
            case "PUT":
                document, said = self.judge.registration(sent, software, self.authority.directory)
                hold(document.get("client_id") == told["client_id"], "another client_id")
                hold(said["software_id"] == software.software_id, "another software")
                hold(answer.json["registration_access_token"] != token, "the same token")
                await self._approve_registered(answer, document, said)
            case method:
                hold(condition=False, text=f"a method {method}")


def registration_endpoints(authority: Authority) -> tuple[Endpoint, ...]:
    """Return the endpoints that software uses before it is a client."""
    own = _Newcomers(authority)
    return (
        Endpoint("registration", own.register, own.approve),
        Endpoint("registration, its statement", own.state, own.approve),
        Endpoint("registration, plain", own.register_plainly, own.approve),
        Endpoint("registration_recovery", own.recover, own.approve),
        Endpoint("client_configuration GET", own.read, own.approve_management, protected=True),
        Endpoint("client_configuration PUT", own.change, own.approve_management, protected=True),
        Endpoint("client_configuration DELETE", own.remove, own.approve_management, protected=True),
    )
