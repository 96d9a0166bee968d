"""A client with a certificate: it authenticates with it, and its token is bound to it (RFC 8705)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.cli.first_start import CERTIFICATE_NAMES
from trustweft.cli.tour.context import FORGED
from trustweft.cli.tour.wire import Draft
from trustweft.crypto.keys import KeySet
from trustweft.protocol.access_token import verify_access_token
from trustweft.protocol.bearer import Scheme, create_authorization

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Tour
    from trustweft.cli.tour.recording import Step

_OWN: Final = CERTIFICATE_NAMES[0]
_OTHER: Final = CERTIFICATE_NAMES[1]
_AUTHENTICATION: Final = ("FAPI2-SP-5.3.2.1-6.1",)
_BINDING: Final = ("FAPI2-SP-5.3.4-5", "FAPI2-SP-5.3.4-5.1")


def use_certificate(tour: Tour, step: Step) -> None:
    """Get a token at the address for certificates, and call the bank with it."""
    url = tour.metadata.mtls_endpoint_aliases.get("token_endpoint", "")
    step.expect("the token endpoint has an address for certificates", holds=bool(url))
    form = (("client_id", _OWN), ("grant_type", "client_credentials"), ("scope", "accounts"))
    draft = Draft(method="POST", url=url, form=form, certificate=_OWN)
    for name, refused, reason in (
        (
            "The client's name without its certificate",
            replace(draft, certificate=None),
            "mtls.certificate-missing",
        ),
        (
            "The certificate of another client of the same authority",
            replace(draft, certificate=_OTHER),
            "mtls.other-name",
        ),
        (
            "A certificate with the right name that nobody issued",
            replace(draft, certificate=FORGED),
            "certificate.untrusted",
        ),
        (
            "The address that asks for no certificate",
            replace(draft, url=tour.metadata.token_endpoint),
            "mtls.certificate-missing",
        ),
    ):
        step.expect_refused(name, refused, reason, clauses=_AUTHENTICATION)
    answer = step.send(draft, status=200).document()
    step.expect("the answer calls it a bearer token", holds=answer.get("token_type") == "Bearer")
    _use_token(tour, step, str(answer.get("access_token")))


def _use_token(tour: Tour, step: Step, token: str) -> None:
    verified = verify_access_token(
        token,
        keys=KeySet.read(tour.keys),
        issuer=tour.issuer,
        audience=tour.bank,
        now=tour.clock.now(),
        future_tolerance=tour.limits.future_tolerance,
    )
    step.expect(
        "the token is bound to a certificate, and to no proof key",
        holds=verified.confirmation.certificate_thumbprint is not None and verified.jkt is None,
    )
    authorization = create_authorization(token, scheme=Scheme.BEARER)
    call = Draft(method="GET", url=f"{tour.bank}/accounts", headers=(authorization,), certificate=_OWN)
    step.expect_refused(
        "The token without the certificate",
        replace(call, certificate=None),
        "mtls.binding-without-certificate",
        clauses=_BINDING,
    )
    step.expect_refused(
        "The token with a thief's certificate",
        replace(call, certificate=_OTHER),
        "mtls.binding-mismatch",
        clauses=_BINDING,
    )
    step.send_aside(call, status=200)
