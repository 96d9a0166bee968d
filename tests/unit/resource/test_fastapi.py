"""The guard as a FastAPI dependency: the same refusals, the same headers, one proof for one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from guarding import AUDIENCE, Stage
from trustweft.protocol.rar import create_authorization_detail
from trustweft.resource.fastapi import Authorized, install
from trustweft.resource.inspection import AuthorizationContext  # noqa: TC001  # FastAPI reads the annotation
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from trustweft.runtime.errors import Reject

pytestmark = pytest.mark.anyio

STAGE = Stage()
ACCOUNTS = Authorized(STAGE.guard, scope=("accounts",))
TWENTY_TO_BOB = Authorized(
    STAGE.guard,
    details=(create_authorization_detail({"type": "payment", "amount": "20.00", "to": "Bob"}),),
)
PAYMENTS = Authorized(STAGE.guard, scope=("payments",))
INTERACTION = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"


class Remembering(SilentObserver):
    """Remembers refusals."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember a refusal."""
        self.reasons.append(f"{participant}/{endpoint}: {refusal.reason.id}")


class Order(BaseModel):
    """A body that FastAPI reads."""

    amount: int


OBSERVER = Remembering()
APP = FastAPI()
install(APP, STAGE.guard, observer=OBSERVER)
ROUTER = APIRouter(dependencies=[Depends(ACCOUNTS)])


@APP.get("/public")
async def public() -> str:
    return "open to all"


@APP.get("/accounts")
async def accounts(context: Annotated[AuthorizationContext, Depends(ACCOUNTS)]) -> str:
    return context.subject


@APP.post("/form")
async def form(context: Annotated[AuthorizationContext, Depends(ACCOUNTS)], request: Request) -> str:
    return f"{context.subject} {(await request.body()).decode()}"


@APP.post("/json")
async def json(context: Annotated[AuthorizationContext, Depends(ACCOUNTS)], order: Order) -> str:
    return f"{context.subject} {order.amount}"


@ROUTER.get("/both")
async def both(context: Annotated[AuthorizationContext, Depends(PAYMENTS)]) -> str:
    return context.subject


@ROUTER.get("/same")
async def same(context: Annotated[AuthorizationContext, Depends(Authorized(STAGE.guard))]) -> str:
    return context.subject


@APP.get("/payment")
async def payment(context: Annotated[AuthorizationContext, Depends(TWENTY_TO_BOB)]) -> str:
    return str(len(context.authorization_details))


@APP.get("/payment-twice", dependencies=[Depends(ACCOUNTS)])
async def payment_twice(context: Annotated[AuthorizationContext, Depends(TWENTY_TO_BOB)]) -> str:
    return context.subject


APP.include_router(ROUTER)


async def call(method: str, path: str, headers: Any = (), **request: Any) -> httpx2.Response:
    OBSERVER.reasons.clear()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=APP), base_url=AUDIENCE) as client:
        return await client.request(method, path, headers=list(headers), **request)


async def test_the_operation_gets_the_authorization() -> None:
    """Who acts, as the guard verified it."""
    answer = await call("GET", "/accounts", STAGE.headers())
    assert (answer.status_code, answer.json()) == (200, "sub.alice")


async def test_a_refusal_is_exactly_the_guards_answer() -> None:
    """Status, challenge, nonce, reason and body."""
    answer = await call("GET", "/accounts")
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "invalid_token", "error_description": "An access token is required."},
    )
    assert answer.headers["www-authenticate"].startswith('DPoP algs="ES256 PS256 EdDSA"')
    assert answer.headers["trustweft-reason"] == "bearer.missing"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get_list("dpop-nonce") == [STAGE.nonces.current(STAGE.clock.now())]
    assert OBSERVER.reasons == ["resource/guard: bearer.missing"]


async def test_a_replay_is_refused() -> None:
    """The proof of one request serves no second one."""
    headers = STAGE.headers()
    assert [(await call("GET", "/accounts", headers)).status_code for _ in range(2)] == [200, 401]


async def test_every_answer_brings_the_next_nonce_and_the_interaction() -> None:
    """On public operations too."""
    answer = await call("GET", "/public", [("x-fapi-interaction-id", INTERACTION)])
    assert answer.headers["dpop-nonce"] == STAGE.nonces.current(STAGE.clock.now())
    assert answer.headers["x-fapi-interaction-id"] == INTERACTION


async def test_two_dependencies_of_one_request_verify_once() -> None:
    """A router and its operation both ask; the proof counts as used by this request, and scopes add up."""
    token = STAGE.token(scope=("accounts", "payments"))
    answer = await call("GET", "/both", STAGE.headers(token, path="/both"))
    assert (answer.status_code, answer.json()) == (200, "sub.alice")
    answer = await call("GET", "/both", STAGE.headers(path="/both"))
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (403, "bearer.insufficient-scope")
    assert 'scope="payments"' in answer.headers["www-authenticate"]
    assert (await call("GET", "/same", STAGE.headers(path="/same"))).status_code == 200


@pytest.mark.parametrize("path", ["/payment", "/payment-twice"])
@pytest.mark.parametrize(("amount", "status"), [("20.00", 200), ("19.99", 403)])
async def test_an_operation_names_the_details_that_it_needs(path: str, amount: str, status: int) -> None:
    """Also where another dependency has verified the request before."""
    held = create_authorization_detail({"type": "payment", "amount": amount, "to": "Bob"})
    token = STAGE.token(authorization_details=(held,))
    assert (await call("GET", path, STAGE.headers(token, path=path))).status_code == status


async def test_forms_reach_the_operation_unless_a_token_stands_in_them() -> None:
    """The operation reads the form after the guard looked at it."""
    headers = STAGE.headers(method="POST", path="/form")
    answer = await call("POST", "/form", headers, data={"name": "value"})
    assert (answer.status_code, answer.json()) == (200, "sub.alice name=value")
    headers = STAGE.headers(method="POST", path="/form")
    answer = await call("POST", "/form", headers, data={"name": "value", "access_token": "x"})
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (400, "bearer.in-body")


async def test_a_form_is_bounded() -> None:
    """Before anybody else reads it."""
    answer = await call("POST", "/form", data={"name": "x" * 70_000})
    assert (answer.status_code, OBSERVER.reasons) == (413, ["resource/transport: http.body-too-large"])


async def test_json_is_untouched() -> None:
    """Bodies that are no forms are FastAPI's own."""
    headers = STAGE.headers(method="POST", path="/json")
    answer = await call("POST", "/json", headers, json={"amount": 5})
    assert (answer.status_code, answer.json()) == (200, "sub.alice 5")


async def test_an_application_that_forgot_to_install_lets_nobody_in() -> None:
    """The mistake shows at the first request, as an error and not as an open door."""
    app = FastAPI()

    @app.get("/accounts")
    async def operation(context: Annotated[AuthorizationContext, Depends(ACCOUNTS)]) -> str:
        return context.subject

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=AUDIENCE) as client:
        with pytest.raises(RuntimeError, match="install"):
            await client.get("/accounts", headers=list(STAGE.headers()))


def test_the_description_names_the_scheme() -> None:
    """FastAPI's own document tells which operations want a token."""
    document = APP.openapi()
    assert document["components"]["securitySchemes"]["DPoP"]["scheme"] == "DPoP"
    assert document["paths"]["/accounts"]["get"]["security"] == [{"DPoP": []}]
    assert "security" not in document["paths"]["/public"]["get"]
