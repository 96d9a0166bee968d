"""The static files: named by content, complete, and free of anything from elsewhere."""

from __future__ import annotations

import hashlib
import re

import pytest

from trustweft.web.static_files import StaticFile, load_static

FILES = {entry.name: entry for entry in load_static().values()}
_VARIABLE = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")


def test_paths_follow_the_content() -> None:
    """The versioned path carries the digest of the octets that are served."""
    for path, entry in load_static().items():
        digest = hashlib.sha256(entry.body).hexdigest()
        stem, suffix = entry.name.rsplit(".", 1)
        assert path == entry.path == f"/static/{stem}.{digest[:16]}.{suffix}"
        assert entry.etag == f'"{digest[:32]}"'


def test_types_and_headers() -> None:
    """Each file has the type that nosniff asks for, and may be cached for ever."""
    types = {name: entry.content_type for name, entry in FILES.items()}
    headers = dict(FILES["passkey.js"].headers)
    assert types == {
        "moneyview.svg": "image/svg+xml",
        "passkey.js": "text/javascript; charset=utf-8",
        "paypilot.svg": "image/svg+xml",
        "trustweft.css": "text/css; charset=utf-8",
        "trustweft.svg": "image/svg+xml",
        "weave.svg": "image/svg+xml",
    }
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-length"] == str(len(FILES["passkey.js"].body))


def test_style_sheet_names_pictures_by_version() -> None:
    """The style sheet refers to the pictures under their versioned paths."""
    found = re.findall(rb'url\("([^"]+)"\)', FILES["trustweft.css"].body)
    assert found == [FILES["weave.svg"].path.encode()]


@pytest.mark.parametrize("entry", FILES.values(), ids=FILES)
def test_nothing_comes_from_elsewhere(entry: StaticFile) -> None:
    """No file names another site, and no picture carries a script or a style."""
    text = entry.body.decode("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert (
        re.findall(r"https?:|@import|//[a-z]|<script|<style|style=|\bon[a-z]+=|eval\(|innerHTML", text) == []
    )


def _schemes() -> dict[str, dict[str, str]]:
    """Return the colours of each look: every later block overrides the ones that it inherits from."""
    text = FILES["trustweft.css"].body.decode("utf-8").partition("@media print")[0]
    blocks = re.findall(r"(:root|\.moneyview|\.paypilot) \{(.*?)\}", text, re.DOTALL)
    light, moneyview, paypilot, dark, dark_moneyview, dark_paypilot = (
        dict(_VARIABLE.findall(body)) for _, body in blocks
    )
    return {
        "light": light,
        "light moneyview": light | moneyview,
        "light paypilot": light | paypilot,
        "dark": light | dark,
        "dark moneyview": light | dark | dark_moneyview,
        "dark paypilot": light | dark | dark_paypilot,
    }


def _luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _whitened(colour: str, share: float) -> str:
    parts = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)


@pytest.mark.parametrize("scheme", list(_schemes()))
def test_colours_have_enough_contrast(scheme: str) -> None:
    """Text has at least 4.5:1 and the edge of a field 3:1 (WCAG 2.2, 1.4.3 and 1.4.11), in every look."""
    colour = _schemes()[scheme]
    surfaces = ("paper", "card", "soft")
    pairs = [(text, surface) for text in ("ink", "muted", "accent") for surface in surfaces]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-hover"), ("accent-hover", "card")]
    pairs += [("good", "card"), ("good", "good-soft"), ("bad", "card"), ("bad", "bad-soft")]
    pairs += [("guest", "guest-soft")]
    weak = {pair: _contrast(colour[pair[0]], colour[pair[1]]) for pair in pairs}
    # White on the band, at its lightest end and on a thread of the weave.
    weak["white", "band"] = _contrast("#ffffff", _whitened(colour["band-to"], 0.08))
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
    assert min(_contrast(colour["edge"], colour[surface]) for surface in ("card", "paper")) >= 3
