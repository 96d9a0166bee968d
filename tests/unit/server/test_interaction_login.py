"""Login with a password: in the browser that began, from our own page, and not too often."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from browsing import ISSUER, PASSWORD, Browser, Site, header_of, location_of
from trustweft.net.networks import network_of
from trustweft.server.login import rate_limit
from trustweft.server.login.passwords import PasswordMismatchError, Passwords
from trustweft.server.pipeline import without

pytestmark = pytest.mark.anyio


async def test_a_right_password_leads_to_the_question(at_login: Browser) -> None:
    """The form is answered with 303, and the page that follows names application, organisation, person and terms."""
    response = await at_login.log_in()
    assert location_of(response) == ISSUER + at_login.interaction
    await at_login.follow(response)
    for words in (
        "MoneyView",
        "MoneyView Ltd",
        "Alice",
        "See your accounts",
        "Balances too.",
        "localhost:8444",
    ):
        assert words in at_login.words


@pytest.mark.parametrize(
    ("username", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("Alice", PASSWORD)]
)
async def test_unknown_people_and_wrong_passwords_get_the_same_answer(
    site: Site, at_login: Browser, username: str, password: str
) -> None:
    """Nobody learns whose account exists."""
    response = await at_login.log_in(username, password)
    assert site.last_reason == "login.wrong-credentials"
    assert location_of(response) == f"{ISSUER}{at_login.interaction}?failed=login.wrong-credentials"
    await at_login.follow(response)
    assert "The user name or the password is wrong." in at_login.words
    assert 'id="login"' in at_login.page


async def test_an_unknown_person_costs_as_much_as_a_known_one() -> None:
    """The stand-in is a hash of the same strength, so that time does not tell who exists."""
    passwords = Passwords(
        entropy=_Counting(), hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    )
    known = await passwords.hash("p")
    assert passwords._nobody.split("$")[:4] == known.split("$")[:4]
    for guess in ("p", "token-1"):  # the second is what the stand-in was made from
        with pytest.raises(PasswordMismatchError):
            await passwords.verify(guess, stored=None)
    passwords.close()


class _Counting:
    """Entropy that can be told apart."""

    def __init__(self) -> None:
        self._count = 0

    def token(self) -> str:
        """Return a value not seen before."""
        self._count += 1
        return f"token-{self._count}"

    def octets(self, count: int) -> bytes:
        """Return octets not seen before."""
        self._count += 1
        return bytes([self._count]) * count


async def test_an_outdated_hash_is_renewed_at_login(site: Site, at_login: Browser) -> None:
    """Only at login is the password at hand."""
    user = await site.store.find_user("alice")
    assert user is not None
    stronger = Passwords(
        entropy=site.deployment.entropy, hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    )
    object.__setattr__(site.deployment, "passwords", stronger)
    assert location_of(await at_login.log_in()) == ISSUER + at_login.interaction
    renewed = await site.store.find_user("alice")
    assert renewed is not None
    assert renewed.password_hash != user.password_hash
    await stronger.verify(PASSWORD, stored=renewed.password_hash)
    assert not stronger.is_outdated(renewed.password_hash)
    stronger.close()


async def test_one_spelling_of_a_password_is_as_good_as_another(site: Site, at_login: Browser) -> None:
    """Keyboards compose characters differently."""
    await site.enrol("zoë", password="cafe\u0301")
    assert location_of(await at_login.log_in("zoë", "caf\u00e9")) == ISSUER + at_login.interaction


async def test_a_crowd_is_turned_away_before_it_fills_the_memory() -> None:
    """Whoever would wait too long is told so at once."""
    passwords = Passwords(
        entropy=_Counting(),
        hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        concurrency=1,
        waiting=0,
    )
    passwords._pending = 1
    with pytest.raises(Exception, match=r"login\.busy"):
        await passwords.hash("p")
    passwords.close()


async def test_a_damaged_hash_matches_nothing() -> None:
    """What cannot be read refuses."""
    passwords = Passwords(
        entropy=_Counting(), hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )
    with pytest.raises(PasswordMismatchError):
        await passwords.verify("", stored="")
    passwords.close()


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_an_incomplete_form_is_shown_again(site: Site, at_login: Browser, missing: str) -> None:
    """Browsers ask for both; whoever leaves one out is asked again."""
    fields = {"csrf": at_login.csrf, "username": "alice", "password": PASSWORD, missing: ""}
    await at_login.follow(await at_login.submit("/login", fields))
    assert site.last_reason == "login.incomplete"
    assert "Enter your user name and your password." in at_login.words


async def test_the_address_says_no_words_of_its_own(at_login: Browser) -> None:
    """Whatever a link puts behind the question mark, the page says only what it knows."""
    await at_login.get(at_login.interaction + "?failed=Call+0900-EVIL")
    assert "EVIL" not in at_login.page


async def test_the_secret_and_the_token_are_renewed_at_login(site: Site, at_login: Browser) -> None:
    """Session fixation: what somebody planted or read before the login still shows the login form, and no more."""
    planted, token = dict(at_login.jar), at_login.csrf
    await at_login.follow(await at_login.log_in())
    assert at_login.jar.keys() == planted.keys()
    assert at_login.jar != planted
    assert at_login.csrf != token
    attacker = Browser(site)
    attacker.jar = planted
    await attacker.get(at_login.interaction)
    assert 'id="login"' in attacker.page
    await attacker.decide("approve")
    assert site.last_reason == "login.required"


async def test_another_browser_cannot_use_the_address(site: Site, at_login: Browser) -> None:
    """The handle stands in histories and logs; without the secret it opens nothing."""
    stranger = Browser(site)
    assert (await stranger.get(at_login.interaction)).status == 403
    stranger.path, stranger.page = at_login.path, at_login.page
    assert (await stranger.log_in()).status == 403
    assert site.last_reason == "interaction.no-cookie"


async def test_the_cookie_of_another_interaction_does_not_fit(site: Site, at_login: Browser) -> None:
    """A secret belongs to its handle, under whatever name it is sent."""
    attacker = Browser(site)
    await attacker.open(await site.push())
    ((own, secret),) = attacker.jar.items()
    ((name, _),) = at_login.jar.items()
    victim_address = at_login.interaction
    attacker.jar = {name: secret}
    assert (await attacker.get(victim_address)).status == 400
    attacker.jar = {own: secret}
    assert (await attacker.get(victim_address)).status == 403


@pytest.mark.parametrize("token", ["", "A" * 43, "é"])
async def test_a_form_without_the_token_is_refused(site: Site, at_login: Browser, token: str) -> None:
    """No other page can read the token."""
    fields = {"csrf": token, "username": "alice", "password": PASSWORD}
    assert (await at_login.submit("/login", fields)).status == 403
    assert site.last_reason == "csrf.token"


async def test_the_token_of_another_interaction_is_refused(site: Site, at_login: Browser) -> None:
    """An attacker's own token is worth nothing here."""
    attacker = Browser(site)
    await attacker.open(await site.push())
    fields = {"csrf": attacker.csrf, "username": "alice", "password": PASSWORD}
    assert (await at_login.submit("/login", fields)).status == 403


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"sec-fetch-site": "cross-site"}, "csrf.cross-site"),
        ({"sec-fetch-site": "same-site"}, "csrf.cross-site"),
        ({"sec-fetch-site": "none"}, "csrf.cross-site"),
        ({"sec-fetch-site": None}, "csrf.foreign-origin"),
        ({"origin": "https://localhost:8444"}, "csrf.foreign-origin"),
        ({"origin": "https://localhost:8441.evil.example"}, "csrf.foreign-origin"),
        ({"sec-fetch-site": None, "origin": "http://localhost:8441"}, "csrf.foreign-origin"),
    ],
)
async def test_forms_of_other_pages_are_refused(
    site: Site, at_login: Browser, headers: dict[str, str | None], reason: str
) -> None:
    """Even with the right token: on one machine every participant is the same site, but not the same origin."""
    fields = {"csrf": at_login.csrf, "username": "alice", "password": PASSWORD}
    assert (await at_login.submit("/login", fields, headers=headers)).status == 403
    assert site.last_reason == reason


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ISSUER},
        {"sec-fetch-site": None, "origin": ISSUER},
        {"sec-fetch-site": None, "origin": None},
    ],
)
async def test_forms_of_our_own_pages_pass(at_login: Browser, headers: dict[str, str | None]) -> None:
    """Whatever a browser says about itself, or leaves out; the token is there in any case."""
    fields = {"csrf": at_login.csrf, "username": "alice", "password": PASSWORD}
    assert (
        location_of(await at_login.submit("/login", fields, headers=headers)) == ISSUER + at_login.interaction
    )


async def test_forms_are_posted_and_pages_are_got(site: Site, at_login: Browser) -> None:
    """Another method is told which one there is."""
    response = await at_login.get(at_login.interaction + "/login")
    assert (response.status, header_of(response, "allow")) == (405, "POST")
    response = await at_login.submit("", {})
    assert (response.status, header_of(response, "allow")) == (405, "GET")
    assert site.observer.reasons == ["http.method-not-allowed"] * 2


async def test_repeated_fields_are_refused(site: Site, at_login: Browser) -> None:
    """Two readers could believe different ones."""
    body = f"csrf={at_login.csrf}&username=alice&username=bob&password=p".encode()
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    response = await at_login.send("POST", at_login.interaction + "/login", body=body, headers=headers)
    assert (response.status, site.last_reason) == (400, "form.repeated-parameter")


async def test_the_same_form_logs_in_once(site: Site, at_login: Browser) -> None:
    """The form of before the login is worth nothing after it, even with the new cookie."""
    before = at_login.csrf
    await at_login.log_in()
    fields = {"csrf": before, "username": "bob", "password": PASSWORD}
    assert (await at_login.submit("/login", fields)).status == 403
    assert site.last_reason == "csrf.token"


async def test_clicking_twice_does_no_harm(site: Site, at_login: Browser) -> None:
    """The browser drops the first answer with its cookie; the second one is as good. The request is answered once."""
    first, second = Browser(site), at_login
    first.jar, first.path, first.page = dict(at_login.jar), at_login.path, at_login.page
    for click in (first, second):
        await click.follow(await click.log_in())
    assert first.jar != second.jar
    assert "code=" in location_of(await second.decide("approve"))
    assert (await first.decide("approve")).status == 400
    assert site.last_reason == "request-uri.spent"


async def test_nobody_logs_in_over_somebody_else(site: Site, at_consent: Browser) -> None:
    """Who consents is who logged in first."""
    response = await at_consent.log_in("bob")
    assert site.last_reason == "login.second"
    await at_consent.follow(response)
    assert "Alice" in at_consent.words


async def test_going_back_without_logging_in_tells_the_application(site: Site, at_login: Browser) -> None:
    """The person need not know a password to say no."""
    response = await at_login.submit("/cancel", {"csrf": at_login.csrf})
    assert "error=access_denied" in location_of(response)
    assert site.last_reason == "login.cancelled"
    assert at_login.jar == {}


async def test_ten_attempts_at_one_name_are_enough(site: Site) -> None:
    """From wherever they come; the right password does not help any more until the window ends."""
    for attempt in range(10):
        browser = Browser(site, peer=f"192.0.2.{attempt}")
        await browser.open(await site.push())
        assert (await browser.log_in("alice", "wrong")).status == 303
    browser = Browser(site, peer="198.51.100.7")
    await browser.open(await site.push())
    form = browser.page
    response = await browser.log_in()
    assert (response.status, site.last_reason) == (429, "login.too-many-attempts")
    assert 0 < int(header_of(response, "retry-after")) <= 900
    browser.page = form
    assert (await browser.log_in("bob")).status == 303
    site.clock.advance(int(header_of(response, "retry-after")))
    browser = Browser(site)
    await browser.open(await site.push())
    assert location_of(await browser.log_in()) == ISSUER + browser.interaction


async def test_success_forgets_the_attempts_of_before(site: Site) -> None:
    """A person who mistypes now and then is never locked out."""
    for _ in range(3):
        browser = Browser(site)
        await browser.open(await site.push())
        for _ in range(9):
            await browser.log_in("alice", "wrong")
        assert location_of(await browser.log_in()) == ISSUER + browser.interaction


async def test_one_address_cannot_try_many_names(site: Site, at_login: Browser) -> None:
    """Spraying one password over many names is counted where it comes from: one IPv6 customer is one address."""
    refused: list[int] = []
    for attempt in range(301):
        at_login.peer = f"2001:db8:0:1::{attempt:x}"
        response = await at_login.log_in(f"user{attempt}", "123456")
        refused.append(response.status)
        at_login.page = at_login.page if response.status == 303 else ""
    assert refused == [303] * 300 + [429]
    assert site.last_reason == "login.too-many-attempts-from-address"


async def test_one_account_cannot_keep_the_server_busy_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each login costs as much as a guess: of one address there are thousands in a window, and no more."""
    assert rate_limit.ALL_FROM_ADDRESS.attempts == 10 * rate_limit.PER_ADDRESS.attempts
    monkeypatch.setattr(rate_limit, "ALL_FROM_ADDRESS", rate_limit.ALL_FROM_ADDRESS._replace(attempts=5))
    for expected in [303] * 5 + [429]:
        browser = Browser(site)
        await browser.open(await site.push())
        assert (await browser.log_in()).status == expected
    assert site.last_reason == "login.too-many-attempts-from-address"


async def test_whoever_logs_in_is_not_counted_where_they_come_from(site: Site) -> None:
    """Many people behind one address log in all day, and a guesser among them gets no more tries by it."""
    for _ in range(301):
        browser = Browser(site)
        await browser.open(await site.push())
        assert location_of(await browser.log_in()) == ISSUER + browser.interaction
    guesser = Browser(site)
    await guesser.open(await site.push())
    form = guesser.page
    for attempt in range(300):
        guesser.page = form
        assert (await guesser.log_in(f"user{attempt}", "123456")).status == 303
        if attempt % 100 == 99:
            owner = Browser(site)
            await owner.open(await site.push())
            refused = await owner.log_in()
    assert (refused.status, site.last_reason) == (429, "login.too-many-attempts-from-address")


async def test_without_the_counting_guessing_goes_on(site: Site, at_login: Browser) -> None:
    """The check is what refuses: the mutant without it takes any number of attempts."""
    site.pipelines = without(site.pipelines, "login", "count_login_attempt")
    for _ in range(12):
        await at_login.log_in("alice", "wrong")
    assert location_of(await at_login.log_in()) == ISSUER + at_login.interaction


async def test_without_the_password_check_anybody_gets_in(site: Site, at_login: Browser) -> None:
    """The check is what refuses."""
    site.pipelines = without(site.pipelines, "login", "check_password")
    assert location_of(await at_login.log_in("alice", "wrong")) == ISSUER + at_login.interaction


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a socket", "a socket"),
        (None, ""),
    ],
)
def test_addresses_count_by_customer(peer: str | None, network: str) -> None:
    """An IPv6 customer has more addresses than anybody can count."""
    assert network_of(peer) == network
