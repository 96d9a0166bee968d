"""One file, the environment over it, and where each value comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import pytest

from trustweft.runtime.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from pathlib import Path


class Listen(msgspec.Struct, frozen=True):
    """Deliberately without ``forbid_unknown_fields``: the reader refuses unknown keys itself."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    host: str = "localhost"
    debug: bool = False
    operations_port: int | None = None


class Peer(msgspec.Struct, frozen=True):
    """One of a list."""

    name: str
    client_secret: str = ""


class Tls(msgspec.Struct, frozen=True):
    """A section that may be missing."""

    certificate: str


class Example(msgspec.Struct, frozen=True):
    """Every shape that settings have."""

    listen: Listen
    peers: tuple[Peer, ...] = ()
    tls: Tls | None = None
    names: dict[str, str] = {}
    scopes: tuple[str, ...] = ("openid",)
    database: str = "sqlite"
    signing_key_material: str | None = None
    profile: str = "fapi2-security"


FILE = """
database = "postgres://bank:hunter2@db/bank"
signing_key_material = "MIGHAgEAMBMG"
scopes = ["openid", "accounts"]

[listen]
port = 8443

[[peers]]
name = "moneyview"
client_secret = "s3cret"

[tls]
certificate = "tls.pem"

[names]
alice = "Alice"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The settings file, good."""
    path = tmp_path / "example.toml"
    path.write_text(FILE)
    return path


def read(path: Path, **environment: str) -> Settings[Example]:
    """Read it with variables over it."""
    return read_settings(path, Example, environment=environment)


def complaint(path: Path, **environment: str) -> str:
    """Return why the settings cannot be used."""
    with pytest.raises(SettingsError) as refused:
        read(path, **environment)
    return str(refused.value)


def test_a_file_becomes_a_value(file: Path) -> None:
    """Sections, lists, tables and defaults arrive as the type says."""
    assert read(file).value == Example(
        listen=Listen(8443),
        peers=(Peer("moneyview", "s3cret"),),
        tls=Tls("tls.pem"),
        names={"alice": "Alice"},
        scopes=("openid", "accounts"),
        database="postgres://bank:hunter2@db/bank",
        signing_key_material="MIGHAgEAMBMG",
    )


@pytest.mark.parametrize(
    ("variable", "text", "path", "expected"),
    [
        ("TRUSTWEFT_LISTEN__PORT", "9000", ("listen", "port"), 9000),
        ("TRUSTWEFT_LISTEN__DEBUG", "true", ("listen", "debug"), True),
        ("TRUSTWEFT_LISTEN__OPERATIONS_PORT", "9001", ("listen", "operations_port"), 9001),
        ("TRUSTWEFT_LISTEN__OPERATIONS_PORT", "null", ("listen", "operations_port"), None),
        ("TRUSTWEFT_LISTEN__HOST", "9000", ("listen", "host"), "9000"),
        ("TRUSTWEFT_LISTEN__HOST", "", ("listen", "host"), ""),
        ("TRUSTWEFT_PROFILE", "fapi2-message-signing", ("profile",), "fapi2-message-signing"),
        ("TRUSTWEFT_TLS__CERTIFICATE", "other.pem", ("tls", "certificate"), "other.pem"),
        ("TRUSTWEFT_SCOPES", '["payments"]', ("scopes",), ("payments",)),
        ("TRUSTWEFT_NAMES", '{"Bob": "Bob"}', ("names",), {"Bob": "Bob"}),
        ("TRUSTWEFT_PEERS", '[{"name": "other"}]', ("peers",), (Peer("other"),)),
    ],
)
def test_a_variable_goes_over_the_file(
    file: Path, variable: str, text: str, path: tuple[str, ...], expected: object
) -> None:
    """The text of a variable is read as the type of its setting, lists and tables as JSON."""
    found: object = read(file, **{variable: text}).value
    for name in path:
        found = getattr(found, name)
    assert found == expected


def test_a_variable_may_make_a_section_that_the_file_lacks(tmp_path: Path) -> None:
    """A container image can have an empty file and say everything by variables."""
    path = tmp_path / "empty.toml"
    path.write_text("")
    settings = read(path, TRUSTWEFT_LISTEN__PORT="9000", TRUSTWEFT_TLS__CERTIFICATE="a.pem")
    assert settings.value == Example(listen=Listen(9000), tls=Tls("a.pem"))


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ("port = 8443", "prot = 8443", "listen.prot is not a setting; did you mean listen.port?"),
        ("database =", "databse =", "databse is not a setting; did you mean database?"),
        ("database =", "port =", "port is not a setting; did you mean listen.port?"),
        ("database =", "zzz =", "zzz is not a setting"),
        ("[listen]", "[listne]", "listne is not a setting; did you mean listen?"),
        ("certificate =", "certifcate =", "tls.certifcate is not a setting; did you mean tls.certificate?"),
        (
            "client_secret =",
            "client_secrte =",
            "peers[0].client_secrte is not a setting; did you mean peers[].client_secret?",
        ),
    ],
)
def test_an_unknown_key_in_the_file_is_an_error(file: Path, good: str, bad: str, expected: str) -> None:
    """File, exact path and the nearest known name are told, in optional sections and lists too."""
    file.write_text(FILE.replace(good, bad))
    assert complaint(file) == f"{file}: {expected}"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        (
            "TRUSTWEFT_LISTEN__PROT",
            "1",
            "TRUSTWEFT_LISTEN__PROT is not a setting; did you mean TRUSTWEFT_LISTEN__PORT?",
        ),
        (
            "TRUSTWEFT_LISTEN_PORT",
            "1",
            "TRUSTWEFT_LISTEN_PORT is not a setting; did you mean TRUSTWEFT_LISTEN__PORT?",
        ),
        (
            "TRUSTWEFT_listen__port",
            "1",
            "TRUSTWEFT_listen__port is not a setting; did you mean TRUSTWEFT_LISTEN__PORT?",
        ),
        (
            "TRUSTWEFT_PROFILES",
            "x",
            "TRUSTWEFT_PROFILES is not a setting; did you mean TRUSTWEFT_PROFILE?",
        ),
        (
            "TRUSTWEFT_LISTEN__PORT__X",
            "1",
            "TRUSTWEFT_LISTEN__PORT__X is not a setting; did you mean TRUSTWEFT_LISTEN__PORT?",
        ),
        ("TRUSTWEFT_ZZZ__QQQ", "1", "TRUSTWEFT_ZZZ__QQQ is not a setting"),
        ("TRUSTWEFT___", "1", "TRUSTWEFT___ is not a setting"),
        ("TRUSTWEFT_LISTEN", "{}", "TRUSTWEFT_LISTEN is not a setting"),
        ("TRUSTWEFT_LISTEN__PORT", "many", "TRUSTWEFT_LISTEN__PORT: Expected `int`, got `str`"),
        ("TRUSTWEFT_LISTEN__PORT", "0", "TRUSTWEFT_LISTEN__PORT: Expected `int` >= 1"),
        ("TRUSTWEFT_LISTEN__DEBUG", "maybe", "TRUSTWEFT_LISTEN__DEBUG: Expected `bool`, got `str`"),
        ("TRUSTWEFT_SCOPES", "payments", "TRUSTWEFT_SCOPES: JSON was expected: JSON is malformed"),
        ("TRUSTWEFT_SCOPES", "[1]", "TRUSTWEFT_SCOPES: Expected `str`, got `int` - at `$[0]`"),
        (
            "TRUSTWEFT_PEERS",
            '[{"name": "a", "nmae": "b"}]',
            "TRUSTWEFT_PEERS: peers[0].nmae is not a setting; did you mean peers[].name?",
        ),
    ],
)
def test_a_variable_that_cannot_be_meant_is_an_error(
    file: Path, variable: str, text: str, expected: str
) -> None:
    """Neither a slip in a name nor a value of another type is passed over in silence."""
    assert complaint(file, **{variable: text}).startswith(expected)


def test_variables_of_others_are_left_alone(file: Path) -> None:
    """Kubernetes names a service's address with our prefix; our own commands have variables of their own."""
    others = {
        "TRUSTWEFT_SERVICE_HOST": "10.0.0.1",
        "TRUSTWEFT_SERVICE_PORT": "8443",
        "TRUSTWEFT_PORT": "tcp://10.0.0.1:8443",
        "TRUSTWEFT_PORT_8443_TCP_ADDR": "10.0.0.1",
        "TRUSTWEFT_PASSWORD": "hunter2",
        "LISTEN__PORT": "1",
        "_TRUSTWEFT_COMPLETE": "bash_source",
    }
    assert read(file, **others) == read(file)


def test_a_value_of_another_type_in_the_file_is_an_error_with_its_path(file: Path) -> None:
    """A number in quotation marks is not a number."""
    file.write_text(FILE.replace("8443", '"8443"'))
    assert complaint(file) == f"{file}: Expected `int`, got `str` - at `$.listen.port`"


def test_a_missing_setting_is_an_error_with_its_path(file: Path) -> None:
    """What has no default must be said."""
    file.write_text(FILE.replace("port = 8443", ""))
    assert complaint(file) == f"{file}: Object missing required field `port` - at `$.listen`"


@pytest.mark.parametrize("content", [b"port = ", b"\xff", b"a = " + b"[" * 100_000, b"[listen]\n[listen]\n"])
def test_a_file_that_cannot_be_read_is_an_error_with_its_name(file: Path, content: bytes) -> None:
    """Broken TOML, broken UTF-8, endless nesting and no file at all are each told."""
    file.write_bytes(content)
    assert complaint(file).startswith(f"{file}: ")
    file.unlink()
    assert "No such file" in complaint(file)


def test_a_variable_inside_what_is_no_table_is_an_error(file: Path) -> None:
    """The file says that the section is a number; the variable cannot mean anything."""
    file.write_text("listen = 3\n")
    assert complaint(file, TRUSTWEFT_LISTEN__PORT="1") == (
        "TRUSTWEFT_LISTEN__PORT: listen is not a table in the file"
    )


@pytest.mark.parametrize(
    "secret", ["hunter2", "s3cret", "MIGHAgEAMBMG"], ids=["in a URL", "in a list", "at the top"]
)
def test_no_secret_is_explained(file: Path, secret: str) -> None:
    """Whoever shares the output of `config explain` shares no password."""
    assert secret not in repr(read(file).explain())


def test_every_setting_is_explained_with_its_source(file: Path) -> None:
    """File, variable or default: in the order of the type, defaults included, secrets hidden."""
    settings = read(file, TRUSTWEFT_LISTEN__HOST="bank.example", TRUSTWEFT_SCOPES='["openid"]')
    assert [(each.path, each.value, each.source) for each in settings.explain()] == [
        ("listen.port", "8443", str(file)),
        ("listen.host", "bank.example", "environment variable TRUSTWEFT_LISTEN__HOST"),
        ("listen.debug", "false", "default"),
        ("listen.operations_port", "none", "default"),
        ("peers[0].name", "moneyview", str(file)),
        ("peers[0].client_secret", "***", str(file)),
        ("tls.certificate", "tls.pem", str(file)),
        ("names.alice", "Alice", str(file)),
        ("scopes", '["openid"]', "environment variable TRUSTWEFT_SCOPES"),
        ("database", "postgres://bank:***@db/bank", str(file)),
        ("signing_key_material", "***", str(file)),
        ("profile", "fapi2-security", "default"),
    ]


def test_what_a_variable_replaces_is_no_longer_the_files(file: Path) -> None:
    """A list that is replaced takes the sources of its old items with it."""
    settings = read(file, TRUSTWEFT_PEERS='[{"name": "other"}]')
    sources = {each.path: each.source for each in settings.explain() if each.path.startswith("peers")}
    assert sources == {
        "peers[0].name": "environment variable TRUSTWEFT_PEERS",
        "peers[0].client_secret": "default",
    }
