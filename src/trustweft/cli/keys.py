"""`trustweft keys`: the keys that the authorization server signs tokens with."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.data_directory import data_option
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.cli.signing_keys import open_keys
from trustweft.crypto.algorithms import ALGORITHMS, canonical_algorithm
from trustweft.crypto.key_rotation import KeyStateError, retire, rotate
from trustweft.crypto.key_states import PUBLISHED_AFTER_USE, KeyState
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.files import KeyFileError
from trustweft.server.documents import KEY_SET_MAXIMUM_AGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from trustweft.crypto.key_rotation import Retirement
    from trustweft.crypto.key_states import KeyRecord, KeyStatus

    T = TypeVar("T")

__all__ = ["command"]

_CLOCK: Final = SystemClock()
_NEXT: Final = {
    KeyState.PENDING: "signs",
    KeyState.ACTIVE: "retires",
    KeyState.RETIRING: "forgotten",
}
_ADVICE: Final = {
    "keys.pending": "Wait until it signs, or give it up first: trustweft keys retire {key_id}",
    "keys.signs": (
        "The next one takes its place without anybody noticing: trustweft keys rotate\n"
        "If somebody else may know its secret: trustweft keys retire {key_id} --compromised"
    ),
    "keys.about-to-sign": (
        "Wait until it signs. If somebody else may know its secret, then: "
        "trustweft keys retire {key_id} --compromised"
    ),
}

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The TOML file of a server of its own, or of a directory, instead of --data.",
)


@click.group(
    name="keys",
    epilog=examples(
        "trustweft keys list",
        "trustweft keys rotate",
        "trustweft keys rotate --algorithm PS256 --json",
        "trustweft keys retire 5rKdWNPQx0aZ7c2f",
    ),
)
def command() -> None:
    """List, rotate and retire the server's signing keys. A running server sees each change within a second.

    A key is published for ten minutes before it signs, and for an hour after it signed: whoever verifies never meets a
    signature whose key it cannot know.
    """


@command.command(
    name="list",
    epilog=examples(
        "trustweft keys list", "trustweft keys list --json", "trustweft keys list --config server.toml"
    ),
)
@data_option
@config_option
@json_option
def list_(data: Path, config: Path | None, *, as_json: bool) -> None:
    """List the keys, oldest first: what each is, since when, and what happens next."""
    now = _CLOCK.now()
    statuses = open_keys(data, config).statuses(now=now)
    if as_json:
        print_json([_as_json(status) for status in statuses])
        return
    rows = [
        [
            status.record.key_id,
            status.record.algorithm,
            status.state.value,
            _date(status.since),
            _what_next(status, now),
        ]
        for status in statuses
    ]
    print_table(("key id", "algorithm", "state", "since (UTC)", "next (UTC)"), rows)


@command.command(
    name="rotate", epilog=examples("trustweft keys rotate", "trustweft keys rotate --algorithm PS256 --json")
)
@data_option
@config_option
@click.option(
    "--algorithm",
    type=click.Choice([name for name in ALGORITHMS if canonical_algorithm(name) == name]),
    help="Of the next key; the server's default unless it is given.",
)
@json_option
def rotate_(data: Path, config: Path | None, algorithm: str | None, *, as_json: bool) -> None:
    """Publish the next key; once everybody can know it, it signs by itself, and the key before it retires."""
    keys, now = open_keys(data, config), _CLOCK.now()
    signing = keys.signing_algorithms(now=now)
    algorithm = algorithm or signing[0]
    if algorithm not in signing:
        raise click.ClickException(_why_not(algorithm, signing, keys.statuses(now=now), now))
    (active,) = (
        each.record
        for each in keys.statuses(now=now)
        if each.state is KeyState.ACTIVE and each.record.algorithm == algorithm
    )
    record = _attempt(lambda: rotate(keys.directory, algorithm=algorithm, now=now))
    forgotten_at = record.active_from + PUBLISHED_AFTER_USE
    if as_json:
        print_json(
            {
                **_facts(record),
                "replaces": {"key_id": active.key_id, "forgotten_at": _timestamp(forgotten_at)},
            }
        )
        return
    click.echo(f"Published {record.key_id} ({algorithm}).")
    click.echo(f"It signs from {_moment(record.active_from, now)}: until then everybody learns of it.")
    click.echo(
        f"{active.key_id} signs until then, and stays published until {_moment(forgotten_at, now)}: "
        "until then what it signed is around."
    )


@command.command(
    name="retire",
    epilog=examples(
        "trustweft keys retire 5rKdWNPQx0aZ7c2f",
        "trustweft keys retire 5rKdWNPQx0aZ7c2f --compromised --json",
    ),
)
@data_option
@config_option
@click.option(
    "--compromised",
    is_flag=True,
    help="Somebody else may know its secret: it goes even if it signs, and a new key signs at once.",
)
@json_option
@click.argument("key_id")
def retire_(data: Path, config: Path | None, key_id: str, *, compromised: bool, as_json: bool) -> None:
    """Take a key out of publication at once: a pending one is given up, what a retiring one signed is refused.

    The key that signs stays, unless it is compromised: then a new key takes its place, which others learn of only
    when they meet it. To replace a key that is not compromised, use: trustweft keys rotate.
    """
    keys, now = open_keys(data, config), _CLOCK.now()
    done = _attempt(lambda: retire(keys.directory, key_id, compromised=compromised, now=now))
    if as_json:
        successor = None if done.successor is None else _facts(done.successor)
        print_json({**_facts(done.retired), "was": done.was.value, "successor": successor})
        return
    click.echo("\n".join(_told(done, now)))
    if compromised:
        others = [each.record.key_id for each in keys.statuses(now=now) if _is_exposed(each, done)]
        if others:
            click.echo(
                f"Other secrets lie in the same directory. If that was read, retire these too: {' '.join(others)}"
            )


def _told(done: Retirement, now: float) -> list[str]:
    """Say what a retirement means for tokens that are around."""
    key_id, minutes = done.retired.key_id, KEY_SET_MAXIMUM_AGE // 60
    if done.was is KeyState.PENDING:
        return [f"Gave up {key_id}: it is published no longer, and never signed anything."]
    refused = (
        "What it signed, access tokens and ID tokens, is refused from then on by the server, and by everybody else "
        f"with the next look at the key set: within {minutes} minutes."
    )
    if done.successor is None:
        return [f"Retired {key_id}: it is published no longer.", refused]
    return [
        f"Retired {key_id} as compromised: it is published and signs no longer from {_moment(done.successor.active_from, now)}.",
        f"{done.successor.key_id} ({done.successor.algorithm}) signs from then on, and is published already.",
        refused,
        "Clients get new tokens with their refresh tokens.",
        "Whoever asked for the key set a moment ago may refuse those too, until it asks again.",
    ]


def _why_not(algorithm: str, signing: Sequence[str], statuses: Iterable[KeyStatus], now: float) -> str:
    """Say why there is no key of this algorithm to replace, and what helps."""
    told = f"keys.algorithm: this server signs with {' and '.join(signing)}"
    for status in statuses:
        if status.record.algorithm == algorithm and status.state is KeyState.PENDING:
            return f"{told}, and with {algorithm} from {_moment(status.record.active_from, now)}"
    return f"{told}; add {algorithm} to keys.algorithms of its settings and start it again"


def _is_exposed(status: KeyStatus, done: Retirement) -> bool:
    fresh = {done.retired.key_id, done.successor.key_id if done.successor else None}
    return status.record.has_secret and status.record.key_id not in fresh


def _attempt(step: Callable[[], T]) -> T:
    try:
        return step()
    except KeyStateError as refused:
        advice = _ADVICE.get(refused.reason, "").format(key_id=refused.key_id)
        raise click.ClickException(f"{refused}\n{advice}".rstrip()) from refused
    except (KeyFileError, OSError) as cause:
        raise click.ClickException(str(cause)) from cause


def _what_next(status: KeyStatus, now: float) -> str:
    if status.until is not None:
        return f"{_NEXT[status.state]} {_time_of_day(status.until, now)}"
    if status.state is KeyState.ACTIVE:
        return "signs until rotated"
    return "compromised" if status.record.compromised else ""


def _as_json(status: KeyStatus) -> dict[str, object]:
    upcoming = None
    if status.until is not None:
        upcoming = {"state": _state_after(status).value, "at": _timestamp(status.until)}
    return {
        **_facts(status.record),
        "state": status.state.value,
        "since": _timestamp(status.since),
        "next": upcoming,
    }


def _state_after(status: KeyStatus) -> KeyState:
    if status.until == status.record.retired_at:
        return KeyState.RETIRED
    return {KeyState.PENDING: KeyState.ACTIVE, KeyState.ACTIVE: KeyState.RETIRING}.get(
        status.state, KeyState.RETIRED
    )


def _facts(record: KeyRecord) -> dict[str, object]:
    return {
        "key_id": record.key_id,
        "algorithm": record.algorithm,
        "published_at": _timestamp(record.published_at),
        "active_from": _timestamp(record.active_from),
        "retired_at": None if record.retired_at is None else _timestamp(record.retired_at),
        "compromised": record.compromised,
    }


def _date(time: float) -> str:
    return f"{dt.datetime.fromtimestamp(time, tz=dt.UTC):%Y-%m-%d %H:%M:%S}"


def _timestamp(time: float) -> str:
    return dt.datetime.fromtimestamp(time, tz=dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _time_of_day(time: float, now: float) -> str:
    date, _, shown = _date(time).partition(" ")
    return shown if date == _date(now).partition(" ")[0] else f"{date} {shown}"


def _moment(time: float, now: float) -> str:
    """Return when something is: the time of day, with its date where that is another one, and how long until then."""
    return f"{_time_of_day(time, now)} UTC (in {_duration(time - now)})"


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    for unit, smaller, size, part in (
        ("d", "h", 86_400, 3_600),
        ("h", "min", 3_600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
