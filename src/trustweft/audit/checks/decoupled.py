"""Flows without a redirect: backchannel authentication (CIBA) and the device grant (RFC 8628), where they are offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.checks.token_content import ENTROPY_BITS, entropy_bits
from trustweft.audit.checks.token_grants import ask
from trustweft.audit.exchange import form_request
from trustweft.audit.parties import unauthenticated
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

CIBA: Final = "urn:openid:params:grant-type:ciba"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
USER_CODE_BITS: Final = (
    20.0  # RFC 8628 section 6.1: eight of twenty letters have 34.5, together with a limit of tries
)


def _device_request(trial: Trial, party: Party) -> Request:
    url = trial.deployment.discovery.endpoint("device_authorization_endpoint")
    return party.authenticate(form_request(url, ("client_id", party.client_id), ("scope", party.entry.scope)))


def _device(trial: Trial, party: Party) -> Exchange:
    answer = trial.deployment.wire.send(_device_request(trial, party))
    return trial.control(
        "A device authorization request", answer, good=lambda each: bool(each.text("device_code"))
    )


def _ciba_request(trial: Trial, party: Party) -> Request:
    url = trial.deployment.plan(party).endpoint("backchannel_authentication_endpoint", party)
    user = trial.deployment.user()
    return party.authenticate(form_request(url, ("scope", party.entry.scope), ("login_hint", user.username)))


@check(
    "CB-01",
    title="Only a client can ask for a login on a user's device",
    sends="a backchannel authentication request without client authentication",
    fix="Authenticate the client at the backchannel authentication endpoint.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.STATE,
    cwe="CWE-306",
    owasp="API2:2023",
)
def backchannel_needs_credentials(trial: Trial) -> Outcome:
    """Each request makes somebody's telephone ring; who may do that must be known (CIBA section 7.1)."""
    party = trial.deployment.party()
    good = _ciba_request(trial, party)
    bare = unauthenticated(good, party)
    attacks = [
        trial.attack("No credentials", bare),
        trial.attack("client_id alone", bare.with_parameters(("client_id", party.client_id))),
    ]
    trial.control(
        "The client's request",
        trial.deployment.wire.send(good),
        good=lambda each: bool(each.text("auth_req_id")),
    )
    return trial.judge(
        attacks,
        accepted=lambda each: bool(each.text("auth_req_id")),
        failure="A login was started without the client's credentials.",
        success="Without credentials no login was started.",
    )


@check(
    "CB-02",
    title="What one client started another cannot finish",
    sends="another client's token request with an auth_req_id",
    fix="Compare the authenticated client with the one that auth_req_id was given to.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.STATE,
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def auth_req_id_belongs_to_client(trial: Trial) -> Outcome:
    """To a stranger an auth_req_id is invalid_grant; ``authorization_pending`` says that it would be served (CIBA section 11)."""
    deployment = trial.deployment
    party, stranger = deployment.party(), deployment.party(1)
    answer = trial.control(
        "A backchannel authentication request",
        deployment.wire.send(_ciba_request(trial, party)),
        good=lambda each: bool(each.text("auth_req_id")),
    )
    identifier = answer.text("auth_req_id")
    attack = ask(trial, "Another client asks", stranger, ("grant_type", CIBA), ("auth_req_id", identifier))
    return _served_strangers(trial, attack)


@check(
    "DV-01",
    title="A device code works only for the client that it was given to",
    sends="another client's token request with a device code",
    fix="Compare the authenticated client with the one that the device code was given to.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def device_code_belongs_to_client(trial: Trial) -> Outcome:
    """RFC 8628 section 3.4: the code is bound to its client; a stranger must not even learn that it is pending."""
    deployment = trial.deployment
    party, stranger = deployment.party(), deployment.party(1)
    code = _device(trial, party).text("device_code")
    attack = ask(trial, "Another client asks", stranger, ("grant_type", DEVICE), ("device_code", code))
    return _served_strangers(trial, attack)


@check(
    "DV-01-entropy",
    title="Device codes cannot be guessed",
    sends="a few device authorization requests; looks at their codes",
    fix="Make device codes of 128 random bits, and user codes of eight letters, with a limit of tries.",
    requirements=("FAPI2-SP-5.4.1-4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-330",
    owasp="API2:2023",
)
def device_codes_cannot_be_guessed(trial: Trial) -> Outcome:
    """The device code is a credential; the user code is short, since somebody types it (RFC 8628 sections 5.1 and 5.2)."""
    party = trial.deployment.party()
    answers = [_device(trial, party) for _ in range(4)]
    codes = entropy_bits([each.text("device_code") for each in answers])
    users = entropy_bits([each.text("user_code") for each in answers])
    if codes < ENTROPY_BITS:
        return failed(f"Device codes have about {codes:.0f} bits that differ.")
    if users < USER_CODE_BITS:
        return failed(f"User codes have about {users:.0f} bits that differ.")
    return passed(f"Device codes have about {codes:.0f} bits, user codes {users:.0f}.")


@check(
    "DV-01-interval",
    title="A device that asks too often is slowed down",
    sends="token requests with a device code, one right after the other",
    fix="Answer slow_down to requests that come sooner than the interval.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-799",
    owasp="API4:2023",
)
def devices_are_slowed_down(trial: Trial) -> Outcome:
    """RFC 8628 section 3.5: between requests the device waits for the interval; who does not is told to."""
    party = trial.deployment.party()
    code = _device(trial, party).text("device_code")
    answers = [
        ask(trial, "Right after", party, ("grant_type", DEVICE), ("device_code", code)) for _ in range(3)
    ]
    if answers[0].text("error") not in ("authorization_pending", "slow_down"):
        raise Inconclusive(f"the device's own request is answered with {answers[0].error}")
    if any(each.text("error") == "slow_down" or each.status == 429 for each in answers):  # noqa: PLR2004
        return passed("Requests that came too soon were slowed down.")
    return failed("Requests that came too soon were answered like any other.")


def _served_strangers(trial: Trial, attack: Exchange) -> Outcome:
    trial.need_clear([attack])
    if attack.issued or attack.text("error") in ("authorization_pending", "slow_down"):
        return failed("Another client is served with what was given to the first.")
    return passed("Another client was refused.")
