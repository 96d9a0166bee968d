"""Makes a test of each module: once in every variant it is for, and once against its mutant, which must fail it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import pytest

from conformance.examiner.examination import Examination
from conformance.server.modules import EXAMINED
from conformance.server.named_mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.examiner.variants import Variant
    from conformance.server.site import Site

    Examine = Callable[[Examination], None]
    Test = Callable[[Site, Variant, str], None]

__all__ = ["examines"]

_BY_NAME: Final = {row.name: row for row in EXAMINED}
_BETWEEN: Final = 10.0  # seconds by the participants' clock from one module to the next


def examines(name: str) -> Callable[[Examine], Test]:
    """Turn what a module does into its tests. With no mutant's name it must pass, with one it must not."""
    row = _BY_NAME[name]
    return as_tests(row.variants, row.mutant)


def as_tests(variants: tuple[Variant, ...], mutant: str) -> Callable[[Examine], Test]:
    """Turn an examination into tests: in these variants, and against this mutant."""
    rows = [pytest.param(variant, "", id=str(variant)) for variant in variants]
    rows.append(pytest.param(variants[0], mutant, id=f"mutant: {mutant}"))

    def decorate(examine: Examine) -> Test:
        @pytest.mark.parametrize(("variant", "mutant"), rows)
        def test(site: Site, variant: Variant, mutant: str) -> None:
            site.wait(_BETWEEN)
            if not mutant:
                examine(Examination(site, variant))
                assert site.hearing.failures == [], "a participant broke"
                return
            with MUTANTS[mutant](site), pytest.raises((AssertionError, KeyError)):
                examine(Examination(site, variant))
            site.hearing.failures.clear()  # a server with a hole may break where it would have refused

        functools.update_wrapper(test, examine, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        del test.__wrapped__  # pytest would look at its arguments
        return test

    return decorate
