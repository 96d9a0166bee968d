"""The clauses for authorization servers."""

from __future__ import annotations

from typing import Final

from clauses.row import Row

__all__ = ["ROWS"]

_ = Row
ROWS: Final = (
    # The network: whoever serves, and whoever asks.
    _("5.2.1-1", "TLS alone", "unit/net/fetch::a_document_is_fetched_from_an_allowed_host", "unit/net/serving::plain_http_is_not_answered"),
    _("5.2.1-2", "TLS 1.2 or later", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    _("5.2.1-3", "BCP 195", "conformance/server/flows::happy_flow", "unit/net/serving::what_bcp_195_warns_of_is_not_done"),
    _("5.2.1-5", "certificates checked", "unit/net/fetch::a_document_is_fetched_from_an_allowed_host", "unit/net/fetch::a_certificate_of_another_name_is_refused"),
    _("5.2.2-1", "suites", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    _("5.2.2.1-2", "aliases in the metadata", "unit/protocol/metadata::a_server_says_all_that_an_examiner_asks_for", "unit/protocol/metadata::an_unsafe_url_is_never_advertised"),
    _("5.2.2.1.1-1", "use_mtls_endpoint_aliases", "unit/protocol/registration::unknown_members_are_ignored_and_listed", "unit/protocol/registration::the_use_of_aliases_is_registered"),
    _("5.2.2.1.1-1.1", "a boolean", "unit/protocol/registration::the_good_document_is_read", "unit/protocol/registration::the_use_of_aliases_is_registered"),
    _("5.2.3-1", "HSTS", "conformance/server/flows::happy_flow", "unit/web/security_headers::strict_transport_for_every_other_host"),
    _("5.2.3-2", "suites for browsers", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    _("5.2.3-3", "no CORS to authorize", "conformance/server/flows::happy_flow", "conformance/server/beyond_the_suite::authorization_endpoint_sends_no_cors"),
    # General.
    _("5.3.2.1-1", "metadata", "conformance/server/flows::discovery_end_point_verification", "unit/protocol/metadata::an_unsafe_url_is_never_advertised"),
    _("5.3.2.1-2", "no password grant", "conformance/server/flows::happy_flow", "unit/server/token_endpoint::a_grant_type_outside_of_the_profile_is_refused"),
    _("5.3.2.1-3", "no public clients", "conformance/server/flows::happy_flow", "unit/protocol/registration::3_another_authentication_is_refused"),
    _("5.3.2.1-4", "bound tokens alone", "conformance/server/flows::happy_flow", "conformance/server/token_endpoint::ensure_holder_of_key_required"),
    _("5.3.2.1-5", "by mTLS or DPoP", "unit/protocol/registration::9_tokens_are_bound_in_one_way", "unit/protocol/registration::9_other_bindings_are_refused"),
    _("5.3.2.1-5.1", "bound by mTLS", "conformance/server/flows::happy_flow", "bad_input/reasons::the_story_ends_with_its_reason[mtls.binding-missing]"),
    _("5.3.2.1-5.2", "bound by DPoP", "conformance/server/flows::happy_flow", "unit/protocol/dpop::single_change_is_refused"),
    _("5.3.2.1-6", "authenticated, two ways", "conformance/server/flows::happy_flow", "unit/server/token_endpoint::a_client_secret_is_no_credential"),
    _("5.3.2.1-6.1", "by a certificate", "conformance/server/flows::happy_flow", "conformance/server/certificates::certificates_authenticate_their_client_alone"),
    _("5.3.2.1-6.2", "by private_key_jwt", "conformance/server/flows::happy_flow", "unit/protocol/client_assertion::single_change_is_refused[sign_with(another key)]"),
    _("5.3.2.1-7", "no open redirector", "conformance/server/flows::happy_flow", "conformance/server/authorization::ensure_registered_redirect_uri"),
    _("5.3.2.1-8", "aud is the issuer", "conformance/server/flows::happy_flow", "conformance/server/client_assertions::par_test_array_as_audience_fails"),
    _("5.3.2.1-9", "no rotation", "conformance/server/refresh_token::refresh_token", "unit/server/token_endpoint::a_refresh_token_stays_and_takes_a_new_key"),
    _("5.3.2.1-p3", "rotated: old one serves", "unit/server/refresh_token_rotation::each_refresh_gives_a_new_token_that_lives_as_long_as_the_grant", "unit/server/refresh_token_rotation::the_old_token_serves_until_its_window_ends"),
    _("5.3.2.1-10", "DPoP nonces", "unit/protocol/dpop_nonces::late_nonce_is_good_for_the_window_less_a_step", "unit/protocol/dpop_nonces::foreign_nonce_is_refused_with_a_fresh_one"),
    _("5.3.2.1-11", "codes of 60 s", "unit/server/token_endpoint::a_code_lives_for_sixty_seconds", "conformance/server/token_endpoint::ensure_token_endpoint_fails_with_expired_auth_code"),
    _("5.3.2.1-12", "code bound to a key", "conformance/server/dpop::ensure_dpop_auth_code_binding_success", "conformance/server/dpop::ensure_token_endpoint_fails_with_mismatched_dpop_jkt"),
    _("5.3.2.1-13", "10 s ahead, not 60", "conformance/server/client_assertions::par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted", "conformance/server/client_assertions::par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails"),
    _("5.3.2.1-14", "least privilege", "conformance/server/authorization::ensure_other_scope_order_succeeds", "unit/server/narrowed_registration::a_scope_that_was_taken_back_cannot_be_pushed_or_asked_for"),
    # Flows with the authorization endpoint.
    _("5.3.2.2-1", "code alone", "conformance/server/flows::happy_flow", "conformance/server/authorization::ensure_response_type_token_fails"),
    _("5.3.2.2-2", "PAR", "conformance/server/request_uri::par_without_duplicate_parameters", "conformance/server/request_uri::par_authorization_request_containing_request_uri_form_param"),
    _("5.3.2.2-3", "no request without PAR", "conformance/server/flows::happy_flow", "unit/server/interaction_authorization::faults_are_shown_as_a_page"),
    _("5.3.2.2-4", "no PAR of strangers", "conformance/server/flows::happy_flow", "conformance/server/beyond_the_suite::pushing_needs_credentials"),
    _("5.3.2.2-5", "PKCE with S256", "conformance/server/flows::happy_flow", "unit/protocol/pkce::challenge_that_is_refused"),
    _("5.3.2.2-6", "redirect_uri is pushed", "conformance/server/flows::happy_flow", "conformance/server/authorization::ensure_redirect_uri_in_authorization_request"),
    _("5.3.2.2-7", "iss in responses", "conformance/server/flows::happy_flow", "conformance/server/beyond_the_suite::errors_name_the_issuer"),
    _("5.3.2.2-8", "no http redirect URI", "unit/protocol/redirect_uri::native_applications_may_vary_the_port", "unit/protocol/registration::7_an_unsafe_redirect_uri_is_refused"),
    _("5.3.2.2-9", "codes once", "conformance/server/flows::happy_flow", "conformance/server/token_endpoint::attempt_reuse_authorization_code_after_one_second"),
    _("5.3.2.2-10", "never 307", "conformance/server/flows::happy_flow", "conformance/server/beyond_the_suite::redirects_are_303"),
    _("5.3.2.2-11", "303", "conformance/server/flows::happy_flow", "conformance/server/beyond_the_suite::redirects_are_303"),
    _("5.3.2.2-12", "request_uri below 600 s", "unit/server/interaction_authorization::the_request_expires_at_its_second", "conformance/server/beyond_the_suite::request_uris_live_less_than_600_seconds"),
    _("5.3.2.2-13", "people are told", "unit/server/interaction_login::a_right_password_leads_to_the_question", "unit/web/pages::an_application_cannot_turn_the_reading_direction"),
    _("5.3.2.2-14", "nonces of 64", "conformance/server/authorization::ensure_authorization_request_with_64_char_nonce_success", "unit/profile/limits::a_limit_goes_as_far_as_its_clause_and_no_further"),
    _("5.3.2.2-p4", "spent by the answer", "conformance/server/request_uri::par_ensure_reused_request_uri_prior_to_auth_completion_succeeds", "conformance/server/request_uri::par_attempt_reuse_request_uri"),
    _("5.3.2.3-p1", "identity by OpenID", "unit/protocol/oidc::the_good_token_verifies", "unit/protocol/oidc::what_nobody_asked_for_is_left_out"),
    # Cryptography and keys.
    _("5.4.1-1", "JWTs: all of it", "unit/protocol/client_assertion::good_assertion_verifies", "unit/protocol/client_assertion::single_change_is_refused[sign_with(another key)]"),
    _("5.4.1-1.1", "JWTs: RFC 8725", "unit/protocol/client_assertion::typ_of_an_assertion", "unit/protocol/client_assertion::single_change_is_refused[change_header(typ='dpop+jwt')]"),
    _("5.4.1-1.2", "three algorithms", "unit/protocol/client_assertion::created_assertion_verifies", "conformance/server/client_assertions::ensure_signed_client_assertion_with_rs256_fails"),
    _("5.4.1-1.3", "never none", "conformance/server/flows::happy_flow", "unit/server/token_endpoint::an_assertion_without_signature_is_refused"),
    _("5.4.1-p2", "Ed25519, by its name", "unit/protocol/client_assertion::two_names_of_one_algorithm", "unit/crypto/keys::another_name_of_an_algorithm_is_none"),
    _("5.4.1-2", "RSA of 2048 bits", "unit/crypto/keys::a_key_that_was_made_for_it_is_one", "unit/crypto/keys::a_small_rsa_key_is_no_key"),
    _("5.4.1-3", "curves of 224 bits", "unit/crypto/keys::a_key_that_was_made_for_it_is_one", "unit/crypto/keys::another_curve_is_no_key"),
    _("5.4.1-4", "128 bits of entropy", "unit/runtime/entropy::a_token_can_travel_anywhere", "unit/runtime/entropy::a_token_cannot_be_guessed"),
    _("5.4.2-p1", "jwks_uri, or jwks", "unit/server/client_keys::a_published_key_authenticates_its_client", "unit/protocol/registration::5_keys_that_do_not_serve_are_refused"),
    _("5.4.2-1", "jwks_uri over TLS", "unit/protocol/registration::5_keys_may_be_by_reference", "unit/protocol/registration::5_a_reference_of_another_form_is_refused"),
    _("5.4.2-2", "no jku, no x5u", "unit/crypto/key_headers::a_pointer_in_a_header_changes_nothing", "unit/crypto/key_headers::what_we_sign_points_nowhere"),
    _("5.4.2-3", "kids of their own", "conformance/server/flows::discovery_end_point_verification", "unit/crypto/keyring::a_file_that_is_not_the_key_it_says_is_refused"),
    _("5.4.3-p1", "kids of several keys", "unit/crypto/key_sets::of_keys_with_one_kid_the_one_for_the_algorithm_is_found", "unit/server/client_keys::decoys_are_not_mistaken_for_the_key"),
    _("5.4.3-1", "first by kid", "unit/protocol/client_assertion::key_without_kid", "unit/protocol/client_assertion::single_change_is_refused[change_header(kid='key-3')]"),
    _("5.4.3-2", "the one key", "unit/crypto/key_sets::the_same_key_twice_is_one_key", "unit/crypto/key_sets::without_a_kid_the_choice_must_be_plain"),
    _("5.4.3-3", "then by algorithm", "unit/crypto/key_sets::of_keys_with_one_kid_the_one_for_the_algorithm_is_found", "unit/crypto/key_sets::a_key_for_something_else_is_passed_over"),
    # What goes beyond.
    _("6.4-1", "request_uri once", "conformance/server/flows::happy_flow", "conformance/server/request_uri::par_attempt_reuse_request_uri"),
    _("6.7-p2", "clients are no subjects", "unit/protocol/registration::1_the_bounds_of_the_grammar_are_accepted", "unit/protocol/registration::1_another_client_id_is_refused"),
    _("6.8-1", "keys rotate", "unit/crypto/key_rotation::a_rotation_runs_by_itself", "unit/crypto/key_watch::a_compromised_key_is_refused_by_the_server_itself"),
    _("6.8-2", "one purpose", "unit/crypto/keys::a_key_that_was_made_for_it_is_one", "unit/crypto/keys::a_key_for_something_else_is_never_picked"),
    _("6.8-4", "revoked together", "conformance/server/flows::happy_flow", "conformance/server/resources::resources_see_a_revocation_in_five_seconds"),
)  # fmt: skip
