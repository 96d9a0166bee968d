"""What can be registered as a redirect URI can be written into the policy of the page that leads to it."""

from __future__ import annotations

import pytest

from trustweft.protocol.redirect_uri import ApplicationType, check_registrable
from trustweft.web.security_headers import form_action_source

REGISTRABLE: tuple[tuple[str, ApplicationType, str], ...] = (
    ("https://app.example/callback?tenant=1", "web", "https://app.example"),
    ("https://localhost:8444/callback", "web", "https://localhost:8444"),
    ("https://127.0.0.1:8444/callback", "web", "https://127.0.0.1:8444"),
    ("http://127.0.0.1/callback", "native", "http://127.0.0.1"),
    ("http://127.0.0.1:49152/callback", "native", "http://127.0.0.1:49152"),
    ("com.example.app:/callback", "native", "com.example.app:"),
    ("com.example.app:/", "native", "com.example.app:"),
)


@pytest.mark.parametrize(("uri", "application_type", "source"), REGISTRABLE)
def test_a_registrable_target_has_a_source(uri: str, application_type: ApplicationType, source: str) -> None:
    """Otherwise a person could consent and get nowhere."""
    assert check_registrable(uri, application_type=application_type) == uri
    assert form_action_source(uri) == source
