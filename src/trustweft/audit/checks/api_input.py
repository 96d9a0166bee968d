"""What an API does with input that it was not made for: it refuses it, and tells nothing of itself (OWASP API8:2023)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.audit.answers import served
from trustweft.audit.check import check, failed, passed
from trustweft.audit.inputs import call, inputs_of, reading_inputs, writing_operations
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.inputs import Input
    from trustweft.audit.trial import Trial

_LEAKS: Final = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"\n]+\.py\", line \d+|\bat [\w.$<>]+\([\w$]+\.(?:java|kt|scala):\d+\)"
    r"|\bat .{1,80}\(?[^\s()]+\.(?:js|ts|mjs):\d+:\d+\)?|/node_modules/|Stack trace:\s*#0|\.php on line \d+|\.php:\d+\)"
    r"|\.cs:line \d+|System\.[A-Z]\w+Exception: |goroutine \d+ \[running\]|\.go:\d+ \+0x|\.rb:\d+:in |panicked at '?"
    r"|Werkzeug Debugger|DEBUG = True|Symfony\\\\Component|Whoops, looks like|org\.springframework\.\w+"
)
_SQL_ERRORS: Final = re.compile(
    r"SQLSTATE\[|ORA-\d{5}|sqlite3\.\w*Error|SQLITE_ERROR|psycopg2?\.|PG::\w+Error|error in your SQL syntax"
    r"|unterminated quoted string|near \"[^\"]*\": syntax error|SequelizeDatabaseError|Unclosed quotation mark"
    r"|pymysql\.err|mysql_fetch|org\.hibernate\.|JdbcSQL\w+Exception|unrecognized token: \"",
    re.IGNORECASE,
)
_BAD_VALUES: Final = (
    "'\"<>`",
    "x" * 3_000,
    "-1",
    "99999999999999999999",
    "NaN",
    "[object Object]",
    "\u0000",
    "{}",
)
_BAD_BODIES: Final = (
    ("half an object", b'{"a":'),
    ("a list", b"[]"),
    ("a text", b'"trustweft"'),
    ("null", b"null"),
    ("no JSON", b"trustweft"),
    ("octets that are no UTF-8", b'{"a":"\xff\xfe"}'),
    ("a number too large", b'{"id":1e999}'),
)


def _bad_answers(trial: Trial) -> Iterator[tuple[str, Exchange]]:
    """Yield answers to bad input: to reading operations by their values, to writing ones by bodies nobody can use."""
    operations = trial.deployment.operations
    reading = [each for each in operations if each.safe]
    points = [each for operation in reading for each in inputs_of(operation)[:4]][:12]
    writing = [each for each in operations if each.method in ("POST", "PUT", "PATCH")][:6]
    trial.need(points or writing, "no operation is known that takes a value from its caller")
    for point in points:
        for value in _BAD_VALUES:
            label = f"{point.operation.name} with {point.name} {value[:12]!r}"
            yield label, call(trial, point.operation, point.with_value(value))
    for operation in writing:
        for label, body in _BAD_BODIES:
            request = replace(operation.request(), body=body).with_header("content-type", "application/json")
            yield f"{operation.name} with {label}", call(trial, operation, request)


@check(
    "API8-02",
    title="Errors do not show the inside of the API",
    sends="values and bodies that nobody can use, to a few operations",
    fix="Catch everything in one place, log it there, and answer with an error that says nothing of the code.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-209",
    owasp="API8:2023",
)
def errors_show_nothing(trial: Trial) -> Outcome:
    """Stack traces, paths and queries in an error tell an attacker which version of what to look for weaknesses in."""
    read = 0
    for label, answer in _bad_answers(trial):
        read += 1
        found = _LEAKS.search(answer.page()) or _SQL_ERRORS.search(answer.page())
        if found:
            trial.attack(label, answer)
            return failed(f"{label}: the answer shows {found[0][:80]!r}.")
        if read <= 3:  # noqa: PLR2004  # a few as evidence; all were read
            trial.attack(label, answer)
    return passed(f"None of {read} answers to bad input shows a stack trace, a path or a query.")


@check(
    "API8-04-breaks",
    title="Bad input does not break an operation",
    sends="values and bodies that nobody can use, to a few operations",
    fix="Validate each value before it is used, and answer 4xx where it does not fit.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-20",
    owasp="API8:2023",
)
def bad_input_breaks_nothing(trial: Trial) -> Outcome:
    """A 500 is code that met what nobody thought of: the next such value may do more than break one request."""
    read, broken = 0, []
    for label, answer in _bad_answers(trial):
        read += 1
        if answer.status == 500:  # noqa: PLR2004  # 502 to 504 are of what stands before it
            trial.attack(label, answer)
            broken.append(label)
        elif read <= 3:  # noqa: PLR2004  # a few as evidence; all were read
            trial.attack(label, answer)
    if broken:
        return failed(
            f"{len(broken)} of {read} bad requests were answered with 500: {'; '.join(broken[:5])}."
        )
    return passed(f"None of {read} bad requests was answered with 500.")


@check(
    "API8-04-schema",
    title="What the description forbids is refused",
    sends="values of the query that the OpenAPI document forbids: beyond a maximum, of another type, of no choice",
    fix="Validate requests with the description that is published.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-20",
    owasp="API8:2023",
)
def description_is_kept(trial: Trial) -> Outcome:
    """A description that nobody enforces protects nobody; and what is beyond it was never tested."""
    attempts = []
    for point in reading_inputs(trial):
        value = _forbidden(point)
        if value is not None:
            answer = call(trial, point.operation, point.with_value(value))
            trial.attack(f"{point.operation.name} with {point.name}={value}", answer)
            attempts.append(answer)
    trial.need(attempts, "the description limits no value of a query")
    return trial.judge(
        attempts,
        accepted=lambda each: each.ok,
        failure="A value was taken that the description forbids.",
        success=f"{len(attempts)} values that the description forbids were refused.",
    )


def _forbidden(point: Input) -> str | None:
    if point.place != "query":
        return None
    kind, most = point.schema.get("type"), point.schema.get("maximum")
    if isinstance(most, int | float):
        return str(int(most) + 1)
    if kind in ("integer", "number"):
        return "trustweft"
    if point.schema.get("enum"):
        return "trustweft-is-no-choice"
    if point.schema.get("format") == "date":
        return "yesterday"
    return None


@check(
    "API8-05-sql",
    title="No value becomes part of an SQL query",
    sends="values with a quote, and pairs of values that differ only in whether a condition in them is true",
    fix="Pass values as parameters of the query, never as part of its text.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-89",
    owasp="API8:2023",
    gives=("foreign-data",),
)
def values_are_no_sql(trial: Trial) -> Outcome:
    """It fails where a true condition is answered like the plain value and a false one is not, twice over.

    A quote that brings the database's own error to light fails as well, and one that breaks the operation where two
    quotes, which stand for one within a string, do not, twice over. Nothing is written.
    """
    tried = 0
    for point in reading_inputs(trial):
        good = "1" if point.value is None else point.value
        control = call(trial, point.operation, point.with_value(good))
        quoted = call(trial, point.operation, point.with_value(f"{good}'"))
        tried += 1
        found = _SQL_ERRORS.search(quoted.page())
        if found:
            trial.observe(f"{point.operation.name}, {point.name}, with a good value", control)
            trial.attack(f"{point.operation.name}, {point.name}, with a quote", quoted)
            return failed(f"A quote in {point.name} of {point.operation.name} gives {found[0]!r}.")
        if control.ok and (
            any(_obeys(trial, point, good, control, *each) for each in _CONDITIONS)
            or any(_widens(trial, point, good, control, *each) for each in _WIDER)
        ):
            return failed(
                f"{point.operation.name} answers by the condition in {point.name}, as an SQL query does."
            )
        if control.ok and quoted.broke and _counts_quotes(trial, point, good, control):
            return failed(
                f"{point.operation.name} breaks on one quote in {point.name} and not on two, as an SQL query does."
            )
    return passed(f"{tried} values were tried: none was taken for a part of a query.")


# What is added to a good value; which of the two is answered like the good value alone, and which is not.
_CONDITIONS: Final = (
    ("' AND '1'='1", "' AND '1'='2"),
    (" AND 1=1", " AND 1=2"),
    ("' AND 1=1-- ", "' AND 1=2-- "),
)
_WIDER: Final = (("' OR '1'='2", "' OR '1'='1"), ("' OR 1=2-- ", "' OR 1=1-- "))


def _widens(trial: Trial, point: Input, good: str, control: Exchange, same: str, wider: str) -> bool:
    """Tell whether more is found with a condition that is always true, and the same with one that never is."""
    exchanges = []
    told = _told(control, good)
    for suffix, is_wider in ((same, False), (wider, True), (same, False), (wider, True)):
        answer = call(trial, point.operation, point.with_value(good + suffix))
        exchanges.append((suffix, answer))
        found = _told(answer, good + suffix)
        if not answer.ok or not (len(found) > len(told) if is_wider else found == told):
            return False
    trial.control(f"{point.operation.name}, {point.name}, with a good value", control)
    for suffix, answer in exchanges:
        trial.attack(f"{point.operation.name}, {point.name}, with {suffix}", answer)
    return True


def _told(exchange: Exchange, value: str) -> bytes:
    """Return an answer without the value that was asked for, which many repeat."""
    return exchange.body.replace(value.encode(), b"")


def _counts_quotes(trial: Trial, point: Input, good: str, control: Exchange) -> bool:
    exchanges = []
    for suffix, breaks in (("'", True), ("''", False), ("'", True), ("''", False)):
        answer = call(trial, point.operation, point.with_value(good + suffix))
        exchanges.append((suffix, answer))
        if answer.broke is not breaks or not (breaks or answer.ok):
            return False
    trial.control(f"{point.operation.name}, {point.name}, with a good value", control)
    for suffix, answer in exchanges:
        trial.attack(f"{point.operation.name}, {point.name}, with {suffix}", answer)
    return True


def _obeys(trial: Trial, point: Input, good: str, control: Exchange, same: str, other: str) -> bool:
    exchanges = []
    for suffix, wanted in ((same, True), (other, False), (same, True), (other, False)):
        answer = call(trial, point.operation, point.with_value(good + suffix))
        exchanges.append((suffix, answer))
        if served(answer, control) is not wanted or answer.broke:
            return False
    trial.control(f"{point.operation.name}, {point.name}, with a good value", control)
    for suffix, answer in exchanges:
        trial.attack(f"{point.operation.name}, {point.name}, with {suffix}", answer)
    return True


@check(
    "API8-05-template",
    title="No value is evaluated as a template",
    sends="values with a multiplication in the notations of template languages",
    fix="Never build templates or expressions from what a caller sends.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-1336",
    owasp="API8:2023",
    gives=("foreign-data",),
)
def values_are_no_templates(trial: Trial) -> Outcome:
    """Where ``{{1787*1913}}`` comes back as its product, the caller's text is run: the rest is a matter of patience."""
    product = str(1787 * 1913)
    attempts = []
    for point in reading_inputs(trial):
        for form in ("{{1787*1913}}", "${1787*1913}", "<%= 1787*1913 %>", "#{1787*1913}"):
            answer = call(trial, point.operation, point.with_value(form))
            trial.attack(f"{point.operation.name} with {point.name} {form}", answer)
            attempts.append(answer)
    found = [each for each in attempts if product in each.page()]
    if found:
        return failed(f"The API calculated what stood in a value: {product} came back.")
    return passed(f"None of {len(attempts)} answers holds the product that was asked for.")


@check(
    "API8-05-header",
    title="No value becomes a header of the answer",
    sends="values with an encoded line break and a header after it",
    fix="Refuse line breaks in whatever goes into a header.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-113",
    owasp="API8:2023",
)
def values_are_no_headers(trial: Trial) -> Outcome:
    """Whoever can add a header can set cookies or split the answer in two for a cache."""
    attempts = []
    for point in reading_inputs(trial):
        request = point.with_value(f"{point.value or 'x'}%0d%0ax-trustweft-added:%201", raw=True)
        answer = call(trial, point.operation, request)
        attempts.append(trial.attack(f"{point.operation.name} with {point.name} and a line break", answer))
    found = [each for each in attempts if each.header("x-trustweft-added")]
    if found:
        return failed("A header came back that stood in a value of the request.")
    return passed(f"None of {len(attempts)} line breaks in values made a header.")


@check(
    "API8-05-traversal",
    title="No value opens a file",
    sends="values that are paths to /etc/passwd and win.ini, plain and encoded",
    fix="Use values as keys of a table, never as a part of a file's name.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-22",
    owasp="API8:2023",
    gives=("foreign-data",),
)
def values_are_no_paths(trial: Trial) -> Outcome:
    """It fails where the answer holds what stands in that file on any such machine."""
    up = "../" * 8
    attempts = []
    for point in reading_inputs(trial):
        for value, raw in (
            (f"{up}etc/passwd", False),
            (f"{up}etc/passwd".replace("/", "%252f"), True),
            ("/etc/passwd", False),
            (f"{up}windows/win.ini", False),
        ):
            try:
                answer = call(trial, point.operation, point.with_value(value, raw=raw))
            except Unreachable:
                continue
            attempts.append(trial.attack(f"{point.operation.name} with {point.name} {value[-14:]}", answer))
    if any(re.search(r"root:[^:\n]*:0:0:|\[fonts\]", each.page()) for each in attempts):
        return failed("A value opened a file of the machine.")
    return passed(f"None of {len(attempts)} paths in values opened a file.")


@check(
    "API8-03-xml",
    title="No entity of an XML document is expanded",
    sends="a small XML document with an entity of its own, to operations that take a body",
    fix="Take the content types that the operation describes only, and switch document types off in XML readers.",
    requirements=(),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-611",
    owasp="API8:2023",
)
def entities_are_not_expanded(trial: Trial) -> Outcome:
    """A reader that expands entities can be made to read files and to call addresses.

    The entity is internal and harmless: it fails where its text comes back without the document that defines it.
    """
    document = b'<!DOCTYPE a [<!ENTITY t "trustweft-expanded">]><a><id>&t;</id></a>'
    attempts = []
    for operation in writing_operations(trial):
        request = replace(operation.request(), body=document).with_header("content-type", "application/xml")
        answer = call(trial, operation, request)
        attempts.append(trial.attack(f"{operation.name} with XML", answer))
    if any("trustweft-expanded" in each.page() and "ENTITY" not in each.page() for each in attempts):
        return failed("The text of an entity came back: the API expands entities of XML documents.")
    return passed(f"None of {len(attempts)} operations expanded an entity.")
