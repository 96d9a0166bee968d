"""What a protected resource publishes about itself (RFC 9728), as constant octets at its well-known path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.metadata import resource_well_known_url
from trustweft.protocol.resource_metadata import create_resource_metadata

if TYPE_CHECKING:
    from trustweft.protocol.resource_metadata import ResourceDescription

__all__ = ["PublishedMetadata", "publish_metadata"]


@dataclass(frozen=True, slots=True)
class PublishedMetadata:
    """The document, ready to be served.

    Attributes:
        url: what ``Protection.resource_metadata`` and every challenge name.
        path: where the resource server answers with ``response``, without asking for authorization.
    """

    url: str
    path: str
    response: HttpResponse


def publish_metadata(description: ResourceDescription) -> PublishedMetadata:
    """Return the metadata document of one protected resource (RFC 9728 section 3).

    Raises:
        ValueError: an algorithm is not allowed, or a URL is not https.
    """
    url = resource_well_known_url(description.resource)
    headers = (("content-type", "application/json"), ("cache-control", "public, max-age=300"))
    document = msgspec.json.encode(create_resource_metadata(description))
    return PublishedMetadata(url, urlsplit(url).path, HttpResponse(200, headers, document))
