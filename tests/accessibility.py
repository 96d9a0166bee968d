"""What axe-core, the accessibility checker, says of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["violations"]


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core objects to."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("() => axe.run(document)")
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found["violations"]]
