"""The values of the model in words: who, whose flow, which code.

Sessions of the model are numbered, those with odd numbers are Alice's. Values are named by what they are and whose
flow they are from: "the code of Alice's login 1", "the challenge of the attacker's flow 2".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.threats.language import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.threats.language import Term

__all__ = [
    "ALICE",
    "ATTACKER",
    "CLIENT",
    "FOREIGN",
    "HONEST",
    "RESOURCE",
    "SECOND",
    "SERVERS",
    "WHO",
    "browser_of",
    "flow_of",
    "is_alices",
    "login_of",
    "parameters_in_words",
    "value_in_words",
]

ALICE: Final = "Alice's browser"
ATTACKER: Final = "Attacker"
CLIENT: Final = "Client"
SECOND: Final = "Second client"
HONEST: Final = "Honest server"
FOREIGN: Final = "Attacker's server"
RESOURCE: Final = "Resource server"
SERVERS: Final = {
    "has": "the honest server",
    "aas": "the attacker's server",
    "coat": "the attacker's configuration of the honest server",
}
WHO: Final = {
    "c": "the client",
    "d": "the second client",
    "mc": "the attacker's own client",
    "alice": "Alice",
    "eve": "the attacker",
}
_REDIRECTS: Final = {"rc": "c", "rd": "d"}


def is_alices(session: str) -> bool:
    """Say whether a session or login is Alice's: those with odd numbers are (`setting.Bound`)."""
    return int(session[1:]) % 2 == 1


def browser_of(session: str) -> str:
    """Return whose browser a session is in."""
    return ALICE if is_alices(session) else ATTACKER


def _whose(session: str, what: str) -> str:
    return f"{'Alice' if is_alices(session) else 'the attacker'}'s {what} {session[1:]}"


def flow_of(session: str) -> str:
    """Return a flow at the client in words: "Alice's flow 1"."""
    return _whose(session, "flow")


def login_of(visit: str) -> str:
    """Return a login at the honest server in words."""
    return _whose(visit, "login")


_VALUES: Final[Mapping[str, Callable[[str], str]]] = {
    "st": lambda session: f"the state of {flow_of(session)}",
    "h": lambda session: f"the PKCE challenge of {flow_of(session)}",
    "v": lambda session: f"the PKCE verifier of {flow_of(session)}",
    "n": lambda session: f"the nonce of {flow_of(session)}",
    "ru": lambda session: f"the request of {flow_of(session)}",
    "code": lambda visit: f"the code of {login_of(visit)}",
}


def value_in_words(text: str, what: str) -> str:
    """Return a value of the model in words: ``code(i1)``, ``none``, ``e``."""
    term: Term = parse(text)
    if text == "none":
        return f"no {what}"
    if term.name in _VALUES and term.arguments and term.arguments[0].name != "e":
        return _VALUES[term.name](term.arguments[0].name)
    return f"a {what} of the attacker's own"


def _redirect(text: str) -> str:
    if text == "ra":
        return "a redirect URI of the attacker"
    term = parse(text)
    whose = f"{WHO[_REDIRECTS[term.name]]}'s redirect URI"
    return f"{whose} for {SERVERS[term.arguments[0].name]}" if term.arguments else whose


def parameters_in_words(redirect: str, state: str, challenge: str, nonce: str) -> str:
    """Return the parameters of an authorization request in words."""
    parts = [_redirect(redirect)]
    parts += [
        value_in_words(value, what)
        for value, what in ((state, "state"), (challenge, "PKCE challenge"), (nonce, "nonce"))
        if value != "none" or what == "PKCE challenge"
    ]
    return ", ".join(parts)
