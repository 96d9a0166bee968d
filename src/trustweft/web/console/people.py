"""Who uses the console: accounts, invitations, and how both end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.commands import Add
from trustweft.directory.identifiers import Subject
from trustweft.directory.objects import User
from trustweft.directory.people import Invitation, Invited, Removed
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Shown, reason
from trustweft.web.console.parts import ROOT

if TYPE_CHECKING:
    from trustweft.directory.events import Actor
    from trustweft.directory.keeper import Keeper
    from trustweft.directory.people import ConsolePart, ConsoleStore
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.entropy import Entropy
    from trustweft.web.console.parts import Visit

__all__ = ["INVITATION_SECONDS", "PARTS", "Wanted", "invite", "invite_person", "remove_person", "show_people"]

INVITATION_SECONDS: Final = 3_600.0
PARTS: Final[tuple[ConsolePart, ...]] = ("operator", "administrator", "auditor")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Who acts without an account: nobody may act under their names.
_RESERVED: Final = frozenset(("directory", "command-line"))

WRONG_NAME = reason(
    "console.wrong-name",
    error="invalid_request",
    public="A name has up to 64 letters of a to z, digits, dots, hyphens or underscores, and is nobody else's.",
    shown=Shown.PAGE,
)
WRONG_PART = reason(
    "console.wrong-part",
    error="invalid_request",
    public="A person is an operator, an auditor, or the administrator of an organisation that has not ended.",
    shown=Shown.PAGE,
)
NAME_TAKEN = reason(
    "console.name-taken",
    error="invalid_request",
    public="Somebody has that name, or had it: names are not given twice.",
    status=409,
    shown=Shown.PAGE,
)
UNKNOWN_PERSON = reason(
    "console.unknown-person",
    error="not_found",
    public="Nobody has an account or an invitation under that name.",
    status=404,
    shown=Shown.PAGE,
)
LAST_OPERATOR = reason(
    "console.last-operator",
    error="invalid_request",
    public="The last operator stays: nobody could invite anybody any more.",
    status=409,
    shown=Shown.PAGE,
)


class Wanted(Struct, frozen=True, kw_only=True):
    """Whom somebody invites.

    Attributes:
        by: who invites.
        vouched_by: whom the account goes back to; see ``Person``.
        again: one more passkey for an account that is there.
    """

    name: str
    part: ConsolePart
    by: Actor
    vouched_by: str
    organisation: str | None = None
    again: bool = False


async def invite(
    wanted: Wanted, *, accounts: ConsoleStore, keeper: Keeper, entropy: Entropy, now: float
) -> str:
    """Keep an invitation and return the path of its link, which is good once and for an hour.

    An administrator becomes a user of the register, in the state ``invited``.

    Raises:
        Reject: ``console.wrong-name``, ``.wrong-part``, ``.name-taken``, or what the register refuses.
    """
    name, organisation = wanted.name, wanted.organisation
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise WRONG_NAME.reject(repr(name)[:80])
    if wanted.part not in PARTS or (wanted.part == "administrator") is (organisation is None):
        raise WRONG_PART.reject(f"{wanted.part!r} of {organisation!r}"[:200])
    known = (await keeper.read()).now.get(f"user:{name}")
    facts = known.facts if known is not None else None
    if organisation is None:
        if known is not None:  # somebody else is called that in the register
            raise NAME_TAKEN.reject(name)
    elif facts is None:
        # Somebody who signs in under that name already would be taken for the new one from now on.
        if await accounts.find_person(name) is not None:
            raise NAME_TAKEN.reject(name)
        await _enter(keeper, name, organisation, by=wanted.by)
    elif (
        not isinstance(facts, User)
        or (facts.part, facts.organisation) != ("administrator", organisation)
        or (known is not None and known.standing.effect == "ended")
    ):
        raise NAME_TAKEN.reject(name)
    secret = entropy.token()
    invitation = Invitation(
        digest=digest_of(secret),
        name=name,
        part=wanted.part,
        handle=entropy.token(),
        vouched_by=wanted.vouched_by,
        invited_by=wanted.by.id,
        expires_at=now + INVITATION_SECONDS,
        organisation=organisation,
        again=wanted.again,
    )
    if await accounts.invite(invitation) is Invited.TAKEN:
        raise NAME_TAKEN.reject(name)
    return f"{ROOT}/invitation/{secret}"


async def _enter(keeper: Keeper, name: str, organisation: str, *, by: Actor) -> None:
    snapshot = (await keeper.read()).now
    above = snapshot.get(f"organisation:{organisation}")
    if above is None or above.standing.effect == "ended":
        raise WRONG_PART.reject(f"administrator of {organisation!r}"[:200])
    command = Add(
        subject=Subject("user", name),
        facts=User(organisation=organisation, part="administrator", name=name),
        reason="invited to the console",
    )
    await keeper.carry_out(command, actor=by)


async def show_people(visit: Visit) -> HttpResponse:
    """Everybody with an account, and the links that are out."""
    return await _people_page(visit)


async def invite_person(visit: Visit) -> HttpResponse:
    """Make a link and show it once: nothing but its digest is kept."""
    form, parts = visit.form, visit.parts
    part = form.get("part")
    if part not in PARTS:
        raise WRONG_PART.reject(repr(part)[:80])
    wanted = Wanted(
        name=form.get("name") or "",
        part=part,
        by=visit.person.actor,
        vouched_by=visit.person.vouched_by,
        organisation=form.get("organisation") if part == "administrator" else None,
    )
    path = await invite(
        wanted, accounts=parts.accounts, keeper=parts.keeper, entropy=parts.entropy, now=visit.now
    )
    return await _people_page(visit, link=f"{parts.settings.origin}{path}", invited=wanted)


async def remove_person(visit: Visit) -> HttpResponse:
    """End somebody's account, sessions and invitation."""
    outcome = await visit.parts.accounts.remove(visit.named["name"], now=visit.now)
    if outcome is Removed.UNKNOWN:
        raise UNKNOWN_PERSON.reject(repr(visit.named["name"])[:80])
    if outcome is Removed.LAST:
        raise LAST_OPERATOR.reject(visit.named["name"])
    return visit.go(f"{ROOT}/people", said="removed")


async def _people_page(visit: Visit, *, link: str = "", invited: Wanted | None = None) -> HttpResponse:
    accounts = visit.parts.accounts
    organisations = [
        (str(record.subject.id), getattr(record.facts, "name", "") or record.subject.id)
        for record in visit.register.now.records("organisation")
        if record.standing.effect != "ended" and record.state != "rejected"
    ]
    return visit.page(
        "people",
        place="people",
        people=await accounts.people(),
        invitations=await accounts.invitations(now=visit.now),
        organisations=organisations,
        parts_of_people=PARTS,
        link=link,
        invited=invited,
    )
