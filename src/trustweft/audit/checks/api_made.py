"""An object that somebody has just made belongs to them, also where no list ever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, check, failed, passed, suspected
from trustweft.audit.harvest import json_of, leaves
from trustweft.audit.ownership import need_other_works, pair, personal_in
from trustweft.audit.sacrifice import create, sacrificial
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.sacrifice import Made, Sacrifice
    from trustweft.audit.trial import Trial


@check(
    "API1-05",
    title="An object that one user has just made does not open to another",
    sends="a good request that makes an object, and its address with the other user's token",
    fix="Look an object up by its identifier and the user of the token together, never by the identifier alone.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    safety=Safety.WRITES,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def made_objects_are_their_makers(trial: Trial) -> Outcome:
    """Payments and messages are made, read by their identifier, and stand in no list that could tell whose they are.

    The first user makes one, and the second asks for it. It fails where it holds personal data, nobody reads it without a
    token, and a list of such objects tells it to the first user alone. One of these signs is a suspicion, as some
    things are shown to everybody who has their address; without any it may be meant for everybody.
    """
    deployment = trial.deployment
    other = deployment.access(None, deployment.user(1))
    places = sacrificial(trial)
    need_other_works(trial, pair(trial))
    tried, through, doubtful, open_to_all = [], [], [], []
    for place in places:
        made = create(trial, place, {})
        if made is None or made.read is None or made.reading is None:
            continue
        call = deployment.calling(made.reading, other)
        attack = trial.attack(f"{made.reading.name}, by another user", deployment.send_call(call, other))
        tried.append(attack)
        if not served(attack, made.read):
            continue
        alone, personal = _is_listed_to_its_maker_alone(trial, place, made, other), personal_in(made.read)
        if alone and personal and not _is_open(trial, made):
            through.append(made.reading.name)
        elif alone or personal:
            doubtful.append(f"{made.reading.name} ({', '.join(personal[:4]) or 'listed to its maker alone'})")
        else:
            open_to_all.append(made.reading.name)
    if through:
        return failed(f"The second user read what the first had just made: {', '.join(through)}.")
    if doubtful:
        return suspected(
            f"The second user read what the first had just made, which may be the first's alone: {', '.join(doubtful)}."
        )
    if not tried:
        raise Inconclusive("no object could be made and read again")
    trial.need_clear(tried)
    if open_to_all:
        raise Inconclusive(f"what the first user made may be meant for everybody: {', '.join(open_to_all)}")
    return passed(f"Of {len(tried)} objects that the first user made the second was told nothing.")


def _is_open(trial: Trial, made: Made) -> bool:
    """Say whether anybody reads it, without a token."""
    assert made.reading is not None  # noqa: S101  # for the type: it was read before
    answer = trial.deployment.wire.send(made.reading.request())
    return trial.observe(f"{made.reading.name}, without a token", answer).ok


def _is_listed_to_its_maker_alone(trial: Trial, place: Sacrifice, made: Made, other: Access) -> bool:
    """Say whether the collection that it was made in shows it to its maker, and not to the other user."""
    deployment = trial.deployment
    listing = next(
        (each for each in deployment.operations if each.method == "GET" and each.url == place.creating.url),
        None,
    )
    if listing is None or listing.public:
        return False
    mine, theirs = (
        trial.observe(
            f"{listing.name}, by {who}", deployment.send_call(deployment.calling(listing, access), access)
        )
        for who, access in (("its maker", deployment.access()), ("another user", other))
    )
    identifier = next(reversed(made.values.values()))
    told = [{str(value) for _, value in leaves(json_of(each.body))} for each in (mine, theirs)]
    return mine.ok and theirs.ok and identifier in told[0] and identifier not in told[1]
