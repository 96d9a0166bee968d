"""One application at several servers: answers that are mixed up lead nowhere (RFC 9207, RFC 9700 section 4.4)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scripted_server import ScriptedServer, form_of
from trustweft.client import Client, Clients
from trustweft.client.tokens import MemoryTokenStore
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.client import StartedAuthorization, TokenStore

HONEST, HOSTILE, THIRD = (f"https://{name}.example" for name in ("honest", "hostile", "third"))


class Application:
    """A client at each of three servers, one callback, and what is pending in one browser."""

    def __init__(self, store: TokenStore | None = None) -> None:
        self.servers = {
            issuer: ScriptedServer(issuer=issuer, code=f"code-of-{issuer}")
            for issuer in (HONEST, HOSTILE, THIRD)
        }
        self.clients: Clients[Client] = Clients(
            [server.client(store=store) for server in self.servers.values()]
        )

    def begin(self, issuer: str) -> StartedAuthorization:
        """Begin with the server that the person chose."""
        return self.clients.at(issuer).begin()

    def come_back(self, started: StartedAuthorization, query: str) -> None:
        """Have the browser come back to the one callback."""
        self.clients.of(started.pending).finish(started.pending, query, name=started.pending.issuer)

    def codes_sent(self) -> dict[str, list[str]]:
        """Return which codes each server was shown."""
        return {
            issuer: [form_of(each)["code"] for each in server.requests if each.url.path == "/token"]
            for issuer, server in self.servers.items()
        }


def test_each_answer_finds_its_client() -> None:
    """Three flows under way at once, in one browser, finished in another order."""
    application = Application()
    started = {issuer: application.begin(issuer) for issuer in application.servers}
    for issuer in reversed(started):
        application.come_back(started[issuer], application.servers[issuer].query(started[issuer]))
    assert application.codes_sent() == {issuer: [f"code-of-{issuer}"] for issuer in started}
    for issuer in started:
        assert application.clients.at(issuer).tokens(issuer).issuer == issuer


@pytest.mark.parametrize(("asked", "answering"), [*itertools.permutations((HONEST, HOSTILE, THIRD), 2)])
def test_the_answer_of_one_server_is_no_answer_to_what_another_was_asked(asked: str, answering: str) -> None:
    """Whichever is delivered where, and although the state is right: no code leaves."""
    application = Application()
    started = application.begin(asked)
    application.servers[answering].query(started)
    query = application.servers[answering].query(started)
    with pytest.raises(Reject, match=r"issuer\.mismatch"):
        application.come_back(started, query)
    assert application.codes_sent() == {HONEST: [], HOSTILE: [], THIRD: []}


def test_a_mix_up_gets_no_code_of_the_honest_server() -> None:
    """The person chose the hostile server, which sent the browser on to the honest one: its code stays secret.

    The hostile server pushed nothing there itself: it let the browser open an address of the honest one with the
    state that it was pushed. The honest server answers, truthfully, with its code and its name.
    """
    application = Application()
    started = application.begin(HOSTILE)
    query = application.servers[HONEST].query(started)
    assert f"code-of-{HONEST}".replace(":", "%3A").replace("/", "%2F") in query
    with pytest.raises(Reject, match=r"issuer\.mismatch"):
        application.come_back(started, query)
    assert application.codes_sent()[HOSTILE] == []


@pytest.mark.parametrize("spoilt", ["dropped", "another"])
def test_a_hostile_server_gains_nothing_by_lying_about_its_name(spoilt: str) -> None:
    """Nor by leaving it out, as a server that is older than RFC 9207 does."""
    application = Application()
    started = application.begin(HOSTILE)

    def edit(parameters: dict[str, str]) -> None:
        if spoilt == "dropped":
            del parameters["iss"]
        else:
            parameters["iss"] = THIRD

    application.servers[HONEST].callback = edit
    with pytest.raises(Reject, match=r"issuer\.(missing|mismatch)"):
        application.come_back(started, application.servers[HONEST].query(started))
    assert application.codes_sent() == {HONEST: [], HOSTILE: [], THIRD: []}


def test_a_client_takes_no_answer_for_what_another_began() -> None:
    """Also where the application errs, and asks the wrong one of its clients."""
    application = Application()
    started = application.begin(HOSTILE)
    query = application.servers[HONEST].query(started)
    with pytest.raises(Reject, match=r"client\.other-server"):
        application.clients.at(HONEST).finish(started.pending, query, name="alice")
    assert application.codes_sent()[HONEST] == []


def test_servers_may_share_a_store_and_get_no_token_of_each_other() -> None:
    """The set says whose it is, whatever name it is kept under."""
    application = Application(MemoryTokenStore())
    started = application.begin(HONEST)
    application.come_back(started, application.servers[HONEST].query(started))
    for ask in (application.clients.at(HOSTILE).tokens, application.clients.at(HOSTILE).revoke):
        with pytest.raises(Reject, match=r"client\.no-tokens"):
            ask(HONEST)
    assert application.servers[HOSTILE].requests == []


@pytest.mark.parametrize("issuer", ["https://unknown.example", f"{HONEST}/", HONEST.upper(), ""])
def test_a_server_that_nobody_registered_with_is_unknown(issuer: str) -> None:
    """Issuers are compared octet by octet."""
    application = Application()
    with pytest.raises(Reject, match=r"client\.unknown-server"):
        application.clients.at(issuer)


def test_one_server_has_one_client() -> None:
    """Which of two would an answer be for?"""
    with pytest.raises(ValueError, match="two clients"):
        Clients([ScriptedServer().client(), ScriptedServer().client()])


def test_each_server_has_a_proof_key_of_its_own() -> None:
    """FAPI 2.0 SP section 6.3: a token that was stolen at one server fits no flow with another."""
    one, other = ScriptedServer(issuer=HONEST), ScriptedServer(issuer=HOSTILE)
    other.configuration = replace(other.configuration, sender_constraint=one.configuration.sender_constraint)
    with pytest.raises(ValueError, match="proof key of its own"):
        Clients([one.client(), other.client()])
