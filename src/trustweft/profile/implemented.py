"""What this version can do: a profile that asks for something else is refused at the start, not ignored.

What stands in `HONOURED` is read from the profile by whoever acts on it; everything else is fixed in the code at the
value of the default profile. A profile that asks for less there is served too, and more strictly than it asks: a duty
that it leaves out is done all the same, a bound that it sets lower is kept higher. Where the profile decides, it may
not go beyond what FAPI 2.0 allows, whichever specifications it names: there is no weaker mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.profile.bounds import broken
from trustweft.profile.errors import ProfileError
from trustweft.profile.loading import load_profile, load_requirements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trustweft.profile.schema import Profile

__all__ = [
    "DEFAULT",
    "HONOURED",
    "check_implemented",
    "not_implemented",
    "unbuilt_mechanisms",
    "unbuilt_specifications",
]

DEFAULT: Final = "fapi2-security"
_FLOOR: Final = "FAPI2-SP"
HONOURED: Final = frozenset(
    (
        "future_tolerance",
        "authorization_code_lifetime",
        "request_uri_lifetime",
        "interaction_lifetime",
        "access_token_lifetime",
        "id_token_lifetime",
        "refresh_token_lifetime",
        "grant_lifetime",
        "client_assertion_lifetime",
        "client_assertion_max_lifetime",
        "dpop_proof_max_age",
        "dpop_nonce_step",
        "software_statement_max_age",
        "response_types",
        "grant_types",
        "redirect_status",
        "state_max_length",
        "nonce_max_length",
        "require_dpop_nonce",
        "require_certificate_at_registration",
        "require_client_keys_by_reference",
        "minimum_tls_version",
        "tls_1_2_cipher_suites",
        "signing_algorithms",
        "client_authentication_methods",
        "sender_constraint_methods",
    )
)

# Of what is honoured, the values that there is code for: a profile may name fewer, and no others.
_BUILT: Final[Mapping[str, tuple[object, ...]]] = {
    "client_authentication_methods": ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"),
    "grant_types": ("authorization_code", "refresh_token", "client_credentials"),
    "redirect_status": (302, 303),
    "response_types": ("code",),
    "sender_constraint_methods": ("dpop", "mtls"),
    "signing_algorithms": ("PS256", "ES256", "EdDSA"),
}
# Mechanisms (`mechanisms.toml`) that no participant has yet, or never will: shared secrets and bearer tokens.
_MECHANISMS_NOT_BUILT: Final = frozenset(
    (
        *("auth=none", "auth=secret", "aud=endpoint", "sc=none"),
        *(
            "jarm",
            "encrypted_at",
            "introspection_jwt",
            "http_sig",
            "http_sig_response",
            "http_sig_link",
        ),
        *("ciba", "binding_message", "user_code", "hint_nonce", "signed_ciba", "device"),
        "context",
    )
)
# Fixed limits of which more is stricter, and fixed lists of what is allowed, of which less is.
_MORE_IS_STRICTER: Final = frozenset(
    ("minimum_rsa_key_bits", "minimum_elliptic_curve_key_bits", "credential_entropy_bits")
)
_LESS_IS_STRICTER: Final = frozenset(("code_challenge_methods",))


def not_implemented(profile: Profile, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return what the code does not fulfil of a profile, as sentences without a stop: limits, duties, mechanisms.

    Args:
        profile: what is asked for.
        without: mechanisms that an operator does without, knowingly.
    """
    default = load_profile(DEFAULT)
    names = (*profile.limits.__struct_fields__, *profile.duties.__struct_fields__)
    fixed = tuple(
        f"{name} is {profile.value(name)}, and can only be {default.value(name)} yet"
        for name in names
        if name not in HONOURED and not _fulfils(name, done=default.value(name), asked=profile.value(name))
    )
    missing = (each for each in unbuilt_mechanisms(profile) if each not in without)
    mechanisms = tuple(f"the mechanism {each} is on, which is not built yet" for each in missing)
    return (*fixed, *_not_built(profile), *_too_weak(profile), *mechanisms)


def unbuilt_mechanisms(profile: Profile) -> tuple[str, ...]:
    """Return the mechanisms that a profile switches on and no participant has: whoever starts does without them."""
    return tuple(each for each in profile.mechanisms.on if each in _MECHANISMS_NOT_BUILT)


def unbuilt_specifications(profile: Profile) -> tuple[str, ...]:
    """Return what this version does not do of the documents that a profile names, as sentences without a stop.

    No start is refused for it: what a profile asks for in fact are its mechanisms, limits and duties.
    """
    return tuple(
        f"{each.name} is not built: {each.not_built}"
        for each in profile.specifications
        if each.not_built is not None
    )


def _too_weak(profile: Profile) -> tuple[str, ...]:
    """Return in what a value that is honoured goes beyond a bound of FAPI 2.0, also where the profile does not name it."""
    return tuple(
        f"{bound}, but is {profile.value(bound.on)} ({requirement.id})"
        for requirement in load_requirements(_FLOOR)
        for bound in requirement.bounds
        if bound.on in HONOURED and broken(bound, profile.value(bound.on))
    )


def _not_built(profile: Profile) -> tuple[str, ...]:
    beyond = (
        (name, each)
        for name, built in _BUILT.items()
        for each in _several(profile.value(name))
        if each not in built
    )
    return tuple(f"{name} has {each}, which is not built yet" for name, each in beyond)


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _fulfils(name: str, *, done: object, asked: object) -> bool:
    """Say whether what is done is what is asked for, or stricter."""
    if isinstance(done, bool):
        return done or not asked
    if isinstance(done, int) and isinstance(asked, int) and name in _MORE_IS_STRICTER:
        return done >= asked
    if isinstance(done, tuple) and isinstance(asked, tuple) and name in _LESS_IS_STRICTER:
        return set(done) <= set(asked)
    return done == asked


def check_implemented(profile: Profile, *, without: Collection[str] = ()) -> None:
    """Hold that everything that the profile asks for is done here.

    Raises:
        ProfileError: it asks for something that the code does in one way only; each such value is named.
    """
    fixed = not_implemented(profile, without=without)
    if fixed:
        raise ProfileError(
            f"the profile {profile.name} asks for what this version cannot do: {'; '.join(fixed)}"
        )
