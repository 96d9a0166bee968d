"""Our signatures and joserfc's agree, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as other_jws
from joserfc import jwt as other_jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from trustweft.crypto import jws
from trustweft.crypto.keys import (
    LocalSigner,
    generate_private_key,
    private_jwk,
    public_jwk,
    read_private_jwk,
    read_public_jwk,
    thumbprint,
)
from trustweft.runtime.errors import Reject

# The profile allows both names of Ed25519 signatures; joserfc warns about the older one.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
SIGNERS = {name: LocalSigner(name, generate_private_key(name), f"key-{name}") for name in ALGORITHMS}
KINDS: dict[str, type[ECKey | RSAKey | OKPKey]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
CLAIMS = st.dictionaries(
    st.text(max_size=6),
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=12)
    | st.lists(st.text(max_size=4)),
    max_size=5,
)


def other_key(algorithm: str) -> ECKey | RSAKey | OKPKey:
    """Return our private key as joserfc's, by way of its JWK."""
    jwk: dict[str, Any] = dict(private_jwk(SIGNERS[algorithm].private_key))
    return KINDS[jwk["kty"]].import_key(jwk)


OTHER_KEYS = {name: other_key(name) for name in ALGORITHMS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=25)
@given(claims=CLAIMS)
def test_joserfc_verifies_what_we_sign(algorithm: str, claims: dict[str, Any]) -> None:
    """What we sign, another library verifies and reads alike."""
    token = jws.sign(claims, signer=SIGNERS[algorithm], header={"typ": "JWT"})
    decoded = other_jwt.decode(token, OTHER_KEYS[algorithm], algorithms=[algorithm])
    assert decoded.claims == claims
    assert decoded.header == {"alg": algorithm, "kid": f"key-{algorithm}", "typ": "JWT"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=25)
@given(claims=CLAIMS)
def test_we_verify_what_joserfc_signs(algorithm: str, claims: dict[str, Any]) -> None:
    """What another library signs, we verify and read alike."""
    token = other_jwt.encode({"alg": algorithm}, claims, OTHER_KEYS[algorithm], algorithms=[algorithm])
    assert jws.verify(jws.parse(token), key=SIGNERS[algorithm].public_key) == claims


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
@settings(max_examples=50)
@given(position=st.integers(0, 10_000), character=st.sampled_from("AZaz09-_"))
def test_what_joserfc_refuses_we_refuse(algorithm: str, position: int, character: str) -> None:
    """A changed token that another library refuses is refused by us as well: we are never the laxer one."""
    token = jws.sign({"sub": "x"}, signer=SIGNERS[algorithm])
    place = position % len(token)
    changed = token[:place] + character + token[place + 1 :]
    try:
        other_jws.deserialize_compact(changed, OTHER_KEYS[algorithm], algorithms=list(ALGORITHMS))
    except (JoseError, ValueError):
        with pytest.raises(Reject):
            jws.verify(jws.parse(changed), key=SIGNERS[algorithm].public_key)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_and_thumbprints_agree(algorithm: str) -> None:
    """A key survives the way through another library, and its thumbprint is the same there."""
    signer, other = SIGNERS[algorithm], OTHER_KEYS[algorithm]
    assert other.thumbprint() == thumbprint(signer.public_key)
    returned: dict[str, Any] = dict(other.as_dict(private=False))
    assert public_jwk(read_public_jwk(returned)) == public_jwk(signer.public_key)
    assert private_jwk(read_private_jwk(dict(other.as_dict(private=True)))) == private_jwk(signer.private_key)
