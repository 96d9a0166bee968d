"""The steps of the tour, in the order of a first visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.cli.tour.steps.authorization import (
    answer_consent,
    log_in,
    open_authorization,
    push_request,
    return_to_client,
    see_consent,
    see_login,
)
from trustweft.cli.tour.steps.certificates import use_certificate
from trustweft.cli.tour.steps.discovery import discover_server, fetch_keys
from trustweft.cli.tour.steps.ending import (
    call_after_revocation,
    cancel_login,
    deny_consent,
    refuse_silent_login,
    replay_code,
    revoke_grant,
    wait_for_expiry,
)
from trustweft.cli.tour.steps.resources import call_bank, introspect_token, read_userinfo
from trustweft.cli.tour.steps.tokens import act_for_itself, narrow_token, redeem_code, refresh_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.cli.tour.context import Tour
    from trustweft.cli.tour.recording import Step

__all__ = ["BANK", "BROWSER", "CLIENT", "ITINERARY", "PARTICIPANTS", "SERVER", "Stop"]

BROWSER: Final = "Browser"
CLIENT: Final = "Client"
SERVER: Final = "Authorization server"
BANK: Final = "Bank API"
PARTICIPANTS: Final = (BROWSER, CLIENT, SERVER, BANK)


class Stop(NamedTuple):
    """A step that is to be walked.

    Attributes:
        walk: does it, and raises ``StepFailedError`` where something is not as the profile says.
        waits: whether a minute has to pass.
    """

    name: str
    title: str
    sender: str
    receiver: str
    clauses: tuple[str, ...]
    walk: Callable[[Tour, Step], None]
    waits: bool = False


def _clauses(*ids: str) -> tuple[str, ...]:
    return ids


ITINERARY: Final[tuple[Stop, ...]] = (
    Stop(
        "discovery",
        "The client asks the server what it is and what it can do.",
        CLIENT,
        SERVER,
        _clauses(
            "FAPI2-SP-5.2.1-1",
            "FAPI2-SP-5.2.1-5",
            "FAPI2-SP-5.3.2.1-1",
            "FAPI2-SP-5.3.3.1-9",
            "FAPI2-SP-5.3.3.1-11",
        ),
        discover_server,
    ),
    Stop(
        "keys",
        "The client fetches the public keys that the server signs with.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.4.1-1.2", "FAPI2-SP-5.4.2-p1", "FAPI2-SP-5.4.2-1", "FAPI2-SP-5.4.2-3"),
        fetch_keys,
    ),
    Stop(
        "pushed request",
        "The client authenticates and pushes the authorization request, out of the browser's sight.",
        CLIENT,
        SERVER,
        _clauses(
            "FAPI2-SP-5.3.2.1-6.2",
            "FAPI2-SP-5.3.2.1-12",
            "FAPI2-SP-5.3.2.2-2",
            "FAPI2-SP-5.3.2.2-12",
            "FAPI2-SP-5.3.2.2-14",
            "FAPI2-SP-5.3.3.2-2",
            "FAPI2-SP-5.3.3.2-3",
        ),
        push_request,
    ),
    Stop(
        "redirect",
        "The browser carries two parameters to the authorization endpoint, and nothing worth stealing.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.2.3-3", "FAPI2-SP-5.3.2.2-11", "FAPI2-SP-5.3.2.2-p4", "FAPI2-SP-5.3.3.2-6"),
        open_authorization,
    ),
    Stop(
        "login page",
        "The server shows its login page to this browser and to no other.",
        BROWSER,
        SERVER,
        (),
        see_login,
    ),
    Stop(
        "login",
        "The person logs in.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-10", "FAPI2-SP-5.3.2.2-11"),
        log_in,
    ),
    Stop(
        "consent page",
        "The server says who asks, for what, and for how long.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-13", "FAPI2-SP-7-10"),
        see_consent,
    ),
    Stop(
        "consent",
        "The person agrees, and the server sends the browser back with a code and its own name.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-7", "FAPI2-SP-5.3.2.2-11", "FAPI2-SP-6.4-1"),
        answer_consent,
    ),
    Stop(
        "callback",
        "The browser brings the answer; the client compares state and issuer before it believes it.",
        BROWSER,
        CLIENT,
        _clauses("FAPI2-SP-5.3.3.2-4", "FAPI2-SP-5.3.3.2-5"),
        return_to_client,
    ),
    Stop(
        "token",
        "The client redeems the code, with its assertion, the code verifier and a proof of possession.",
        CLIENT,
        SERVER,
        _clauses(
            "FAPI2-SP-5.3.2.1-4",
            "FAPI2-SP-5.3.2.1-5",
            "FAPI2-SP-5.3.2.1-5.2",
            "FAPI2-SP-5.3.2.3-p1",
            "FAPI2-SP-5.3.3.1-1.2",
            "FAPI2-SP-5.3.3.1-8",
            "FAPI2-SP-5.3.3.2-1",
        ),
        redeem_code,
    ),
    Stop(
        "API call",
        "The client reads the person's accounts with the token and a proof for this one call.",
        CLIENT,
        BANK,
        _clauses(
            "FAPI2-SP-5.3.3.1-3",
            "FAPI2-SP-5.3.4-1",
            "FAPI2-SP-5.3.4-3",
            "FAPI2-SP-5.3.4-5",
            "FAPI2-SP-5.3.4-5.2",
        ),
        call_bank,
    ),
    Stop(
        "userinfo",
        "The client asks the server who the person is, as far as its scope goes.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.3.1-3", "FAPI2-SP-5.3.4-1", "FAPI2-SP-5.3.4-3", "FAPI2-SP-5.3.4-5.2"),
        read_userinfo,
    ),
    Stop(
        "refresh",
        "The client gets a new access token; the refresh token keeps its value.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.1-9", "FAPI2-SP-5.3.3.1-6", "FAPI2-SP-6.3-3"),
        refresh_token,
    ),
    Stop(
        "narrower token",
        "The client takes a token that can do less, and it does.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.1-14", "FAPI2-SP-5.3.3.1-13"),
        narrow_token,
    ),
    Stop(
        "client credentials",
        "The client acts for itself; there is no person, and no refresh token.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.1-4", "FAPI2-SP-5.3.2.1-6.2"),
        act_for_itself,
    ),
    Stop(
        "client certificate",
        "A client without a signing key shows a certificate instead, and its token is bound to that.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.2.2.1-2", "FAPI2-SP-5.3.2.1-5.1", "FAPI2-SP-5.3.2.1-6.1", "FAPI2-SP-5.3.4-5.1"),
        use_certificate,
    ),
    Stop(
        "introspection",
        "The bank asks the server about a token that is meant for the bank.",
        BANK,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.1-6.2", "FAPI2-SP-6.8-3"),
        introspect_token,
    ),
    Stop(
        "denial",
        "The person denies the next request, and the client is told so.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-7", "FAPI2-SP-5.3.2.2-11"),
        deny_consent,
    ),
    Stop(
        "cancelled login",
        "The person goes back without logging in.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-7", "FAPI2-SP-6.4-1"),
        cancel_login,
    ),
    Stop(
        "silent login",
        "The client asks for a login that nobody sees, which this server never does.",
        BROWSER,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-7"),
        refuse_silent_login,
    ),
    Stop(
        "replayed code",
        "Somebody redeems a code that was used: it is refused, and what the code gave is revoked.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.2-9", "FAPI2-SP-6.8-4"),
        replay_code,
    ),
    Stop(
        "revocation",
        "The client gives back what it was granted.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.1-6.2", "FAPI2-SP-6.8-4"),
        revoke_grant,
    ),
    Stop(
        "refused call",
        "The client tries the token once more, and is refused.",
        CLIENT,
        BANK,
        _clauses("FAPI2-SP-5.3.4-3", "FAPI2-SP-5.3.4-4"),
        call_after_revocation,
    ),
    Stop(
        "expiry",
        "A minute later a request and a code are too old.",
        CLIENT,
        SERVER,
        _clauses("FAPI2-SP-5.3.2.1-11", "FAPI2-SP-5.3.2.2-12"),
        wait_for_expiry,
        waits=True,
    ),
)
