"""What this version can do: a profile that asks for something else is refused at the start, not ignored.

What stands in `HONOURED` is read from the profile by whoever acts on it; everything else is fixed in the code at the
value of the default profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.profile.errors import ProfileError
from trustweft.profile.loading import load_profile

if TYPE_CHECKING:
    from trustweft.profile.schema import Profile

__all__ = ["DEFAULT", "HONOURED", "check_implemented"]

DEFAULT: Final = "fapi2-security"
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
        "response_types",
        "grant_types",
        "redirect_status",
        "state_max_length",
        "nonce_max_length",
        "require_dpop_nonce",
        "signing_algorithms",
        "client_authentication_methods",
        "sender_constraint_methods",
    )
)


def check_implemented(profile: Profile) -> None:
    """Hold that everything that the profile asks for is done here.

    Raises:
        ProfileError: it asks for something that the code does in one way only; each such value is named.
    """
    default = load_profile(DEFAULT)
    names = (*profile.limits.__struct_fields__, *profile.duties.__struct_fields__)
    fixed = [
        f"{name} is {profile.value(name)}, and can only be {default.value(name)} yet"
        for name in names
        if name not in HONOURED and profile.value(name) != default.value(name)
    ]
    if fixed:
        raise ProfileError(
            f"the profile {profile.name} asks for what this version cannot do: {'; '.join(fixed)}"
        )
