"""The crosswalk to certificates: every group of requirements is in it, and it is read strictly."""

from __future__ import annotations

import pytest

from trustweft.profile import ProfileError, load_profile, load_requirements, loading
from trustweft.profile.crosswalk import load_crosswalk, read_crosswalk

TABLE = """
[[scheme]]
id = "soc-2"
title = "SOC 2"
source = "an edition"
compared = "a list of its controls"
[[group]]
id = "tls"
touched = { soc-2 = ["CC6.7"] }
sentence = "Encryption in transit is asked for."
"""


@pytest.mark.parametrize("specification", loading._TABLES)
def test_every_group_of_requirements_is_in_the_table(specification: str) -> None:
    """A group that nobody has thought about is missing, not untouched."""
    groups = [row.mechanism for row in load_requirements(specification)]
    assert load_crosswalk().missing(groups) == ()
    assert {group.id for group in load_crosswalk().select(groups)} == set(groups)


def test_a_group_without_a_row_is_named() -> None:
    """So that a table of coverage can say what was not compared."""
    assert load_crosswalk().missing(["tls", "time-travel"]) == ("time-travel",)
    assert [group.id for group in load_crosswalk().select(["tls", "time-travel"])] == ["tls"]


def test_most_requirements_of_the_protocol_are_touched_by_no_certificate() -> None:
    """What the table is there to show: what binds a token to its holder and a flow to its parties is in none."""
    untouched = {group.id for group in load_crosswalk().group if not group.touched}
    assert {"par", "pkce", "dpop", "code", "sender-constraint", "issuer-identification"} <= untouched
    for scheme in load_crosswalk().scheme:
        rows = load_profile("fapi2-security").requirements
        names = {group.id for group in load_crosswalk().group if scheme.id not in group.touched}
        assert sum(row.mechanism in names for row in rows) > len(rows) / 2


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("CC6.7", "section seven", "matching regex"),
        ('["CC6.7"]', "[]", "length >= 1"),
        ("{ soc-2 =", "{ soc-3 =", "tls names soc-3, which is no scheme"),
        ("touched", "touches", "missing required field|unknown field"),
        ("Encryption in transit is asked for.", "Yes.", "matching regex"),
        ("[[scheme]]", "[[scheme", "Expected"),
    ],
)
def test_a_slip_is_refused(old: str, new: str, problem: str) -> None:
    """Each is said with the name of the file."""
    with pytest.raises(ProfileError, match=rf"crosswalk\.toml: .*({problem})"):
        read_crosswalk(TABLE.replace(old, new).encode())


def test_a_group_stands_once() -> None:
    """Two rows for one group would contradict each other sooner or later."""
    group = TABLE[TABLE.index("[[group]]") :]
    with pytest.raises(ProfileError, match="tls occurs twice"):
        read_crosswalk((TABLE + group).encode())


def test_each_scheme_says_what_its_numbers_were_compared_with() -> None:
    """None of the originals is free to read, so nobody should take the numbers for read there."""
    assert all("public" in scheme.compared for scheme in load_crosswalk().scheme)


def test_no_control_is_named_that_another_has_replaced() -> None:
    """PCI DSS 6.4.1 gave way to 6.4.2 on 2025-03-31."""
    named = {control for group in load_crosswalk().group for control in group.touched.get("pci-dss", ())}
    assert "6.4.2" in named
    assert "6.4.1" not in named
