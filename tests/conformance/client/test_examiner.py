"""The examiner itself is examined: it sees what is wrong on the way, and knows every module of the plan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.client import test_modules
from conformance.client.examiner import Script
from conformance.client.modules import MODULES, module_of
from conformance.client.mutants import MUTANTS, SLIPS
from conformance.client.walking import Examination
from trustweft.client import ServerRefusedError, sending

if TYPE_CHECKING:
    from conformance.client.examiner import Variant
    from conformance.client.hosting import Host
    from conformance.client.mutants import Patch

# The profile allows both names of Ed25519 signatures; the examiner's library warns about the older one.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

EXAMINED = [module for module in MODULES if module.not_applicable is None]


@pytest.mark.parametrize(("variant", "patch"), SLIPS.values(), ids=SLIPS)
def test_the_examiner_notices_a_slip_on_the_way(
    host: Host, variant: Variant, patch: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reaches the accounts by a request that is not as it should be has not passed."""
    examination = Examination(host, variant)
    patch(monkeypatch)
    examination.run(Script())
    assert examination.exam.inspection.problems != []


@pytest.mark.parametrize("variant", test_modules.DPOP, ids=str)
def test_no_client_comes_to_the_end_without_the_nonces(
    host: Host, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are demanded at every endpoint, and are new ones each time."""
    monkeypatch.setattr(sending, "_wants_nonce", lambda _response: False)
    with pytest.raises(ServerRefusedError, match="use_dpop_nonce"):
        Examination(host, variant).run(Script())


def test_the_catalogue_is_the_plan_of_the_suite() -> None:
    """24 modules, each once; each that can be examined has a test of its own here, and a mutant of its own."""
    assert len({module.name for module in MODULES}) == len(MODULES) == 24
    assert len({module.mutant for module in EXAMINED}) == len(EXAMINED) == len(MUTANTS) == 22
    source = Path(test_modules.__file__).read_text(encoding="utf-8")
    tests = re.findall(r"^@module\(\w+\)\ndef (test_\w+)", source, re.MULTILINE)
    assert [module_of(test) for test in tests] == EXAMINED
