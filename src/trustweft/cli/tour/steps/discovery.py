"""Finding the server: its metadata and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.cli.tour.wire import Draft
from trustweft.protocol.metadata import read_server_metadata, well_known_urls
from trustweft.protocol.registration import AUTHENTICATION_METHODS

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Tour
    from trustweft.cli.tour.recording import Step

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


def discover_server(tour: Tour, step: Step) -> None:
    """Read the metadata at both well-known addresses (OpenID Connect Discovery, RFC 8414)."""
    addresses = well_known_urls(tour.issuer)
    found = step.send(Draft(method="GET", url=addresses.openid), status=200).document()
    other = step.send_aside(Draft(method="GET", url=addresses.oauth), status=200).document()
    step.expect("both well-known addresses give the same document", holds=found == other)

    def read() -> None:
        tour.metadata = read_server_metadata(found, issuer=tour.issuer)

    step.expect_accepted("the metadata is this issuer's, and fit for the profile", read)
    step.expect(
        "clients authenticate with a key or a certificate, and never with a shared secret",
        holds=found.get("token_endpoint_auth_methods_supported") == list(AUTHENTICATION_METHODS),
    )
    step.expect("only codes are given out", holds=found.get("response_types_supported") == ["code"])
    step.expect("PKCE is S256 alone", holds=found.get("code_challenge_methods_supported") == ["S256"])
    step.expect(
        "requests have to be pushed", holds=found.get("require_pushed_authorization_requests") is True
    )
    step.expect(
        "responses name their issuer",
        holds=found.get("authorization_response_iss_parameter_supported") is True,
    )


def fetch_keys(tour: Tour, step: Step) -> None:
    """Fetch the key set (RFC 7517): public keys only, each with a name of its own."""
    address = tour.metadata.jwks_uri or ""  # the metadata was refused without one
    tour.keys = step.send(Draft(method="GET", url=address), status=200).document()
    keys = tour.keys.get("keys")
    found = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    step.expect("there are keys", holds=bool(found))
    step.expect(
        "no private part is published", holds=not any(_PRIVATE_MEMBERS.intersection(key) for key in found)
    )
    names = [key.get("kid") for key in found]
    step.expect("each key has a name of its own", holds=len(set(names)) == len(names) and None not in names)
    step.expect(
        "the algorithms are those of the profile",
        holds={key.get("alg") for key in found} <= {"PS256", "ES256", "EdDSA", "Ed25519"},
    )
