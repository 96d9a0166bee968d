"""The way in: an account is made with a link that is good once, and every sign-in is a passkey.

There is no password, and no way back in by mail: whoever lost every passkey is invited anew at the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.commands import Move
from trustweft.directory.identifiers import Subject
from trustweft.directory.keeper import DIRECTORY
from trustweft.directory.people import Ceremony, PersonPasskey, Session
from trustweft.net.networks import network_of
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Reject, Shown, all_reasons, reason
from trustweft.server.login import passkeys
from trustweft.server.login.rate_limit import Limit
from trustweft.web.console.cookies import CEREMONY, SESSION, clear_cookie, set_cookie
from trustweft.web.console.parts import ROOT

if TYPE_CHECKING:
    from trustweft.directory.people import Invitation, Person
    from trustweft.directory.snapshot import Snapshot
    from trustweft.web.console.parts import Visit

__all__ = [
    "account_is_good",
    "ask_for_assertion",
    "ask_for_passkey",
    "enrol",
    "show_invitation",
    "show_sign_in",
    "sign_in",
    "sign_out",
]

SIGN_IN: Final = f"{ROOT}/sign-in"
INVITATION: Final = f"{ROOT}/invitation"
# Our choice: longer than WebAuthn gives a person to answer (300 s), so that the page outlives the question.
CEREMONY_SECONDS: Final = 600.0
# NIST SP 800-63B section 4.2.3 allows half an hour without use at its second level; a working day is our choice.
IDLE_SECONDS: Final = 1_800.0
SESSION_SECONDS: Final = 28_800.0
# Our choice: nobody guesses a passkey; this bounds what a stranger can make the directory compute and write.
PER_ADDRESS: Final = Limit("console-address", 60, 900)

UNKNOWN = reason(
    "console.unknown-passkey",
    error="access_denied",
    public="This passkey is not known here.",
    status=403,
    shown=Shown.PAGE,
)
STOPPED = reason(
    "console.account-stopped",
    error="access_denied",
    public="Your organisation's entry for you is not active. Ask the operator of the directory.",
    status=403,
    shown=Shown.PAGE,
)
NO_INVITATION = reason(
    "console.no-invitation",
    error="not_found",
    public="This link is not good, or not any more. Ask for another one.",
    status=404,
    shown=Shown.PAGE,
)
PASSKEY_TAKEN = reason(
    "console.passkey-taken",
    error="invalid_request",
    public="That passkey is known here already, or the link was used meanwhile.",
    status=409,
    shown=Shown.PAGE,
)
TOO_MANY = reason(
    "console.too-many-attempts",
    error="access_denied",
    public="There were too many attempts to sign in from your network. Wait a quarter of an hour.",
    status=429,
    shown=Shown.PAGE,
)


class _Holder(Struct, frozen=True):
    """Whose passkey a new one becomes, as authenticators show it."""

    subject: str
    username: str
    name: str


def account_is_good(person: Person, snapshot: Snapshot) -> bool:
    """Say whether the register lets somebody act: an administrator is one of its users, and may be stopped there."""
    known = snapshot.get(f"user:{person.name}")
    if person.part == "administrator":
        return known is not None and known.standing.active
    return known is None or known.standing.active


async def show_sign_in(visit: Visit) -> HttpResponse:
    """The page with the one button."""
    _give_ceremony(visit)
    return visit.page(
        "sign_in",
        place="",
        passkeys=True,
        action=SIGN_IN,
        problem=_problem(visit),
        enrolled=visit.query.get("said") == "enrolled",
    )


async def ask_for_assertion(visit: Visit) -> HttpResponse:
    """The question that a passkey answers."""
    await _count(visit)
    challenge = await _open_ceremony(visit)
    return _options(passkeys.request_options(visit.parts.party, challenge=challenge))


async def sign_in(visit: Visit) -> HttpResponse:
    """A passkey answered: its owner, verified by the device, signed this browser's question at our own address.

    (1) the question is used up, whatever comes (2) the passkey is known, and its owner's (3) signature, origin, user
    verification (4) the owner may act (5) the counter grew, and the session begins with it.
    """
    parts, now = visit.parts, visit.now
    try:
        await _count(visit)
        challenge = await parts.accounts.close_ceremony(digest_of(visit.secret), now=now)  # (1)
        credential = passkeys.read_credential(visit.form.get("credential"))
        passkey = await parts.accounts.find_passkey(passkeys.credential_id_of(credential))  # (2)
        person = await parts.accounts.find_person(passkey.name) if passkey else None
        if passkey is None or person is None or passkeys.user_handle_of(credential) != person.handle:
            raise UNKNOWN.reject("credential or user handle")
        use = passkeys.verify_assertion(credential, passkey, party=parts.party, challenge=challenge)  # (3)
        passkeys.check_counter(use, seen=passkey.sign_count)
        if not account_is_good(person, (await parts.keeper.read()).now):  # (4)
            raise STOPPED.reject(person.name)
        secret = parts.entropy.token()
        session = Session(
            digest=digest_of(secret),
            name=person.name,
            seen_at=now,
            expires_at=now + SESSION_SECONDS,
            idle=IDLE_SECONDS,
        )
        begun = await parts.accounts.sign_in(  # (5)
            session,
            credential_id=passkey.credential_id,
            seen=passkey.sign_count,
            sign_count=use.sign_count,
        )
        if not begun:
            raise passkeys.CLONED.reject("two uses at once")
    except Reject as refusal:
        return _again(visit, SIGN_IN, refusal)
    parts.observer.happened("console", "signed-in", person=person.name, part=person.part)
    visit.cookies += [set_cookie(SESSION, secret, lifetime=SESSION_SECONDS), clear_cookie(CEREMONY)]
    return visit.go(ROOT)


async def sign_out(visit: Visit) -> HttpResponse:
    """This session ends here and in the store."""
    await visit.parts.accounts.sign_out(digest_of(visit.secret))
    visit.cookies.append(clear_cookie(SESSION))
    return visit.go(SIGN_IN)


async def show_invitation(visit: Visit) -> HttpResponse:
    """The page behind the link; looking at it uses nothing up, as mail scanners look too."""
    await _count(visit)
    invitation = await _find_invitation(visit)
    _give_ceremony(visit)
    return visit.page(
        "invitation",
        place="",
        passkeys=True,
        action=visit.request.path,
        problem=_problem(visit),
        invitation=invitation,
    )


async def ask_for_passkey(visit: Visit) -> HttpResponse:
    """The question that a new passkey answers."""
    await _count(visit)
    invitation = await _find_invitation(visit)
    challenge = await _open_ceremony(visit)
    holder = _Holder(invitation.handle, invitation.name, invitation.name)
    return _options(passkeys.creation_options(visit.parts.party, holder, existing=(), challenge=challenge))


async def enrol(visit: Visit) -> HttpResponse:
    """A new passkey answered: the link is used up, and its person has an account.

    An administrator is a user of the register too, who was invited and is active from now on.
    """
    parts, now = visit.parts, visit.now
    await _find_invitation(visit)
    address = visit.request.path
    try:
        await _count(visit)
        challenge = await parts.accounts.close_ceremony(digest_of(visit.secret), now=now)
        credential = passkeys.read_credential(visit.form.get("credential"))
        made = passkeys.verify_new_credential(credential, party=parts.party, challenge=challenge)
        passkey = PersonPasskey(
            credential_id=made.credential_id,
            name="",
            public_key=made.public_key,
            sign_count=made.sign_count,
            created_at=now,
        )
        person = await parts.accounts.enrol(digest_of(visit.named["secret"]), passkey, now=now)
        if person is None:
            raise PASSKEY_TAKEN.reject()
    except Reject as refusal:
        return _again(visit, address, refusal)
    await _activate(visit, person)
    parts.observer.happened("console", "enrolled", person=person.name, part=person.part)
    return visit.go(SIGN_IN, said="enrolled")


async def _activate(visit: Visit, person: Person) -> None:
    known = (await visit.parts.keeper.read()).now.get(f"user:{person.name}")
    if person.part == "administrator" and known is not None and known.state == "invited":
        subject = Subject("user", person.name)
        command = Move(
            subject=subject, action="activate", reason="enrolled a passkey", evidence="console account"
        )
        await visit.parts.keeper.carry_out(command, actor=DIRECTORY)


async def _find_invitation(visit: Visit) -> Invitation:
    digest = digest_of(visit.named["secret"])
    invitation = await visit.parts.accounts.find_invitation(digest, now=visit.now)
    if invitation is None:
        raise NO_INVITATION.reject()
    return invitation


def _give_ceremony(visit: Visit) -> None:
    """Give the browser a secret of its own, unless it has one."""
    visit.secret = visit.secret or visit.parts.entropy.token()
    visit.cookies.append(set_cookie(CEREMONY, visit.secret, lifetime=CEREMONY_SECONDS))


async def _open_ceremony(visit: Visit) -> str:
    challenge = visit.parts.entropy.token()
    ceremony = Ceremony(
        digest=digest_of(visit.secret), challenge=challenge, expires_at=visit.now + CEREMONY_SECONDS
    )
    await visit.parts.accounts.open_ceremony(ceremony, now=visit.now)
    return challenge


async def _count(visit: Visit) -> None:
    """Count an attempt of this network, before anything is computed for it.

    Raises:
        Reject: ``console.too-many-attempts``.
    """
    key = PER_ADDRESS.key(network_of(visit.request.peer), now=visit.now)
    ends = PER_ADDRESS.window_ends(visit.now)
    number = await visit.parts.accounts.count_attempt(key, window_ends=ends, now=visit.now)
    if number > PER_ADDRESS.attempts:
        wait = str(int(ends - visit.now) + 1)
        raise TOO_MANY.reject(f"{number}", headers=(("retry-after", wait),))


def _options(body: bytes) -> HttpResponse:
    return HttpResponse(200, (("content-type", "application/json"), ("cache-control", "no-store")), body)


def _again(visit: Visit, path: str, refusal: Reject) -> HttpResponse:
    """Send the browser back to the form, which says why: only the reason's id travels."""
    visit.parts.observer.refused("console", "sign-in", refusal)
    return visit.go(path, failed=refusal.reason.id)


def _problem(visit: Visit) -> str:
    """Return why it failed, in the words of the reason: nobody else's words get onto the page."""
    failed = visit.query.get("failed")
    known = {each.id: each.public for each in all_reasons() if each.id.startswith(("passkey.", "console."))}
    return known.get(failed or "", "")
