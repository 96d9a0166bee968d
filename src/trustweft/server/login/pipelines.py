"""The pages of an interaction as tuples of named checks, in order, like `trustweft.server.pipelines`.

Each form is refused unless it comes from our own page (origin and token) in the browser that has the interaction's
secret; only then is anybody's password or passkey looked at, and only at the very end is the request spent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.server.checks.authorization_request import refuse_withdrawn_request
from trustweft.server.checks.form import check_method_post, read_form, refuse_duplicates
from trustweft.server.checks.participation import check_application_takes_part
from trustweft.server.config import PATHS
from trustweft.server.endpoints.interaction import (
    cancel_login,
    grant_access,
    log_in_with_passkey,
    log_in_with_password,
    offer_passkey_login,
    offer_passkey_registration,
    register_passkey,
    show_interaction,
    show_passkeys,
)
from trustweft.server.login.consent import check_decision, refuse_denial
from trustweft.server.login.forgery import check_csrf_token, check_same_origin
from trustweft.server.login.interactions import (
    check_method_get,
    end_interaction,
    find_interaction,
    find_interaction_client,
    find_interaction_request,
    spend_request,
)
from trustweft.server.login.passkey_login import (
    advance_passkey_counter,
    find_passkey,
    find_passkey_owner,
    refuse_replayed_challenge,
    verify_passkey_assertion,
)
from trustweft.server.login.passkey_registration import (
    refuse_too_many_passkeys,
    require_password_login,
    verify_new_passkey,
)
from trustweft.server.login.password_login import check_password, find_person, renew_password_hash
from trustweft.server.login.rate_limit import count_login_attempt
from trustweft.server.login.state import refuse_second_login, require_login

if TYPE_CHECKING:
    from trustweft.server.pipeline import Pipelines

__all__ = ["INTERACTION_PIPELINES", "find_interaction_endpoint"]

_FIND: Final = (
    find_interaction,
    find_interaction_request,
    find_interaction_client,
    check_application_takes_part,
    refuse_withdrawn_request,
)
_PAGE: Final = (check_method_get, *_FIND)
_FORM: Final = (check_method_post, check_same_origin, read_form, refuse_duplicates, *_FIND, check_csrf_token)
_ANSWER: Final = (end_interaction, spend_request)

INTERACTION_PIPELINES: Final[Pipelines] = {
    "interaction": (*_PAGE, show_interaction),
    "login": (
        *_FORM,
        refuse_second_login,
        count_login_attempt,
        find_person,
        check_password,
        renew_password_hash,
        log_in_with_password,
    ),
    "cancel": (*_FORM, *_ANSWER, cancel_login),
    "decision": (*_FORM, require_login, check_decision, *_ANSWER, refuse_denial, grant_access),
    "passkey_options": (*_FORM, refuse_second_login, offer_passkey_login),
    "passkey": (
        *_FORM,
        refuse_second_login,
        find_passkey,
        verify_passkey_assertion,
        refuse_replayed_challenge,
        advance_passkey_counter,
        find_passkey_owner,
        log_in_with_passkey,
    ),
    "passkeys": (*_PAGE, require_login, require_password_login, show_passkeys),
    "passkey_registration_options": (
        *_FORM,
        require_login,
        require_password_login,
        offer_passkey_registration,
    ),
    "passkey_registration": (
        *_FORM,
        require_login,
        require_password_login,
        refuse_too_many_passkeys,
        verify_new_passkey,
        refuse_replayed_challenge,
        register_passkey,
    ),
}

_ADDRESS: Final = re.compile(
    rf"{PATHS['interaction']}/(?P<handle>[A-Za-z0-9_-]{{22}})(?:/(?P<step>[a-z_]+))?"
)


def find_interaction_endpoint(path: str) -> tuple[str, str] | None:
    """Return which of the pipelines answers at this path, and the handle in it; None if none does."""
    found = _ADDRESS.fullmatch(path)
    endpoint = None if found is None else found["step"] or "interaction"
    if found is None or endpoint not in INTERACTION_PIPELINES:
        return None
    return endpoint, found["handle"]
