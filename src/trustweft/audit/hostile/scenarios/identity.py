"""Deviations in the ID token and in userinfo: who logged in is not who the client is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.audit.forging import forge, forge_with_secret, public_pem, unsigned
from trustweft.audit.hostile.scenario import Scenario
from trustweft.crypto.keys import public_jwk
from trustweft.runtime.encoding import encode_base64url

if TYPE_CHECKING:
    from trustweft.audit.hostile.scenario import Draft, Site

__all__ = ["SCENARIOS"]

_REFUSE: Final = "not log anybody in, and not use the access token that came with it"
_HOUR: Final = 3_600


def _unsigned(draft: Draft, _site: Site) -> str:
    return unsigned({"alg": "none", "typ": "JWT"}, draft.claims)


def _by_unknown_key(draft: Draft, site: Site) -> str:
    return replace(draft, key=site.keys.unknown).signed()


def _by_public_key(draft: Draft, site: Site) -> str:
    header = {**draft.header, "alg": "HS256"}
    return forge_with_secret(header, draft.claims, secret=public_pem(site.keys.published.public_key()))


def _own_key(draft: Draft, site: Site) -> str:
    member = public_jwk(site.keys.unknown.public_key())
    header = {"alg": site.keys.algorithm, "typ": "JWT", "jwk": member}
    return forge(header, draft.claims, key=site.keys.unknown)


def _key_elsewhere(draft: Draft, site: Site) -> str:
    header = {
        "alg": site.keys.algorithm,
        "typ": "JWT",
        "jku": f"{site.counterfeit}/jwks",
        "x5u": f"{site.counterfeit}/certificate",
    }
    return forge(header, draft.claims, key=site.keys.unknown)


def _expired(draft: Draft, _site: Site) -> str:
    issued = draft.claims["iat"]
    began = (issued if isinstance(issued, int) else 0) - 2 * _HOUR
    return draft.claiming(iat=began, auth_time=began, exp=began + _HOUR).signed()


def _foreign_party(draft: Draft, _site: Site) -> str:
    return draft.claiming(aud=[draft.claims["aud"], "somebody-else"], azp="somebody-else").signed()


def _wrong_hash(draft: Draft, _site: Site) -> str:
    return draft.claiming(at_hash=encode_base64url(bytes(16))).signed()


def _other_nonce(draft: Draft, site: Site) -> str:
    return draft.claiming(nonce=site.entropy.token()).signed()


SCENARIOS: Final = (
    Scenario(id="RP-06-unsigned", must=_REFUSE, id_token=_unsigned),
    Scenario(id="RP-06-signature", must=_REFUSE, id_token=_by_unknown_key),
    Scenario(id="RP-06-public-key-as-secret", must=_REFUSE, id_token=_by_public_key),
    Scenario(
        id="RP-06-issuer",
        must=_REFUSE,
        id_token=lambda draft, site: draft.claiming(iss=site.other_issuer).signed(),
    ),
    Scenario(
        id="RP-06-audience",
        must=_REFUSE,
        id_token=lambda draft, _: draft.claiming(aud="somebody-else").signed(),
    ),
    Scenario(id="RP-06-authorized-party", must=_REFUSE, id_token=_foreign_party),
    Scenario(id="RP-06-expired", must=_REFUSE, id_token=_expired),
    Scenario(id="RP-06-nonce", must=_REFUSE, id_token=_other_nonce),
    Scenario(
        id="RP-06-nonce-missing",
        must=_REFUSE,
        id_token=lambda draft, _: draft.claiming(nonce=None).signed(),
    ),
    Scenario(
        id="RP-06-subject-missing",
        must=_REFUSE,
        id_token=lambda draft, _: draft.claiming(sub=None).signed(),
    ),
    Scenario(id="RP-06-token-hash", must=_REFUSE, id_token=_wrong_hash),
    Scenario(id="RP-06-missing", must=_REFUSE, id_token=lambda _draft, _site: None),
    Scenario(id="RP-07-own-key", must=_REFUSE, id_token=_own_key),
    Scenario(
        id="RP-07-key-elsewhere", must="fetch no key from where the token says", id_token=_key_elsewhere
    ),
    Scenario(
        id="RP-15-userinfo-subject",
        must="not use claims about another user than the ID token names",
        userinfo=lambda claims, _: {**claims, "sub": "mallory", "name": "Mallory"},
    ),
)
