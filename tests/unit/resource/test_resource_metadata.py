"""What a resource server publishes about itself (RFC 9728)."""

from __future__ import annotations

import msgspec
import pytest

from trustweft.protocol.resource_metadata import ResourceDescription, read_resource_metadata
from trustweft.resource.metadata import publish_metadata


def describe(resource: str) -> ResourceDescription:
    """Describe a resource server of one authorization server."""
    return ResourceDescription(
        resource=resource, authorization_servers=("https://as.example",), scopes=("accounts",)
    )


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("https://bank.example", "/.well-known/oauth-protected-resource"),
        ("https://bank.example/", "/.well-known/oauth-protected-resource"),
        ("https://bank.example:8443/api", "/.well-known/oauth-protected-resource/api"),
    ],
)
def test_the_document_is_at_the_well_known_path(resource: str, path: str) -> None:
    """RFC 9728 section 3.1: the well-known part stands before the path of the identifier."""
    published = publish_metadata(describe(resource))
    assert (published.path, published.url.endswith(path)) == (path, True)
    assert dict(published.response.headers)["content-type"] == "application/json"


def test_a_client_reads_what_is_published() -> None:
    """The other end of the same module accepts it."""
    published = publish_metadata(describe("https://bank.example"))
    read = read_resource_metadata(
        msgspec.json.decode(published.response.body), resource="https://bank.example"
    )
    assert (read.authorization_servers, read.scopes) == (("https://as.example",), ("accounts",))


def test_a_resource_without_tls_is_not_published() -> None:
    """The document would tell clients to send tokens in the clear."""
    with pytest.raises(ValueError, match="https"):
        publish_metadata(describe("http://bank.example"))
