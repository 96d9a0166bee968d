"""Timelines show what happened when, and what did not, to those who see them and to those who do not."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from trustweft.report.timeline import Limit, Mark, Row, draw_timeline

ROWS = (
    Row("https://login.bank.example"),
    Row("code", Mark(0.3, "good", "0.30 s")),
    Row("access token", Mark(8.0, "late", "8.00 s")),
    Row("send a receipt", Mark(None, "open", "not due yet")),
    Row("clean up", Mark(0.0, "told", "0.00 s")),
)
LIMITS = (Limit(5.0, "refuse 5 s"), Limit(300.0, "clean up 300 s"))


def places(drawing: str) -> list[float]:
    """Return how far the bars reach, from top to bottom."""
    return [float(each) for each in re.findall(r'class="bar" x1="[\d.]+" y1="\d+" x2="([\d.]+)"', drawing)]


def test_what_took_longer_stands_farther_to_the_right() -> None:
    """What has not happened stands at the end."""
    code, token, receipt, cleaned = places(draw_timeline("case", ROWS, limits=LIMITS, end=40))
    assert cleaned < code < token < receipt


def test_every_row_is_said_and_the_drawing_is_well_formed() -> None:
    """Also for those who hear it; limits beyond the end are left out."""
    drawing = draw_timeline("A <case>", ROWS, limits=LIMITS, end=40)
    root = ET.fromstring(drawing)  # noqa: S314  # our own drawing
    assert root.attrib["aria-label"] == "A <case>"
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[1:] == [
        "code: 0.30 s",
        "access token: 8.00 s",
        "send a receipt: not due yet",
        "clean up: 0.00 s",
    ]
    assert "refuse 5 s" in drawing
    assert "clean up 300 s" not in drawing
    assert "clean up 300 s" in draw_timeline("case", ROWS, limits=LIMITS, end=400)


@pytest.mark.parametrize("name", ["<script>", '" onload="x', "&"])
def test_names_are_text(name: str) -> None:
    """Whatever a participant is called, it is nothing but its name."""
    drawing = draw_timeline(name, (Row(name), Row(name, Mark(1.0, "good", name))), limits=(), end=2)
    root = ET.fromstring(drawing)  # noqa: S314  # our own drawing
    assert name in [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_something_that_happened_at_once_still_has_a_scale() -> None:
    """A drawing never ends where it begins."""
    drawing = draw_timeline("case", (Row("code", Mark(0.0, "good", "0.00 s")),), limits=(), end=0)
    assert places(drawing) == [196.0]
    assert ">1 s<" in drawing
