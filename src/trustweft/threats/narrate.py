"""A trace in plain words: who does what, with which values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from trustweft.report.sequence import Message, draw_sequence
from trustweft.threats.language import parse
from trustweft.threats.words import (
    ALICE,
    ATTACKER,
    CLIENT,
    FOREIGN,
    HONEST,
    RESOURCE,
    SECOND,
    SERVERS,
    WHO,
    browser_of,
    flow_of,
    is_alices,
    login_of,
    parameters_in_words,
    value_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trustweft.threats.traces import Event, Trace

__all__ = ["ATTACKERS", "GOALS", "Line", "draw", "narrate", "printed"]

ATTACKERS: Final[Mapping[str, str]] = {
    "a1": "a web attacker: own sites, own account, links that people follow",
    "a1a": "a web attacker who also runs an authorization server",
    "a2": "a network attacker",
    "a3a": "an attacker who reads authorization requests",
    "a3b": "an attacker who reads authorization responses",
    "a4": "an attacker to whom token requests go",
    "a5": "an attacker who reads resource requests after they were answered",
    "preparer": "an attacker who could use the client's key for a while and made proofs for later",
    "initiator": "an attacker whose pages start flows in other people's browsers",
    "reader": "an attacker who reads refresh requests after they were answered",
}
GOALS: Final[Mapping[str, str]] = {
    "authorization": "Authorization: nobody uses resources that are not theirs",
    "authentication": "Authentication: nobody is logged in as somebody else",
    "session-integrity-authentication": "Session integrity: nobody is made to be logged in as the attacker",
    "session-integrity-authorization": "Session integrity: nobody is made to use the attacker's resources",
    "confidentiality-of-claims": "Confidentiality: nobody reads what a token says of somebody else",
    "non-repudiation": "Non-repudiation: nobody can deny what they sent",
}

_LANES: Final = (ALICE, ATTACKER, CLIENT, SECOND, FOREIGN, HONEST, RESOURCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step of the story.

    Attributes:
        text: a whole sentence.
        hostile: whether it is the attacker who acts.
    """

    source: str
    target: str
    text: str
    hostile: bool = False


def narrate(trace: Trace) -> list[Line]:
    """Tell the trace, one line for each event."""
    second = {event.arguments[0] for event in trace.named("opens") if event.arguments[1] == "d"}
    return [
        _at_second(line) if second & set(event.arguments) else line
        for event, line in ((event, _TELLERS.get(event.name, _untold)(event)) for event in trace.events)
    ]


def _at_second(line: Line) -> Line:
    """Return the line of a flow at the second client."""
    ends = {CLIENT: SECOND}
    return replace(line, source=ends.get(line.source, line.source), target=ends.get(line.target, line.target))


def draw(title: str, trace: Trace) -> str:
    """Return the trace as an SVG sequence diagram."""
    lines = narrate(trace)
    taking_part = {name for line in lines for name in (line.source, line.target)}
    messages = [
        Message(line.source, line.target, line.text, "attack" if line.hostile else "normal") for line in lines
    ]
    return draw_sequence(title, [lane for lane in _LANES if lane in taking_part], messages)


def printed(attackers: Iterable[str]) -> str:
    """Return attackers as the Attacker Model prints them: ``A1 A1a``."""
    return " ".join(each[0].upper() + each[1:] for each in attackers)


def _start(event: Event) -> Line:
    session, server = event.arguments
    who = "Alice" if is_alices(session) else "The attacker"
    text = f"{who} starts flow {session[1:]} at the client and picks {SERVERS[server]}."
    return Line(source=browser_of(session), target=CLIENT, text=text, hostile=not is_alices(session))


def _misdirected(event: Event) -> Line:
    text = f"The client uses the attacker's token endpoint for the honest server in {flow_of(event.arguments[0])}."
    return Line(source=ATTACKER, target=CLIENT, text=text, hostile=True)


def _borrowed(event: Event) -> Line:  # noqa: ARG001  # every teller has the same shape
    text = "The attacker's server publishes an endpoint of the honest server as its own."
    return Line(source=FOREIGN, target=CLIENT, text=text, hostile=True)


def _spend(event: Event) -> Line:
    session, endpoint, purpose = event.arguments
    where = "push a request" if purpose.startswith("push") else "redeem a code"
    sent = "pushed request" if endpoint == "par" else "token request"
    text = (
        f"The attacker takes the client's assertion from its {sent} to the attacker's server ({flow_of(session)}) "
        f"and uses it at the honest server to {where}."
    )
    return Line(source=FOREIGN, target=HONEST, text=text, hostile=True)


def _pushed(event: Event) -> Line:
    number, client, *values = event.arguments
    text = f"The attacker pushes request {number[1:]} as {WHO[client]}, with {parameters_in_words(*values)}."
    return Line(source=ATTACKER, target=HONEST, text=text, hostile=True)


def _visits(event: Event) -> Line:
    visit, client, *values, origin = event.arguments
    who = "Alice's browser" if is_alices(visit) else "The attacker"
    came = parse(origin)
    from_where = {
        "via": "sent by the client",
        "planted": "with a link that the attacker planted"
        if is_alices(visit)
        else "with a request that was not meant for it",
        "pushed": "with the request that the attacker pushed",
        "attacker": "with a request that the attacker wrote",
    }[came.name]
    of = f" in {flow_of(came.arguments[0].name)}" if came.name in {"via", "planted"} else ""
    text = f"{who} arrives at the honest server {from_where}{of}, for {WHO[client]}, with {parameters_in_words(*values)}."
    return Line(source=browser_of(visit), target=HONEST, text=text, hostile=came.name != "via")


def _user(event: Event) -> Line:
    visit, user = event.arguments
    if not is_alices(visit) and user == "alice":
        text = f"The attacker logs in with Alice's password (login {visit[1:]})."
    else:
        who = "Alice" if user == "alice" else "The attacker"
        text = f"{who} logs in as {'herself' if user == 'alice' else 'himself'} and agrees; the server issues a code (login {visit[1:]})."
    return Line(source=browser_of(visit), target=HONEST, text=text, hostile=not is_alices(visit))


def _callback(event: Event) -> Line:
    session, code, state, issuer, believed, _ = event.arguments
    said = f"{value_in_words(code, 'code')}{'' if state == 'none' else ', ' + value_in_words(state, 'state')}"
    iss = "no issuer named" if issuer == "none" else f"naming {SERVERS[issuer]}"
    belief = f"The client takes it to be from {SERVERS[believed]} ({flow_of(session)})."
    match event.source:
        case "attacker":
            through = "through Alice's browser" if is_alices(session) else "from the attacker's own browser"
            text = f"A response that the attacker made arrives {through}: {said}, {iss}. {belief}"
            return Line(source=ATTACKER, target=CLIENT, text=text, hostile=True)
        case "other":
            text = f"A browser that did not start the flow brings the response: {said}, {iss}. {belief}"
            visit = parse(code).arguments[0].name
            return Line(source=browser_of(visit), target=CLIENT, text=text, hostile=True)
        case _:
            text = f"The browser brings the response: {said}, {iss}. {belief}"
            return Line(source=browser_of(session), target=CLIENT, text=text)


def _injected(event: Event) -> Line:
    session, server, visit = event.arguments
    text = f"The attacker answers the token request of {flow_of(session)} with the token of {login_of(visit)}; the client takes it to be from {SERVERS[server]}."
    return Line(source=FOREIGN, target=CLIENT, text=text, hostile=True)


def _redeem(event: Event) -> Line:
    visit, session, _ = event.arguments
    text = f"The client redeems the code of {login_of(visit)} in {flow_of(session)} and receives the token."
    return Line(source=CLIENT, target=HONEST, text=text)


def _opens(event: Event) -> Line:
    session, client = event.arguments
    who = "Alice" if is_alices(session) else "The attacker"
    text = f"{who} opens {WHO[client]}, for flow {session[1:]}."
    return Line(source=browser_of(session), target=CLIENT, text=text, hostile=not is_alices(session))


def _stolen_redeem(event: Event) -> Line:
    visit, client = event.arguments
    way = "uses his own client" if client == "mc" else f"poses as {WHO[client]}"
    text = f"The attacker {way}, redeems the code of {login_of(visit)} and receives the token."
    return Line(source=ATTACKER, target=HONEST, text=text, hostile=True)


def _prepared_redeem(event: Event) -> Line:
    text = f"The attacker redeems the code of {login_of(event.arguments[0])} with a proof that the client's key made in advance."
    return Line(source=ATTACKER, target=HONEST, text=text, hostile=True)


def _forced(event: Event) -> Line:
    session = event.arguments[0]
    text = f"A page of the attacker starts flow {session[1:]} in Alice's browser; his server answers with an account of his."
    return Line(source=ATTACKER, target=CLIENT, text=text, hostile=True)


def _use(event: Event) -> Line:
    session, _, visit = event.arguments
    shown = "to Alice" if is_alices(session) else "to the attacker"
    text = (
        f"The client uses the token of {login_of(visit)} and shows what it gets {shown} ({flow_of(session)})."
    )
    return Line(
        source=CLIENT, target=RESOURCE, text=text, hostile=not is_alices(session) and is_alices(visit)
    )


def _use_elsewhere(event: Event) -> Line:
    _, visit = event.arguments
    text = f"The client sends the token of {login_of(visit)} to a resource server of the attacker."
    return Line(source=CLIENT, target=ATTACKER, text=text, hostile=True)


def _refresh(event: Event) -> Line:
    text = f"The client refreshes the token of {login_of(event.arguments[0])}."
    return Line(source=CLIENT, target=HONEST, text=text)


def _stolen_refresh(event: Event) -> Line:
    text = f"The attacker redeems the refresh token of {login_of(event.arguments[0])}."
    return Line(source=ATTACKER, target=HONEST, text=text, hostile=True)


def _steal(event: Event) -> Line:
    visit, *how = event.arguments
    manner = {
        "bearer": "the token alone, which nothing ties to a key",
        "own": "the token that was issued to the attacker",
        "proof": "the token and the proof that it read, sent once more",
        "prepared": "the token and a proof that the client's key made in advance",
        "refreshed": "the token that the refresh token gave",
    }.get(how[0] if how else "", "the token")
    text = f"The attacker reaches the resources of {login_of(visit)} with {manner}."
    return Line(source=ATTACKER, target=RESOURCE, text=text, hostile=True)


def _reads_claims(event: Event) -> Line:
    text = f"The attacker reads what the token of {login_of(event.arguments[0])} says."
    return Line(source=ATTACKER, target=ATTACKER, text=text, hostile=True)


def _impersonate(event: Event) -> Line:  # noqa: ARG001  # every teller has the same shape
    text = "The attacker's client, registered with an id that is Alice's subject, asks with a token of its own and is taken for Alice."
    return Line(source=ATTACKER, target=RESOURCE, text=text, hostile=True)


def _use_after_offboarding(event: Event) -> Line:
    text = f"A client that was off-boarded goes on using the token of {login_of(event.arguments[0])}."
    return Line(source=ATTACKER, target=RESOURCE, text=text, hostile=True)


def _asks(event: Event) -> Line:
    session, user = event.arguments
    who = "Alice" if is_alices(session) else "The attacker"
    text = f"{who} has the client ask the honest server for {WHO[user]}'s approval on another device ({flow_of(session)})."
    return Line(source=browser_of(session), target=CLIENT, text=text, hostile=not is_alices(session))


def _relays(event: Event) -> Line:
    text = f"The attacker's page shows Alice the message or code of {flow_of(event.arguments[0])} as if it were hers."
    return Line(source=ATTACKER, target=ALICE, text=text, hostile=True)


def _shows_code(event: Event) -> Line:
    session = event.arguments[0]
    text = f"The device shows the code of {flow_of(session)}."
    return Line(source=CLIENT, target=browser_of(session), text=text, hostile=not is_alices(session))


def _types_code(event: Event) -> Line:
    session, user = event.arguments
    name = WHO[user]
    text = f"{name[0].upper()}{name[1:]} types the code of {flow_of(session)} at the honest server."
    return Line(source=ALICE if user == "alice" else ATTACKER, target=HONEST, text=text)


def _approves(event: Event) -> Line:
    text = f"The asked person approves {flow_of(event.arguments[0])} on the other device."
    return Line(source=ALICE, target=HONEST, text=text)


def _denies(event: Event) -> Line:
    what = event.arguments[0].replace("_", " ")
    text = (
        f"Somebody denies having sent the {what} ({event.arguments[-1]}), and no signature shows otherwise."
    )
    return Line(source=CLIENT, target=HONEST, text=text, hostile=True)


def _untold(event: Event) -> Line:
    """Tell an event that has no sentence of its own: a test holds that there is none."""
    words = event.name.replace("_", " ")
    return Line(source=ATTACKER, target=ATTACKER, text=f"Then: {words} ({', '.join(event.arguments)}).")


_TELLERS: Final[Mapping[str, Callable[[Event], Line]]] = {
    "opens": _opens,
    "start": _start,
    "misdirected": _misdirected,
    "borrowed": _borrowed,
    "spend": _spend,
    "pushed": _pushed,
    "visits": _visits,
    "user": _user,
    "callback": _callback,
    "injected": _injected,
    "redeem": _redeem,
    "stolen_redeem": _stolen_redeem,
    "prepared_redeem": _prepared_redeem,
    "forced": _forced,
    "use": _use,
    "use_elsewhere": _use_elsewhere,
    "refresh": _refresh,
    "stolen_refresh": _stolen_refresh,
    "steal": _steal,
    "asks": _asks,
    "relays": _relays,
    "shows_code": _shows_code,
    "types_code": _types_code,
    "approves": _approves,
    "denies": _denies,
    "reads_claims": _reads_claims,
    "impersonate": _impersonate,
    "use_after_offboarding": _use_after_offboarding,
}
