"""Writing to objects that are there: what is said of one server's answers, and how its object is left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.checks.api_assignment import server_members_cannot_be_set
from trustweft.audit.checks.api_existing import (
    objects_there_are_written_by_their_owner,
    server_members_there_cannot_be_changed,
)
from trustweft.audit.checks.api_properties import objects_are_changed_by_their_owner
from trustweft.audit.checks.resource_scopes import scopes_are_compared_before_writing
from trustweft.audit.exchange import Exchange
from trustweft.audit.harvest import Answer, Harvest, leaves
from trustweft.audit.openapi import templates_of
from trustweft.audit.openapi_document import Document
from trustweft.audit.target import Api
from trustweft.audit.trial import Trial
from trustweft.audit.verdict import Verdict
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.audit.api import Operation
    from trustweft.audit.check import CheckFunction
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Request

    Answering = Callable[["Asked"], tuple[int, Any]]

URL = "https://api.example"
IDENTIFIER = "thing-1234"
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a server sees it."""

    user: str
    method: str
    path: str
    body: Any
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """A token of a user."""

    user: SimpleNamespace
    scope: str = ""


@dataclass(slots=True)
class Scripted:
    """A deployment whose API is one function; ann has objects and ben has none."""

    answering: Answering
    operations: list[Operation]
    templates: list[Any]
    harvests: dict[str, Harvest]
    asked: list[Asked] = field(default_factory=list)
    locked_out: tuple[str, ...] = ()
    users: tuple[SimpleNamespace, ...] = (SimpleNamespace(username="ann"), SimpleNamespace(username="ben"))

    def access(
        self, party: object = None, user: SimpleNamespace | None = None, scope: str = "read write"
    ) -> Access:
        """Return a token of the first user, unless another is named."""
        assert party is None
        return Access(user or self.users[0], scope)

    def party(self) -> SimpleNamespace:
        """Return the client."""
        return SimpleNamespace(entry=SimpleNamespace(scope="read write", narrow_scope="read"))

    def user(self, number: int = 0) -> SimpleNamespace:
        """Return a user by number."""
        return self.users[number]

    def using(self, request: Request, access: Access) -> Request:
        """Return the request as it is: no token is looked at."""
        assert access.user in self.users
        return request

    def calling(self, operation: Operation, access: Access) -> Request:
        """Return the request of an operation."""
        return self.using(operation.request(), access)

    def send_call(self, request: Request, access: Access) -> Exchange:
        """Answer as the function does."""
        sent = json.loads(request.body) if request.body else None
        path = request.url.removeprefix(URL)
        asked = Asked(access.user.username, request.method, path, sent, access.scope)
        self.asked.append(asked)
        status, document = self.answering(asked) if path != "/me" else (200, {"name": asked.user})
        if asked.user in self.locked_out:
            status, document = 403, None
        body = b"" if document is None else json.dumps(document).encode()
        headers = (("content-type", "application/json"),)
        return Exchange(request=request, status=status, headers=headers, body=body, seconds=0.0)


def described(path: str, body: Mapping[str, Any], *methods: str, answer: object = None) -> dict[str, Any]:
    """Return the description of a path that can be read, and written with these methods."""
    good = {"200": {"content": {"application/json": {"schema": answer or {}}}}}
    content = {"requestBody": {"content": {"application/json": body}}}
    writing = {each: {**content, "responses": good} for each in methods}
    return {path: {"get": {"responses": good}, **writing}}


def deployment(paths: Mapping[str, Any], answering: Answering, identifier: str = IDENTIFIER) -> Scripted:
    """Return a deployment of which ann was told one object, in a list."""
    api = Api(url=URL)
    profile: dict[str, Any] = {"/me": {"get": {"responses": {}}}}
    document = Document({"security": [{"oauth": ["write"]}], "paths": {**profile, **paths}})
    templates = list(templates_of(api, document))
    filled = [each.fill(dict.fromkeys(each.places, identifier)) for each in templates]
    operations = [each for each in filled if each is not None]
    listed = [{"id": identifier}]
    told = frozenset(value for _, value in leaves(listed))
    source = cast("Operation", SimpleNamespace(url=f"{URL}/things", name="GET /things", places=()))
    owned = Harvest(names=("ann",), operations=operations, answers=[Answer(source, listed, told)])
    return Scripted(answering, operations, templates, {"ann": owned, "ben": Harvest(names=("ben",))})


def said(check: CheckFunction, scripted: Scripted) -> tuple[Verdict, str]:
    """Return what a check says."""
    try:
        outcome = check(Trial(cast("Deployment", scripted)))
    except Inconclusive as cause:
        return Verdict.INCONCLUSIVE, str(cause)
    except NotApplicable as cause:
        return Verdict.NOT_APPLICABLE, str(cause)
    return outcome.verdict, outcome.reason


def keeping(thing: dict[str, Any], kept: Callable[[str, Any], Any] = lambda _name, value: value) -> Answering:
    """Answer as a server that keeps whatever is sent, as ``kept`` has it."""

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.method in ("PUT", "PATCH"):
            thing.update({name: kept(name, value) for name, value in asked.body.items()})
        return 200, dict(thing)

    return answer


@pytest.mark.parametrize(
    "name", ["deleted", "isArchived", "active", "enabled", "closed_at", "is_blocked", "status", "orderState"]
)
def test_what_may_hide_or_end_an_object_is_never_sent(name: str) -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", name: False}
    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), keeping(thing))
    said(server_members_there_cannot_be_changed, scripted)
    assert [each.body for each in scripted.asked if each.method == "PUT"] == [{"name": "lamp"}]


def test_what_cannot_be_read_after_an_attack_is_put_back_named_and_not_passed() -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", "ghost": False}
    keep = keeping(thing)

    def answer(asked: Asked) -> tuple[int, Any]:
        status, document = keep(asked)
        return (404, None) if thing["ghost"] and asked.method == "GET" else (status, document)

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put", "patch"), answer)
    assert said(server_members_there_cannot_be_changed, scripted) == (
        Verdict.INCONCLUSIVE,
        "no answer tells whether this is refused: PUT /things/{id}, whose object could not be read after ghost was sent",
    )
    assert thing == {"id": IDENTIFIER, "name": "lamp", "ghost": False}
    assert not any(each.method == "PATCH" for each in scripted.asked), "the object is left alone from then on"


def test_what_cannot_be_put_back_is_said() -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", "ghost": False}
    keep = keeping(thing)

    def answer(asked: Asked) -> tuple[int, Any]:
        return (404, None) if thing["ghost"] else keep(asked)

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), answer)
    verdict, reason = said(server_members_there_cannot_be_changed, scripted)
    assert verdict is Verdict.INCONCLUSIVE
    assert reason.endswith("Not put back: ghost of PUT /things/{id}.")


def test_what_is_taken_before_the_connection_is_cut_is_put_back() -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", "role": "user"}
    keep = keeping(thing)

    def answer(asked: Asked) -> tuple[int, Any]:
        told = keep(asked)
        if asked.method == "PUT" and thing["role"] != "user":
            raise Unreachable("cut")
        return told

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), answer)
    assert said(server_members_there_cannot_be_changed, scripted)[0] is Verdict.FAIL
    assert thing["role"] == "user"


@pytest.mark.parametrize("kept", [lambda _name, value: value[:10], lambda _name, value: value.upper()])
def test_what_is_kept_otherwise_than_it_was_sent_is_found_and_put_back(
    kept: Callable[[str, Any], Any],
) -> None:
    def named(name: str, value: Any) -> Any:
        return kept(name, value) if value == "trustweft-set-this" else value

    thing = {"id": IDENTIFIER, "name": "lamp", "level": "gold"}
    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), keeping(thing, named))
    verdict, _ = said(server_members_there_cannot_be_changed, scripted)
    assert verdict in (Verdict.FAIL, Verdict.SUSPECTED)
    assert thing["level"] == "gold"


def test_what_every_writing_moves_by_itself_was_not_taken() -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", "level": "gold", "version": 1}

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.method == "PUT":
            thing["version"] += 1  # type: ignore[operator]  # it is a number
        return 200, dict(thing)

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), answer)
    assert said(server_members_there_cannot_be_changed, scripted)[0] is Verdict.PASS


def owned(change: Callable[[Asked], tuple[int, Any]], identifier: str = IDENTIFIER) -> Answering:
    """Answer as a server where ann alone reads and writes; ``change`` answers to what ben writes to her object."""

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path != f"/things/{identifier}" or (asked.user != "ann" and asked.method == "GET"):
            return (404, {"error": "not_found"})
        return change(asked) if asked.user != "ann" else (200, {"id": identifier, "name": "lamp"})

    return answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, {"id": IDENTIFIER, "name": "lamp"}), Verdict.FAIL),
        ((204, None), Verdict.SUSPECTED),
        ((404, None), Verdict.PASS),
    ],
)
def test_an_answer_without_a_word_is_no_proof_that_anything_was_written(
    answer: tuple[int, Any], expected: Verdict
) -> None:
    def change(asked: Asked) -> tuple[int, Any]:
        assert asked.user == "ben"
        return answer

    def answering(asked: Asked) -> tuple[int, Any]:
        told = owned(change)(asked)
        return (
            (204, None)
            if expected is Verdict.SUSPECTED and asked.method == "PUT" and told[0] == 200
            else told
        )

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), answering)
    assert said(objects_there_are_written_by_their_owner, scripted)[0] is expected


def test_what_moves_as_after_the_owners_own_writing_was_written_by_the_other_whatever_is_answered() -> None:
    thing: dict[str, Any] = {"id": IDENTIFIER, "name": "lamp", "version": 1, "reads": 0}

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path != f"/things/{IDENTIFIER}" or (asked.user != "ann" and asked.method == "GET"):
            return (404, None)
        if asked.method == "GET":
            thing["reads"] += 1
            return 200, dict(thing)
        thing["version"] += 1
        return 204, None

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), answer)
    assert said(objects_there_are_written_by_their_owner, scripted)[0] is Verdict.FAIL


@pytest.mark.parametrize("identifier", ["0b9f2c1a-6c1d-4a53-9d0e-3c1f6a7b8c9d", "4711", "tHing_0042"])
def test_a_server_that_changes_nothing_for_others_and_says_so_to_nobody_is_not_blamed(
    identifier: str,
) -> None:
    """``UPDATE ... WHERE id = ? AND owner = ?``, and 204 however many rows there were."""

    def answer(asked: Asked) -> tuple[int, Any]:
        last = asked.path.removeprefix("/things/")
        if len(last.split("-")) != len(identifier.split("-")) or last.isdigit() != identifier.isdigit():
            return 422, {"error": "no identifier"}
        if asked.method == "PUT":
            return 204, None
        return (200, {"id": identifier, "name": "lamp"}) if asked.user == "ann" else (404, None)

    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), answer, identifier)
    assert said(objects_there_are_written_by_their_owner, scripted)[0] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("shared_is_described", [True, False])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_everybody_has_below_a_shared_object_is_nobody_elses(
    method: str, *, shared_is_described: bool
) -> None:
    stars = {"ann": {"stars": 4}}

    def answer(asked: Asked) -> tuple[int, Any]:
        if not asked.path.startswith(f"/things/{IDENTIFIER}"):
            return 404, None
        if not asked.path.endswith("/rating"):
            return 200, {"id": IDENTIFIER}
        if asked.method != "GET":
            stars[asked.user] = asked.body
        return (200, stars[asked.user]) if asked.user in stars else (404, None)

    schema = {"type": "object", "properties": {"stars": {"type": "integer"}}}
    paths = described("/things/{id}/rating", {"schema": schema}, method)
    paths |= described("/things/{id}", {}) if shared_is_described else {}
    assert (
        said(objects_there_are_written_by_their_owner, deployment(paths, answer))[0] is Verdict.INCONCLUSIVE
    )
    assert list(stars) == ["ann"]


def test_what_is_below_a_closed_object_is_its_owners() -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        known = asked.path.startswith(f"/things/{IDENTIFIER}")
        foreign = asked.user != "ann" and asked.method == "GET"
        return (200, {"id": IDENTIFIER, "stars": 4}) if known and not foreign else (404, None)

    schema = {"type": "object", "properties": {"stars": {"type": "integer"}}}
    paths = described("/things/{id}/rating", {"schema": schema}, "put") | described("/things/{id}", {})
    assert said(objects_there_are_written_by_their_owner, deployment(paths, answer))[0] is Verdict.FAIL


CLOSED_ANSWER = {"properties": {"name": {"type": "string"}, "level": {"type": "string", "readOnly": True}}}


@pytest.mark.parametrize(
    ("member", "value", "answer", "expected"),
    [
        ("nickname", "x", None, Verdict.SUSPECTED),
        ("level", "gold", None, Verdict.SUSPECTED),
        ("level", "gold", CLOSED_ANSWER, Verdict.FAIL),
        ("accountBalance", 5, None, Verdict.FAIL),
        ("is_admin", False, None, Verdict.FAIL),
        ("role", "user", None, Verdict.FAIL),
    ],
)
def test_only_what_is_read_only_or_money_or_a_right_is_called_the_servers_to_decide(
    member: str, value: object, answer: object, expected: Verdict
) -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", member: value}
    paths = described("/things/{id}", {"schema": NAMED}, "patch", answer=answer)
    verdict, reason = said(server_members_there_cannot_be_changed, deployment(paths, keeping(thing)))
    assert verdict is expected, reason
    assert f"PATCH /things/{{id}} took {member}" in reason
    assert thing[member] == value


def test_what_is_the_servers_is_tried_first() -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", "nickname": "x", "role": "user"}
    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "patch"), keeping(thing))
    assert said(server_members_there_cannot_be_changed, scripted)[0] is Verdict.FAIL


@pytest.mark.parametrize(
    "body",
    [
        {"example": {"name": "lamp"}, "schema": {"type": "object"}},
        {"schema": {**NAMED, "additionalProperties": True}},
        {"schema": {**NAMED, "additionalProperties": {}}},
        {"schema": {"anyOf": [NAMED, {"properties": {"role": {}}}]}},
        {"schema": {"allOf": [{"oneOf": [NAMED, {"properties": {"role": {}}}]}]}},
    ],
)
def test_where_a_caller_may_set_more_than_is_named_only_read_only_members_are_tried(
    body: Mapping[str, Any],
) -> None:
    thing = {"id": IDENTIFIER, "name": "lamp", "role": "user"}
    scripted = deployment(described("/things/{id}", body, "patch"), keeping(thing))
    assert said(server_members_there_cannot_be_changed, scripted) == (
        Verdict.INCONCLUSIVE,
        "no object of the first user shows a member that no caller may set and that could be put back",
    )
    thing["level"] = "gold"
    paths = described("/things/{id}", body, "patch", answer=CLOSED_ANSWER)
    scripted = deployment(paths, keeping(thing))
    assert said(server_members_there_cannot_be_changed, scripted)[0] is Verdict.FAIL
    paths = described("/things/{id}", body, "put", answer=CLOSED_ANSWER)
    scripted = deployment(paths, keeping(thing))
    said(server_members_there_cannot_be_changed, scripted)
    assert not any(each.method == "PUT" for each in scripted.asked), "it would drop what is not named"


def late(asked: Asked) -> tuple[int, Any]:
    """Answer as a server that reads what was sent and looks objects up, and then looks at the scope."""
    lacks = "write" not in asked.scope.split()
    if asked.path == "/things" and asked.method == "POST":
        return (403 if lacks else 400), None
    if not asked.path.startswith(f"/things/{IDENTIFIER}"):
        return 404, None
    if asked.path.endswith("/close") and asked.body != {"why": "moved"}:
        return 400, None
    if asked.method == "GET":
        return 200, {"id": IDENTIFIER, "name": "lamp"}
    return (403, None) if lacks else (200, {"id": IDENTIFIER, "name": "lamp"})


CREATING: dict[str, Any] = {"/things": {"post": {"responses": {}}}}
DELETING: dict[str, Any] = {"/things/{id}": {"delete": {"responses": {}}}}


@pytest.mark.parametrize(
    "paths",
    [described("/things/{id}/close", {"example": {"why": "moved"}}, "post"), DELETING],
    ids=["close", "delete"],
)
def test_what_was_sent_to_nothing_only_makes_no_suspicion(paths: Mapping[str, Any]) -> None:
    verdict, reason = said(scopes_are_compared_before_writing, deployment({**CREATING, **paths}, late))
    assert verdict is Verdict.INCONCLUSIVE
    assert "is shown by no answer of" in reason


def test_what_an_own_object_is_answered_alike_is_suspected_where_others_refuse_at_once() -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        return (422, None) if asked.method == "PATCH" else late(asked)

    paths = {**CREATING, **described("/things/{id}", {"schema": NAMED}, "patch")}
    assert said(scopes_are_compared_before_writing, deployment(paths, answer))[0] is Verdict.SUSPECTED
    assert said(scopes_are_compared_before_writing, deployment(paths, late))[0] is Verdict.PASS


@pytest.mark.parametrize(("looked_at", "expected"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_the_scope_of_a_deletion_shows_in_an_object_that_is_made_for_it(
    *, looked_at: bool, expected: Verdict
) -> None:
    made: dict[str, Any] = {}

    def answer(asked: Asked) -> tuple[int, Any]:
        lacks = "write" not in asked.scope.split()
        if asked.method == "POST":
            if lacks:
                return 403, None
            identifier = f"made-{len(made)}"
            made[identifier] = asked.body
            return 201, {"id": identifier}
        identifier = asked.path.rpartition("/")[2]
        if identifier not in {*made, IDENTIFIER}:
            return 404, None
        if asked.method == "DELETE":
            if lacks and looked_at:
                return 403, None
            del made[identifier]
            return 204, None
        return 200, {"id": identifier, **made.get(identifier, {})}

    creating = {"requestBody": {"content": {"application/json": {"example": {"name": "x"}}}}, "responses": {}}
    paths = {
        "/things": {"post": creating},
        "/things/{id}": {"get": {"responses": {}}, "delete": {"responses": {}}},
    }
    scripted = deployment(paths, answer)
    assert said(scopes_are_compared_before_writing, scripted)[0] is expected
    assert not any(each.method == "DELETE" and each.path.endswith(IDENTIFIER) for each in scripted.asked)


@pytest.mark.parametrize(("locked_out", "expected"), [((), Verdict.PASS), (("ben",), Verdict.INCONCLUSIVE)])
def test_refusals_of_a_user_who_is_refused_everything_say_nothing(
    locked_out: tuple[str, ...], expected: Verdict
) -> None:
    refusing = owned(lambda _asked: (403, None))
    scripted = deployment(described("/things/{id}", {"schema": NAMED}, "put"), refusing)
    scripted.locked_out = locked_out
    assert said(objects_there_are_written_by_their_owner, scripted)[0] is expected


INSTEAD = "-existing tries objects that are there already"


@pytest.mark.parametrize(
    ("method", "changing", "setting"),
    [
        ("patch", (Verdict.INCONCLUSIVE, True), (Verdict.INCONCLUSIVE, True)),
        ("post", (Verdict.INCONCLUSIVE, True), (Verdict.NOT_APPLICABLE, False)),
        ("delete", (Verdict.INCONCLUSIVE, False), (Verdict.NOT_APPLICABLE, False)),
    ],
)
def test_another_check_is_named_only_where_it_has_something_to_try(
    method: str, changing: tuple[Verdict, bool], setting: tuple[Verdict, bool]
) -> None:
    path = "/things/{id}/orders" if method == "post" else "/things/{id}"
    scripted = deployment(described(path, {"schema": NAMED}, method), late)
    found = [
        said(each, scripted) for each in (objects_are_changed_by_their_owner, server_members_cannot_be_set)
    ]
    assert [(verdict, INSTEAD in reason) for verdict, reason in found] == [changing, setting]
