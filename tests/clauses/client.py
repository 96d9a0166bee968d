"""The clauses for clients."""

from __future__ import annotations

from typing import Final

from clauses.row import Row

__all__ = ["ROWS"]

_ = Row
ROWS: Final = (
    # The network: what a client asks, and what it serves itself.
    _("5.2.1-1", "TLS alone", "unit/client/tls::a_good_server_is_talked_to", "unit/client/conversations::a_token_leaves_over_tls_only"),
    _("5.2.1-2", "TLS 1.2 or later", "unit/client/tls::a_good_server_is_talked_to", "unit/client/tls::an_old_version_is_not_spoken"),
    _("5.2.1-3", "BCP 195", "conformance/client/modules::happy_path", "unit/client/tls::another_suite_is_not_spoken"),
    _("5.2.1-5", "certificates checked", "unit/client/tls::a_good_server_is_talked_to", "unit/client/tls::a_server_of_another_name_is_not_talked_to"),
    _("5.2.2-1", "suites, as a server", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    _("5.2.2-2", "suites", "unit/client/tls::a_good_server_is_talked_to", "unit/client/tls::another_suite_is_not_spoken"),
    _("5.2.2.1-3", "goes by its metadata", "unit/client/mutual_tls::whoever_shows_a_certificate_takes_the_aliases", "unit/client/mutual_tls::whoever_shows_none_takes_no_alias"),
    _("5.2.2.1.1-1", "use_mtls_endpoint_aliases", "unit/client/mutual_tls::whoever_shows_a_certificate_takes_the_aliases[ecosystem]", "unit/protocol/registration::the_use_of_aliases_is_registered"),
    _("5.2.2.1.1-1.1", "a boolean", "unit/client/mutual_tls::whoever_shows_a_certificate_takes_the_aliases[ecosystem]", "unit/protocol/registration::the_use_of_aliases_is_registered"),
    _("5.2.3-1", "HSTS", "unit/demo/moneyview::only_the_start_page_begins_a_session", "unit/web/security_headers::strict_transport_for_every_other_host"),
    _("5.2.3-2", "suites for browsers", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    # General.
    _("5.3.3.1-1", "bound tokens", "conformance/client/modules::happy_path", "unit/client/answers::a_bad_token_response_ends_the_flow"),
    _("5.3.3.1-1.1", "bound by mTLS", "unit/client/mutual_tls::a_certificate_bound_token_is_a_bearer_token_without_proof", "unit/client/mutual_tls::a_token_of_the_wrong_type_is_refused"),
    _("5.3.3.1-1.2", "bound by DPoP", "unit/client/conversations::a_repeated_request_is_made_afresh", "unit/client/conversations::a_proof_is_for_one_request_and_one_token"),
    _("5.3.3.1-2", "authentication", "conformance/client/modules::happy_path", "unit/client/answers::a_server_that_cannot_do_what_the_profile_asks_is_not_used"),
    _("5.3.3.1-2.1", "by a certificate", "unit/client/mutual_tls::a_certificate_authenticates_without_an_assertion", "unit/client/mutual_tls::a_server_that_cannot_take_certificates_is_not_used"),
    _("5.3.3.1-2.2", "by private_key_jwt", "unit/client/publishing::each_assertion_is_signed_with_the_key_of_its_moment", "unit/client/conversations::one_key_serves_one_purpose"),
    _("5.3.3.1-3", "tokens in the header", "unit/client/conversations::a_call_brings_the_token_and_learns_the_nonce", "conformance/client/modules::happy_path"),
    _("5.3.3.1-4", "no open redirector", "unit/demo/moneyview::whoever_connects_again_leaves_the_old_secret_behind_too", "unit/demo/moneyview::nothing_in_a_callback_says_where_to_go"),
    _("5.3.3.1-5", "aud is the issuer", "unit/client/conversations::a_repeated_request_is_made_afresh", "unit/client/answers::the_happy_path_is_what_the_suite_checks_on_the_way"),
    _("5.3.3.1-6", "refresh tokens rotate", "unit/client/refreshing::a_new_refresh_token_takes_the_old_ones_place", "unit/client/refreshing::the_one_before_is_tried_where_the_new_one_is_refused"),
    _("5.3.3.1-7", "aliases with mTLS", "unit/client/mutual_tls::whoever_shows_a_certificate_takes_the_aliases[ecosystem]", "unit/client/mutual_tls::a_proof_names_the_address_that_is_called"),
    _("5.3.3.1-8", "DPoP nonces", "unit/client/conversations::a_call_brings_the_token_and_learns_the_nonce", "conformance/client/modules::happy_path_no_dpop_nonce"),
    _("5.3.3.1-9", "metadata alone", "unit/client/discovery::a_server_that_knows_openid_alone_is_found_too", "unit/client/discovery::an_endpoint_that_is_not_there_is_not_made_up"),
    _("5.3.3.1-10", "issuer from configuration", "unit/client/configuration::discovery_starts_from_the_configured_issuer", "unit/client/configuration::an_issuer_that_others_could_alter_is_no_configuration"),
    _("5.3.3.1-11", "issuer of the metadata", "conformance/client/modules::happy_path", "conformance/client/modules::discovery_issuer_mismatch"),
    _("5.3.3.1-12", "started by its user", "unit/demo/moneyview::only_the_start_page_begins_a_session", "unit/demo/moneyview::a_form_without_a_session_starts_nothing"),
    _("5.3.3.1-p2", "the server's time", "unit/client/server_time::a_client_whose_clock_is_wrong_works", "unit/client/server_time::proofs_for_others_keep_our_own_time"),
    # The authorization code flow.
    _("5.3.3.2-1", "the code grant", "conformance/client/modules::happy_path", "unit/client/conversations::a_denial_is_told_as_one"),
    _("5.3.3.2-2", "PAR", "conformance/client/modules::happy_path", "unit/client/answers::a_bad_pushed_response_sends_no_browser_anywhere"),
    _("5.3.3.2-3", "PKCE with S256", "vectors/rfc7636::appendix_b_verifies", "vectors/rfc7636::appendix_b_challenge"),
    _("5.3.3.2-4", "a challenge of its own", "conformance/client/modules::happy_path", "unit/client/conversations::the_challenge_is_another_one_each_time"),
    _("5.3.3.2-5", "iss is compared", "conformance/client/modules::happy_path", "conformance/client/modules::invalid_authorization_response_iss"),
    _("5.3.3.2-6", "two parameters", "unit/client/several::each_answer_finds_its_client", "unit/protocol/par::authorization_url_has_two_parameters"),
    _("5.3.3.2-7", "nonces of 64", "unit/client/answers::the_happy_path_is_what_the_suite_checks_on_the_way", "conformance/client/modules::happy_path"),
    # Cryptography and keys.
    _("5.4.1-1", "JWTs: all of it", "conformance/client/modules::happy_path_with_another_algorithm", "unit/client/answers::an_id_token_signed_by_somebody_else_ends_the_flow"),
    _("5.4.1-1.1", "JWTs: RFC 8725", "conformance/client/modules::valid_aud_as_array", "unit/protocol/oidc::1_an_access_token_is_no_id_token"),
    _("5.4.1-1.2", "three algorithms", "conformance/client/modules::happy_path_with_another_algorithm", "conformance/client/modules::invalid_alternate_alg"),
    _("5.4.1-1.3", "never none", "conformance/client/modules::happy_path", "conformance/client/modules::invalid_null_alg"),
    _("5.4.1-p2", "Ed25519, by its name", "unit/protocol/dpop::created_proof_verifies", "unit/crypto/keys::another_name_of_an_algorithm_is_none"),
    _("5.4.1-2", "RSA of 2048 bits", "conformance/client/modules::happy_path_with_another_algorithm", "unit/crypto/keys::a_small_rsa_key_is_no_key"),
    _("5.4.1-3", "curves of 224 bits", "conformance/client/modules::happy_path", "unit/crypto/keys::another_curve_is_no_key"),
    _("5.4.1-4", "128 bits of entropy", "unit/runtime/entropy::a_token_can_travel_anywhere", "unit/runtime/entropy::a_token_cannot_be_guessed"),
    _("5.4.2-p1", "jwks_uri, or jwks", "unit/demo/moneyview::the_keys_of_the_assertions_are_published", "unit/client/publishing::a_bad_key_set_is_not_published[without the one that signs]"),
    _("5.4.2-1", "jwks_uri over TLS", "unit/protocol/registration::5_keys_may_be_by_reference", "unit/net/serving::plain_http_is_not_answered"),
    _("5.4.2-2", "no jku, no x5u", "unit/crypto/key_headers::a_pointer_in_a_header_changes_nothing", "unit/crypto/key_headers::what_we_sign_points_nowhere"),
    _("5.4.2-3", "kids of their own", "unit/client/publishing::the_next_key_and_the_one_before_are_published_too", "unit/client/publishing::keys_of_one_name_are_no_configuration"),
    _("5.4.3-p1", "kids of several keys", "conformance/client/modules::happy_path", "unit/client/answers::decoy_keys_with_the_same_kid_do_not_confuse"),
    _("5.4.3-1", "first by kid", "conformance/client/modules::happy_path", "unit/protocol/oidc::3_an_unknown_key_is_refused"),
    _("5.4.3-2", "the one key", "conformance/client/modules::happy_path", "unit/crypto/key_sets::without_a_kid_the_choice_must_be_plain"),
    _("5.4.3-3", "then by algorithm", "unit/protocol/oidc::another_registered_algorithm_verifies", "unit/crypto/key_sets::a_key_for_something_else_is_passed_over"),
    # What goes beyond.
    _("6.3-1", "a key for each server", "unit/client/several::each_answer_finds_its_client", "unit/client/several::each_server_has_a_proof_key_of_its_own"),
    _("6.4-2", "a code for each flow", "unit/demo/moneyview::whoever_connects_again_leaves_the_old_secret_behind_too", "unit/demo/moneyview::a_code_is_redeemed_for_each_flow_once"),
    _("6.8-1", "keys rotate", "unit/client/publishing::at_every_step_of_a_rotation_kept_key_sets_verify", "unit/client/discovery::keys_are_kept_for_a_while"),
    _("6.8-2", "one purpose", "unit/client/answers::the_happy_path_is_what_the_suite_checks_on_the_way", "unit/client/answers::a_key_for_encryption_verifies_nothing"),
)  # fmt: skip
