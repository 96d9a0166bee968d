"""A program of the user's own logs in: for second factors, apps and whatever else no page explains."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import LoginFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.target import User

__all__ = ["callback_by_command"]

SECONDS: Final = 120


def callback_by_command(command: Sequence[str], url: str, user: User) -> str:
    """Run the program with the URL as its last argument; return the URL that it prints last.

    Raises:
        LoginFailed: it fails, takes too long, or prints no URL.
    """
    environment = {**os.environ, "TRUSTWEFT_USERNAME": user.username, "TRUSTWEFT_PASSWORD": user.password}
    try:
        done = subprocess.run(  # noqa: S603  # the user's own program
            [*command, url], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise LoginFailed(f"the login command could not be run: {type(cause).__name__}") from cause
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines or "://" not in lines[-1]:
        raise LoginFailed(f"the login command ended with {done.returncode} and printed no address")
    return lines[-1].strip()
