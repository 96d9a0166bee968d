"""Metadata of protected resources (RFC 9728)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.crypto.algorithms import ALGORITHMS
from trustweft.protocol.metadata_members import (
    ENDPOINT,
    ERROR,
    UNSUPPORTED,
    allowed_algorithms,
    is_https,
    texts_of,
)
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ResourceDescription", "ResourceMetadata", "create_resource_metadata", "read_resource_metadata"]

RESOURCE = reason(
    "metadata.resource", error=ERROR, public="The metadata belongs to another resource.", status=502
)


class ResourceDescription(Struct, frozen=True, kw_only=True):
    """What a protected resource says of itself.

    Attributes:
        certificate_bound_access_tokens: whether it also takes tokens that are bound to a client certificate.
    """

    resource: str
    authorization_servers: tuple[str, ...]
    scopes: tuple[str, ...]
    name: str | None = None
    documentation: str | None = None
    signing_algorithms: tuple[str, ...] = ALGORITHMS
    certificate_bound_access_tokens: bool = False
    authorization_details_types: tuple[str, ...] = ()


class ResourceMetadata(Struct, frozen=True, kw_only=True):
    """What a client may believe of a protected resource: read and verified."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes: tuple[str, ...]
    dpop_algorithms: tuple[str, ...]
    authorization_details_types: tuple[str, ...] = ()


def create_resource_metadata(resource: ResourceDescription) -> dict[str, object]:
    """Return the metadata document of a protected resource (RFC 9728 section 2).

    Raises:
        ValueError: an algorithm is not allowed, or a URL is not https.
    """
    if not set(resource.signing_algorithms) <= set(ALGORITHMS):
        raise ValueError("an algorithm that FAPI 2.0 does not allow is never advertised")
    for url in (resource.resource, *resource.authorization_servers):
        if not is_https(url):
            raise ValueError(f"{url} is no https URL without fragment")
    document: dict[str, object] = {
        "resource": resource.resource,
        "authorization_servers": list(resource.authorization_servers),
        "scopes_supported": list(resource.scopes),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(resource.signing_algorithms),
        # Section 2: whether DPoP is needed "always".
        "dpop_bound_access_tokens_required": not resource.certificate_bound_access_tokens,
        "tls_client_certificate_bound_access_tokens": resource.certificate_bound_access_tokens,
    }
    if resource.authorization_details_types:
        document["authorization_details_types_supported"] = list(resource.authorization_details_types)
    if resource.name is not None:
        document["resource_name"] = resource.name
    if resource.documentation is not None:
        document["resource_documentation"] = resource.documentation
    return document


def read_resource_metadata(document: Mapping[str, object], *, resource: str) -> ResourceMetadata:
    """Read the metadata that was fetched for ``resource`` (RFC 9728 section 3.3).

    Which authorization server to trust is not read from here: that comes from the client's configuration.

    Raises:
        Reject: ``metadata.*``.
    """
    if not is_https(resource) or document.get("resource") != resource:
        raise RESOURCE.reject(f"{document.get('resource')!r:.200}")
    servers: Sequence[str] = texts_of(document, "authorization_servers")
    if not all(is_https(server) for server in servers):
        raise ENDPOINT.reject("authorization_servers")
    if "header" not in texts_of(document, "bearer_methods_supported", ("header",)):
        raise UNSUPPORTED.reject("bearer_methods_supported lacks header")
    return ResourceMetadata(
        resource=resource,
        authorization_servers=tuple(servers),
        scopes=texts_of(document, "scopes_supported"),
        dpop_algorithms=allowed_algorithms(document, "dpop_signing_alg_values_supported"),
        authorization_details_types=texts_of(document, "authorization_details_types_supported"),
    )
