"""What must not happen (Attacker Model, section 4), and what has to be possible for a verdict to mean anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.threats.language import Rule, derive
from trustweft.threats.model.signing import SIGNING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["CONFIDENTIALITY", "GOALS", "NON_REPUDIATION", "RULES", "goals_for"]

AUTHORIZATION: Final = "authorization"
AUTHENTICATION: Final = "authentication"
SESSION_AUTHENTICATION: Final = "session-integrity-authentication"
SESSION_AUTHORIZATION: Final = "session-integrity-authorization"
NON_REPUDIATION: Final = "non-repudiation"
CONFIDENTIALITY: Final = "confidentiality-of-claims"
GOALS: Final = (AUTHORIZATION, AUTHENTICATION, SESSION_AUTHENTICATION, SESSION_AUTHORIZATION)


# Whoever follows a clause of FAPI 2.0 Message Signing says so, whatever is switched off.
_SIGNING_CLAUSES: Final = "FAPI2-MS-"


def goals_for(mechanisms: Collection[str], requirements: Collection[str]) -> tuple[str, ...]:
    """Return the goals that a profile with these mechanisms, which follows these clauses, is held to.

    Non-repudiation only where messages are signed or have to be, and confidentiality of claims only where tokens are encrypted: the
    Attacker Model has neither, so that a profile is held to what it promises.
    """
    promised = any(name in mechanisms for name in SIGNING)
    promised = promised or any(each.startswith(_SIGNING_CLAUSES) for each in requirements)
    signed = (NON_REPUDIATION,) if promised else ()
    encrypted = (CONFIDENTIALITY,) if "encrypted_at" in mechanisms else ()
    return (*GOALS, *signed, *encrypted)


RULES: Final[tuple[Rule, ...]] = (
    # What a user gave to a malicious client is not stolen from her.
    derive("goal.given", "goal", "given(I)", "user(I,alice)", "response(I,_,_,X,_,_)", "honest_client(X)"),
    derive("goal.token-stolen", "goal", "broken(authorization)", "steal(I,_)", "given(I)"),
    derive(
        "goal.resource-in-attackers-session",
        "goal",
        "broken(authorization)",
        "use(S,_,I)",
        "given(I)",
        "session(S,eve)",
    ),
    derive("goal.taken-for-user", "goal", "broken(authorization)", "impersonate(alice)"),
    derive("goal.used-after-offboarding", "goal", "broken(authorization)", "use_after_offboarding(_)"),
    derive("goal.logged-in-as-victim", "goal", "broken(authentication)", "login(S,alice)", "session(S,eve)"),
    # Nobody wanted this flow, so that what the attacker's own server says is forced on the user.
    *(
        derive(f"goal.forced-{aim}", "goal", f"broken(session_integrity_{aim})", "forced(_)")
        for aim in ("authentication", "authorization")
    ),
    derive("goal.claims-read", "goal", "broken(confidentiality_of_claims)", "reads_claims(I)", "given(I)"),
    derive("goal.denied", "goal", "broken(non_repudiation)", "denies(_,_)"),
    # The client has to believe that it deals with the honest server: with the attacker's own it shows what that serves.
    derive(
        "goal.victim-logged-in-as-attacker",
        "goal",
        "broken(session_integrity_authentication)",
        "login(S,eve)",
        "session(S,alice)",
    ),
    derive(
        "goal.victim-uses-attackers-resource",
        "goal",
        "broken(session_integrity_authorization)",
        "use(S,has,I)",
        "user(I,eve)",
        "session(S,alice)",
    ),
    derive("sanity.two-at-once", "goal", "honest(two_at_once)", "use(s1,has,i1)", "use(s3,has,i3)"),
    derive(
        "sanity.second-client",
        "goal",
        "honest(second_client)",
        "use(s1,has,i1)",
        "login(s1,alice)",
        "opens(s1,d)",
    ),
    derive("sanity.refresh", "goal", "honest(refresh)", "refresh(i1)", "use(s1,has,i1)"),
    derive("sanity.attackers-server", "goal", "honest(attackers_server)", "token_request(s1,_,aas,_)"),
    derive(
        "sanity.honest-run",
        "goal",
        "honest(whole)",
        "use(s1,has,i1)",
        "login(s1,alice)",
        "visits(i1,_,_,_,_,_,via(s1))",
        "callback(s1,_,_,_,_,via(i1))",
    ),
)
