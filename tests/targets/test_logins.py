"""Users are logged in by forms, by Chromium, by a program, or with a saved browser state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from targets.node_provider import node_provider
from tools import need
from trustweft.audit.preflight import open_wire, prepare
from trustweft.audit.target import LoginRecipe, Target
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from pathlib import Path

    from peers import Peers

BY_PROGRAM = """
import os, sys, ssl, urllib.request
sys.path[:0] = {path!r}
import httpx2
from peers import REDIRECT_URI, sign_in
context = ssl.create_default_context(cafile={trust!r})
with httpx2.Client(verify=context) as browser:
    print(sign_in(browser, sys.argv[-1], password=os.environ["TRUSTWEFT_PASSWORD"]))
"""


def logged_in(target: Target) -> str:
    """Log the first user in; return the type of the token that comes of it."""
    with open_wire(target) as wire:
        deployment = prepare(target, wire, clock=SystemClock(), entropy=SystemEntropy())
        return deployment.access().scheme


def test_chromium_walks_pages(peers: Peers, tmp_path: Path) -> None:
    need("chromium", package="chromium")
    need("certutil", package="libnss3-tools")
    with node_provider(peers, tmp_path) as target:
        assert logged_in(msgspec.structs.replace(target, login=LoginRecipe(kind="browser"))) == "DPoP"


def test_a_program_logs_in(peers: Peers, tmp_path: Path) -> None:
    with node_provider(peers, tmp_path) as target:
        program = tmp_path / "login.py"
        program.write_text(BY_PROGRAM.format(path=sys.path, trust=target.trust))
        recipe = LoginRecipe(kind="command", command=(sys.executable, str(program)))
        assert logged_in(msgspec.structs.replace(target, login=recipe)) == "DPoP"


@pytest.mark.parametrize("when", ["Sign in", "User name"])
def test_steps_say_what_a_page_does_not(when: str, peers: Peers, tmp_path: Path) -> None:
    step = {"when": when, "fields": {"username": "{username}", "password": "{password}"}, "press": "Sign in"}
    recipe = msgspec.convert({"steps": [step]}, LoginRecipe)
    with node_provider(peers, tmp_path) as target:
        assert logged_in(msgspec.structs.replace(target, login=recipe)) == "DPoP"
