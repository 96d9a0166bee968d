"""Authorization details in the request (RFC 9396): who may ask for them, and what the user sees of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trustweft.audit.asking import ask, judge_replies
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.checks.pages_injection import MARK, is_markup
from trustweft.audit.detailed import (
    detailed_access,
    detailed_flow,
    detailed_party,
    read_details,
)
from trustweft.audit.interaction import consent_form
from trustweft.audit.pages import read_page
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.target import User
    from trustweft.audit.trial import Trial


def _control(trial: Trial) -> None:
    granted = detailed_access(trial.deployment).answer
    trial.control("A token for good details", granted, good=lambda each: each.issued)


@check(
    "TK-22-schema",
    title="An authorization request whose details do not fit their type leads to no code",
    sends="authorization requests with good details that have one member too many, or one of a wrong kind",
    fix="Check each detail against the schema of its type when the request comes in.",
    requirements=("RFC9396-5-2", "RFC9396-5-3", "RFC9396-5-4", "RFC9396-5-p1.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-20",
    owasp="API8:2023",
)
def details_fit_when_asked_for(trial: Trial) -> Outcome:
    """What no schema knows nobody can have understood, the user neither; the API may still act by it.

    RFC 9396 section 5 ends such a request. The check adds a member that no type has, and makes numbers of two others.
    """
    deployment = trial.deployment
    _, entry = detailed_party(deployment)
    _control(trial)
    good = read_details(entry.good)
    attempts = [("A member that no type has", [{**each, "trustweft_check": True} for each in good])]
    attempts += [
        (f"{name} of a wrong kind", [{**each, name: 7} if name in each else each for each in good])
        for name in sorted({name for each in good for name in each} - {"type"})[:2]
    ]
    return judge_replies(
        trial,
        [
            (label, ask(detailed_flow(deployment, json.dumps(details)), deployment.user()))
            for label, details in attempts
        ],
        failure="A code came for details that their type cannot have.",
        success="Details that do not fit their type led to no code.",
    )


@check(
    "TK-22-registered",
    title="A client gets only authorization details that it is registered for",
    sends="good details in the name of a client that is not registered for them",
    fix="Hold the types of the details against the client's authorization_details_types.",
    requirements=("RFC9396-5-p1.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def details_are_registered(trial: Trial) -> Outcome:
    """An application that shows pictures has no business to ask for payments: users agree to what looks official."""
    deployment = trial.deployment
    _, entry = detailed_party(deployment)
    stranger = next((each for each in deployment.parties if each.client_id == entry.stranger), None)
    if stranger is None:
        raise NotApplicable("the target file names no client that is not registered for the details")
    _control(trial)
    flow = detailed_flow(deployment, party=stranger)
    return judge_replies(
        trial,
        [("Details in a stranger's name", ask(flow, deployment.user()))],
        failure="A client got a code for details that it is not registered for.",
        success="A client that is not registered for the details got no code for them.",
    )


def _answer_to(trial: Trial, details: str) -> Exchange:
    """Return the page that asks for consent to details, or whatever else ended the request."""
    deployment = trial.deployment
    flow = detailed_flow(deployment, details)
    if not flow.plan.pushes:
        return _last_page(flow, flow.authorization_url(), deployment.user())
    pushed = flow.push()
    if not pushed.ok:
        return pushed
    return _last_page(flow, flow.pushed_url(pushed.text("request_uri")), deployment.user())


def _last_page(flow: Flow, url: str, user: User) -> Exchange:
    browser = flow.browser
    return browser.go_on(browser.open(url), user, until=lambda page: consent_form(page) is not None).last


def _plain(text: str) -> str:
    """Return a text without what a page may group or punctuate it with."""
    return "".join(each for each in text.casefold() if each.isalnum())


@check(
    "TK-22-shown",
    title="Whoever is asked to agree sees what the authorization details say",
    sends="a login up to the page that asks for consent; looks there for the values",
    fix="Show every value of the details on the page: the amount, the account, the date.",
    requirements=("RFC9396-3.1-p4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-451",
    owasp="API8:2023",
)
def consent_shows_the_details(trial: Trial) -> Outcome:
    """Consent to a payment whose amount nobody showed is no consent (RFC 9396 section 3.1).

    The target file says which texts must stand there; letters and digits count, however they are grouped.
    """
    _, entry = detailed_party(trial.deployment)
    trial.need(entry.shown, "the target file does not say what the page must show")
    page = trial.observe("The page that asks for consent", _answer_to(trial, entry.good))
    if consent_form(page) is None:
        raise Inconclusive(f"the login led to no page that asks for consent ({page.status})")
    text = _plain(read_page(page.page()).text)
    missing = [each for each in entry.shown if _plain(each) not in text]
    if missing:
        return failed(f"The page that asks for consent does not show: {'; '.join(missing)}.")
    return passed("The page shows what the details say.")


@check(
    "TK-22-markup",
    title="What stands in authorization details stays text on the page",
    sends="authorization requests with markup in the texts of the details",
    fix="Escape everything that the page shows of a request.",
    requirements=("RFC9396-12-p4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-79",
    owasp="API8:2023",
    gives=("page-abused",),
)
def details_stay_text(trial: Trial) -> Outcome:
    """The name of who is paid comes from the client, and the page on which it stands has the button that pays.

    RFC 9396 section 12: details are untrusted input. The check puts an element that nobody knows into each text.
    """
    deployment = trial.deployment
    _, entry = detailed_party(deployment)
    _control(trial)
    return trial.judge(
        [
            trial.attack(f"Markup in {name}", _answer_to(trial, json.dumps(details)))
            for name, details in _marked(read_details(entry.good))
        ],
        accepted=is_markup,
        failure="A text of the details became markup of the page.",
        success="Texts of the details stayed text, or were refused.",
    )


def _marked(details: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the details once for each text of theirs, with markup behind it."""
    found = []
    for number, detail in enumerate(details):
        for name, value in detail.items():
            if isinstance(value, str) and name != "type":
                changed = {**detail, name: f"{value} {MARK}"}
                found.append((name, [*details[:number], changed, *details[number + 1 :]]))
    return found
