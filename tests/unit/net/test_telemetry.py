"""What operators see, and what nobody sees."""

from __future__ import annotations

import io
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk
from trustweft.net.telemetry import MAXIMUM_TEXT, Telemetry, redact
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import reason
from trustweft.runtime.observability import REQUEST_ID, Observer

REFUSED = reason("net-telemetry-test.refused", error="invalid_grant", public="Not today.")
NOW = 1_800_000_000.0
TOKEN = "Zq3fJ8k-vW0_xY7aB1cD2eF4gH5iJ6kL9mN0oP1qR2s"
KEY = generate_private_key("ES256")
SIGNED = jws.sign({"iss": "https://bank.example", "sub": "ada"}, signer=LocalSigner("ES256", KEY))
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIJ\n-----END EC PRIVATE KEY-----"


PASSWORD = "hunter2"


def store(token: str, password: str) -> None:
    """Fail with one secret in the message and another in a local variable."""
    raise RuntimeError(f"cannot store {token}" + password[:0])


class Screen:
    """A telemetry and what an operator reads of it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.clock = ManualClock(NOW)
        self.telemetry = Telemetry(stream=self.stream, clock=self.clock)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the log, one object a line."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def metrics(self) -> dict[str, float]:
        """Return the metrics by name and labels."""
        text = self.telemetry.render_metrics().body.decode()
        samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}


@pytest.fixture
def screen() -> Screen:
    """A fresh one."""
    return Screen()


def test_it_is_an_observer(screen: Screen) -> None:
    """Participants get it where they ask for an observer."""
    observer: Observer = screen.telemetry
    observer.happened("server", "started")
    assert screen.lines[0]["event"] == "started"


def test_a_refusal_is_counted_by_its_reason_and_logged_with_its_detail(screen: Screen) -> None:
    """The counter has participant, endpoint and reason id; the line has the private detail, time and request too."""
    marker = REQUEST_ID.set("0a1b2c3d-7")
    for _ in range(2):
        screen.telemetry.refused("server", "token", REFUSED.reject("kid='k1' alg=ES256"))
    REQUEST_ID.reset(marker)
    labels = 'participant="server",endpoint="token",reason="net-telemetry-test.refused"'
    sample = next(name for name in screen.metrics if name.startswith("trustweft_refusals_total{"))
    assert sorted(sample[25:-1].split(",")) == sorted(labels.split(","))
    assert screen.metrics[sample] == 2
    assert screen.lines[0] == {
        "event": "refused",
        "level": "info",
        "timestamp": "2027-01-15T08:00:00+00:00",
        "request_id": "0a1b2c3d-7",
        "participant": "server",
        "endpoint": "token",
        "reason": "net-telemetry-test.refused",
        "detail": "kid='k1' alg=ES256",
    }


def test_an_answer_is_counted_and_timed_and_not_logged(screen: Screen) -> None:
    """There is no access log; there is a histogram."""
    for status, seconds in ((200, 0.002), (200, 0.2), (400, 0.002)):
        screen.telemetry.answered("server", "token", status=status, seconds=seconds)
    found = screen.metrics
    requests = {
        tuple(sorted(re.findall(r'"([^"]*)"', name))): value
        for name, value in found.items()
        if name.startswith("trustweft_requests_total{")
    }
    assert requests == {("200", "server", "token"): 2, ("400", "server", "token"): 1}
    assert next(v for n, v in found.items() if n.startswith("trustweft_request_seconds_count")) == 3
    assert screen.lines == []


def test_a_failure_is_logged_with_its_trace_and_without_its_secrets(screen: Screen) -> None:
    """The trace helps the operator; a token in the message of the error does not get there, nor any local variable."""
    with pytest.raises(RuntimeError) as failed:
        store(TOKEN, PASSWORD)
    screen.telemetry.failed("bank", "abcdef", failed.value)
    line = screen.lines[0]
    assert (line["level"], line["support"]) == ("error", "abcdef")
    assert "RuntimeError: cannot store ***" in line["exception"]
    assert "test_telemetry.py" in line["exception"]
    assert PASSWORD not in screen.stream.getvalue()
    assert screen.metrics['trustweft_failures_total{participant="bank"}'] == 1


def test_a_quantity_goes_up_and_down(screen: Screen) -> None:
    """The last value counts."""
    for value in (5.0, 2.0):
        screen.telemetry.measured("server", "reaper_backlog_rows", value)
    sample = 'trustweft_quantity{participant="server",quantity="reaper_backlog_rows"}'
    assert screen.metrics[sample] == 2


def test_two_instances_share_nothing(screen: Screen) -> None:
    """Each has a registry of its own: two ecosystems in one process count apart."""
    screen.telemetry.failed("bank", "x", RuntimeError())
    assert not any("bank" in name for name in Screen().metrics)


def test_metrics_are_what_prometheus_reads(screen: Screen) -> None:
    """The media type of the text format, and values of labels that cannot break out of it."""
    screen.telemetry.measured("server", 'a"} 1\nevil{x="', 1)
    answer = screen.telemetry.render_metrics()
    assert (answer.status, answer.headers) == (
        200,
        (("content-type", "text/plain; version=0.0.4; charset=utf-8"),),
    )
    assert not any(line.startswith(b"evil") for line in answer.body.splitlines())


def test_a_value_cannot_make_a_line(screen: Screen) -> None:
    """A line end in a value stays inside its JSON string: nobody writes log lines for us."""
    screen.telemetry.refused("server", "token", REFUSED.reject('x\n{"event": "forged"}\r\n\x00\ud800'))
    assert [line["event"] for line in screen.lines] == ["refused"]


@pytest.mark.parametrize("broken", [BrokenPipeError(32, "nobody reads"), ValueError("closed file")], ids=repr)
def test_a_log_that_cannot_be_written_fails_no_request(broken: Exception) -> None:
    """The request goes on; the lost line is counted."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise broken

    screen = Screen()
    screen.telemetry = Telemetry(stream=Broken(), clock=screen.clock)
    screen.telemetry.refused("server", "token", REFUSED.reject())
    assert screen.metrics["trustweft_log_lines_lost_total"] == 1


SECRETS = {
    "a signed token": (f"got {SIGNED}", SIGNED),
    "the header of a signed token": (f"header {SIGNED.partition('.')[0]} only", SIGNED.partition(".")[0]),
    "the signature of a signed token": (f"sig {SIGNED.rpartition('.')[2]}", SIGNED.rpartition(".")[2]),
    "an opaque token": (f"token {TOKEN} unknown", TOKEN),
    "an opaque token with a prefix": (f"rt_{TOKEN}", TOKEN),
    "a hexadecimal key": (f"key {'0f' * 32}", "0f" * 32),
    "a request URI": (f"urn:ietf:params:oauth:request_uri:{TOKEN}", TOKEN),
    "a form": ("grant_type=authorization_code&code=abc123&x=y", "abc123"),
    "a password in a form": ("username=ada&password=hunter2", "hunter2"),
    "a password as an argument": ("login(password='hunter 2')", "hunter 2"),
    "a password in JSON": ('{"password": "hunter 2"}', "hunter 2"),
    "a password in a mapping": ("{'new_password': 'hunter 2'}", "hunter 2"),
    "a password that is cut off": ('{"password": "hunter 2', "hunter 2"),
    "a client secret": ("client_secret=s3cr3t", "s3cr3t"),
    "a cookie": ("Cookie: __Host-session=abc; other=def", "abc; other=def"),
    "a cookie among headers": ("[('cookie', '__Host-a=abc')]", "__Host-a=abc"),
    "raw headers": ("[(b'authorization', b'DPoP abc')]", "DPoP abc"),
    "a credential": ("Authorization: DPoP abc", "DPoP abc"),
    "a credential by its scheme": ("sent Bearer mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM"),
    "basic credentials": ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    "a key in PEM": (PEM, "MHcCAQEEIJ"),
    "a key in PEM that is cut off": (PEM[:45], "MHcCAQEEIJ"),
    "a private key in JSON": (json.dumps(private_jwk(KEY)), private_jwk(KEY)["d"]),
    "a short private member": ('{"kty":"EC","d":"AQAB"}', "AQAB"),
    "a one-time password": ("otp=123456", "123456"),
    "a session": ("session_cookie=abc", "abc"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_not_logged(screen: Screen, text: str, secret: str) -> None:
    """Wherever a detail or a fact holds it, the line does not."""
    assert secret in text
    screen.telemetry.refused("server", "token", REFUSED.reject(text))
    screen.telemetry.happened("server", "event", fact=text)
    screen.telemetry.failed("server", "support", RuntimeError(text))
    assert secret not in screen.stream.getvalue()
    assert json.dumps(secret)[1:-1] not in screen.stream.getvalue()


@pytest.mark.parametrize(
    "name", ["password", "access_token", "client_secret", "cookie", "authorization", "code"]
)
def test_a_fact_with_the_name_of_a_secret_is_hidden(screen: Screen, name: str) -> None:
    """The name is enough, whatever the value looks like."""
    screen.telemetry.happened("server", "event", **{name: "x"})
    assert screen.lines[0][name] == "***"


@pytest.mark.parametrize(
    "text",
    [
        "kid='4a1bC2d3E4f5G6h7' alg=ES256",
        "https://bank.example/accounts/123?from=2026-01-01",
        "client_id=moneyview is unknown",
        "test_a_function_with_a_very_long_name_that_is_no_token failed",
        "550e8400-e29b-41d4-a716-446655440000",
        "more than 65536 octets",
        "aud is https://localhost:8441, not https://localhost:8442",
        "the token has expired 12 seconds ago",
        "trustweft.server.grants.authorization_code",
    ],
)
def test_what_helps_an_operator_stays(text: str) -> None:
    """Identifiers, addresses and plain words are shown."""
    assert redact(text) == text


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_token_survives_whatever_stands_around_it(before: str, after: str) -> None:
    """A token of ours is found in any text."""
    token = SystemEntropy().token()
    assert token not in redact(f"{before} {token} {after}")
    assert token not in redact(f"{before}{token}{after}")


@given(st.integers(0, 60))
def test_a_token_that_is_cut_through_is_not_shown(offset: int) -> None:
    """Long text is cut, and what is left of a token at the cut goes with it."""
    text = "x " * ((MAXIMUM_TEXT - offset) // 2) + TOKEN + " y" * 100
    shown = redact(text)
    assert TOKEN[:8] not in shown
    assert len(shown) <= MAXIMUM_TEXT + 20


@pytest.mark.parametrize(
    "text",
    [
        "_" * MAXIMUM_TEXT,
        "a" * MAXIMUM_TEXT,
        "-" * MAXIMUM_TEXT,
        '"' * MAXIMUM_TEXT,
        "eyJ" * (MAXIMUM_TEXT // 3),
        '"code"' * (MAXIMUM_TEXT // 6),
        '"code" ' + " " * MAXIMUM_TEXT,
        "-----BEGIN PRIVATE KEY-----" * (MAXIMUM_TEXT // 27),
        "-----BEGIN " * (MAXIMUM_TEXT // 11),
        "cookie:" * (MAXIMUM_TEXT // 7),
        "token=" * (MAXIMUM_TEXT // 6),
        "Bearer " * (MAXIMUM_TEXT // 7),
        "x" * 5_000_000,
    ],
    ids=lambda text: text[:12],
)
def test_redaction_takes_no_longer_than_its_text(text: str) -> None:
    """Text that an attacker chose makes no pattern run away (generous: a runaway takes minutes)."""
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 1
