"""Every endpoint as a tuple of named checks, in order. The order is policy: review it as such.

Reading from top to bottom: bound and parse, say who is asking, prove it, judge what is asked, and only then spend
anything. What can be spent once (a code, an identifier of a proof) is spent after every other check has passed, so
that a nonce retry or a stranger's attempt burns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.server.checks.assertion import (
    read_client_credentials,
    remember_client_assertion,
    verify_client_assertion,
)
from trustweft.server.checks.authorization_request import (
    check_code_challenge,
    check_redirect_uri,
    check_response_mode,
    check_response_type,
    check_state_and_nonce_length,
    read_prompt,
    refuse_request_uri,
    refuse_unsupported_parameters,
    refuse_withdrawn_request,
)
from trustweft.server.checks.certificate import establish_confirmation, verify_client_certificate
from trustweft.server.checks.client import check_client_id, find_client
from trustweft.server.checks.client_keys import find_client_keys
from trustweft.server.checks.details import (
    check_detail_types,
    check_registered_details,
    narrow_details,
    read_authorization_details,
)
from trustweft.server.checks.dpop import (
    bind_pushed_request_key,
    check_dpop_nonce,
    read_dpop_proof,
    remember_dpop_proof,
)
from trustweft.server.checks.federation import register_federated_client
from trustweft.server.checks.form import check_method_post, read_form, refuse_duplicates
from trustweft.server.checks.grant_type import check_client_may_use_grant_type, read_grant_type
from trustweft.server.checks.interaction import (
    begin_interaction,
    check_prompt,
    check_request_belongs_to_client,
    check_request_not_expired,
    find_authorizing_client,
    find_pushed_request,
    read_authorization_parameters,
)
from trustweft.server.checks.participation import (
    check_application_takes_part,
    check_client_not_ended,
    check_client_takes_part,
    check_key_takes_part,
    check_person_takes_part,
    check_proof_takes_part,
    check_registered_takes_part,
    check_software_takes_part,
    narrow_to_allowed_apis,
)
from trustweft.server.checks.registered_software import (
    check_configuration_method,
    check_named_client,
    check_registered_ways,
    check_same_software,
    compose_changed_client,
    compose_new_client,
    find_own_registration,
    find_software_to_recover,
    read_registration_token,
    use_registration,
)
from trustweft.server.checks.registration import (
    check_registration_offered,
    check_software_standing,
    count_registration_attempt,
    read_software_request,
    remember_signed_request,
    remember_statement,
    verify_certificate_where_asked,
    verify_kept_certificate,
    verify_proof_of_software,
    verify_request_signature,
    verify_statement,
)
from trustweft.server.checks.replay import refuse_replays
from trustweft.server.checks.request_object import (
    check_registered_automatically,
    find_request_object_keys,
    read_request_by_value,
    read_request_object,
    remember_request_object,
    verify_request_object,
)
from trustweft.server.checks.scope import check_requested_scope, keep_offered_scope
from trustweft.server.endpoints.authorization import answer_kept_request, open_interaction
from trustweft.server.endpoints.ecosystem_events import receive_event
from trustweft.server.endpoints.federation import (
    answer_federation_registration,
    check_federation,
    read_registration_request,
    register_explicitly,
    resolve_registration,
)
from trustweft.server.endpoints.introspection import (
    answer_introspection,
    check_introspected_audience,
    check_is_resource_server,
    find_introspected_token,
)
from trustweft.server.endpoints.pushed_request import answer_pushed_request, save_pushed_request
from trustweft.server.endpoints.registration import (
    answer_client_information,
    answer_registration,
    read_registration,
    remove_registration,
    renew_registration_token,
    replace_registration,
    save_registration,
)
from trustweft.server.endpoints.revocation import (
    check_revoked_token_belongs_to_client,
    find_revoked_token,
    revoke,
)
from trustweft.server.endpoints.userinfo import (
    answer_userinfo,
    check_userinfo_binding,
    check_userinfo_method,
    check_userinfo_scheme,
    check_userinfo_scope,
    check_userinfo_status,
    read_userinfo_proof,
    verify_userinfo_token,
)
from trustweft.server.grants.authorization_code import (
    check_code_belongs_to_client,
    check_code_binding,
    check_code_not_expired,
    check_code_redirect_uri,
    check_code_verifier,
    find_code,
    issue_for_code,
    redeem_code,
)
from trustweft.server.grants.client_credentials import (
    issue_for_client,
    refuse_personal_details,
    refuse_personal_scope,
)
from trustweft.server.grants.refresh_token import (
    check_refresh_token_belongs_to_client,
    check_refreshed_grant,
    find_refresh_token,
    issue_for_refresh_token,
    narrow_scope,
    rotate_refresh_token,
)
from trustweft.server.login.pipelines import INTERACTION_PIPELINES

if TYPE_CHECKING:
    from trustweft.server.pipeline import Pipelines

__all__ = ["PIPELINES"]

_FORM: Final = (check_method_post, read_form, refuse_duplicates)
_CLIENT: Final = (
    read_client_credentials,
    register_federated_client,
    find_client,
    find_client_keys,
    verify_client_assertion,
    verify_client_certificate,
    check_client_id,
    use_registration,
)
_BINDING: Final = (read_dpop_proof, check_dpop_nonce, establish_confirmation)
_DETAILS: Final = (read_authorization_details, check_detail_types, check_registered_details)
# From here on the request is what its client signed, where it did, and nothing that stands beside that.
_SIGNED_REQUEST: Final = (find_request_object_keys, verify_request_object)
_REQUEST: Final = (
    refuse_unsupported_parameters,
    check_response_type,
    check_response_mode,
    check_redirect_uri,
    check_code_challenge,
    check_requested_scope,
    *_DETAILS,
    narrow_to_allowed_apis,
    check_state_and_nonce_length,
    read_prompt,
)
_REPLAY: Final = (remember_client_assertion, remember_dpop_proof, refuse_replays)
# Whoever registers, or recovers: a directory says what the software is, and the software proves to be there.
_SOFTWARE: Final = (
    check_registration_offered,
    check_method_post,
    count_registration_attempt,
    read_software_request,
    verify_statement,
    check_software_standing,
    check_software_takes_part,
    verify_request_signature,
    verify_proof_of_software,
    check_proof_takes_part,
)
_STATEMENT_REPLAY: Final = (remember_statement, remember_signed_request, refuse_replays)

PIPELINES: Final[Pipelines] = {
    "pushed_authorization_request": (
        *_FORM,
        read_request_object,
        *_CLIENT,
        check_client_takes_part,
        refuse_request_uri,
        *_SIGNED_REQUEST,
        *_REQUEST,
        read_dpop_proof,  # optional here: a proof binds the code to its key
        check_dpop_nonce,
        bind_pushed_request_key,
        check_key_takes_part,
        save_pushed_request,
        remember_request_object,
        *_REPLAY,
        answer_pushed_request,
    ),
    # At the browser, where a federation's clients may do without pushing; otherwise nobody gets here.
    "authorization:request": (
        read_request_by_value,
        refuse_duplicates,
        read_request_object,
        register_federated_client,
        find_client,
        check_registered_automatically,
        check_application_takes_part,
        *_SIGNED_REQUEST,
        *_REQUEST,
        bind_pushed_request_key,
        check_key_takes_part,
        save_pushed_request,
        remember_request_object,
        refuse_replays,
        answer_kept_request,
    ),
    "authorization": (
        read_authorization_parameters,
        find_authorizing_client,
        check_application_takes_part,
        find_pushed_request,
        check_request_belongs_to_client,
        refuse_withdrawn_request,
        check_request_not_expired,
        check_prompt,
        begin_interaction,
        open_interaction,
    ),
    "token": (
        *_FORM,
        *_CLIENT,
        check_client_takes_part,
        read_grant_type,
        check_client_may_use_grant_type,
        *_BINDING,
        check_key_takes_part,
        # then the pipeline of the grant type: see GRANTS
    ),
    "token:authorization_code": (
        find_code,
        check_code_belongs_to_client,
        check_code_not_expired,
        check_code_redirect_uri,
        check_code_verifier,
        check_code_binding,
        check_person_takes_part,
        keep_offered_scope,
        narrow_to_allowed_apis,
        narrow_details,
        *_REPLAY,
        redeem_code,
        issue_for_code,
    ),
    "token:refresh_token": (
        find_refresh_token,
        check_refresh_token_belongs_to_client,
        check_refreshed_grant,
        check_person_takes_part,
        narrow_scope,
        keep_offered_scope,
        narrow_to_allowed_apis,
        narrow_details,
        *_REPLAY,
        rotate_refresh_token,
        issue_for_refresh_token,
    ),
    "token:client_credentials": (
        check_requested_scope,
        *_DETAILS,
        narrow_to_allowed_apis,
        refuse_personal_scope,
        refuse_personal_details,
        *_REPLAY,
        issue_for_client,
    ),
    "introspection": (
        *_FORM,
        *_CLIENT,
        check_client_takes_part,
        check_is_resource_server,
        remember_client_assertion,
        refuse_replays,
        find_introspected_token,
        check_introspected_audience,
        answer_introspection,
    ),
    "revocation": (
        *_FORM,
        *_CLIENT,
        check_client_not_ended,
        remember_client_assertion,
        refuse_replays,
        find_revoked_token,
        check_revoked_token_belongs_to_client,
        revoke,
    ),
    "userinfo": (
        check_userinfo_method,
        verify_userinfo_token,
        check_userinfo_scheme,
        read_userinfo_proof,
        check_userinfo_binding,
        check_dpop_nonce,
        check_userinfo_scope,
        check_userinfo_status,
        remember_dpop_proof,
        refuse_replays,
        answer_userinfo,
    ),
    "registration": (
        *_SOFTWARE,
        compose_new_client,
        check_registered_ways,
        *_STATEMENT_REPLAY,
        save_registration,
        answer_registration,
    ),
    "registration_recovery": (
        *_SOFTWARE,
        find_software_to_recover,
        check_same_software,
        *_STATEMENT_REPLAY,
        renew_registration_token,
        answer_client_information,
    ),
    "client_configuration": (
        check_registration_offered,
        check_configuration_method,
        read_registration_token,
        find_own_registration,
        check_registered_takes_part,
        # then the pipeline of the method
    ),
    "client_configuration:GET": (
        verify_kept_certificate,
        check_proof_takes_part,
        read_registration,
        answer_client_information,
    ),
    "client_configuration:PUT": (
        read_software_request,
        verify_statement,
        check_software_standing,
        check_same_software,
        check_named_client,
        verify_request_signature,
        verify_certificate_where_asked,
        check_proof_takes_part,
        compose_changed_client,
        check_registered_ways,
        *_STATEMENT_REPLAY,
        replace_registration,
        answer_client_information,
    ),
    "client_configuration:DELETE": (verify_kept_certificate, check_proof_takes_part, remove_registration),
    "federation_registration": (
        check_federation,
        check_method_post,
        read_registration_request,
        resolve_registration,
        register_explicitly,
        answer_federation_registration,
    ),
    "ecosystem_events": (receive_event,),
    # Login, consent and passkeys, at the browser: see login/pipelines.py.
    **INTERACTION_PIPELINES,
}
