"""Lists: whose objects they hold, and who decides that (OWASP API1:2023)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from trustweft.audit.answers import served, values_of
from trustweft.audit.check import Inconclusive, check, passed, suspected
from trustweft.audit.ownership import identity_in, pair, personal_in, private_values
from trustweft.audit.protected import EVERY
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.ownership import Pair
    from trustweft.audit.trial import Trial

FIX: Final = "Look every object up together with its owner: by the subject of the token, in the same query."


def _ask(trial: Trial, request: Request, access: Access) -> Exchange:
    deployment = trial.deployment
    return deployment.send_call(deployment.using(request, access), access)


@check(
    "API1-04",
    title="No filter shows another user's objects in a list",
    sends="the second user's lists with the first user's name and identifiers as filters and as headers",
    fix="Take the owner from the token alone; ignore or refuse owners in queries and headers.",
    requirements=("RFC9700-2.3-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def filters_show_nothing_foreign(trial: Trial) -> Outcome:
    """A list that takes ``?user_id=`` or ``X-User-Id`` in place of the token's subject shows anybody's objects.

    It fails where the second user's list then has what only the first was ever told.
    """
    found = pair(trial)
    lists = [
        each
        for each in found.owned.operations
        if each.safe and not each.places and not each.public and each.method == "GET"
    ][:EVERY]
    trial.need(lists, "no list is known that needs a token")
    attempts: list[Exchange] = []
    told: dict[int, frozenset[str]] = {}
    for operation in lists:
        control = trial.keep(
            "control", f"{operation.name}, by the first user", _ask(trial, operation.request(), found.owner)
        )
        canaries = private_values(control, found)
        if not control.ok or not canaries:
            continue
        for label, request in _tampered(operation, found):
            answer = _ask(trial, request, found.other)
            trial.attack(f"{operation.name}, by the second user, {label}", answer)
            attempts.append(answer)
            told[id(answer)] = canaries
    trial.need(attempts, "no list tells the first user anything that the second is not told")
    return trial.judge(
        [each for each in attempts if not each.broke],
        accepted=lambda each: each.ok and bool(told[id(each)] & values_of(each)),
        failure="A filter showed another user's objects.",
        success=f"{len(attempts)} filters and headers showed nothing of the first user's.",
    )


_FILTERS: Final = (
    "user_id",
    "userId",
    "user",
    "username",
    "owner",
    "owner_id",
    "customer_id",
    "email",
    "sub",
)
_OWNER_HEADERS: Final = (
    "x-user-id",
    "x-user",
    "x-username",
    "x-customer-id",
    "x-account-id",
    "x-tenant-id",
    "x-forwarded-user",
    "x-auth-user",
)


def _tampered(operation: Operation, found: Pair) -> list[tuple[str, Request]]:
    good = operation.request()
    joint = "&" if "?" in good.url else "?"
    requests = []
    for name in dict.fromkeys(found.owned.names):
        filters = urlencode([(each, name) for each in _FILTERS])
        requests.append(("with filters for the first", replace(good, url=f"{good.url}{joint}{filters}")))
        headers = (*good.headers, *((each, name) for each in _OWNER_HEADERS))
        requests.append(("with headers for the first", replace(good, headers=headers)))
    return requests


@check(
    "API1-04-everything",
    title="A list shows a user's own objects only",
    sends="each list once as either user",
    fix="Select by the subject of the token in every list.",
    requirements=("RFC9700-2.3-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def lists_show_own_objects(trial: Trial) -> Outcome:
    """A list without any selection shows everybody's objects to everybody; asking as one user, nobody notices.

    Both users ask. Where both are told the same, both are named as owners in it, and it holds personal data, that is
    a suspicion: the auditor cannot know what is meant for everybody.
    """
    found = pair(trial)
    lists = [each for each in found.owned.operations if each.safe and not each.places and not each.public][
        :EVERY
    ]
    trial.need(lists, "no list is known that needs a token")
    reached, doubtful = 0, []
    for operation in lists:
        first = trial.keep(
            "control", f"{operation.name}, by the first user", _ask(trial, operation.request(), found.owner)
        )
        if not first.ok or operation.method != "GET":
            continue
        reached += 1
        second = trial.attack(
            f"{operation.name}, by the second user", _ask(trial, operation.request(), found.other)
        )
        names_both = identity_in(second, found.owned.names) and identity_in(second, found.others.names)
        if served(second, first) and names_both and personal_in(second):
            doubtful.append(f"{operation.name} ({', '.join(personal_in(second)[:4])})")
    if not reached:
        raise Inconclusive("no list answered to the first user")
    if doubtful:
        return suspected(f"Lists show both users the personal data of both: {'; '.join(doubtful)}.")
    return passed(f"None of {reached} lists shows one user the personal data of the other.")
