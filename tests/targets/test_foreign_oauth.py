"""Habits of correct servers are no flaws, and each flaw of a server that is written in another style is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from targets.foreign_server import ForeignServer
from trustweft.audit.consenting import REMEMBERED
from trustweft.audit.registry import all_checks
from trustweft.audit.run import Options, audit
from trustweft.audit.target import LoginRecipe
from trustweft.audit.verdict import Safety, Verdict
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustweft.audit.results import Reached, Result
    from trustweft.audit.target import Target

CHECKS: Final = {each.id: each for each in all_checks()}
CODES: Final = ("authorization_code",)
FOUND: Final = {Verdict.FAIL, Verdict.SUSPECTED}
# Habits of a server that asks for the password more than once, and what a target file may say of its pages.
ASKED_AGAIN: Final = {
    ("fresh-tokens", "confirms-consent"): (
        {"when": "Log in", "fields": {"user_login": "{username}", "user_pass": "{password}"}},
        {"when": "Confirm", "fields": {"again": "{password}"}, "press": "Authorize"},
    ),
    ("fresh-tokens", "name-first", "decoy"): (
        {"when": "Log in", "fields": {"user_login": "{username}", "not_shown": "{password}"}},
        {"when": "Log in", "fields": {"user_pass": "{password}"}},
    ),
}
# What is true of it: it has no TLS, secrets, bearer tokens, and it knows PKCE without demanding it.
TRUE: Final = {
    "CA-02", "META-02-form", "META-04", "META-06", "PAR-12-missing", "TK-11", "TL-04",
}  # fmt: skip
ALSO_TRUE: Final = {
    "introspection": {"RV-02-cascade"},  # RFC 7009 section 2.1: an access token goes with its refresh token
    # RFC 6749 section 5.2: 400; RFC 6750 section 3.1: 401 and 403
    "errors-are-200": {"TK-23-format", "RS-02-error", "RS-08-error"},
}
HABITS: Final = (
    (),
    ("introspection", "errors-are-200", "grace"),
    ("name-first", "radio-consent", "signed"),
    ("remembers-consent",),
)
NOTICED: Final = {
    "code-of-anybody": "TK-03",
    "refresh-of-anybody": "TK-12",
    "revoke-open": "RV-01",
    "revoke-anybody": "RV-01-client",
    "client-is-ann": "RS-09",
    "silent-consent": "AZ-26",
    "agrees-by-address": "AZ-26",
    "consent-skipped-again": "AZ-26",
    "markup-at-consent": "AZ-22-consent",
    "markup-at-login": "AZ-22-address",
    "markup-after-login": "AZ-22-address",
    "writes-unscoped": "RS-08-writing",
    "follows-jku": "RS-04-key-address",
    "fetches-jku": "RS-04-key-address",
    "scope-by-form": "AZ-17-scope",
}


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignServer]:
    with ForeignServer() as running:
        yield running


def audited(
    foreign: ForeignServer, *traits: str, checks: Sequence[str] | None = None, **told: Any
) -> dict[str, Result]:
    """Audit it with these traits; at the level that the checks need where they are named."""
    foreign.traits = frozenset(traits)
    foreign.agreed.clear()
    named = [CHECKS[each] for each in checks or CHECKS]
    safety = max(each.safety for each in named) if checks else Safety.WRITES
    options = Options(checks=named, safety=safety)
    run = audit(foreign.target(**told), options, clock=SystemClock(), entropy=SystemEntropy())
    return {each.id: each for each in run.checks}


def said(result: Result) -> str:
    return f"{result.verdict}: {result.reason}"


@pytest.mark.parametrize("habits", HABITS, ids=lambda habits: ", ".join(habits) or "none")
def test_habits_of_a_correct_server_are_no_findings(foreign: ForeignServer, habits: Sequence[str]) -> None:
    results = audited(foreign, *habits)
    true = TRUE.union(*(ALSO_TRUE.get(habit, set()) for habit in habits))
    found = {name: said(each) for name, each in results.items() if each.verdict in FOUND and name not in true}
    assert found == {}
    assert {name: said(each) for name, each in results.items() if "itself broke" in each.reason} == {}


@pytest.mark.parametrize("flaw", NOTICED)
def test_each_flaw_is_found(foreign: ForeignServer, flaw: str) -> None:
    result = audited(foreign, flaw, "signed", checks=[NOTICED[flaw]])[NOTICED[flaw]]
    assert result.verdict in FOUND, said(result)


def test_a_session_that_a_login_keeps_is_found_though_planted_cookies_are_refused(
    foreign: ForeignServer,
) -> None:
    """This server answers a cookie that it did not sign with 400, also when somebody is to log in with it."""
    result = audited(foreign, "session-kept", "keep-is-signed", checks=["AZ-16-fixation"])["AZ-16-fixation"]
    assert result.verdict is Verdict.FAIL, said(result)


@pytest.mark.parametrize("habit", ["keep-is-signed", "foreign-keep-spoils"])
def test_planted_cookies_that_spoil_the_login_do_not_count_as_refused(
    foreign: ForeignServer, habit: str
) -> None:
    result = audited(foreign, habit, checks=["AZ-16-fixation"])["AZ-16-fixation"]
    assert result.verdict is Verdict.PASS, said(result)
    assert [each.label for each in result.evidence if "planted" in each.label] == []


@pytest.mark.parametrize(
    ("traits", "verdict"),
    [
        ((), Verdict.PASS),
        (("scope-beside",), Verdict.FAIL),
        (("grants-all",), Verdict.PASS),
        (("refuses-narrow",), Verdict.PASS),
    ],
    ids=["careful", "believes the address", "grants what is registered", "refuses a narrow request"],
)
def test_a_scope_beside_a_request_uri_is_blamed_only_where_it_makes_the_token_wider(
    foreign: ForeignServer, traits: Sequence[str], verdict: Verdict
) -> None:
    result = audited(foreign, "pushes", *traits, checks=["PAR-13"])["PAR-13"]
    assert result.verdict is verdict, said(result)


def test_a_server_that_grants_what_is_registered_whatever_is_asked_is_not_said_to_believe_the_form(
    foreign: ForeignServer,
) -> None:
    result = audited(foreign, "grants-all", checks=["AZ-17-scope"])["AZ-17-scope"]
    assert result.verdict is Verdict.INCONCLUSIVE, said(result)


@pytest.mark.parametrize("check", ["TK-03", "TK-12", "RV-01-client"])
def test_a_stranger_carries_nothing_of_the_owners(foreign: ForeignServer, check: str) -> None:
    """The owner sends its secret in a header, the stranger in the form, and this server believes the header."""
    foreign.seen.clear()
    result = audited(foreign, checks=[check])[check]
    assert result.verdict is Verdict.PASS, said(result)
    doubled = [
        form for _, headers, form in foreign.seen if form.get("client_secret") and "authorization" in headers
    ]
    assert doubled == []


@pytest.mark.parametrize("check", ["TK-03", "TK-12", "RV-01-client"])
def test_a_stranger_that_is_refused_everywhere_proves_nothing(foreign: ForeignServer, check: str) -> None:
    foreign.traits = frozenset()
    target = foreign.target()
    wrong = msgspec.structs.replace(target.clients[1], secret="not-its-secret")  # which is the point
    target = msgspec.structs.replace(target, clients=(target.clients[0], wrong))
    options = Options(checks=[CHECKS[check]], safety=Safety.WRITES)
    result = audit(target, options, clock=SystemClock(), entropy=SystemEntropy()).checks[0]
    assert result.verdict is Verdict.INCONCLUSIVE, said(result)


def test_refresh_tokens_that_never_work_show_no_revocation(foreign: ForeignServer) -> None:
    results = audited(foreign, "refreshing-is-off", checks=["RV-01", "RV-01-client", "RV-02"])
    assert {each.verdict for each in results.values()} == {Verdict.INCONCLUSIVE}


def test_a_revocation_endpoint_that_is_named_and_turns_everybody_away_is_not_passed_over(
    foreign: ForeignServer,
) -> None:
    results = audited(foreign, "revocation-is-missing", checks=["RV-01", "RV-02-cascade", "RS-10"])
    assert {each.reason for each in results.values()} == {
        "the server names a revocation_endpoint, and turns every client away there"
    }
    assert {each.verdict for each in results.values()} == {Verdict.INCONCLUSIVE}


def test_users_who_log_in_by_the_password_grant_are_audited_and_the_grant_is_a_finding(
    foreign: ForeignServer,
) -> None:
    told = {"grant_types": ("password", "refresh_token"), "others": ()}
    foreign.traits = frozenset({"password-grant", "password-only", "client-is-ann"})
    options = Options(checks=tuple(CHECKS.values()), safety=Safety.WRITES)
    run = audit(foreign.target(**told), options, clock=SystemClock(), entropy=SystemEntropy())
    results = {each.id: each for each in run.checks}
    assert run.reached.users == ("ann", "ben")
    assert "GET /me/" in run.reached.operations
    assert results["TK-07-password"].verdict is Verdict.FAIL
    decided = (
        "RS-01",
        "RS-02",
        "RS-08",
        "API1-01",
        "CA-01",
        "CA-02-wrong-secret",
        "RV-02",
        "TK-12-unauthenticated",
    )
    assert {name: said(results[name]) for name in decided if results[name].verdict is not Verdict.PASS} == {}
    assert {name: said(each) for name, each in results.items() if "itself broke" in each.reason} == {}


def test_the_password_grant_of_a_server_that_says_it_has_nothing_else_is_used_unasked(
    foreign: ForeignServer,
) -> None:
    foreign.traits = frozenset({"password-grant", "password-only", "no-authorization-endpoint"})
    options = Options(checks=[CHECKS["TK-07-password"]])
    target = foreign.target(grant_types=("authorization_code",), others=())
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.users == ("ann", "ben")
    assert run.checks[0].verdict is Verdict.FAIL


def test_the_new_checks_pass_where_nothing_is_wrong(foreign: ForeignServer) -> None:
    names = ("AZ-22-address", "AZ-22-consent", "AZ-26", "RS-04-key-address", "RS-08-writing")
    results = audited(foreign, "signed", checks=names)
    assert {name: said(each) for name, each in results.items() if each.verdict is not Verdict.PASS} == {}


def test_a_grant_that_a_client_may_not_use_is_no_empty_promise(foreign: ForeignServer) -> None:
    """This server says unsupported_grant_type to clients that are not registered for a grant."""
    foreign.traits = frozenset()
    target = foreign.target(others=("pocket",))
    target = msgspec.structs.replace(target, clients=tuple(reversed(target.clients)))
    options = Options(checks=[CHECKS["META-10-grants"]])
    result = audit(target, options, clock=SystemClock(), entropy=SystemEntropy()).checks[0]
    assert result.verdict is Verdict.PASS, said(result)


def test_users_log_in_with_the_client_that_they_can_log_in_with_whichever_comes_first(
    foreign: ForeignServer,
) -> None:
    foreign.traits = frozenset()
    target = foreign.target()
    service = msgspec.structs.replace(
        target.clients[0], grant_types=("client_credentials",), redirect_uri=None
    )
    target = msgspec.structs.replace(target, clients=(service, target.clients[1]))
    options = Options(checks=[CHECKS[each] for each in ("TK-01", "AZ-26")])
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.users == ("ann", "ben")
    assert {each.verdict for each in run.checks} == {Verdict.PASS}


def with_wrong_passwords(target: Target, *names: str) -> Target:
    users = (
        msgspec.structs.replace(each, password="wrong") if each.username in names else each
        for each in target.users
    )
    return msgspec.structs.replace(target, users=tuple(users))


@pytest.mark.parametrize("by_steps", [False, True], ids=["unasked", "by steps"])
@pytest.mark.parametrize("habits", ASKED_AGAIN, ids=", ".join)
def test_a_password_that_two_forms_ask_for_is_sent_to_both(
    foreign: ForeignServer, habits: tuple[str, ...], *, by_steps: bool
) -> None:
    """A bank has it confirmed with the consent, and a page may have a field for it that nobody sees."""
    foreign.traits, foreign.failed_logins = frozenset(habits), 0
    recipe = msgspec.convert({"steps": ASKED_AGAIN[habits] if by_steps else ()}, LoginRecipe)
    target = msgspec.structs.replace(foreign.target(), login=recipe)
    run = audit(target, Options(checks=[CHECKS["TK-01"]]), clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.users == ("ann", "ben")
    assert run.checks[0].verdict is Verdict.PASS, said(run.checks[0])
    assert foreign.failed_logins == 0


def test_a_wrong_password_goes_to_no_more_forms_than_the_steps_say(foreign: ForeignServer) -> None:
    foreign.traits, foreign.failed_logins = frozenset({"fresh-tokens"}), 0
    steps = ASKED_AGAIN["fresh-tokens", "confirms-consent"]
    target = msgspec.structs.replace(
        with_wrong_passwords(foreign.target(), "ann", "ben"),
        login=msgspec.convert({"steps": steps}, LoginRecipe),
    )
    run = audit(target, Options(checks=[CHECKS["TK-01"]]), clock=SystemClock(), entropy=SystemEntropy())
    assert (foreign.failed_logins, run.reached.users) == (2, ())


@pytest.mark.parametrize(
    "habits",
    [
        ("fresh-tokens",),
        ("fresh-tokens", "name-first"),
        ("fresh-tokens", "name-first", "decoy"),
        ("fresh-tokens", "confirms-consent"),
    ],
    ids=", ".join,
)
def test_a_wrong_password_in_the_target_file_is_sent_once_in_a_run(
    foreign: ForeignServer, habits: Sequence[str]
) -> None:
    """A server that locks accounts after some wrong passwords locks nobody out because of us."""
    foreign.traits, foreign.failed_logins = frozenset(habits), 0
    options = Options(checks=tuple(CHECKS.values()))
    target = with_wrong_passwords(foreign.target(), "ann", "ben")
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert foreign.failed_logins == len(target.users)
    assert run.reached.users == ()
    results = {each.id: each for each in run.checks}
    assert results["TK-01"].verdict is Verdict.INCONCLUSIVE
    assert "user ann cannot log in" in results["TK-01"].reason


def test_a_user_with_a_wrong_password_does_not_shut_out_the_clients_and_the_other_user(
    foreign: ForeignServer,
) -> None:
    foreign.traits, foreign.failed_logins = frozenset({"fresh-tokens"}), 0
    options = Options(checks=[CHECKS["TK-01"]])
    target = with_wrong_passwords(foreign.target(), "ann")
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert foreign.failed_logins == 1
    assert (run.reached.clients, run.reached.users) == (("web app", "partner"), ("ben",))
    assert run.checks[0].verdict is Verdict.INCONCLUSIVE


def test_a_wrong_password_is_sent_once_by_the_password_grant_too(foreign: ForeignServer) -> None:
    foreign.traits = frozenset({"password-grant", "password-only"})
    target = foreign.target(grant_types=("password", "refresh_token"), others=())
    foreign.seen.clear()
    options = Options(checks=tuple(CHECKS.values()))
    audit(with_wrong_passwords(target, "ann", "ben"), options, clock=SystemClock(), entropy=SystemEntropy())
    wrong = [form["username"] for _, _, form in foreign.seen if form.get("password") == "wrong"]
    assert sorted(wrong) == ["ann", "ben"]


def test_a_client_whom_the_password_grant_refuses_a_user_shuts_the_user_out_of_no_other(
    foreign: ForeignServer,
) -> None:
    """Servers say invalid_grant too where a client wants a second factor, or nobody assigned the user to it."""
    foreign.traits = frozenset({"password-grant", "password-only", "second-factor-for-first"})
    foreign.seen.clear()
    target = foreign.target(grant_types=("password", "refresh_token"))
    options = Options(checks=[CHECKS[each] for each in ("RS-01", "API1-01")])
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert (run.reached.clients, run.reached.users) == (("partner",), ("ann", "ben"))
    assert {each.id: said(each) for each in run.checks if each.verdict is not Verdict.PASS} == {}
    refused = [form for _, headers, form in foreign.seen if "authorization" in headers and "password" in form]
    assert len(refused) == len(target.users)


def test_a_wrong_password_is_sent_once_with_each_client_by_the_password_grant(foreign: ForeignServer) -> None:
    foreign.traits = frozenset({"password-grant", "password-only"})
    target = with_wrong_passwords(foreign.target(grant_types=("password", "refresh_token")), "ann")
    foreign.seen.clear()
    options = Options(checks=tuple(CHECKS.values()))
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert len([form for _, _, form in foreign.seen if form.get("password") == "wrong"]) == len(
        target.clients
    )
    assert any("user ann cannot log in" in each for each in run.reached.missing)


AT_CONSENT: Final = (
    "AZ-06-error", "AZ-10-consent", "AZ-15", "AZ-16-consent", "AZ-16-tokens", "AZ-17-denial", "AZ-17-form",
    "AZ-17-scope", "AZ-18", "AZ-22-consent", "AZ-26",
)  # fmt: skip


@pytest.mark.parametrize(
    "habits", [("remembers-consent",), ("remembers-consent", "asks-anew")], ids=", ".join
)
def test_the_page_that_asks_is_audited_where_a_server_asks_once_and_remembers(
    foreign: ForeignServer, habits: Sequence[str]
) -> None:
    """Preflight agrees for most clients and users; those that are left are asked, and those that only look come first."""
    results = audited(foreign, *habits, checks=AT_CONSENT)
    assert {name: said(each) for name, each in results.items() if each.verdict is not Verdict.PASS} == {}
    assert not any(each.advice for each in results.values())


@pytest.mark.parametrize("flaw", ["markup-at-consent", "agrees-by-address"])
def test_flaws_of_a_page_that_is_shown_once_are_found(foreign: ForeignServer, flaw: str) -> None:
    result = audited(foreign, flaw, "remembers-consent", checks=[NOTICED[flaw]])[NOTICED[flaw]]
    assert result.verdict in FOUND, said(result)


def test_where_everybody_has_agreed_already_nothing_is_said_of_the_page_that_asks(
    foreign: ForeignServer,
) -> None:
    """One client and one user: preflight itself has used up the only question that the server had."""
    foreign.traits = frozenset({"remembers-consent"})
    foreign.agreed.clear()
    target = foreign.target(others=())
    target = msgspec.structs.replace(target, users=target.users[:1])
    options = Options(checks=[CHECKS[each] for each in AT_CONSENT if each not in ("AZ-15", "AZ-16-tokens")])
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert {each.id: said(each) for each in run.checks if each.verdict is not Verdict.INCONCLUSIVE} == {}
    assert {each.reason for each in run.checks} == {REMEMBERED}


def test_a_client_whose_login_fails_does_not_show_that_nobody_is_asked(foreign: ForeignServer) -> None:
    for habits, verdict in (
        (("asks-nobody",), Verdict.NOT_APPLICABLE),
        (("asks-nobody", "busy-for-partner"), Verdict.INCONCLUSIVE),
    ):
        result = audited(foreign, *habits, checks=["AZ-17-form"])["AZ-17-form"]
        assert result.verdict is verdict, said(result)


FOR_ANY_ABLE_CLIENT: Final = (
    "CA-01", "IN-02-revoked", "RS-10", "RV-01", "RV-01-client", "RV-02", "RV-02-access", "RV-03", "RV-04",
    "RV-04-method", "TK-12", "TK-12-forged", "TK-12-other-kind", "TK-12-unauthenticated", "TK-14",
)  # fmt: skip


def with_public_client_first(target: Target) -> Target:
    return msgspec.structs.replace(target, clients=(target.clients[2], *target.clients[:2]))


def test_what_the_first_client_may_not_do_is_tried_with_the_next_that_may(foreign: ForeignServer) -> None:
    """The first is public here: it gets no refresh token, and the revocation endpoint does not let it in."""
    foreign.traits = frozenset({"little-for-public", "introspection"})
    options = Options(checks=[CHECKS[each] for each in FOR_ANY_ABLE_CLIENT], safety=Safety.WRITES)
    target = with_public_client_first(foreign.target(others=("partner", "pocket")))
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.clients == ("pocket", "web app", "partner")
    assert {each.id: said(each) for each in run.checks if each.verdict is not Verdict.PASS} == {}


@pytest.mark.parametrize("flaw", ["refresh-of-anybody", "revoke-anybody", "revoke-open"])
def test_flaws_are_found_though_a_public_client_comes_first(foreign: ForeignServer, flaw: str) -> None:
    foreign.traits = frozenset({"little-for-public", "signed", flaw})
    options = Options(checks=[CHECKS[NOTICED[flaw]]], safety=Safety.WRITES)
    target = with_public_client_first(foreign.target(others=("partner", "pocket")))
    result = audit(target, options, clock=SystemClock(), entropy=SystemEntropy()).checks[0]
    assert result.verdict in FOUND, said(result)


def reached_with_first_client(foreign: ForeignServer, **changes: Any) -> Reached:
    """Reach the server with something wrong in what the target file says of the first client."""
    foreign.traits = frozenset()
    target = foreign.target()
    target = msgspec.structs.replace(
        target, clients=(msgspec.structs.replace(target.clients[0], **changes), target.clients[1])
    )
    options = Options(checks=[CHECKS["TK-01"]])
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert run.checks[0].verdict is Verdict.PASS, said(run.checks[0])
    return run.reached


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"secret": "not-its-secret"}, "invalid_client"),
        ({"redirect_uri": "http://client.example/elsewhere"}, "the browser stayed at"),
        ({"scope": "things nonsense"}, "the client was told invalid_scope"),
    ],
    ids=["secret", "redirect URI", "scope"],
)
def test_what_is_wrong_of_a_client_is_said_of_it_and_of_no_user(
    foreign: ForeignServer, changes: dict[str, str], why: str
) -> None:
    reached = reached_with_first_client(foreign, **changes)
    assert (reached.clients, reached.locked_out, reached.users) == (
        ("partner",),
        ("web app",),
        ("ann", "ben"),
    )
    (missing,) = reached.missing
    assert missing.startswith("client web app obtains no token: ")
    assert why in missing
    assert "Callback(" not in missing


def test_a_user_whom_no_client_lets_in_is_not_said_to_be_unable(foreign: ForeignServer) -> None:
    foreign.traits = frozenset()
    target = foreign.target(others=())
    target = msgspec.structs.replace(
        target, clients=(msgspec.structs.replace(target.clients[0], secret="wrong", grant_types=CODES),)
    )
    run = audit(target, Options(checks=[CHECKS["TK-01"]]), clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.users == ()
    assert not any("cannot log in" in each for each in run.reached.missing)
    assert any("no client obtains a token for user ann" in each for each in run.reached.missing)
