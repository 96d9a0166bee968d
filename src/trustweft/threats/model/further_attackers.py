"""Attackers beyond those of the Attacker Model: they take part only where they are asked for by name.

The ``preparer`` could use the client's proof key for a while, and made proofs for later (RFC 9449 section 11.2). The
``initiator`` has pages that start flows in other people's browsers (FAPI2-SP-5.3.3.1-12); elsewhere in the model a flow
begins because its user wants it. The ``reader`` reads refresh requests after they were answered, as A5 does requests
to resource servers (RFC 9700 section 4.14).
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, limit, step

__all__ = ["RULES"]

_PREPARED: Final[tuple[Rule, ...]] = (
    # A nonce that the server makes later is in no proof that was made before.
    step(
        "attacker.redeems-with-prepared-proof",
        "attacker",
        "prepared_redeem(I)",
        "k(code(I))",
        "response(I,_,_,X,_,_)",
        "honest_client(X)",
        "on(sc,dpop)",
        "not on(dpop_nonce)",
        checks=("credential(X,redemption(I))", "attacker_verifies(I)"),
        attacker="preparer",
    ),
    derive("attacker.has-prepared-token", "attacker", "k(at(I))", "prepared_redeem(I)"),
    derive(
        "server.binds-prepared",
        "authorization-server",
        "bound(I,K)",
        "prepared_redeem(I)",
        "response(I,_,_,X,_,_)",
        "client_key(X,has,K)",
    ),
    step(
        "attacker.uses-prepared-proof",
        "attacker",
        "steal(I,prepared)",
        "k(at(I))",
        "bound(I,_)",
        "on(sc,dpop)",
        "not on(rs_nonce)",
        attacker="preparer",
    ),
)

_STARTED: Final[tuple[Rule, ...]] = (
    # The attacker's own server answers with an account of the attacker's, and rightly so: nothing in the answer is wrong.
    step(
        "attacker.starts-flow",
        "attacker",
        "forced(S)",
        "session(S,alice)",
        "server(aas)",
        "not on(init_csrf)",
        attacker="initiator",
    ),
)

_REFRESHED: Final[tuple[Rule, ...]] = (
    derive("attacker.reads-refresh-token", "attacker", "k(rt(I))", "refresh(I)", attacker="reader"),
    # A refresh token is bound to who the client proves to be, and with a public client to its key (RFC 9449 section 5).
    derive(
        "server.refresh-key-none", "authorization-server", "refresh_key_fits(I)", "visit(I,_)", "on(sc,none)"
    ),
    derive(
        "server.refresh-key-confidential",
        "authorization-server",
        "refresh_key_fits(I)",
        "visit(I,_)",
        "not on(auth,none)",
    ),
    step(
        "attacker.refreshes",
        "attacker",
        "stolen_refresh(I)",
        "k(rt(I))",
        "response(I,_,_,X,_,_)",
        "honest_client(X)",
        checks=("credential(X,redemption(I))", "refresh_key_fits(I)"),
    ),
    # With rotation what the client has used is dead.
    limit(
        "server.refresh-once",
        "authorization-server",
        ("refresh(I)", "stolen_refresh(I)"),
        "on(rotation)",
        "visit(I,_)",
    ),
    step("attacker.uses-refreshed-token", "attacker", "steal(I,refreshed)", "stolen_refresh(I)"),
)

RULES: Final = (*_PREPARED, *_STARTED, *_REFRESHED)
