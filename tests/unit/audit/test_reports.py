"""The forms of a report: whatever a server answered, they are well-formed, and say what was found."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import jsonschema_rs
import msgspec
import pytest

from published_data import published
from trustweft.audit.chains import chains_of
from trustweft.audit.redaction import mask
from trustweft.audit.reports import as_html, as_junit, as_sarif
from trustweft.audit.verdict import Verdict
from unit.audit.samples import result, run, shown

if TYPE_CHECKING:
    from trustweft.audit.results import Run

NASTY = "</script><script>alert(1)</script> \x00\x1b ]]> \ud800 &amp; \" '"


def everything() -> Run:
    """Return a run with each verdict, and a server that answers nastily."""
    fail = result(
        "TK-03",
        Verdict.FAIL,
        gives=("stolen-code-usable",),
        reason=mask(NASTY),
        evidence=(shown(body=NASTY.encode("utf-8", "replace")),),
    )
    others = [result(f"X-{verdict}", verdict, reason=mask(NASTY)) for verdict in Verdict]
    found = (fail, *others)
    return run(*found, chains=chains_of(found), grade="D")


def test_sarif_fits_its_schema_and_names_each_result_once() -> None:
    document = msgspec.json.decode(as_sarif(everything()))
    schema = published("sarif/sarif-schema-2.1.0.json")
    jsonschema_rs.validate(schema, document)
    results = document["runs"][0]["results"]
    assert [each["ruleId"] for each in results] == [each.id for each in everything().checks]
    kinds = {each["properties"]["verdict"]: each["kind"] for each in results}
    assert kinds == {
        "PASS": "pass",
        "FAIL": "fail",
        "SUSPECTED": "review",
        "INCONCLUSIVE": "open",
        "NOT_APPLICABLE": "notApplicable",
    }


def test_sarif_tells_new_failures_from_known_ones() -> None:
    found = run(result("A", Verdict.FAIL), result("B", Verdict.FAIL))
    results = msgspec.json.decode(as_sarif(found, known=frozenset({"print-A"})))["runs"][0]["results"]
    assert [each["baselineState"] for each in results] == ["unchanged", "new"]


def test_junit_is_xml_with_a_case_for_each_check() -> None:
    suite = ET.fromstring(as_junit(everything())).find("testsuite")  # noqa: S314  # our own text
    assert suite is not None
    cases = suite.findall("testcase")
    assert len(cases) == len(everything().checks)
    assert suite.get("failures") == str(sum(case.find("failure") is not None for case in cases)) == "3"
    assert suite.get("skipped") == str(sum(case.find("skipped") is not None for case in cases)) == "2"


class Tags(HTMLParser):
    """Keeps the names of elements and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the name."""
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def test_the_page_says_the_verdict_before_anything_else_and_runs_no_script() -> None:
    reader = Tags()
    page = as_html(everything())
    reader.feed(page)
    assert "script" not in reader.names
    assert reader.text.index("Grade D") < reader.text.index("Contents")
    assert page.index('class="verdict bad"') < page.index("<nav")


@pytest.mark.parametrize(
    "sentence",
    ["live for years", "Everything is encrypted", "We are certified", "We have no APIs", "We use OAuth"],
)
def test_the_page_answers_each_reassuring_sentence(sentence: str) -> None:
    assert sentence in as_html(everything())


def test_the_page_shows_chains_with_their_findings_and_each_findings_evidence() -> None:
    page = as_html(everything())
    assert "The victim&#x27;s access, once a code has leaked anywhere" in page
    assert '<a href="#TK-03">TK-03</a>' in page
    assert "Attack: The same again" in page
