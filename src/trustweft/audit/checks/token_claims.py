"""What access tokens tell whoever holds them: clients, resource servers, logs, and everybody who reads those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed, suspected
from trustweft.audit.delicate import may_be_secret, secret, spelt
from trustweft.audit.forging import read_parts
from trustweft.audit.harvest import leaves
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

# What the user agreed to in detail is the matter of the token (RFC 9396), and so is the key that it is bound to.
_MATTER: Final = frozenset({"authorization_details", "cnf"})
# Claims about a person, and the scope that asks for them (OpenID Connect Core section 5.4); none asks for the last.
_PERSONAL: Final = {
    "email": frozenset({"email", "e_mail", "mail", "email_address"}),
    "phone": frozenset({"phone", "phone_number", "mobile", "mobile_number", "telephone"}),
    "address": frozenset({"address", "street", "street_address", "postal_code", "postcode"}),
    "profile": frozenset({"birthdate", "birth_date", "birthday", "date_of_birth", "dob", "gender"}),
    "": frozenset({"iban", "passport_number", "salary", "income", "religion", "diagnosis", "tax_id"}),
}


def _told(trial: Trial) -> list[tuple[str, str]]:
    """Return names and values of everything plain in an access token.

    Raises:
        NotApplicable: it is opaque or encrypted.
    """
    access = trial.deployment.access()
    trial.observe("A token request", access.answer)
    _, claims = read_parts(access.token)
    trial.need(claims, "access tokens are no JWTs that can be read")
    return list(leaves({name: value for name, value in claims.items() if name not in _MATTER}))


@check(
    "TK-24",
    title="No access token holds a password, a hash or a key",
    sends="a good token request; reads the token",
    fix="Name the claims of access tokens one by one; never put the stored user into them.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-522",
    owasp="API3:2023",
)
def tokens_hold_no_secrets(trial: Trial) -> Outcome:
    """A signed token is no envelope: each client and API that gets it can read it, and so can whoever reads their logs.

    A claim counts by its name where it has a value that is not masked, and any value in the form of a password hash.
    """
    told = _told(trial)
    found = [f"{name} ({len(value)} characters)" for name, value in told if secret(name, value)]
    if found:
        return failed(f"The access token holds secrets: {', '.join(found)}.")
    delicate = [name for name, value in told if may_be_secret(name, value)]
    if delicate:
        return suspected(f"Claims that are named like secrets: {', '.join(dict.fromkeys(delicate))}.")
    return passed("No claim of the access token is named as a secret, or has the form of a password hash.")


@check(
    "TK-24-personal",
    title="An access token tells no more of a person than its scope asks for",
    sends="a good token request; reads the token",
    fix="Leave what no API needs out of access tokens; userinfo and ID tokens are for what clients need.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-359",
)
def tokens_tell_little_of_people(trial: Trial) -> Outcome:
    """Each API that a token is for learns what is in it, whether it has to know or not (RFC 9068 section 6).

    What the granted scope asks for is expected: an address of mail with the scope ``email``. RFC 9068 section 2.2.2 lets
    servers put claims about people into tokens, so that others are advice.
    """
    told = _told(trial)
    granted = set(trial.deployment.access().scope.split())
    personal = frozenset().union(*(names for scope, names in _PERSONAL.items() if scope not in granted))
    found = [name for name, value in told if value and spelt(name).lower() in personal]
    if found:
        return failed(
            f"The access token tells what its scope did not ask for: {', '.join(dict.fromkeys(found))}."
        )
    return passed("The access token tells nothing of the person beyond its scope.")
