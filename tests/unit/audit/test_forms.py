"""Two answers are of one kind if they differ in nothing but what is random."""

from __future__ import annotations

from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.audit.forms import kind_of, token_of


def answer(status: int = 200, *, location: str = "", body: str = "") -> Exchange:
    headers = (("location", location),) if location else ()
    request = Request(method="POST", url="https://server.example/form")
    return Exchange(request=request, status=status, headers=headers, body=body.encode(), seconds=0.0)


def test_random_parts_of_an_address_do_not_count() -> None:
    one = answer(303, location="/interaction/3rZhLGYZSJojB9u8EtRdqQ")
    other = answer(303, location="/interaction/cIa8xJdmKDBsyZqRqRRYFA")
    assert kind_of(one) == kind_of(other)


def test_status_address_words_and_members_count() -> None:
    answers = [
        answer(),
        answer(403),
        answer(303, location="/login"),
        answer(303, location="/login?error=1"),
        answer(body="<p>Welcome"),
        answer(body='{"challenge": "a"}'),
        answer(body='{"error": "a"}'),
    ]
    assert len({kind_of(each) for each in answers}) == len(answers)


def test_values_of_a_document_do_not_count() -> None:
    assert kind_of(answer(body='{"challenge": "a"}')) == kind_of(answer(body='{"challenge": "b"}'))


def test_the_token_of_a_form_is_known_by_its_name() -> None:
    for name in ("csrf", "_token", "authenticity_token", "__RequestVerificationToken", "csrfmiddlewaretoken"):
        assert token_of(form_request("https://server.example", ("other", "1"), (name, "2"))) == name
    assert token_of(form_request("https://server.example", ("username", "alice"), ("csrf", ""))) is None
