"""Events as they were first written are read for ever."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from trustweft.directory.events import Event, decode_event, encode_event
from trustweft.directory.objects import FACTS

WRITTEN = msgspec.json.decode(
    (Path(__file__).parents[2] / "vectors" / "directory-events.json").read_bytes(), type=list[msgspec.Raw]
)


@pytest.mark.parametrize("octets", [bytes(each) for each in WRITTEN], ids=lambda each: each[:40].decode())
def test_an_old_event_is_read_and_written_as_it_was(octets: bytes) -> None:
    """What was said then is said now, octet by octet: the evidence log has its hash."""
    assert encode_event(decode_event(octets)) == octets


def test_there_is_an_old_event_of_each_kind_and_with_facts_of_each_kind() -> None:
    """A new kind of event gets an example here when it is made."""
    events = [decode_event(bytes(each)) for each in WRITTEN]
    assert {type(each) for each in events} == set(get_args(Event))
    assert {type(getattr(each, "facts", None)) for each in events} >= set(FACTS.values())


def test_an_event_of_a_later_version_with_one_more_field_is_read() -> None:
    """A reader of today ignores what it does not know."""
    octets = bytes(WRITTEN[0]).replace(b'"sequence"', b'"later":1,"sequence"')
    assert decode_event(octets) == decode_event(bytes(WRITTEN[0]))
