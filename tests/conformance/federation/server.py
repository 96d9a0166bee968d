"""The suite's modules for a server whose clients register automatically and sign their requests, as examinations.

Each examines a server that has never heard of the client, and is told with a server that has one flaw, which it must
notice. What the suite leaves to chance is fixed here: a refusal is a page with an error of the kind that it accepts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from conformance.federation.modules import SERVER_MODULES, TESTED
from support.authority import ISSUER
from support.drafts import Draft, message_of
from support.federated import ANCHOR, CLIENT, Site, permit_requests_without_push
from support.federation import new_signer
from support.requests import code_request
from support.signed_requests import REQUEST, browser_request, signed_push
from support.visits import Push, begin_visit
from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet
from trustweft.protocol import jar
from trustweft.protocol.metadata import create_server_metadata
from trustweft.protocol.oauth import Form
from trustweft.runtime.encoding import digest_of
from trustweft.server import documents
from trustweft.server.checks import federation as federation_checks
from trustweft.server.checks import request_object as request_object_checks
from trustweft.server.pipeline import without

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from support.wire import Answer
    from trustweft.crypto.keys import VerificationKey
    from trustweft.server.exchange import Exchange

    Flaw = Callable[[pytest.MonkeyPatch, Site], None]

__all__ = ["EXAMINATIONS", "Examination"]

BY_VALUE: Final = "authorization:request"


@dataclass(frozen=True)
class Examination:
    """One module.

    Attributes:
        name: of the module.
        examine: raises ``AssertionError`` where the server does not do what the module asks for.
        flaw: makes a server that the module must notice.
    """

    name: str
    examine: Callable[[Site], Awaitable[None]]
    flaw: Flaw

    def __str__(self) -> str:
        return self.name


# The whole way.


def _chain(site: Site) -> list[str]:
    now = site.web.now
    return [
        replace(site.client, now=now).configuration(),
        replace(ANCHOR, now=now).about(site.client),
        replace(ANCHOR, now=now).configuration(),
    ]


def _request_uri(answer: Answer) -> str:
    if answer.status == 201:
        return str(answer.json["request_uri"])
    assert answer.status == 303, (answer.status, answer.reason)
    return parse_qs(urlsplit(answer.header("location")).query)["request_uri"][0]


async def _walk(site: Site, draft: Draft) -> None:
    """Begin with this request, log in, consent, redeem the code, and look at the ID token."""
    authority = site.authority
    request_uri = _request_uri(await authority.send(draft))
    query = f"client_id={quote(CLIENT, safe='')}&request_uri={quote(request_uri, safe='')}"
    opened = await authority.send(Draft("GET", "/authorize", query))
    assert (opened.status, "/interaction/" in opened.header("location")) == (303, True)
    digest = digest_of(request_uri.rpartition(":")[2])
    record = await authority.store.find_pushed_request(digest)
    assert record is not None
    visit = await begin_visit(authority, logged_in=True, pushed=Push(request_uri, digest, record))
    location = urlsplit((await authority.send(visit.decide())).header("location"))
    response = {name: values[0] for name, values in parse_qs(location.query).items()}
    assert (response["state"], response["iss"]) == (draft.message(REQUEST).claims["state"], ISSUER)
    issued = await authority.issue_code(site.party, scope=("openid", "accounts"))
    tokens = await authority.send(code_request(authority, replace(issued, code=response["code"])))
    claims = message_of(tokens.json["id_token"], authority.signer).claims
    assert (claims["iss"], claims["aud"]) == (ISSUER, CLIENT)


def _walked(begin: Callable[[Site], Draft], *, chain: bool = False) -> Callable[[Site], Awaitable[None]]:
    async def examine(site: Site) -> None:
        draft = begin(site)
        if chain:
            draft.head(REQUEST, trust_chain=_chain(site))
        await _walk(site, draft)
        asked = f"{CLIENT}/.well-known/openid-federation" in site.web.asked
        assert asked is not chain

    return examine


def _get(site: Site) -> Draft:
    return browser_request(site.authority, site.party)


def _post(site: Site) -> Draft:
    return browser_request(site.authority, site.party, method="POST")


def _push(site: Site) -> Draft:
    return signed_push(site.authority, site.party)


async def _encrypted(site: Site) -> None:
    """The server offers no encryption, for which the suite passes the module over; what is encrypted is refused."""
    document = (await site.authority.send(Draft("GET", "/.well-known/openid-configuration"))).json
    assert not any(name.startswith("request_object_encryption") for name in document)
    draft = _get(site)
    signed = draft.message(REQUEST).encode()
    draft.tokens[REQUEST] = f"{signed}.Y2lwaGVydGV4dA.dGFn"
    await _refuse(site, draft, "request-object.encrypted")


# Broken requests: the person sees a page, with an error that the suite takes, and is sent nowhere.


async def _refuse(site: Site, draft: Draft, reason: str) -> None:
    answer = await site.authority.send(draft)
    assert (answer.status, answer.reason) == (400, reason)
    assert answer.values("location") == []
    assert answer.header("content-type").startswith("text/html")


def _spoilt(reason: str, **claims: Any) -> Callable[[Site], Awaitable[None]]:
    async def examine(site: Site) -> None:
        await _refuse(site, browser_request(site.authority, site.party, **claims), reason)

    return examine


async def _other_client_in_query(site: Site) -> None:
    draft = _get(site)
    draft.query = draft.query.replace(f"client_id={_quoted(CLIENT)}", f"client_id={_quoted(_INVALID)}")
    await _refuse(site, draft, "federation.answer")


async def _other_client_in_object(site: Site) -> None:
    """The suite changes ``client_id`` in the object and, by it, in the query; ``iss`` stays the client's."""
    draft = browser_request(site.authority, site.party, client_id=_INVALID)
    draft.query = draft.query.replace(f"client_id={_quoted(CLIENT)}", f"client_id={_quoted(_INVALID)}")
    await _refuse(site, draft, "federation.answer")


async def _broken_signature(site: Site) -> None:
    draft = _get(site)
    signed = draft.message(REQUEST).encode()
    draft.tokens[REQUEST] = signed[:-10] + "AAAAAAAAAA"
    await _refuse(site, draft, "request-object.bad-signature")


async def _foreign_key(site: Site) -> None:
    draft, other = _get(site), new_signer()
    message = draft.head(REQUEST, kid=other.key_id).message(REQUEST)
    draft.tokens[REQUEST] = replace(message, signer=other)
    await _refuse(site, draft, "request-object.no-key")


async def _second_time(site: Site) -> None:
    """The first request is answered; another one with its identifier is not."""
    first = _get(site)
    await _walk(site, first)
    again = browser_request(site.authority, site.party, jti=first.message(REQUEST).claims["jti"])
    await _refuse(site, again, "request-object.replayed")


# Flaws.


def _without(endpoint: str, check: str) -> Flaw:
    def spoil(_patch: pytest.MonkeyPatch, site: Site) -> None:
        site.authority.mutant(without(site.authority.server.pipelines, endpoint, check))

    return spoil


def _nobody_by_value(_patch: pytest.MonkeyPatch, site: Site) -> None:
    permit_requests_without_push(site, permitted=False)


def _get_alone(patch: pytest.MonkeyPatch, _site: Site) -> None:
    patch.setattr(request_object_checks, "parse_form", lambda *_, **__: Form(()))


def _deaf_to_chains(patch: pytest.MonkeyPatch, _site: Site) -> None:
    patch.setattr(federation_checks, "_brought_chain", lambda *_: None)


def _small_headers(patch: pytest.MonkeyPatch, _site: Site) -> None:
    patch.setattr(jar, "MAXIMUM_HEADER", 1_024)


def _passes_objects_over(_patch: pytest.MonkeyPatch, site: Site) -> None:
    """Goes by what stands beside the object, where the suite has nothing."""

    def forget(exchange: Exchange) -> None:
        exchange.request_object = None

    pipelines, name = site.authority.server.pipelines, "pushed_authorization_request"
    replaced = (forget if step.__name__ == "read_request_object" else step for step in pipelines[name])
    site.authority.mutant({**pipelines, name: tuple(replaced)})


def _offers_encryption(patch: pytest.MonkeyPatch, site: Site) -> None:
    more = {"request_object_encryption_alg_values_supported": ["RSA-OAEP-256"]}
    patch.setattr(documents, "create_server_metadata", lambda server: create_server_metadata(server) | more)
    site.authority.mutant(site.authority.server.pipelines)


def _goes_by_issuer(patch: pytest.MonkeyPatch, site: Site) -> None:
    """Takes the ``iss`` of the object for the client, and never looks at any ``client_id``."""

    def read(exchange: Exchange) -> None:
        request_object_checks.read_request_by_value(exchange)
        token = jws.parse(exchange.form.get("request") or "", limit=jar.MAXIMUM_REQUEST_OBJECT)
        exchange.client_id = str(token.unverified_claims()["iss"])

    patch.setattr(jar, "_check_parties", lambda *_, **__: None)
    pipelines = site.authority.server.pipelines
    steps = (read if step.__name__ == "read_request_by_value" else step for step in pipelines[BY_VALUE])
    site.authority.mutant({**pipelines, BY_VALUE: tuple(steps)})


def _believes_signatures(patch: pytest.MonkeyPatch, _site: Site) -> None:
    believing = SimpleNamespace(
        parse=jws.parse, sign=jws.sign, verify=lambda token, **_: token.unverified_claims()
    )
    patch.setattr(jar, "jws", believing)


def _believes_any_key(patch: pytest.MonkeyPatch, site: Site) -> None:
    _believes_signatures(patch, site)
    find = KeySet.find

    def find_any(keys: KeySet, *, key_id: str | None, algorithm: str) -> VerificationKey:
        known = any(key.key_id == key_id for key in keys.keys)
        return find(keys, key_id=key_id, algorithm=algorithm) if known else keys.keys[0]

    patch.setattr(KeySet, "find", find_any)


def _takes(name: str, claim: str, value: Callable[[Site], object]) -> Flaw:
    """Let a check of the object see a good claim, whatever stands there."""

    def spoil(patch: pytest.MonkeyPatch, site: Site) -> None:
        check = getattr(jar, name)

        def lenient(claims: dict[str, object], **others: Any) -> Any:
            good = {**claims, claim: value(site)}
            return check({key: each for key, each in good.items() if each is not ...}, **others)

        patch.setattr(jar, name, lenient)

    return spoil


def _later(site: Site) -> object:
    return int(site.authority.clock.now()) + 60


def _quoted(value: str) -> str:
    return quote(value, safe="{}")


_INVALID: Final = f"{CLIENT}/INVALID"
_PARTIES: Final = "_check_parties"
_FINDINGS: Final[tuple[tuple[Callable[[Site], Awaitable[None]], Flaw], ...]] = (
    (_walked(_get), _nobody_by_value),
    (_walked(_post), _get_alone),
    (_walked(_push), _passes_objects_over),
    (_walked(_get, chain=True), _deaf_to_chains),
    (_walked(_post, chain=True), _small_headers),
    (_walked(_push, chain=True), _deaf_to_chains),
    (_encrypted, _offers_encryption),
    (_other_client_in_object, _goes_by_issuer),
    (_other_client_in_query, _goes_by_issuer),
    (_broken_signature, _believes_signatures),
    (_foreign_key, _believes_any_key),
    (_spoilt("request-object.expired", exp=1_500_000_000), _takes("_check_lifetime", "exp", _later)),
    (_spoilt("request-object.issuer", iss=_INVALID), _takes(_PARTIES, "iss", lambda _: CLIENT)),
    (_spoilt("request-object.audience", aud=f"{ISSUER}/1"), _takes(_PARTIES, "aud", lambda _: ISSUER)),
    (_spoilt("request-object.subject", sub=CLIENT), _takes(_PARTIES, "sub", lambda _: ...)),
    (_spoilt("request-object.bad-jti", jti=...), _takes("_identifier", "jti", lambda _: "any")),
    (_spoilt("request-object.bad-time", exp=...), _takes("_check_lifetime", "exp", _later)),
    (_spoilt("request-object.issuer", iss=...), _takes(_PARTIES, "iss", lambda _: CLIENT)),
    (_spoilt("request-object.audience", aud=...), _takes(_PARTIES, "aud", lambda _: ISSUER)),
    (_second_time, _without(BY_VALUE, "remember_request_object")),
)
EXAMINATIONS: Final = tuple(
    Examination(name, *finding) for name, finding in zip(SERVER_MODULES[:20], _FINDINGS, strict=True)
)
TESTED.update((each.name, "test_the_server_passes") for each in EXAMINATIONS)
