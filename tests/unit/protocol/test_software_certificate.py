"""Whose a certificate is: names of national ecosystems, distinguished names, thumbprints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from support.software import Directory, Software, certificate_of
from trustweft.crypto.local_authority import load_or_create_authority
from trustweft.crypto.x509 import certificate_thumbprint, read_certificate
from trustweft.protocol.software_certificate import verify_certificate_of_software
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.crypto.local_authority import Authority

NOW = 1_800_000_000.0
SAID = Directory().say(Software(), now=NOW)
OWN = {"software": "planner", "organisation": "OFBBR-plannery"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Everybody's authority."""
    path: Path = tmp_path_factory.mktemp("ca")
    return load_or_create_authority(path / "ca", now=NOW)


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        (OWN, {}),
        ({**OWN, "organisation": "plannery"}, {}),
        ({"name": "planner"}, {"certificate_subjects": ("CN=planner",)}),
        (
            {**OWN, "name": "p"},
            {"certificate_subjects": ("CN=q", "UID=planner,2.5.4.97=OFBBR-plannery,CN=p")},
        ),
    ],
    ids=["UID and organisation", "organisation alone", "name", "one of two names"],
)
def test_the_softwares_certificate_is_its_own(
    authority: Authority, names: dict[str, str], changes: dict[str, tuple[str, ...]]
) -> None:
    """By the software and organisation that it names, or by a name of the statement."""
    der = certificate_of(authority, now=NOW, **names)
    verify_certificate_of_software(der, read_certificate(der), msgspec.structs.replace(SAID, **changes))


@pytest.mark.parametrize(
    ("names", "changes", "reason"),
    [
        ({**OWN, "software": "planner-2"}, {}, "registration.certificate-software"),
        ({**OWN, "organisation": "OFBBR-other"}, {}, "registration.certificate-organisation"),
        ({**OWN, "organisation": "OFBBR-x-plannery"}, {}, "registration.certificate-organisation"),
        ({"name": "planner"}, {}, "registration.certificate-software"),
        ({"software": "planner"}, {}, "registration.certificate-software"),
        ({"organisation": "OFBBR-plannery"}, {}, "registration.certificate-software"),
        ({"name": "p"}, {"certificate_subjects": ("CN=planner",)}, "registration.certificate-software"),
        (OWN, {"certificate_subjects": ("CN=planner",)}, "registration.certificate-software"),
        (OWN, {"certificate_subjects": ("planner",)}, "software-statement.subjects"),
        (OWN, {"certificate_thumbprints": ("A" * 43,)}, "registration.certificate-software"),
    ],
)
def test_the_certificate_of_another_is_refused(
    authority: Authority, names: dict[str, str], changes: dict[str, tuple[str, ...]], reason: str
) -> None:
    """Of another software or organisation, with another name, or with none; the authority issued them all."""
    der = certificate_of(authority, now=NOW, **names)
    with pytest.raises(Reject) as refused:
        verify_certificate_of_software(der, read_certificate(der), msgspec.structs.replace(SAID, **changes))
    assert refused.value.reason.id == reason


def test_where_the_statement_names_thumbprints_no_other_certificate_counts(authority: Authority) -> None:
    """Also where its name would do: it may be an older one, whose key is lost."""
    one, other = (certificate_of(authority, now=NOW, name="planner") for _ in range(2))
    said = msgspec.structs.replace(
        SAID,
        certificate_subjects=("CN=planner",),
        certificate_thumbprints=(certificate_thumbprint(one),),
    )
    verify_certificate_of_software(one, read_certificate(one), said)
    with pytest.raises(Reject, match=r"registration\.certificate-software"):
        verify_certificate_of_software(other, read_certificate(other), said)
