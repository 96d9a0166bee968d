"""A profile is judged: against what it builds on, against itself, against the calendar."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from trustweft.profile import ProfileError, load_profile, profile_names
from trustweft.profile.lint import judge, revisions

if TYPE_CHECKING:
    from pathlib import Path

TODAY = dt.date(2026, 11, 25)
OWN = """
[profile]
name = "our-own"
title = "Ours"
summary = "What we changed."
specifications = ["FAPI2-SP"]
version = "1"
date = 2026-11-25
review_by = 2027-11-25
extends = "fapi2-security"
"""


def _file(tmp_path: Path, text: str) -> Path:
    source = files("trustweft.profile").joinpath("profiles/fapi2-security.toml").read_text(encoding="utf-8")
    mechanisms = source[source.index("[mechanisms]") : source.index("[[participant]]")]
    path = tmp_path / "our-own.toml"
    path.write_text(OWN + (text if "[mechanisms]" in text else mechanisms + text), encoding="utf-8")
    return path


def _texts(path: Path, today: dt.date = TODAY) -> list[str]:
    return [f"{finding.kind}: {finding.text}" for finding in judge(load_profile(path), today=today)]


def test_what_says_nothing_else_than_its_base_is_fine(tmp_path: Path) -> None:
    assert _texts(_file(tmp_path, "")) == []


@pytest.mark.parametrize(
    "name", [name for name in profile_names() if name.startswith(("fapi2", "au-connect"))]
)
def test_the_packaged_profiles_of_today_contradict_nothing_and_are_accounted_for(name: str) -> None:
    assert [f for f in judge(load_profile(name), today=TODAY) if f.kind != "weaker"] == []


@pytest.mark.parametrize("name", profile_names())
def test_no_packaged_profile_contradicts_itself_or_is_overdue(name: str) -> None:
    kinds = {finding.kind for finding in judge(load_profile(name), today=TODAY)}
    assert not kinds & {"contradiction", "review", "unaccounted"}


def test_a_longer_lifetime_than_the_base_has_is_weaker(tmp_path: Path) -> None:
    path = _file(tmp_path, '[limits]\naccess_token_lifetime = { value = 600, why = "our choice: slow" }\n')
    assert _texts(path) == ["weaker: access_token_lifetime is 600, and fapi2-security has 300"]


def test_dropping_a_specification_that_binds_the_base_is_weaker(tmp_path: Path) -> None:
    path = _file(tmp_path, "")
    path.write_text(path.read_text().replace('"fapi2-security"', '"fapi2-message-signing"', 1))
    assert "weaker: it is not held to FAPI2-MS, and fapi2-message-signing is" in _texts(path)


def test_a_later_deadline_than_the_base_has_is_weaker(tmp_path: Path) -> None:
    path = _file(tmp_path, '[offboarding]\ncleanup = { value = 900, why = "our choice: slow" }\n')
    assert _texts(path) == ["weaker: off-boarding: cleanup takes 900 seconds, and 300 in fapi2-security"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("data_stale_cap = { value = 7200, ", "data_stale_cap is 7200, and fapi2-security has 3600"),
        ('certified = { value = ["brand"], ', "certified is brand, and fapi2-security has brand, software"),
    ],
)
def test_a_weaker_rule_of_the_directory_is_weaker(tmp_path: Path, rule: str, said: str) -> None:
    path = _file(tmp_path, f'[directory]\n{rule}why = "our choice: easier" }}\n')
    assert _texts(path) == [f"weaker: {said}"]


def test_more_that_two_people_decide_is_not_weaker(tmp_path: Path) -> None:
    rule = 'two_people = { value = ["software.revoke"], why = "our choice: careful" }'
    assert _texts(_file(tmp_path, f"[directory]\n{rule}\n")) == []


def test_a_mechanism_that_the_base_has_and_this_one_has_not_is_weaker(tmp_path: Path) -> None:
    on = [name for name in load_profile("fapi2-security").mechanisms.on if name != "ua_binding"]
    texts = _texts(_file(tmp_path, f"[mechanisms]\non = {on}\n"))
    assert texts == ["weaker: the mechanism ua_binding is off, and on in fapi2-security"]


def test_a_duty_without_the_mechanism_that_says_the_same_is_a_contradiction(tmp_path: Path) -> None:
    on = [name for name in load_profile("fapi2-security").mechanisms.on if name != "once"]
    texts = _texts(_file(tmp_path, f"[mechanisms]\non = {on}\n"))
    assert "contradiction: the duty single_use_codes is in force, and the mechanism once is off" in texts


def test_a_mechanism_without_what_it_needs_is_a_contradiction(tmp_path: Path) -> None:
    on = [name for name in load_profile("fapi2-security").mechanisms.on if name != "pkce"]
    texts = _texts(_file(tmp_path, f"[mechanisms]\non = {on}\n"))
    assert "contradiction: the mechanism pkce_req does nothing without pkce" in texts


def test_a_review_that_is_due_is_told(tmp_path: Path) -> None:
    assert _texts(_file(tmp_path, ""), dt.date(2027, 11, 25)) == []
    assert _texts(_file(tmp_path, ""), dt.date(2027, 11, 26)) == [
        "review: it was to be reviewed by 2027-11-25"
    ]


def test_a_profile_of_a_day_to_come_is_told_but_for_tomorrow(tmp_path: Path) -> None:
    assert _texts(_file(tmp_path, ""), dt.date(2026, 11, 24)) == []
    assert _texts(_file(tmp_path, ""), dt.date(2026, 11, 23)) == [
        "review: its own date 2026-11-25 has not come yet"
    ]


def test_a_revision_that_nobody_knows_is_told_and_not_taken_for_new(tmp_path: Path) -> None:
    assert _citing(_file(tmp_path, ""), "FAPI2-SP", "2099-01-01") == [
        "outdated: it cites A draft of 2099-01-01; the newest revision that is known is of 2025-02-22"
    ]


def test_a_practice_that_moved_on_is_told(tmp_path: Path) -> None:
    path = _file(tmp_path, "")
    source = 'sources = [{ title = "FAPI 2.0 ID2", url = "https://openid.net/x", date = 2022-12-01, practice = "FAPI2-SP" }]\n'
    path.write_text(path.read_text().replace('version = "1"\n', 'version = "1"\n' + source))
    assert _texts(path) == [
        "outdated: it cites FAPI 2.0 ID2 of 2022-12-01; the newest revision is of 2025-02-22"
    ]


def _citing(path: Path, practice: str, date: str) -> list[str]:
    cited = f'sources = [{{ title = "A draft", url = "https://openid.net/x", date = {date}, practice = "{practice}" }}]'
    path.write_text(path.read_text().replace('version = "1"\n', f'version = "1"\n{cited}\n'))
    return _texts(path)


@pytest.mark.parametrize(
    ("practice", "newest"), [("FAPI2-HS", "2026-09-17"), ("RFC9700-UPDATE", "2026-07-06")]
)
def test_a_draft_that_moved_on_is_told(tmp_path: Path, practice: str, newest: str) -> None:
    told = f"outdated: it cites A draft of 2026-06-12; the newest revision is of {newest}"
    assert _citing(_file(tmp_path, ""), practice, "2026-06-12") == [told]
    assert _citing(_file(tmp_path, ""), practice, newest) == []


def test_a_practice_that_nobody_knows_is_told_and_not_taken_for_new(tmp_path: Path) -> None:
    assert _citing(_file(tmp_path, ""), "FAPI2-SPP", "2025-02-22") == [
        "outdated: it cites A draft as FAPI2-SPP, of which no revision is known"
    ]


def test_a_practice_that_was_replaced_is_told() -> None:
    texts = [
        finding.text
        for finding in judge(load_profile("fapi1-advanced"), today=TODAY)
        if finding.kind == "outdated"
    ]
    assert any("whose place FAPI 2.0 Security Profile (Final) took" in text for text in texts)


def test_a_duty_for_which_nobody_answers_is_told(tmp_path: Path) -> None:
    text = '[[responsibility]]\nid = "own-duty"\nwho = "client"\nduty = "Does what it should."\n'
    assert _texts(_file(tmp_path, text)) == [
        "unaccounted: nobody answers for own-duty",
        "unaccounted: nothing shows that own-duty was done",
    ]


def test_each_practice_that_was_replaced_names_one_that_is_known() -> None:
    for revision in revisions().values():
        assert revision.superseded_by is None or not revisions()[revision.superseded_by].draft


def _mechanisms(*further: str, choices: tuple[str, ...] = ()) -> str:
    on = [*load_profile("fapi2-security").mechanisms.on, *further]
    return f"[mechanisms]\non = {on}\nchoices = {list(choices)}\n"


def test_a_weaker_choice_is_weaker_because_an_attacker_picks_it(tmp_path: Path) -> None:
    texts = _texts(_file(tmp_path, _mechanisms(choices=("auth=none",))))
    assert texts == ["weaker: auth is none, and pkjwt in fapi2-security"]


def test_registration_that_is_open_to_everybody_is_weaker_and_with_a_statement_it_is_not(
    tmp_path: Path,
) -> None:
    opened = _texts(_file(tmp_path, _mechanisms("dcr")))
    assert opened == ["weaker: the mechanism dcr is on without dcr_auth, and not in fapi2-security"]
    assert _texts(_file(tmp_path, _mechanisms("dcr", "dcr_auth"))) == []


RESPONSIBILITY = """
[[responsibility]]
id = "{id}"
who = "{who}"
accountable = "{accountable}"
duty = "Does the same, in its own time."
evidence = "the log of it"
"""


@pytest.mark.parametrize(
    ("line", "said"), [("", "has no deadline"), ("deadline = 99999999\n", "takes 99999999 seconds")]
)
def test_a_duty_that_may_be_done_later_than_in_the_base_is_weaker(
    tmp_path: Path, line: str, said: str
) -> None:
    base = next(each for each in load_profile("fapi2-security").responsibilities if each.deadline)
    own = RESPONSIBILITY.format(id=base.id, who=base.who, accountable=base.accountable) + line
    text = f"weaker: responsibility: {base.id} {said}, and {base.deadline}"
    assert [found.startswith(text) for found in _texts(_file(tmp_path, own))] == [True]


RISK = """
[[residual]]
attackers = {attackers}
goal = "authorization"
attack = "{attack}"
condition = "A server lies about its endpoints."
section = "ours"
reason = "We think that nobody does it."
"""


def test_a_risk_that_the_base_does_not_accept_is_weaker(tmp_path: Path) -> None:
    texts = _texts(_file(tmp_path, RISK.format(attackers=["a1a"], attack="mix-up")))
    assert texts == ["weaker: it accepts mix-up (authorization) by a1a, and fapi2-security does not"]


def test_a_risk_of_the_base_accepted_of_fewer_attackers_is_more(tmp_path: Path) -> None:
    base = next(each for each in load_profile("fapi2-security").residuals if len(each.attackers) > 1)
    assert base.goal == "authorization"
    same = RISK.format(attackers=list(base.attackers), attack=base.attack)
    more = RISK.format(attackers=list(base.attackers[:1]), attack=base.attack)
    assert _texts(_file(tmp_path, same)) == []
    assert len(_texts(_file(tmp_path, more))) == 1


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('["a1a"]', '["a9"]', r"Invalid enum value 'a9' - at `\$\.residual\[0\]\.attackers"),
        ('["a1a"]', "[]", r"at `\$\.residual\[0\]\.attackers"),
        ('"authorization"', '"glory"', r"Invalid enum value 'glory' - at `\$\.residual\[0\]\.goal"),
        ('section = "ours"', 'section = "ours"\nclosed_by = ["hope"]', r"unknown mechanisms: hope - at `\$\.residual"),
    ],
)  # fmt: skip
def test_an_accepted_risk_names_attackers_goals_and_mechanisms_that_exist(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    text = RISK.format(attackers='["a1a"]', attack="mix-up")
    assert before in text
    with pytest.raises(ProfileError, match=said):
        load_profile(_file(tmp_path, text.replace(before, after)))
