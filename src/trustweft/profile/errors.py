"""The one error of this package."""

from __future__ import annotations

__all__ = ["ProfileError"]


class ProfileError(ValueError):
    """A profile or a table of requirements is malformed, or a profile is weaker than its specification."""
