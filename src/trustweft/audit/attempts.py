"""What one login has sent so far: a server counts passwords that are wrong, and locks the account of whoever owns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.target import LoginStep

__all__ = ["Attempts"]

MAXIMUM_PASSWORDS: Final = 2  # a login, and a page that has it confirmed


@dataclass(slots=True)
class Attempts:
    """What one login has sent so far, whoever walks its pages.

    A form that comes back after it was sent has refused what was in it. Another one that asks for a password need not:
    a bank has it confirmed with the consent.

    Attributes:
        forms: that were sent with a name or a password, each by what it is known again by.
        passwords: how often the password was sent.
        steps: of the recipe, that were obeyed.
    """

    forms: set[object] = field(default_factory=set)
    passwords: int = 0
    steps: list[LoginStep] = field(default_factory=list)

    def step_for(self, page: str, steps: Sequence[LoginStep]) -> LoginStep | None:
        """Return the step that a page asks for: one that was not obeyed yet where there is one."""
        asked = [each for each in steps if each.when in page]
        return next((each for each in asked if each not in self.steps), next(iter(asked), None))

    def ordered(self, step: LoginStep | None) -> bool:
        """Tell whether the target file says what is to be done: each of its steps is obeyed once, whatever it sends."""
        return step is not None and step not in self.steps

    def refused(self, form: object, *, secret: bool) -> bool:
        """Tell whether sending a form would repeat what was refused; ``form`` is None where it asks nobody who they are."""
        return (form is not None and form in self.forms) or (secret and self.passwords >= MAXIMUM_PASSWORDS)

    def note(self, step: LoginStep | None, form: object, *, secret: bool) -> None:
        """Remember what is sent now."""
        if step is not None:
            self.steps.append(step)
        if form is not None:
            self.forms.add(form)
        self.passwords += secret
