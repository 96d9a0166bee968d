"""Sequence diagrams: well-formed, nothing cut off, and nothing of the text is markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from trustweft.report.sequence import Kind, Message, draw_sequence

SVG = "{http://www.w3.org/2000/svg}"
PEOPLE = ("Attacker", "Client", "Authorization server")


def parsed(drawing: str) -> ET.Element:
    """Read the drawing strictly, as a browser would read an image."""
    return ET.fromstring(drawing)  # noqa: S314  # our own


def texts(drawing: str, kind: str) -> list[str]:
    """Return what is written in the drawing, each label's lines joined again."""
    root = parsed(drawing)
    found = root.iter(f"{SVG}text")
    return [
        " ".join("".join(line.itertext()) for line in label) for label in found if label.get("class") == kind
    ]


def test_every_message_is_there_in_full_and_in_order() -> None:
    """A label that is longer than its arrow is wrapped, never cut."""
    long = "sends an authorization request with the challenge, the nonce and the state of the honest user's session"
    drawing = draw_sequence(
        "A flow", PEOPLE, [Message("Client", "Authorization server", long), Message("Client", "Client", "x")]
    )
    assert texts(drawing, "label") == [f"1. {long}", "2. x"]
    assert texts(drawing, "name") == list(PEOPLE)


def test_markup_in_a_label_is_text() -> None:
    """What an attacker names himself does not run in the reader's browser."""
    hostile = '<script>"&"</script>'
    drawing = draw_sequence(hostile, [hostile], [Message(hostile, hostile, hostile, "attack")])
    assert "<script" not in drawing
    assert texts(drawing, "label") == [f"1. {hostile}"]


@pytest.mark.parametrize("kind", ["normal", "answer", "refused", "attack", "note"])
def test_each_kind_can_be_told_from_the_others(kind: Kind) -> None:
    """A group of its own class; a step of an attack says so in words too."""
    drawing = draw_sequence("A flow", PEOPLE, [Message("Attacker", "Client", "hello", kind)])
    groups = parsed(drawing).findall(f"{SVG}g")
    assert [group.get("class") for group in groups] == [kind]
    said = groups[0].findtext(f"{SVG}title")
    assert said == {"attack": "step of the attack", "refused": "refused"}.get(kind)


def test_a_note_has_no_number_and_no_arrow() -> None:
    """The numbers count what is sent."""
    messages = [
        Message("Attacker", "Client", "waits", "note"),
        Message("Client", "Attacker", "one"),
        Message("Client", "Authorization server", "waits too", "note"),
        Message("Attacker", "Client", "two"),
    ]
    drawing = draw_sequence("A flow", PEOPLE, messages)
    assert texts(drawing, "label") == ["waits", "1. one", "waits too", "2. two"]
    assert drawing.count('class="tip"') == 2


def test_nothing_is_drawn_outside_the_picture() -> None:
    """Heights grow with the text, and a step of the last participant gets room on its right."""
    text = "a sentence of some length that needs lines " * 3
    drawing = draw_sequence("A flow", PEOPLE, [Message(PEOPLE[-1], PEOPLE[-1], text)] * 3)
    root = parsed(drawing)
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    lines = [line for line in root.iter(f"{SVG}tspan") if line.get("y")]
    assert max(int(line.attrib["y"]) for line in lines) < height
    assert max(int(line.attrib["x"]) + 6 * len("".join(line.itertext())) for line in lines) < width


def test_a_stranger_is_refused() -> None:
    """A message of somebody without a lane is a mistake of the caller."""
    with pytest.raises(ValueError, match="'Bank' is not a participant"):
        draw_sequence("A flow", PEOPLE, [Message("Client", "Bank", "hello")])
