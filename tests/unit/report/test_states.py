"""State diagrams: well-formed, every state and action there, nothing overlapping, and nothing of the text is markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from trustweft.report.states import State, Step, draw_states

SVG = "{http://www.w3.org/2000/svg}"
STATES = (State("new", "waiting"), State("on", "active"), State("held", "suspended"), State("off", "ended"))


def texts(drawing: str, kind: str) -> list[str]:
    root = ET.fromstring(drawing)  # noqa: S314  # our own
    return [
        "".join(each.itertext()) for each in root.iter(f"{SVG}text") if each.get("class", "").startswith(kind)
    ]


def test_every_state_and_every_action_is_there() -> None:
    """Backwards and forwards, from one state or from several on both sides of the target."""
    steps = [
        Step(("new",), "on", "start"),
        Step(("held",), "on", "resume"),
        Step(("new", "off"), "held", "hold", marked=True),
    ]
    drawing = draw_states("A life", STATES, steps)
    assert texts(drawing, "name") == ["new", "on", "held", "off"]
    assert texts(drawing, "kind") == ["waiting", "active", "suspended", "ended"]
    assert texts(drawing, "label") == ["start", "resume", "hold"]
    assert drawing.count('class="from"') == 4
    assert drawing.count('class="tip"') == 4  # one from each side where there are two
    assert "hold: from new or off to held" in drawing


def test_markup_in_a_name_is_text() -> None:
    """Names are data."""
    drawing = draw_states("<b>", [State("<i>", "active")], [Step(("<i>",), "<i>", "<u>")])
    assert texts(drawing, "name") == ["<i>"]
    assert "<b>" not in drawing


def test_a_step_to_nowhere_is_refused() -> None:
    """A picture that leaves something out would say that it cannot happen."""
    with pytest.raises(ValueError, match="'nowhere' is no state"):
        draw_states("A life", STATES, [Step(("new",), "nowhere", "go")])
