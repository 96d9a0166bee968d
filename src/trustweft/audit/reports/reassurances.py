"""The five sentences with which people reassure themselves, each answered with what a run saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.audit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.results import Result, Run

__all__ = ["Reassurance", "reassurances"]

_TRIED: Final = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.SUSPECTED})
_TRANSPORT: Final = "TL-"
_ALTERNATIVES: Final = {
    "none": "to nothing: whoever finds it can use it",
    "dpop": "to a key of the client (DPoP)",
    "mtls": "to the client's certificate",
}


class Reassurance(NamedTuple):
    """A sentence that people say, and the answer."""

    sentence: str
    answer: str


def reassurances(run: Run) -> tuple[Reassurance, ...]:
    """Return the sentences in the order in which one hears them."""
    return (
        Reassurance("Our APIs have been live for years.", _live(run)),
        Reassurance("Everything is encrypted.", _encrypted(run)),
        Reassurance("We are certified.", _certified(run)),
        Reassurance("We have no APIs.", _no_apis(run)),
        Reassurance("We use OAuth.", _oauth(run)),
    )


def _live(run: Run) -> str:
    tried, failing = _count(run.checks, _TRIED), _count(run.checks, {Verdict.FAIL})
    if failing:
        return (
            f"That nobody has complained yet tells nothing. Today {failing} of {tried} checks that could be carried out "
            f"failed, and {_number(len(run.chains), 'way', 'ways')} to something worth having {_stand(run.chains)} open."
        )
    return f"Age shows nothing, attacks do: {tried} checks were carried out today, and none failed."


def _encrypted(run: Run) -> str:
    transport = [each for each in run.checks if each.id.startswith(_TRANSPORT)]
    beyond = [each for each in run.checks if each.verdict is Verdict.FAIL and each not in transport]
    tls = (
        f"Of {_count(transport, _TRIED)} checks of the transport {_count(transport, {Verdict.FAIL})} failed. "
        if _count(transport, _TRIED)
        else "The transport was not tried in this run. "
    )
    if beyond:
        return tls + (
            f"Encryption keeps others from listening, and the attacker is one of the two ends: {len(beyond)} "
            f"{'failure' if len(beyond) == 1 else 'failures'} went through intact TLS, such as {beyond[0].id}."
        )
    return tls + "None of the attacks that go through intact TLS succeeded either."


def _certified(run: Run) -> str:
    clauses = _clauses(each for each in run.checks if each.verdict in _TRIED)
    broken = _clauses(each for each in run.checks if each.verdict is Verdict.FAIL)
    untried = _count(run.checks, {Verdict.INCONCLUSIVE})
    rest = (
        f" {_number(untried, 'check', 'checks')} could not be carried out: see what was not reached."
        if untried
        else ""
    )
    if broken:
        return (
            f"A certificate is about the day and the set-up of its test. Of {len(clauses)} clauses that this run tried, "
            f"{len(broken)} {'is' if len(broken) == 1 else 'are'} broken: {', '.join(sorted(broken)[:6])}"
            f"{' ...' if len(broken) > 6 else '.'}{rest}"  # noqa: PLR2004  # what fits into a sentence
        )
    return (
        f"This run tried {len(clauses)} clauses against what runs now, and found none of them broken.{rest}"
    )


def _no_apis(run: Run) -> str:
    operations = len(run.reached.operations)
    open_ones = [
        each for each in run.checks if each.verdict is Verdict.FAIL and "anonymous-access" in each.gives
    ]
    writing = len(run.reached.writing)
    if not operations and not writing and not run.reached.unreached:
        return "The target file names none, so no resource server was tried. That is not the same as having none."
    said = f"{_number(operations, 'operation', 'operations')} answered in this run"
    if writing:
        said += f", {_number(writing, 'operation writes', 'operations write')}"
    if run.reached.unreached:
        said += f", and {len(run.reached.unreached)} could not be called with a good request"
    return said + (
        ", some of them without any token."
        if open_ones
        else ", none of them without a token that it should ask for."
    )


def _oauth(run: Run) -> str:
    if run.seen is None:
        return "OAuth is a kit. No client could be tried in this run, so nothing is known of how it was put together."
    seen = run.seen
    bound = _ALTERNATIVES[seen.binding] if seen.token_type else "unknown, as no token came"
    return (
        "OAuth is a kit; what counts is how it was put together. Here the client authenticates with "
        f"{seen.authentication}; its requests {'are' if seen.pushed else 'are not'} pushed; it "
        f"{'sends' if seen.pkce else 'does not send'} a PKCE challenge; and the token is bound {bound}."
    )


def _count(results: Iterable[Result], verdicts: Iterable[Verdict]) -> int:
    wanted = set(verdicts)
    return sum(each.verdict in wanted for each in results)


def _clauses(results: Iterable[Result]) -> set[str]:
    return {requirement for each in results for requirement in each.requirements}


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _stand(things: tuple[object, ...]) -> str:
    return "stands" if len(things) == 1 else "stand"
