"""A member is called a secret for what it holds or for what its name ends with, not for being about one."""

from __future__ import annotations

import pytest

from trustweft.audit.delicate import secret


@pytest.mark.parametrize(
    "name", ["password", "userPassword", "password_hash", "passwd", "client-secret", "apiKey", "totp_secret"]
)
def test_secrets_are_told_by_their_names(name: str) -> None:
    assert secret(name, "correct horse battery")
    assert not secret(name, "********")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key_id", "ak_3f9"),
        ("password_version", "3"),
        ("passwordChangedDate", "2024-01-01"),
        ("password_status", "ok"),
        ("pwd_exp", "1900000000"),
        ("pwd_url", "https://login.example/change"),
        ("password_hint", "the usual"),
    ],
)
def test_what_is_told_about_a_secret_is_none(name: str, value: str) -> None:
    assert not secret(name, value)


def test_a_hash_is_one_under_any_name() -> None:
    assert secret("note", "$2b$12$" + "a" * 53)
