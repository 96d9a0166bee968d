"""Whether a profile's values keep what its mechanisms promise.

The prover reads mechanisms alone, and participants act by limits and duties alone. Where the two say different things,
what was proved is not what is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.profile.mechanisms import KINDS, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.profile.schema import Profile

__all__ = ["DUTIES_OF_MECHANISMS", "broken_promises"]

# A mechanism, and the duty that says the same.
DUTIES_OF_MECHANISMS: Final = (
    ("par", "require_pushed_authorization_requests"),
    ("confidential_clients", "confidential_clients_only"),
    ("pkce_req", "require_pkce"),
    ("once", "single_use_codes"),
    ("exact_ruri", "require_registered_redirect_uri"),
    ("https_redirect", "require_encrypted_redirect_uri"),
    ("iss", "require_iss_parameter"),
    ("once_ru", "single_use_request_uris"),
    ("dpop_nonce", "require_dpop_nonce"),
    ("dpop_jkt", "bind_code_to_dpop_key"),
)
# What a value comes to in the grades of `KINDS`; one that is not known protects nothing.
_GRADES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "client_authentication_methods": (
        "auth",
        {
            "client_secret_basic": "secret",
            "client_secret_post": "secret",
            "private_key_jwt": "pkjwt",
            "tls_client_auth": "mtls",
            "self_signed_tls_client_auth": "mtls",
        },
    ),
    "sender_constraint_methods": ("sc", {"dpop": "dpop", "mtls": "mtls"}),
}
_WITHOUT_THE_FORM: Final = (302, 303)  # browsers follow both with GET


def broken_promises(profile: Profile) -> Iterator[str]:
    """Yield each mechanism that is on although a limit or a duty leaves it out, as a sentence without a stop."""
    on = profile.mechanisms.on
    for mechanism, duty in DUTIES_OF_MECHANISMS:
        if mechanism in on and not getattr(profile.duties, duty):
            yield f"the mechanism {mechanism} is on, and {duty} is no duty"
    if "offboarding" in on and not profile.duties.check_token_revocation:
        yield "the mechanism offboarding is on, and check_token_revocation is no duty"
    if "r303" in on and profile.limits.redirect_status not in _WITHOUT_THE_FORM:
        yield f"the mechanism r303 is on, and redirect_status is {profile.limits.redirect_status}"
    methods = profile.limits.code_challenge_methods
    if "pkce" in on and set(methods) != {"S256"}:
        yield f"the mechanism pkce is on, and code_challenge_methods is {', '.join(methods) or 'empty'}"
    if "none" in profile.limits.signing_algorithms:
        yield "signing_algorithms has none, and every mechanism takes a signature for one"
    yield from _weaker_grades(profile)


def _weaker_grades(profile: Profile) -> Iterator[str]:
    """Yield values that come to less than the weakest grade that the mechanisms name."""
    if _weakest("aud", profile) == "issuer" and not profile.duties.require_issuer_as_audience:
        yield "the mechanism aud=issuer is on, and require_issuer_as_audience is no duty"
    if _weakest("sc", profile) != "none" and not profile.duties.require_sender_constrained_tokens:
        yield f"the mechanism sc={_weakest('sc', profile)} is on, and require_sender_constrained_tokens is no duty"
    for limit, (kind, grades) in _GRADES.items():
        told = _weakest(kind, profile)
        # An empty list asks for nothing, which is the weakest of all.
        for value in getattr(profile.limits, limit) or ("none",):
            if KINDS[kind].index(grades.get(value, KINDS[kind][0])) < KINDS[kind].index(told):
                yield f"{limit} has {value}, and nothing weaker than {kind}={told} is among the mechanisms"


def _weakest(kind: str, profile: Profile) -> str:
    """Return the weakest grade that a profile names: on, or as a choice."""
    return min(values_of(kind, (*profile.mechanisms.on, *profile.mechanisms.choices)), key=KINDS[kind].index)
