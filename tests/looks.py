"""The screens that pages are looked at on, and where the pictures go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["DESKTOP", "PHONE", "save_picture"]

ARTIFACTS = Path(__file__).parent / "artifacts"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


def save_picture(page: Page, name: str, *, full_page: bool = True) -> None:
    """Take a picture of the page, or of what fits on the screen, for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=full_page)
