"""Client authentication by certificate: whose it is decides, not that there is one (RFC 8705 section 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trustweft.audit.check import check
from trustweft.audit.door import open_door
from trustweft.audit.exchange import form_request
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.door import Door
    from trustweft.audit.trial import Trial


def certificate_door(trial: Trial) -> Door:
    """Return where the first client that authenticates with a certificate is let in.

    Raises:
        NotApplicable: none does.
    """
    showing = [each for each in trial.deployment.parties if "tls_client_auth" in each.entry.authentication]
    trial.need(showing, "no client of the target file authenticates with a certificate")
    return open_door(trial, showing[0])


@check(
    "CA-10",
    title="A client that authenticates with a certificate is refused without it",
    sends="a client's request on a connection without its certificate",
    fix="Demand the client certificate on the very connection that the request came by.",
    requirements=("FAPI2-SP-5.3.2.1-6", "FAPI2-SP-5.3.2.1-6.1", "RFC8705-2-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def certificate_is_demanded(trial: Trial) -> Outcome:
    """With mutual TLS the request names the client by ``client_id`` alone: everything hangs on the certificate.

    The check sends it without a certificate to the address that takes them, and to the ordinary one.
    """
    door = certificate_door(trial)
    named = ("client_id", door.party.client_id)
    elsewhere = trial.deployment.discovery.text("token_endpoint")
    attacks = [
        door.knock(
            "No certificate", lambda request: replace(request.with_parameters(named), certificate=None)
        ),
        door.knock(
            "No certificate, at the ordinary address",
            lambda request: replace(request.with_parameters(named), certificate=None, url=elsewhere),
        ),
    ]
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="The client was let in without its certificate.",
        success="Without the certificate the client was refused.",
    )


@check(
    "CA-10-other",
    title="Another client's certificate does not authenticate a client",
    sends="a client's request on a connection with another certificate",
    fix="Compare the certificate with what is registered for the client that client_id names.",
    requirements=("RFC8705-2-p3.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-295",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def certificate_of_another_client(trial: Trial) -> Outcome:
    """A good certificate says who somebody is; that it is the right one must be looked at (RFC 8705 section 2)."""
    door = certificate_door(trial)
    others = [
        each.certificate
        for each in trial.deployment.parties
        if each.certificate is not None and each is not door.party
    ]
    trial.need(others, "the target file names no second client with a certificate")
    named = ("client_id", door.party.client_id)
    attack = door.knock(
        "Another certificate", lambda request: replace(request.with_parameters(named), certificate=others[0])
    )
    return trial.judge(
        [attack],
        accepted=door.entered,
        failure="Another client's certificate authenticated the client.",
        success="Another client's certificate was refused.",
    )


@check(
    "CA-10-revocation",
    title="A client shows its certificate at revocation as well",
    sends="the revocation of a client's own token without its certificate",
    fix="Authenticate by certificate at every endpoint that clients authenticate at.",
    requirements=("FAPI2-SP-5.3.2.1-6", "RFC8705-2-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-306",
    owasp="API2:2023",
    alone=True,
)
def certificate_is_demanded_at_revocation(trial: Trial) -> Outcome:
    """The rules of client authentication are one list, and each endpoint may have forgotten to read it."""
    party = certificate_door(trial).party
    deployment = trial.deployment
    url = deployment.plan(party).endpoint("revocation_endpoint", party)
    good = party.authenticate(form_request(url, ("token", deployment.entropy.token())))
    trial.control("With its certificate", deployment.wire.send(good))
    attack = trial.attack("Without its certificate", replace(good, certificate=None))
    return trial.judge(
        [attack],
        accepted=lambda each: each.ok,
        failure="The client revoked without its certificate.",
        success="Without the certificate the revocation was refused.",
    )
