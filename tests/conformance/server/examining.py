"""Makes a test of each module: in every variant that it is for, of the participants and of its mutant, which must fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.examiner.examination import Examination
from conformance.server.modules import BEYOND, EXAMINED
from conformance.server.named_mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.examiner.variants import Variant
    from conformance.server.site import Site

    Examine = Callable[[Examination], None]
    Test = Callable[[Site, Variant, str], None]

__all__ = ["examines"]

_BY_NAME: Final = {row.name: row for row in (*EXAMINED, *BEYOND)}
_BETWEEN: Final = 10.0  # seconds by the participants' clock from one module to the next


def examines(name: str) -> Callable[[Examine], Test]:
    """Turn what a module does into its tests. With no mutant's name it must pass, with one it must not."""
    row = _BY_NAME[name]
    rows = [pytest.param(variant, "", id=str(variant)) for variant in row.variants]
    rows += [
        pytest.param(variant, row.mutant, id=f"{variant}, mutant: {row.mutant}") for variant in row.variants
    ]

    def decorate(examine: Examine) -> Test:
        @pytest.mark.parametrize(("variant", "mutant"), rows)
        def test(site: Site, variant: Variant, mutant: str) -> None:
            site.wait(_BETWEEN)
            site.hearing.failures.clear()
            if mutant:
                with MUTANTS[mutant](site), pytest.raises((AssertionError, KeyError)):
                    examine(Examination(site, variant))
            else:
                examine(Examination(site, variant))
            # A mutant too: it does the wrong thing, it does not break.
            assert site.hearing.failures == [], "a participant broke"

        # What pytest calls it, and where it looks for it.
        test.__name__, test.__qualname__ = examine.__name__, examine.__qualname__
        test.__doc__, test.__module__ = examine.__doc__, examine.__module__
        return test

    return decorate
