"""That a proof serves once, for its own key, with a nonce that the server gave (RFC 9449 sections 8 and 11.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import Exchange
from trustweft.audit.flow import bound
from trustweft.audit.proving import good, good_parts, places, resource_places, send_proofs
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Request
    from trustweft.audit.proving import Place, ProofParts
    from trustweft.audit.trial import Trial

RACERS: Final = 8
ROUNDS: Final = 3
SHORTEST_NONCE: Final = 16  # characters of base64url: 96 bits


@check(
    "DP-07",
    title="A proof serves once",
    sends="one request twice, with the same proof; and again with another query",
    fix="Remember the jti of each proof for as long as the proof is good, and refuse it the second time.",
    requirements=("FAPI2-SP-6.2-2", "RFC9449-11.1-p2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.ADVICE,
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def proofs_serve_once(trial: Trial) -> Outcome:
    """Whoever can read a request can send it again while its proof is good, with another query or body.

    RFC 9449 section 11.1 and FAPI 2.0 section 6.2 recommend to remember proofs; nobody must, so this is advice.
    """
    deployment = trial.deployment
    found = [each for each in places(trial) if not each.dear]
    attempts: list[tuple[Place, Exchange]] = []
    for place in found:
        first = trial.control(f"{place.name}, with a fresh proof", send_proofs(deployment, place, good))
        repeated = place.build().with_header("dpop", first.request.header("dpop"))
        attempts.append((place, trial.attack(f"{place.name}, the same proof again", repeated)))
        if place.token is not None:
            other = replace(repeated, url=_other_query(place.url))
            attempts.append((place, trial.attack(f"{place.name}, the same proof with another query", other)))
    return _judge_places(
        trial,
        attempts,
        failure="A proof was taken twice.",
        success=f"Proofs were refused the second time ({', '.join(each.name for each in found)}).",
    )


def _other_query(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}trustweft=1"


def _judge_places(
    trial: Trial, attempts: Sequence[tuple[Place, Exchange]], *, failure: str, success: str
) -> Outcome:
    taken = {id(exchange): place.taken(exchange) for place, exchange in attempts}
    return trial.judge(
        [exchange for _, exchange in attempts],
        accepted=lambda each: taken[id(each)],
        failure=failure,
        success=success,
    )


@check(
    "DP-07-pushed",
    title="A proof serves once where authorization requests are pushed, too",
    sends="two pushed requests with one proof, everything else fresh",
    fix="Remember the jti of each proof at this endpoint as at the others.",
    requirements=("RFC9449-11.1-p2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def pushed_proofs_serve_once(trial: Trial) -> Outcome:
    """The proof of a pushed request binds the code to its key (RFC 9449 section 10.1), and can be sent again there."""
    deployment = trial.deployment
    flow = deployment.flow()
    trial.need(flow.plan.pushes and flow.plan.binding == "dpop", "no proofs come with pushed requests here")

    def push() -> Request:
        return bound(flow.pushed_request(), party=flow.party, wire=deployment.wire, plan=flow.plan)

    first = deployment.send_bound(push(), flow.party)
    trial.control(
        "A pushed request with a fresh proof", first, good=lambda each: bool(each.text("request_uri"))
    )
    repeated = flow.pushed_request().with_header("dpop", first.request.header("dpop"))
    return trial.judge(
        [trial.attack("Another with the same proof", repeated)],
        accepted=lambda each: each.ok and bool(each.text("request_uri")),
        failure="The proof of a pushed request was taken twice.",
        success="The proof of a pushed request was refused the second time.",
    )


@check(
    "DP-07-race",
    title="A proof serves once, also where copies come at the same moment",
    sends="one request with one proof, eight times at once, to one operation; three times",
    fix="Remember a proof in one atomic step that only one of several requests can win.",
    requirements=("FAPI2-SP-6.2-2", "RFC9449-11.1-p2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    fapi_attackers=("A5",),
    cwe="CWE-362",
    owasp="API2:2023",
)
def copies_at_once_serve_once(trial: Trial) -> Outcome:
    """Looking first and remembering later leaves a gap, in one process or between several.

    A server that remembers no proofs at all is told so by DP-07; here only the gap counts. The check races three times:
    whoever wins a race once may have been lucky.
    """
    deployment = trial.deployment
    place = resource_places(trial)[0]
    first = trial.control(f"{place.name}, with a fresh proof", send_proofs(deployment, place, good))
    repeated = trial.attack(
        f"{place.name}, the same proof later", place.build().with_header("dpop", first.request.header("dpop"))
    )
    trial.need(not place.taken(repeated), "proofs are not remembered here at all")
    for _ in range(ROUNDS):
        request = place.build().with_header("dpop", good_parts(deployment, place).signed())
        answers = [each for each in deployment.wire.race([request] * RACERS) if isinstance(each, Exchange)]
        for each in answers:
            trial.attack(f"{place.name}, one of {RACERS} at once", each)
        won = sum(place.taken(each) for each in answers)
        if won > 1:
            return failed(f"{won} of {RACERS} requests with one proof went through at the same moment.")
        if won == 0:
            raise Inconclusive(f"none of {RACERS} requests at once went through")
    return passed(f"One of {RACERS} requests with one proof went through, {ROUNDS} times.")


@check(
    "DP-10-invented",
    title="A nonce that the server never gave is refused",
    sends="proofs with an invented nonce and a changed one, where nonces are handed out",
    fix="Take only nonces that this server handed out lately.",
    requirements=("RFC9449-4.3-10", "RFC9449-8-p8.1", "RFC9449-11.3-p1"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def invented_nonces_are_refused(trial: Trial) -> Outcome:
    """A server that hands out nonces wants proofs that were not made in advance (RFC 9449 section 11.3).

    Taking proofs with any gives that away. Where a server hands out none, there is nothing to try.
    """
    deployment = trial.deployment
    found = [each for each in places(trial) if not each.dear]
    for place in found:
        trial.control(
            f"{place.name}, with a good proof", send_proofs(deployment, place, good), good=place.taken
        )
    demanding = [each for each in found if deployment.wire.nonce(each.url) is not None]
    trial.need(demanding, "no server here hands out nonces")
    attempts: list[tuple[Place, Exchange]] = []
    for place in demanding:
        for label, changed in _NONCES:
            proof = changed(good_parts(deployment, place)).signed()
            attempts.append(
                (place, trial.attack(f"{place.name}, {label}", place.build().with_header("dpop", proof)))
            )
    return _judge_places(
        trial,
        attempts,
        failure="A proof was taken without a nonce that the server gave.",
        success=f"Proofs without a real nonce were refused ({', '.join(each.name for each in demanding)}).",
    )


_NONCES: Final[tuple[tuple[str, Callable[[ProofParts], ProofParts]], ...]] = (
    ("an invented nonce", lambda parts: parts.claiming(nonce="trustweft-invented-this")),
    ("a changed nonce", lambda parts: parts.claiming(nonce=f"{parts.claims.get('nonce', '')}A")),
)


@check(
    "DP-10-demanded",
    title="Who hands out nonces demands them",
    sends="proofs without a nonce, where nonces are handed out",
    fix="Refuse proofs without a nonce, or they can be made long before they are used.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def nonces_are_demanded(trial: Trial) -> Outcome:
    """Nothing says that a server that knows nonces has to ask for one each time (RFC 9449 section 8).

    But where proofs without one are taken as well, those who prepare proofs leave it out.
    """
    deployment = trial.deployment
    found = [each for each in places(trial) if not each.dear]
    for place in found:
        trial.control(
            f"{place.name}, with a good proof", send_proofs(deployment, place, good), good=place.taken
        )
    asked = [each for each in found if deployment.wire.nonce(each.url) is not None]
    trial.need(asked, "no server here hands out nonces")
    attempts = [
        (
            place,
            trial.attack(
                f"{place.name}, no nonce",
                place.build().with_header(
                    "dpop", good_parts(deployment, place).claiming(nonce=None).signed()
                ),
            ),
        )
        for place in asked
    ]
    return _judge_places(
        trial,
        attempts,
        failure="A proof without a nonce was taken.",
        success=f"Proofs without a nonce were refused ({', '.join(each.name for each in asked)}).",
    )


@check(
    "DP-10-one",
    title="An answer brings one nonce",
    sends="nothing further: reads what other checks were answered",
    fix="Send the DPoP-Nonce header once.",
    requirements=("RFC9449-8-p5.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-436",
    passive=True,
)
def one_nonce_in_each_answer(trial: Trial) -> Outcome:
    """Of two nonces one client takes the first and another the last, and one of them is refused ever after."""
    answers = [each for each in trial.deployment.wire.exchanges if each.all_headers("dpop-nonce")]
    trial.need(answers, "no server here hands out nonces")
    twice = [each for each in answers if len(each.all_headers("dpop-nonce")) > 1]
    trial.observe("An answer with a nonce", (twice or answers)[0])
    if twice:
        return failed(f"{len(twice)} of {len(answers)} answers brought more than one nonce.")
    return passed(f"Each of {len(answers)} answers brought one nonce.")


@check(
    "DP-10-unpredictable",
    title="Nonces cannot be foretold",
    sends="good requests to a few operations and the token endpoint; looks at the nonces that come back",
    fix="Make nonces from at least 96 bits of randomness, or sign them.",
    requirements=("RFC9449-8-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-330",
)
def nonces_are_unpredictable(trial: Trial) -> Outcome:
    """Whoever can foretell a nonce can have proofs made for later, which nonces are to prevent (section 8)."""
    deployment = trial.deployment
    seen: dict[str, None] = {}
    for place in [each for each in places(trial) if not each.dear]:
        answer = trial.observe(f"{place.name}, with a good proof", send_proofs(deployment, place, good))
        seen |= dict.fromkeys(answer.all_headers("dpop-nonce"))
    trial.need(seen, "no server here hands out nonces")
    short = [each for each in seen if len(each) < SHORTEST_NONCE or each.isdigit()]
    if short:
        return failed(f"A nonce is short or a mere number: {len(short[0])} characters.")
    return passed(f"{len(seen)} nonces were seen, none shorter than {SHORTEST_NONCE} characters.")


@check(
    "DP-12",
    title="One client's proofs do not use up another's identifiers",
    sends="a proof by another key with the jti of a proof that was used already",
    fix="Remember the jti of a proof together with its key, or with the address that it is for.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-400",
)
def identifiers_belong_to_keys(trial: Trial) -> Outcome:
    """A memory that forgets the key lets whoever learns a client's ``jti`` beforehand block that client's request.

    RFC 9449 section 11.1 leaves it to servers what they remember a ``jti`` with; this is advice.

    The check sends a good request with a token of another key, whose proof has the ``jti`` of an earlier proof.
    """
    deployment = trial.deployment
    place = resource_places(trial)[0]
    second = _other_place(trial, place)
    jti = deployment.entropy.token()
    trial.control(f"{second.name}, another client", send_proofs(deployment, second, good), good=second.taken)
    first = send_proofs(deployment, place, lambda parts: (parts.claiming(jti=jti).signed(),))
    trial.control(f"{place.name}, with some jti", first, good=place.taken)
    again = send_proofs(deployment, second, lambda parts: (parts.claiming(jti=jti).signed(),))
    trial.attack(f"{second.name}, another client with the same jti", again)
    if again.refused:
        return failed("A good request was refused because another client had used its jti.")
    return passed("Two clients used the same jti, each with its own key.")


def _other_place(trial: Trial, place: Place) -> Place:
    """Return the same place for the second client, whose tokens are bound to another key."""
    stranger = trial.deployment.party(1)
    token = trial.deployment.access(stranger).token
    return replace(
        place,
        party=stranger,
        token=token,
        build=lambda: place.build().with_header("authorization", f"DPoP {token}"),
    )
