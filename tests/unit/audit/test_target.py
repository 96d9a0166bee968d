"""Target files: the examples of the manual are good ones, and a slip of the pen is an error that says where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trustweft.audit.target import TargetError, read_target

ROOT = Path(__file__).parents[3]


def test_the_examples_of_the_manual_can_be_read(tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "auditing.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(issuer.*?)```", manual, re.DOTALL)
    (tmp_path / "bank.toml").write_text(shown)
    (tmp_path / "alice-password").write_text("wonderland\n")
    bank = read_target(tmp_path / "bank.toml")
    assert bank.users[0].password == "wonderland"
    assert bank.clients[0].key == str(tmp_path / "auditor-1.jwk.json")
    assert bank.allowed_hosts() == {"login.example", "api.login.example"}
    plain = read_target(ROOT / "docs" / "examples" / "plain-oauth-target.toml")
    assert [each.owner for each in plain.apis[0].operations] == ["alice", "bob", None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('issuer = "https://a.example"\nisuer = "x"', "isuer"),
        ('issuer = "ftp://a.example"', "issuer"),
        ("", "issuer"),
        ("issuer = [", "Invalid"),
        (
            'issuer = "https://a.example"\n[[clients]]\nclient_id = "a"\nauthentication = "magic"',
            "authentication",
        ),
        ('issuer = "https://a.example"\nrate = 0', "rate"),
        ('issuer = "https://a.example"\nprofile = "oauth2-bpc"', "oauth2-bpc"),
        ('issuer = "https://a.example"\n[[users]]\nusername = "a"\npassword_file = "nowhere"', "nowhere"),
    ],
)
def test_a_slip_of_the_pen_is_an_error_that_says_where(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text(text)
    with pytest.raises(TargetError, match=re.escape(words)):
        read_target(path)
