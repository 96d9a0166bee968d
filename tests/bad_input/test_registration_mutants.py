"""With any one check taken out of the registration's pipelines, somebody gets what they should not, or nobody anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.test_tour_mutants import REGISTRATION
from support.authority import make_authority
from support.participants import join
from support.registration_stories import REGISTRATION_STORIES, good_request
from support.software import Software, certificate_of
from trustweft.crypto.keys import thumbprint
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.server.pipeline import without
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from pathlib import Path

    from support.authority import Authority
    from trustweft.protocol.ecosystem_status import Effect
    from trustweft.server.pipeline import Pipelines

pytestmark = pytest.mark.anyio

CHECKS = [(name, check.__name__) for name in sorted(REGISTRATION) for check in PIPELINES[name]]
# What each check that can refuse is there for; the others establish what the rest stands on.
REFUSED_FOR = {
    "check_registration_offered": "registration.not-offered",
    "count_registration_attempt": "registration.too-many-attempts",
    "check_software_standing": "software-statement.not-active",
    "check_software_takes_part": "participation.ended",
    "check_registered_takes_part": "participation.suspended",
    "check_proof_takes_part": "participation.ended",
    "verify_request_signature": "registration.bad-signature",
    "verify_proof_of_software": "registration.no-proof",
    "check_registered_ways": "registration.beyond-profile",
    "remember_statement": "software-statement.replayed",
    "remember_signed_request": "registration.replayed",
    "refuse_replays": "software-statement.replayed",
    "check_same_software": "registration.statement-mismatch",
    "check_named_client": "registration.other-client",
    "verify_kept_certificate": "registration.no-certificate",
    "verify_certificate_where_asked": "registration.no-certificate",
    "check_method_post": "http.method-not-allowed",
    "check_configuration_method": "http.method-not-allowed",
}


_SOFTWARE = ("planner", "budget")


async def _told(authority: Authority, endpoint: str, effect: Effect) -> str | int:
    """Let the directory speak of the software whose request is under way."""
    draft, member = await good_request(authority, endpoint), await join(authority)
    for client_id in [*_SOFTWARE, *(name for name, _ in await authority.store.list_clients())]:
        member.directory.say(f"software:{client_id}", effect)
    assert await member.reader.poll()
    answer = await authority.send(draft)
    return answer.reason or answer.status


async def _told_of_the_proof(authority: Authority, endpoint: str) -> str | int:
    """Let the directory say that the software's key is known to others, or the certificate that is shown."""
    software = Software()
    draft, member = await good_request(authority, endpoint, software=software), await join(authority)
    subject = f"key:{thumbprint(software.signer.public_key)}"
    if endpoint in {"client_configuration:GET", "client_configuration:DELETE"}:
        draft.certificate = certificate_of(
            authority.ca, now=authority.clock.now(), software="planner", organisation="OFBBR-plannery"
        )
        subject = f"certificate:{certificate_thumbprint(draft.certificate)}"
    member.directory.say(subject, "ended", cause="compromised")
    assert await member.reader.poll()
    answer = await authority.send(draft)
    return answer.reason or answer.status


async def tell(directory: Path, endpoint: str, check: str, pipelines: Pipelines) -> str | int:
    """Return the reason that the check's story ends with, or the status where there is none."""
    authority = await make_authority(directory / "keys", pipelines=pipelines)
    try:
        reason = REFUSED_FOR.get(check)
        if check in {"check_software_takes_part", "check_registered_takes_part"}:
            effect: Effect = "ended" if check == "check_software_takes_part" else "suspended"
            return await _told(authority, endpoint, effect)
        if check == "check_proof_takes_part":
            return await _told_of_the_proof(authority, endpoint)
        if reason in REGISTRATION_STORIES:
            answer = await REGISTRATION_STORIES[reason](authority, endpoint)
        else:
            draft = await good_request(authority, endpoint)
            if reason is not None:
                draft.method = "PATCH"
            answer = await authority.send(draft)
    except LookupError:  # what came before the story's end was broken already
        return 500
    finally:
        authority.close()
    return answer.reason or answer.status


@pytest.mark.parametrize(("endpoint", "check"), CHECKS)
async def test_without_a_check_a_registration_ends_otherwise(
    tmp_path: Path, endpoint: str, check: str
) -> None:
    """A story that ended with the check's reason ends otherwise; where it has none, a good request fails."""
    whole = await tell(tmp_path / "whole", endpoint, check, PIPELINES)
    assert whole == REFUSED_FOR.get(check, whole)
    assert isinstance(whole, str) is (check in REFUSED_FOR)
    assert await tell(tmp_path / "mutant", endpoint, check, without(PIPELINES, endpoint, check)) != whole
