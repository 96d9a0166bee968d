"""The clauses for resource servers."""

from __future__ import annotations

from typing import Final

from clauses.row import Row

__all__ = ["ROWS"]

_ = Row
_ATTACK: Final = "unit/resource/guard_attacks::an_attack_is_refused_with_its_reason"
ROWS: Final = (
    # The network: what a guard serves, and what it asks its server.
    _("5.2.1-1", "TLS alone", "unit/resource/issuer_keys::the_keys_are_where_the_metadata_says", "unit/net/fetch::anything_but_an_https_url_is_refused"),
    _("5.2.1-2", "TLS 1.2 or later", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    _("5.2.1-3", "BCP 195", "conformance/server/flows::happy_flow", "unit/net/serving::what_bcp_195_warns_of_is_not_done"),
    _("5.2.1-5", "certificates checked", "unit/net/fetch::a_document_is_fetched_from_an_allowed_host", "unit/net/fetch::a_certificate_of_another_authority_is_refused"),
    _("5.2.2-1", "suites", "unit/net/serving::each_listener_answers_on_its_own_port", "unit/net/serving::old_versions_and_weak_suites_are_not_spoken"),
    # Access tokens.
    _("5.3.4-1", "tokens in the header", "unit/resource/guard::the_scheme_may_be_in_any_case", f"{_ATTACK}[bearer.repeated: two tokens]"),
    _("5.3.4-2", "never in the query", "unit/resource/guard_attacks::a_good_request_passes", f"{_ATTACK}[bearer.in-query: in the query as well]"),
    _("5.3.4-3", "valid, not revoked", "unit/resource/guard::a_remembered_token_is_verified_once", f"{_ATTACK}[guard.token-revoked: a revoked token]"),
    _("5.3.4-4", "enough, or 403", "unit/resource/guard_attacks::a_good_request_passes", "conformance/server/resources::resources_refuse_a_lesser_scope"),
    _("5.3.4-5", "the sender holds the key", "unit/resource/guard::every_configured_base_url_is_a_good_htu", f"{_ATTACK}[dpop.key-mismatch: stolen token with the thief's proof]"),
    _("5.3.4-5.1", "bound by mTLS", "unit/resource/guard::the_holder_of_the_certificate_passes", "conformance/server/certificates::tokens_are_bound_to_certificates"),
    _("5.3.4-5.2", "bound by DPoP", "unit/resource/guard::clocks_may_differ", "conformance/server/dpop_negative::dpop_negative_tests"),
    # Cryptography and keys.
    _("5.4.1-1", "JWTs: all of it", "unit/protocol/access_token::the_good_token_verifies", "unit/protocol/access_token::5_a_signature_of_another_key_is_refused"),
    _("5.4.1-1.1", "JWTs: RFC 8725", "unit/protocol/access_token::2_the_type_is_a_media_type", "unit/protocol/access_token::2_another_type_is_refused"),
    _("5.4.1-1.2", "three algorithms", "unit/protocol/access_token::a_second_algorithm_of_the_same_issuer_verifies", "unit/protocol/access_token::3_another_algorithm_is_refused"),
    _("5.4.1-1.3", "never none", "unit/protocol/access_token::the_good_token_verifies", "conformance/server/resources::resources_refuse_foreign_tokens"),
    _("5.4.1-p2", "Ed25519, by its name", "unit/protocol/dpop::created_proof_verifies", "unit/crypto/keys::another_name_of_an_algorithm_is_none"),
    _("5.4.1-2", "RSA of 2048 bits", "unit/protocol/access_token::a_second_algorithm_of_the_same_issuer_verifies", "unit/crypto/keys::a_small_rsa_key_is_no_key"),
    _("5.4.1-3", "curves of 224 bits", "unit/protocol/access_token::the_good_token_verifies", "unit/crypto/keys::another_curve_is_no_key"),
    _("5.4.1-4", "128 bits of entropy", "unit/protocol/dpop_nonces::missing_nonce_is_asked_for", "unit/protocol/dpop_nonces::weak_settings_are_refused"),
    _("5.4.3-p1", "kids of several keys", "unit/resource/issuer_keys::a_new_key_is_found_when_a_token_names_it", "unit/crypto/keys::a_decoy_with_the_same_kid_is_not_taken_for_the_key"),
    _("5.4.3-1", "first by kid", "unit/protocol/access_token::the_good_token_verifies", "unit/protocol/access_token::4_an_unknown_key_is_refused"),
    _("5.4.3-2", "the one key", "unit/crypto/key_sets::the_same_key_twice_is_one_key", "unit/crypto/key_sets::without_a_kid_the_choice_must_be_plain"),
    _("5.4.3-3", "then by algorithm", "unit/protocol/access_token::a_second_algorithm_of_the_same_issuer_verifies", "unit/crypto/key_sets::a_key_for_something_else_is_passed_over"),
    # What goes beyond.
    _("6.2-1", "DPoP nonces", "unit/resource/guard::a_nonce_serves_until_its_window_ends", f"{_ATTACK}[dpop.nonce-required: no nonce]"),
    _("6.2-2", "proofs once", "unit/resource/guard::the_same_jti_of_another_key_is_another_proof", f"{_ATTACK}[dpop.replayed: the same request twice]"),
    _("6.8-1", "keys rotate", "unit/resource/issuer_keys::a_new_key_is_found_when_a_token_names_it", "unit/resource/issuer_keys::a_remembered_token_does_not_outlive_its_key"),
    _("6.8-2", "one purpose", "unit/protocol/access_token::the_good_token_verifies", "unit/crypto/keys::a_key_for_something_else_is_never_picked"),
)  # fmt: skip
