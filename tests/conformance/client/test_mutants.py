"""Each module notices when the check that it is about is gone: a test that cannot fail examines nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.client import test_modules
from conformance.client.examiner import Script
from conformance.client.modules import MODULES, PREFIX, function_of
from conformance.client.mutants import MUTANTS, SLIPS
from conformance.client.walking import Examination
from trustweft.client import ServerRefusedError
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from conformance.catalogue import Module
    from conformance.client.examiner import Variant
    from conformance.client.hosting import Host
    from conformance.client.mutants import Patch

# The profile allows both names of Ed25519 signatures; the examiner's library warns about the older one.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

EXAMINED = [module for module in MODULES if module.not_applicable is None]


@pytest.mark.parametrize("module", EXAMINED, ids=lambda module: module.name.removeprefix(PREFIX))
def test_a_module_fails_without_the_check(
    host: Host, module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test passes with the client, and fails with the client minus the check."""
    test = getattr(test_modules, function_of(module))
    variant = test_modules.OPENID[0]
    test(host, variant)
    _name, patch = MUTANTS[module.name]
    patch(monkeypatch)
    with pytest.raises((AssertionError, Reject, ServerRefusedError, pytest.fail.Exception)):
        test(host, variant)


@pytest.mark.parametrize(("variant", "patch"), SLIPS.values(), ids=SLIPS)
def test_the_examiner_notices_a_slip_on_the_way(
    host: Host, variant: Variant, patch: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reaches the accounts by a request that is not as it should be has not passed."""
    examination = Examination(host, variant)
    patch(monkeypatch)
    examination.run(Script())
    assert examination.exam.inspection.problems != []


def test_the_catalogue_is_the_plan_of_the_suite() -> None:
    """24 modules, each once; each that can be examined has a test of its own here, and a mutant of its own."""
    assert len({module.name for module in MODULES}) == len(MODULES) == 24
    assert len({module.mutant for module in EXAMINED}) == len(EXAMINED) == len(MUTANTS) == 22
    source = Path(test_modules.__file__).read_text(encoding="utf-8")
    tests = set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))
    assert {function_of(module) for module in EXAMINED} <= tests
