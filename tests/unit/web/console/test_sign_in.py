"""The way into the console, as its users go it and as attackers try it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from software_authenticator import USER_PRESENT
from support.console import ORIGIN, Visitor
from trustweft.directory.commands import Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.people import Removed
from trustweft.runtime.errors import Reject
from trustweft.web.console.sign_in import IDLE_SECONDS, PER_ADDRESS, SESSION_SECONDS

if TYPE_CHECKING:
    from support.console import Answer, Site

pytestmark = pytest.mark.anyio


def failed(answer: Answer) -> str:
    """Return the reason with which a form sends its person back."""
    assert answer.status == 303
    return answer.header("location").partition("failed=")[2]


async def test_a_link_makes_an_account_and_the_passkey_signs_in(site: Site) -> None:
    """From the link to the overview, with nothing but a passkey."""
    visitor = Visitor(site)
    answer = await visitor.enrol(await site.link("olga", "operator"))
    assert answer.header("location") == f"{ORIGIN}/console/sign-in?said=enrolled"
    assert "Your account is made" in (await visitor.follow(answer)).words
    answer = await visitor.sign_in()
    assert answer.header("location") == f"{ORIGIN}/console"
    page = await visitor.follow(answer)
    assert page.status == 200
    assert "olga , operator" in page.words
    assert set(visitor.jar) == {"__Host-trustweft-console"}


async def test_a_link_is_good_once(site: Site) -> None:
    """Whoever comes second finds nothing, and has no account."""
    link = await site.link("olga", "operator")
    await Visitor(site).enrol(link)
    thief = Visitor(site)
    answer = await thief.get(link)
    assert (answer.status, answer.reason) == (404, "console.no-invitation")
    assert len(await site.accounts.people()) == 1


async def test_a_link_is_good_for_an_hour(site: Site) -> None:
    """Also when its page was opened in time."""
    link = await site.link("olga", "operator")
    visitor = Visitor(site)
    await visitor.get(link)
    options = await visitor.submit(f"{link}/options")
    site.clock.advance(3_600)
    answer = await visitor.submit(link, credential=visitor.passkey.create(options.body))
    assert (answer.status, answer.reason) == (404, "console.no-invitation")
    assert await site.accounts.people() == ()


async def test_a_guessed_link_is_nothing(site: Site) -> None:
    """The secret is looked up by its digest, and no answer says how near a guess was."""
    await site.link("olga", "operator")
    for guess in ("A" * 43, "x", "%2e%2e", "%00", "a" * 2_000):
        answer = await Visitor(site).get(f"/console/invitation/{guess}")
        assert (answer.status, answer.reason) == (404, "console.no-invitation")


async def test_the_secret_of_a_link_is_not_told_to_whoever_listens(site: Site) -> None:
    """Logs and metrics name the endpoint, not what stands in the address."""
    link = await site.link("olga", "operator")
    await Visitor(site).enrol(link)
    heard = " ".join(site.hearing.endpoints + site.hearing.happenings)
    assert "invitation/{secret}" in heard
    assert link.rpartition("/")[2] not in heard


async def test_enrolling_activates_the_administrator_in_the_register(site: Site) -> None:
    """An invited administrator is a user of the register who waits, and is active once there is a passkey."""
    link = await site.link("hans", "administrator", "harbour-bank")
    assert (await site.keeper.read()).now.find("user:hans").state == "invited"
    visitor = Visitor(site)
    await visitor.enrol(link)
    assert (await site.keeper.read()).now.find("user:hans").state == "active"
    assert (await visitor.follow(await visitor.sign_in())).status == 200


SPOILT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("passkey.wrong-origin", {}, {"origin": "https://localhost:8444"}),
    ("passkey.wrong-origin", {}, {"crossOrigin": True}),
    ("passkey.wrong-challenge", {}, {"challenge": "A" * 43}),
    ("passkey.not-verified", {"flags": USER_PRESENT}, {}),
    ("passkey.not-verified", {"rp_id": "example.com"}, {}),
    ("passkey.not-verified", {}, {"type": "webauthn.create"}),
]


@pytest.mark.parametrize(("reason", "device", "said"), SPOILT)
async def test_a_spoilt_answer_signs_nobody_in(
    site: Site, reason: str, device: dict[str, Any], said: dict[str, Any]
) -> None:
    """Another address, another question, no verification of the user: each is refused for what it is."""
    visitor = Visitor(site)
    await visitor.enrol(await site.link("olga", "operator"))
    for name, value in device.items():
        setattr(visitor.passkey, name, value)
    assert failed(await visitor.sign_in(**said)) == reason
    assert "__Host-trustweft-console" not in visitor.jar
    assert (await visitor.get("/console")).status == 303
    page = await visitor.get(f"/console/sign-in?failed={reason}")
    assert 'role="alert"' in page.text


async def test_an_account_needs_verification_of_the_user_too(site: Site) -> None:
    """A key that anybody can touch makes no account, and the link stays good for its owner."""
    link = await site.link("olga", "operator")
    visitor = Visitor(site)
    visitor.passkey.flags = USER_PRESENT
    assert failed(await visitor.enrol(link)) == "passkey.not-verified"
    assert await site.accounts.people() == ()
    assert (await visitor.get(f"{link}?failed=passkey.not-verified")).status == 200


async def test_one_answer_is_taken_once(site: Site) -> None:
    """An answer that was overheard is worth nothing: its question is used up, whatever became of it."""
    visitor = Visitor(site)
    await visitor.enrol(await site.link("olga", "operator"))
    await visitor.get("/console/sign-in")
    options = await visitor.submit("/console/sign-in/options")
    jar, csrf = dict(visitor.jar), visitor.csrf
    answer = visitor.passkey.get(options.body)
    assert failed(await visitor.submit("/console/sign-in", credential="{}")) == "passkey.malformed"
    visitor.jar = dict(jar)
    again = await visitor.post("/console/sign-in", {"csrf": csrf, "credential": answer})
    assert failed(again) == "passkey.no-challenge"


async def test_an_answer_works_in_the_browser_that_was_asked_alone(site: Site) -> None:
    """The question belongs to a cookie: nobody is signed in by somebody else's answer in a browser of their own."""
    owner, thief = Visitor(site), Visitor(site)
    await owner.enrol(await site.link("olga", "operator"))
    await owner.get("/console/sign-in")
    options = await owner.submit("/console/sign-in/options")
    stolen = owner.passkey.get(options.body)
    await thief.get("/console/sign-in")
    await thief.submit("/console/sign-in/options")
    assert failed(await thief.submit("/console/sign-in", credential=stolen)) == "passkey.wrong-challenge"


async def test_a_copied_passkey_is_noticed(site: Site) -> None:
    """A counter that does not grow is that of a copy."""
    visitor = Visitor(site)
    await visitor.enrol(await site.link("olga", "operator"))
    await visitor.sign_in()
    visitor.passkey.sign_count -= 1
    assert failed(await visitor.sign_in()) == "passkey.cloned"


async def test_an_unknown_passkey_is_refused(site: Site) -> None:
    """So is one that says it is somebody else's."""
    stranger = Visitor(site)
    stranger.passkey.user_handle = "AAAA"
    assert failed(await stranger.sign_in()) == "console.unknown-passkey"
    visitor = Visitor(site)
    await visitor.enrol(await site.link("olga", "operator"))
    visitor.passkey.user_handle = "AAAA"
    assert failed(await visitor.sign_in()) == "console.unknown-passkey"


async def test_a_credential_of_somebody_else_makes_no_account(site: Site) -> None:
    """The identifier of a passkey that is known here cannot be enrolled anew; the link is not used up."""
    first = Visitor(site)
    await first.enrol(await site.link("olga", "operator"))
    link = await site.link("otto", "operator")
    second = Visitor(site)
    second.passkey.credential_id = first.passkey.credential_id
    assert failed(await second.enrol(link)) == "console.passkey-taken"
    assert [person.name for person in await site.accounts.people()] == ["olga"]


async def test_a_session_ends_when_it_is_idle(site: Site, olga: Visitor) -> None:
    """Half an hour without a request is the end; use before it is not."""
    for _ in range(3):
        site.clock.advance(IDLE_SECONDS - 1)
        assert (await olga.get("/console")).status == 200
    site.clock.advance(IDLE_SECONDS)
    answer = await olga.get("/console")
    assert answer.header("location") == f"{ORIGIN}/console/sign-in"


async def test_a_session_ends_after_a_working_day(site: Site, olga: Visitor) -> None:
    """However busy it is."""
    end = site.clock.now() + SESSION_SECONDS
    while site.clock.now() + IDLE_SECONDS - 1 < end:
        site.clock.advance(IDLE_SECONDS - 1)
        assert (await olga.get("/console")).status == 200
    site.clock.advance(end - site.clock.now())
    assert (await olga.get("/console")).status == 303


async def test_signing_out_ends_the_session_in_the_store_too(site: Site, olga: Visitor) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    await olga.get("/console")
    copy = dict(olga.jar)
    assert (await olga.submit("/console/sign-out")).status == 303
    assert olga.jar == {}
    olga.jar = copy
    assert (await olga.get("/console")).status == 303


async def test_a_removed_person_is_signed_out_everywhere(site: Site, olga: Visitor, ada: Visitor) -> None:
    """The next request of each of their browsers finds the door closed, and the passkey opens it no more."""
    other = Visitor(site)
    other.passkey = ada.passkey
    await other.sign_in()
    assert (await other.get("/console")).status == 200
    await olga.get("/console/people")
    assert (await olga.submit("/console/people/ada/remove")).status == 303
    for browser in (ada, other):
        assert (await browser.get("/console")).header("location") == f"{ORIGIN}/console/sign-in"
    assert failed(await other.sign_in()) == "console.unknown-passkey"
    assert await site.accounts.remove("ada", now=0) is Removed.UNKNOWN


@pytest.mark.parametrize("action", ["suspend", "revoke"])
async def test_who_is_stopped_in_the_register_is_signed_out(
    site: Site, olga: Visitor, mia: Visitor, action: str
) -> None:
    """An administrator whose entry is stopped reads nothing more, and cannot sign in again."""
    assert olga is not None
    command = Move(subject=parse_subject("user:mia"), action=action, reason="left")
    await site.keeper.carry_out(command, actor=(await _person(site, "olga")).actor)
    assert (await mia.get("/console")).status == 303
    assert failed(await mia.sign_in()) == "console.account-stopped"


async def _person(site: Site, name: str) -> Any:
    found = await site.accounts.find_person(name)
    assert found is not None
    return found


async def test_a_network_that_tries_too_often_waits(site: Site) -> None:
    """Attempts are counted per network, before anything is computed; others are not held up."""
    busy = Visitor(site)
    await busy.get("/console/sign-in")
    for _ in range(PER_ADDRESS.attempts):
        assert (await busy.submit("/console/sign-in/options")).status == 200
    answer = await busy.submit("/console/sign-in/options")
    assert (answer.status, answer.reason) == (429, "console.too-many-attempts")
    assert int(answer.header("retry-after")) > 0
    assert failed(await busy.submit("/console/sign-in", credential="{}")) == "console.too-many-attempts"
    elsewhere = Visitor(site, peer="198.51.100.7")
    await elsewhere.get("/console/sign-in")
    assert (await elsewhere.submit("/console/sign-in/options")).status == 200
    site.clock.advance(PER_ADDRESS.window)
    assert (await busy.submit("/console/sign-in/options")).status == 200


async def test_a_lost_device_is_replaced_at_the_command_line(site: Site, olga: Visitor) -> None:
    """One more passkey for the same person; her earlier one still works."""
    visitor = Visitor(site)
    await visitor.enrol(await site.link("olga", "operator", again=True))
    await visitor.sign_in()
    assert "olga , operator" in (await visitor.get("/console")).words
    await olga.sign_in()
    assert (await olga.get("/console")).status == 200


@pytest.mark.parametrize(
    ("name", "part", "organisation", "reason"),
    [
        ("", "auditor", None, "console.wrong-name"),
        ("a b", "auditor", None, "console.wrong-name"),
        ("../x", "auditor", None, "console.wrong-name"),
        ("directory", "operator", None, "console.wrong-name"),
        ("command-line", "operator", None, "console.wrong-name"),
        ("x" * 65, "auditor", None, "console.wrong-name"),
        ("pia", "administrator", None, "console.wrong-part"),
        ("pia", "administrator", "nobody", "console.wrong-part"),
        ("pia", "auditor", "moneyview", "console.wrong-part"),
        ("pia", "authority", None, "console.wrong-part"),
        ("mia", "auditor", None, "console.name-taken"),
        ("mia", "administrator", "harbour-bank", "console.name-taken"),
    ],
)
async def test_a_wrong_invitation_is_refused(
    site: Site, name: str, part: Any, organisation: str | None, reason: str
) -> None:
    """Names that others act under, parts that there are not, administrators of nothing."""
    with pytest.raises(Reject) as refused:
        await site.link(name, part, organisation)
    assert refused.value.reason.id == reason
    assert await site.accounts.invitations(now=site.clock.now()) == ()
