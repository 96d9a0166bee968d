"""Passkeys: one ceremony, one challenge, one origin, one person; added only by whoever knows the password."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from browsing import ISSUER, Browser, Site, answer_of, location_of
from software_authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    USER_PRESENT,
    USER_VERIFIED,
    SoftwareAuthenticator,
)
from trustweft.runtime.encoding import digest_of
from trustweft.server.pipeline import without

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.server.records import AuthorizationCode

pytestmark = pytest.mark.anyio


@pytest.fixture
def authenticator() -> SoftwareAuthenticator:
    """Alice's security key."""
    return SoftwareAuthenticator(origin=ISSUER)


async def ask(browser: Browser, step: str) -> bytes:
    """Fetch the options of a ceremony, as the page's script does."""
    response = await browser.submit(f"/{step}_options", {"csrf": browser.csrf}, headers={"origin": ISSUER})
    assert response.status == 200, response
    assert ("content-type", "application/json") in response.headers
    return response.body


async def register(browser: Browser, authenticator: SoftwareAuthenticator, **changes: Any) -> str:
    """Add a passkey; return where the browser is sent."""
    await browser.get(browser.interaction + "/passkeys")
    credential = authenticator.create(await ask(browser, "passkey_registration"), **changes)
    response = await browser.submit("/passkey_registration", {"csrf": browser.csrf, "credential": credential})
    return location_of(response)


async def log_in(browser: Browser, authenticator: SoftwareAuthenticator, **changes: Any) -> str:
    """Log in by passkey; return where the browser is sent."""
    credential = authenticator.get(await ask(browser, "passkey"), **changes)
    response = await browser.submit("/passkey", {"csrf": browser.csrf, "credential": credential})
    return location_of(response)


@pytest.fixture
async def enrolled(at_consent: Browser, authenticator: SoftwareAuthenticator) -> SoftwareAuthenticator:
    """Alice's security key, once she has added it."""
    location = await register(at_consent, authenticator)
    assert location == f"{ISSUER}{at_consent.interaction}/passkeys?added=yes"
    return authenticator


async def code_of(site: Site, browser: Browser) -> AuthorizationCode:
    """Approve, and return what the code stands for."""
    await browser.get(browser.interaction)
    record = await site.store.find_code(digest_of(answer_of(await browser.decide("approve"))["code"]))
    assert record is not None
    return record


async def test_a_passkey_is_added_and_shown(
    site: Site, at_consent: Browser, enrolled: SoftwareAuthenticator
) -> None:
    """And the interaction goes on where it was."""
    await at_consent.get(at_consent.interaction + "/passkeys?added=yes")
    assert "The passkey is added." in at_consent.words
    assert "Passkey 1" in at_consent.words
    alice = await site.store.find_user("alice")
    assert alice is not None
    (passkey,) = await site.store.passkeys_of(alice.subject)
    assert (passkey.credential_id, passkey.sign_count) == (enrolled.credential_id, 1)
    assert (await code_of(site, at_consent)).methods == ("pwd",)


@pytest.mark.parametrize(
    ("make", "methods"),
    [
        (lambda: SoftwareAuthenticator(origin=ISSUER), ("hwk", "user")),
        (
            lambda: SoftwareAuthenticator(
                origin=ISSUER,
                key=ed25519.Ed25519PrivateKey.generate(),
                counts=False,
                flags=USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP,
            ),
            ("swk", "user"),
        ),
    ],
    ids=["security key", "synchronised"],
)
async def test_a_passkey_logs_in_without_a_user_name(
    site: Site, at_consent: Browser, make: Callable[[], SoftwareAuthenticator], methods: tuple[str, ...]
) -> None:
    """Twice, so that the counter is seen to advance; the code says how the person logged in."""
    authenticator = make()
    await register(at_consent, authenticator)
    for _ in range(2):
        browser = Browser(site)
        await browser.open(await site.push())
        assert await log_in(browser, authenticator) == ISSUER + browser.interaction
        record = await code_of(site, browser)
        assert record.methods == methods
    alice = await site.store.find_user("alice")
    assert alice is not None
    assert record.subject == alice.subject


async def test_the_options_ask_for_what_is_verified(site: Site, at_login: Browser) -> None:
    """User verification, our host, a fresh challenge each time, and nobody's passkeys listed."""
    first, second = json.loads(await ask(at_login, "passkey")), json.loads(await ask(at_login, "passkey"))
    assert (first["rpId"], first["userVerification"], first["allowCredentials"]) == (
        "localhost",
        "required",
        [],
    )
    assert first["challenge"] != second["challenge"]


async def test_a_new_passkey_is_asked_to_be_discoverable(
    site: Site, at_consent: Browser, enrolled: SoftwareAuthenticator
) -> None:
    """With the two algorithms, no attestation, and not on a device that has one already."""
    options = json.loads(await ask(at_consent, "passkey_registration"))
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [parameter["alg"] for parameter in options["pubKeyCredParams"]] == [-8, -7]
    assert options["attestation"] == "none"
    assert len(options["excludeCredentials"]) == 1


async def fresh(site: Site) -> Browser:
    """Another browser at the login form."""
    browser = Browser(site)
    await browser.open(await site.push())
    return browser


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("origin", "https://localhost:8444", "passkey.wrong-origin"),
        ("origin", "http://localhost:8441", "passkey.wrong-origin"),
        ("cross_origin", True, "passkey.wrong-origin"),
        ("rp_id", "evil.example", "passkey.not-verified"),
        ("flags", USER_PRESENT, "passkey.not-verified"),
        ("flags", USER_VERIFIED, "passkey.not-verified"),
        ("key", ed25519.Ed25519PrivateKey.generate(), "passkey.not-verified"),
        ("credential_id", b"another", "passkey.unknown"),
        ("user_handle", "c3ViLmFub3RoZXI", "passkey.unknown"),
        ("sign_count", 0, "passkey.cloned"),
    ],
)
async def test_an_authenticator_that_differs_in_one_thing_is_refused(
    site: Site, enrolled: SoftwareAuthenticator, attribute: str, value: object, reason: str
) -> None:
    """One good login, one change; the person is sent back to the form, which says why."""
    browser = await fresh(site)
    setattr(enrolled, attribute, value)
    location = await log_in(browser, enrolled)
    assert site.last_reason == reason
    assert location == f"{ISSUER}{browser.interaction}?failed={reason}"
    await browser.get(location.removeprefix(ISSUER))
    assert "passkey" in browser.words.partition("Log in")[2].lower()
    assert 'id="login"' in browser.page


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"challenge": "A" * 43}, "passkey.wrong-challenge"),
        ({"challenge": ""}, "passkey.wrong-challenge"),
        ({"type": "webauthn.create"}, "passkey.not-verified"),
        ({"origin": None}, "passkey.wrong-origin"),
        ({"challenge": 7}, "passkey.not-verified"),
    ],
)
async def test_client_data_that_differs_in_one_thing_is_refused(
    site: Site, enrolled: SoftwareAuthenticator, changes: dict[str, Any], reason: str
) -> None:
    """What the browser says about the ceremony is compared with what was asked."""
    await log_in(await fresh(site), enrolled, **changes)
    assert site.last_reason == reason


async def test_an_answer_to_an_older_challenge_is_refused(
    site: Site, enrolled: SoftwareAuthenticator
) -> None:
    """Only the latest one counts."""
    browser = await fresh(site)
    old = await ask(browser, "passkey")
    await ask(browser, "passkey")
    credential = enrolled.get(old)
    await browser.submit("/passkey", {"csrf": browser.csrf, "credential": credential})
    assert site.last_reason == "passkey.wrong-challenge"


async def test_an_answer_from_another_browser_is_refused(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """An attacker who has Alice answer a challenge of theirs cannot use it where another was asked."""
    attacker, victim = await fresh(site), await fresh(site)
    credential = enrolled.get(await ask(victim, "passkey"))
    await ask(attacker, "passkey")
    await attacker.submit("/passkey", {"csrf": attacker.csrf, "credential": credential})
    assert site.last_reason == "passkey.wrong-challenge"


async def test_an_answer_that_nobody_asked_for_is_refused(
    site: Site, enrolled: SoftwareAuthenticator
) -> None:
    """There is no challenge until one is handed out."""
    browser = await fresh(site)
    credential = enrolled.get(b'{"challenge": ""}')
    await browser.submit("/passkey", {"csrf": browser.csrf, "credential": credential})
    assert site.last_reason == "passkey.no-challenge"


async def test_of_many_copies_of_one_answer_one_logs_in(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """Each challenge is answered once, even at the same moment, even by a passkey that does not count."""
    site.pipelines = without(site.pipelines, "passkey", "advance_passkey_counter")
    browser = await fresh(site)
    credential = enrolled.get(await ask(browser, "passkey"))
    copies = [Browser(site) for _ in range(8)]
    for copy in copies:
        copy.jar, copy.path = dict(browser.jar), browser.path
    form = {"csrf": browser.csrf, "credential": credential}
    responses = await asyncio.gather(*(copy.submit("/passkey", form) for copy in copies))
    locations = [location_of(response) for response in responses if response.status == 303]
    assert locations.count(ISSUER + browser.interaction) == 1
    assert site.observer.reasons == ["passkey.challenge-replayed"] * 7


async def test_the_same_answer_again_is_refused(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """Even with the cookie of before the login."""
    browser = await fresh(site)
    before = dict(browser.jar)
    credential = enrolled.get(await ask(browser, "passkey"))
    form = {"csrf": browser.csrf, "credential": credential}
    assert location_of(await browser.submit("/passkey", form)) == ISSUER + browser.interaction
    browser.jar = before
    await browser.submit("/passkey", form)
    assert site.last_reason == "passkey.challenge-replayed"


async def test_of_two_uses_at_once_one_counts(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """A device and its copy that show the same count at the same moment do not both get in."""
    browsers = [await fresh(site), await fresh(site)]
    forms = []
    for browser in browsers:
        enrolled.sign_count = 6
        credential = enrolled.get(await ask(browser, "passkey"))
        forms.append({"csrf": browser.csrf, "credential": credential})
    await asyncio.gather(
        *(browser.submit("/passkey", form) for browser, form in zip(browsers, forms, strict=True))
    )
    assert site.observer.reasons == ["passkey.cloned"]


async def test_without_the_counter_check_a_copy_logs_in(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """The check is what refuses."""
    site.pipelines = without(site.pipelines, "passkey", "advance_passkey_counter")
    enrolled.sign_count = 0
    browser = await fresh(site)
    assert await log_in(browser, enrolled) == ISSUER + browser.interaction


async def test_a_passkey_that_outlived_its_person_opens_nothing(
    site: Site, enrolled: SoftwareAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the store still has: nobody logs in as somebody who is not there."""

    async def nobody(subject: str) -> None:
        return None

    monkeypatch.setattr(site.store, "find_subject", nobody)
    await log_in(await fresh(site), enrolled)
    assert site.last_reason == "passkey.unknown"


async def test_a_removed_persons_passkey_opens_nothing(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """It goes with the account."""
    await site.store.remove_user("alice", now=site.clock.now())
    await log_in(await fresh(site), enrolled)
    assert site.last_reason == "passkey.unknown"


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"rawId": "AAAA"}',
        '{"rawId": 7}',
        '{"rawId": "=="}',
        '{"rawId": "AAAA", "rawId": "AAAA"}',
        '{"rawId": "AAAA", "response": []}',
        "{" * 100,
        '{"rawId": "' + "A" * 40_000 + '"}',
    ],
)
async def test_what_is_no_credential_is_refused(site: Site, at_login: Browser, credential: str) -> None:
    """Bounded, strict, and never a failure of ours."""
    await ask(at_login, "passkey")
    response = await at_login.submit("/passkey", {"csrf": at_login.csrf, "credential": credential})
    assert response.status == 303
    assert site.last_reason in {"passkey.malformed", "passkey.unknown"}


@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
@pytest.mark.parametrize("value", [None, 7, "", "AAAA", "%%%", "e30", "bnVsbA", "WzFd"])
async def test_a_credential_with_one_member_spoilt_is_refused(
    site: Site, enrolled: SoftwareAuthenticator, member: str, value: object
) -> None:
    """Whatever the library makes of it, it is a refusal."""
    browser = await fresh(site)
    credential = json.loads(enrolled.get(await ask(browser, "passkey")))
    credential["response"][member] = value
    response = await browser.submit("/passkey", {"csrf": browser.csrf, "credential": json.dumps(credential)})
    assert location_of(response).startswith(f"{ISSUER}{browser.interaction}?failed=passkey.")


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("origin", "https://localhost:8444", "passkey.wrong-origin"),
        ("cross_origin", True, "passkey.wrong-origin"),
        ("rp_id", "evil.example", "passkey.not-verified"),
        ("flags", USER_PRESENT, "passkey.not-verified"),
        ("key", rsa.generate_private_key(public_exponent=65537, key_size=2048), "passkey.not-verified"),
        ("credential_id", b"x" * 1_024, "passkey.not-verified"),
    ],
)
async def test_a_new_passkey_that_differs_in_one_thing_is_refused(
    site: Site,
    at_consent: Browser,
    authenticator: SoftwareAuthenticator,
    attribute: str,
    value: object,
    reason: str,
) -> None:
    """One good registration, one change; the page says why."""
    setattr(authenticator, attribute, value)
    location = await register(at_consent, authenticator)
    assert location == f"{ISSUER}{at_consent.interaction}/passkeys?failed={reason}"
    await at_consent.get(location.removeprefix(ISSUER))
    assert 'id="passkey-register"' in at_consent.page
    assert "You have none yet." in at_consent.words


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"challenge": "A" * 43}, "passkey.wrong-challenge"),
        ({"type": "webauthn.get"}, "passkey.not-verified"),
        ({"attestation": "tpm"}, "passkey.not-verified"),
        ({"attestation": "fido-u2f"}, "passkey.not-verified"),
    ],
)
async def test_a_registration_that_differs_in_one_thing_is_refused(
    site: Site,
    at_consent: Browser,
    authenticator: SoftwareAuthenticator,
    changes: dict[str, Any],
    reason: str,
) -> None:
    """Attestations that nobody asked for are not even parsed."""
    await register(at_consent, authenticator, **changes)
    assert site.last_reason == reason


@pytest.mark.parametrize("credential", ["", '{"rawId": "AAAA"}', '{"response": []}', '{"response": {}}'])
async def test_what_is_no_new_credential_is_refused(site: Site, at_consent: Browser, credential: str) -> None:
    """Bounded, strict, and never a failure of ours."""
    await ask(at_consent, "passkey_registration")
    form = {"csrf": at_consent.csrf, "credential": credential}
    assert (await at_consent.submit("/passkey_registration", form)).status == 303
    assert site.last_reason == "passkey.malformed"


async def test_a_key_may_attest_itself(at_consent: Browser, authenticator: SoftwareAuthenticator) -> None:
    """Browsers pass that on even where no attestation is asked for."""
    assert (await register(at_consent, authenticator, attestation="packed")).endswith("?added=yes")


async def test_certificates_of_makers_are_not_parsed(
    site: Site, at_consent: Browser, authenticator: SoftwareAuthenticator
) -> None:
    """Nobody asked for them."""
    authenticator.certificates = {"x5c": [b"0"]}
    await register(at_consent, authenticator, attestation="packed")
    assert site.last_reason == "passkey.not-verified"


async def test_a_key_off_its_curve_is_not_kept(
    site: Site, at_consent: Browser, authenticator: SoftwareAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that could never verify anything is found now, not at the next login."""
    monkeypatch.setattr(
        authenticator, "_cose", lambda: {1: 2, 3: -7, -1: 1, -2: b"\x01" * 32, -3: b"\x02" * 32}
    )
    await register(at_consent, authenticator)
    assert site.last_reason == "passkey.not-verified"


async def test_a_credential_under_another_identifier_is_not_kept(
    site: Site, at_consent: Browser, authenticator: SoftwareAuthenticator
) -> None:
    """What the browser names and what the device made are one thing."""
    credential = json.loads(authenticator.create(await ask(at_consent, "passkey_registration")))
    credential["id"] = credential["rawId"] = "AAAA"
    form = {"csrf": at_consent.csrf, "credential": json.dumps(credential)}
    await at_consent.submit("/passkey_registration", form)
    assert site.last_reason == "passkey.not-verified"


async def test_one_passkey_is_kept_once(
    site: Site, at_consent: Browser, enrolled: SoftwareAuthenticator
) -> None:
    """Nobody registers a known credential, and nobody takes it over."""
    await register(at_consent, enrolled)
    assert site.last_reason == "passkey.known"
    other = await fresh(site)
    await other.follow(await other.log_in("bob"))
    await register(other, enrolled)
    assert site.last_reason == "passkey.known"


async def test_nobody_fills_the_store_with_passkeys(site: Site, at_consent: Browser) -> None:
    """Twenty are more devices than a person has."""
    for _ in range(20):
        assert (await register(at_consent, SoftwareAuthenticator(origin=ISSUER))).endswith("?added=yes")
    await register(at_consent, SoftwareAuthenticator(origin=ISSUER))
    assert site.last_reason == "passkey.too-many"


async def test_a_passkey_login_adds_no_passkey(site: Site, enrolled: SoftwareAuthenticator) -> None:
    """Whoever got hold of one device cannot add another to stay, and is not offered it."""
    browser = await fresh(site)
    await log_in(browser, enrolled)
    await browser.get(browser.interaction)
    token = browser.csrf
    for step in ("/passkey_registration_options", "/passkey_registration"):
        assert (await browser.submit(step, {"csrf": token})).status == 403
        assert site.last_reason == "passkey.needs-password"
    assert (await browser.get(browser.interaction + "/passkeys")).status == 403


async def test_nobody_adds_a_passkey_before_the_login(site: Site, at_login: Browser) -> None:
    """And whoever is logged in gets no challenge for another login."""
    for step in ("/passkey_registration_options", "/passkey_registration"):
        assert (await at_login.submit(step, {"csrf": at_login.csrf})).status == 303
        assert site.last_reason == "login.required"
    await at_login.follow(await at_login.log_in())
    assert (await at_login.submit("/passkey_options", {"csrf": at_login.csrf})).status == 303
    assert site.last_reason == "login.second"


async def test_options_need_the_token(site: Site, at_login: Browser) -> None:
    """No other page makes this browser ask for a challenge."""
    assert (await at_login.submit("/passkey_options", {"csrf": "x"})).status == 403
