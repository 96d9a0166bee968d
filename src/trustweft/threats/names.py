"""Known attacks by what gives them away: a table from which the first fitting row names a trace.

The names are the ids of the corpus (`corpus/attacks.toml`); an attack that no row knows has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.threats.language import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.threats.traces import Event, Trace

__all__ = ["DECISIVE", "TABLE", "name_of"]

# Mechanisms that decide what an attack is called.
DECISIVE: Final = frozenset({"par", "pkce"})


_HONEST_CLIENTS: Final = ("c", "d")


class _Told:
    """A trace with what the table asks about it."""

    def __init__(self, trace: Trace, goal: str) -> None:
        self.trace = trace
        self.goal = goal
        self.visits = {event.arguments[0]: event for event in trace.named("visits")}
        self.starts = {event.arguments[0]: event.arguments[1] for event in trace.named("start")}
        self.session_integrity = goal.startswith("session-integrity")

    def has(self, name: str) -> bool:
        return bool(self.trace.named(name))

    def on(self, mechanism: str) -> bool:
        return mechanism in self.trace.mechanisms & DECISIVE

    def stolen(self, manner: str) -> bool:
        return any(event.arguments[1] == manner for event in self.trace.named("steal"))

    def denied(self, what: str) -> bool:
        return any(event.arguments[0] == what for event in self.trace.named("denies"))

    def injected_as(self, server: str) -> bool:
        return any(event.arguments[1] == server for event in self.trace.named("injected"))

    def delivered_to(self, server: str) -> list[Event]:
        """Return the victim's responses that the client took to be from ``server``."""
        return [
            event
            for event in self.trace.named("callback")
            if event.source in {"via", "other"}
            and event.arguments[4] == server
            and _victim(event.arguments[0])
        ]

    def chosen_challenge(self, callback: Event) -> bool:
        """Say whether the code of a response is bound to a session that is not the one which received it."""
        visit = self.visits[parse(callback.arguments[1]).arguments[0].name]
        challenge = parse(visit.arguments[4])
        return challenge.name == "h" and challenge.arguments[0].name != callback.arguments[0]

    def crafted(self) -> list[tuple[Event, Event | None]]:
        """Return the responses that the attacker made up, with the visits that their codes are from."""
        pairs = []
        for event in self.trace.named("callback"):
            if event.source == "attacker":
                code = parse(event.arguments[1])
                pairs.append((event, self.visits.get(code.arguments[0].name) if code.arguments else None))
        return pairs

    def foreign_redirect(self) -> bool:
        return any(
            visit.arguments[1] in _HONEST_CLIENTS and visit.arguments[2] == "ra"
            for visit in self.visits.values()
        )

    def posed_as_second(self) -> bool:
        return any(event.arguments[1] == "d" for event in self.trace.named("stolen_redeem"))

    def foreign_code(self) -> bool:
        """Say whether a code was redeemed by another client than the one that it was issued to."""
        at = {event.arguments[0]: event.arguments[1] for event in self.trace.named("opens")}
        redeemed = [(e.arguments[0], at.get(e.arguments[1], "c")) for e in self.trace.named("redeem")]
        redeemed += [(e.arguments[0], e.arguments[1]) for e in self.trace.named("stolen_redeem")]
        return any(self.visits[visit].arguments[1] != client for visit, client in redeemed)

    def naive(self) -> bool:
        """Say whether a victim's session took a response to be from a server that it had not started with."""
        return any(
            event.arguments[4] != self.starts.get(event.arguments[0]) and _victim(event.arguments[0])
            for event in self.trace.named("callback")
        )

    def victims_request_planted(self) -> bool:
        return any(
            visit is not None
            and visit.arguments[6] == f"planted({event.arguments[0]})"
            and _victim(event.arguments[0])
            for event, visit in self.crafted()
        )

    def request_used_twice(self) -> bool:
        """Say whether the attacker came with a request with which the user had come already."""
        origins = [visit.arguments[6] for visit in self.visits.values()]
        return any(f"planted({origin[4:-1]})" in origins for origin in origins if origin.startswith("via("))

    def leaked_state_alone(self) -> bool:
        """Say whether a state that leaked did it: by itself, or with the rest of a request that was not pushed."""
        whole = self.request_used_twice() and not self.on("par")
        return self.leaked_state() and (whole or not self.victims_request_planted())

    def leaked_state(self) -> bool:
        return any(event.arguments[2] == f"st({event.arguments[0]})" for event, _ in self.crafted())

    def downgraded(self) -> bool:
        return self.on("pkce") and any(
            visit is not None and visit.arguments[4] == "none" for _, visit in self.crafted()
        )

    def replayed_code(self) -> bool:
        """Say whether one code was redeemed more than once."""
        redeemed = [
            event.arguments[0] for event in (*self.trace.named("redeem"), *self.trace.named("stolen_redeem"))
        ]
        return len(redeemed) != len(set(redeemed))

    def victims_code_injected(self) -> bool:
        return any(visit is not None and not _victim(event.arguments[0]) for event, visit in self.crafted())

    def own_request_planted(self) -> bool:
        """Say whether the victim completed a flow that the attacker had begun or written, and he finished it."""
        return any(
            visit is not None and visit.source != "via" and not _victim(event.arguments[0])
            for event, visit in self.crafted()
        )

    def form_forwarded(self) -> bool:
        return any(
            user == "alice" and not _victim(visit)
            for visit, user in (e.arguments for e in self.trace.named("user"))
        )


def _victim(session: str) -> bool:
    """Say whether a session is the victim's: those with odd numbers are (`setting.Bound`)."""
    return int(session[1:]) % 2 == 1


def _chosen_challenge_delivered(told: _Told) -> bool:
    return any(map(told.chosen_challenge, told.delivered_to("aas")))


TABLE: Final[tuple[tuple[str, Callable[[_Told], bool]], ...]] = (
    ("unsigned-ciba-request", lambda told: told.denied("approval")),
    ("request-denied", lambda told: told.denied("request")),
    ("response-denied", lambda told: told.denied("response")),
    ("resource-request-denied", lambda told: told.denied("resource_request")),
    ("resource-response-denied", lambda told: told.denied("resource_response")),
    ("introspection-denied", lambda told: told.denied("introspection_answer")),
    ("response-unlinked", lambda told: told.denied("link")),
    ("ciba-relay", lambda told: told.has("relays")),
    ("ciba-phishing", lambda told: told.has("asks")),
    ("device-phishing", lambda told: told.has("types_code")),
    ("claims-read", lambda told: told.has("reads_claims")),
    ("client-as-user", lambda told: told.has("impersonate")),
    ("offboarded-client", lambda told: told.has("use_after_offboarding")),
    ("redirect-307", _Told.form_forwarded),
    ("initiation-csrf", lambda told: told.has("forced")),
    ("refresh-token-theft", lambda told: told.has("stolen_refresh")),
    ("prepared-redemption", lambda told: told.has("prepared_redeem")),
    ("prepared-proof", lambda told: told.stolen("prepared")),
    ("session-fixation", lambda told: any(e.source == "other" for e in told.trace.named("callback"))),
    ("counterfeit-rs", lambda told: told.has("use_elsewhere")),
    ("cuckoo", lambda told: told.injected_as("aas")),
    ("token-injection", lambda told: told.injected_as("has")),
    ("token-endpoint-tampering", lambda told: told.has("misdirected")),
    ("audience-injection", lambda told: told.has("spend")),
    ("coat", lambda told: bool(told.delivered_to("coat"))),
    ("proof-replay", lambda told: told.stolen("proof")),
    ("token-replay", lambda told: told.stolen("bearer")),
    ("foreign-code", _Told.foreign_code),
    ("public-second-client", _Told.posed_as_second),
    ("naive-rp", lambda told: told.session_integrity and told.naive()),
    ("mix-up-chosen-challenge", _chosen_challenge_delivered),
    ("mix-up", lambda told: bool(told.delivered_to("aas"))),
    ("state-leak", lambda told: told.session_integrity and told.leaked_state_alone()),
    ("request-reuse", lambda told: told.session_integrity and told.request_used_twice()),
    ("request-leak", lambda told: told.session_integrity and told.victims_request_planted()),
    ("pkce-downgrade", _Told.downgraded),
    ("csrf", lambda told: told.session_integrity and bool(told.crafted())),
    ("code-theft", lambda told: told.stolen("own") and not told.foreign_redirect()),
    ("code-replay", _Told.replayed_code),
    (
        "pkce-chosen-challenge",
        lambda told: told.foreign_redirect() and told.stolen("own") and told.on("pkce"),
    ),
    ("open-redirect-uri", _Told.foreign_redirect),
    ("browser-swapping", lambda told: told.own_request_planted() and "a3b" in told.trace.attackers),
    ("plaintext-redirect", lambda told: told.victims_code_injected() and "a2" in told.trace.attackers),
    ("code-injection", _Told.victims_code_injected),
)


def name_of(trace: Trace, goal: str) -> str | None:
    """Return the corpus id of the attack that ``trace`` is, or None when no known one fits."""
    told = _Told(trace, goal)
    return next((name for name, fits in TABLE if fits(told)), None)
