"""The client and its server: whose metadata it believes, and over which connections it talks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.forging import read_parts
from trustweft.audit.hostile.scenario import HONEST
from trustweft.audit.relying.playing import client_of, control, must_not_send, need_discovery, play
from trustweft.audit.verdict import Role, Severity
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.relying.under_test import Flow
    from trustweft.audit.trial import Trial

_discovery = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.HIGH,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    owasp="API10:2023",
)
_tls = partial(
    _discovery,
    severity=Severity.CRITICAL,
    cwe="CWE-295",
    gives=("token-leaks",),
    fix="Verify certificate, host name and validity of every connection, and switch none of it off.",
)


@_discovery(
    "RP-03-issuer-mismatch",
    title="The client uses no metadata of another issuer",
    sends="metadata whose issuer is another server's",
    fix="Compare `issuer` of the metadata with the one that discovery started from, and stop where they differ.",
    requirements=("FAPI2-SP-5.3.3.1-11", "RFC9700-UPDATE-2.1.2.1-p1.2", "FAPI2-SP-5.3.3.1-9"),
    cwe="CWE-346",
    gives=("code-leaks",),
)
def metadata_is_the_issuers_own(trial: Trial) -> Outcome:
    """RFC 8414 section 3.3: where the issuer in the document is another, nothing of the document may be used.

    Otherwise one server speaks for another, and the defences that compare issuers compare the wrong thing.
    """
    need_discovery(trial)
    return must_not_send(
        trial,
        "RP-03-issuer-mismatch",
        sent=lambda flow: flow.at("par", "authorize", "token"),
        label="Metadata of another issuer",
        failure="The client went on with metadata of another issuer.",
        success="The client used nothing of the document.",
    )


@_discovery(
    "RP-03-metadata-downgrade",
    title="The client fetches metadata over TLS to the end",
    sends="a redirect from the metadata's address to one without TLS",
    fix="Follow no redirects when fetching metadata and keys, or at least none away from https.",
    requirements=("FAPI2-SP-5.2.1-1",),
    cwe="CWE-319",
    gives=("code-leaks",),
)
def metadata_never_comes_in_plain_text(trial: Trial) -> Outcome:
    """Whoever reads metadata without TLS lets the network say where the codes go.

    The hostile server redirects to the same document at an http address. A client that follows believes what anybody
    on the way could have written.
    """
    need_discovery(trial)
    return must_not_send(
        trial,
        "RP-03-metadata-downgrade",
        sent=lambda flow: flow.at("plaintext"),
        label="Metadata behind a redirect to http",
        failure="The client followed the redirect to an address without TLS.",
        success="The client did not follow the redirect.",
    )


@_discovery(
    "RP-03-plaintext-endpoint",
    title="The client sends nothing to an endpoint without TLS",
    sends="metadata whose token endpoint is an http address",
    fix="Refuse metadata that names an endpoint without https.",
    requirements=("FAPI2-SP-5.2.1-1",),
    cwe="CWE-319",
    severity=Severity.CRITICAL,
    gives=("code-leaks", "token-leaks"),
)
def endpoints_have_tls(trial: Trial) -> Outcome:
    """Code, client credentials and tokens in plain text belong to whoever listens.

    The hostile server's metadata names a token endpoint without TLS; the check sees whether anything arrives there.
    """
    need_discovery(trial)
    return must_not_send(
        trial,
        "RP-03-plaintext-endpoint",
        sent=lambda flow: flow.at("plaintext"),
        label="A token endpoint without TLS",
        failure="The client sent its token request without TLS.",
        success="The client sent nothing without TLS.",
    )


@_discovery(
    "RP-08-audience-injection",
    title="A client assertion is good for its own server only",
    sends="metadata whose token endpoint is another server's",
    fix="Put the issuer identifier of the configured server, and nothing else, into `aud` of each assertion.",
    requirements=("RFC9700-UPDATE-2.1.2-p2.1", "RFC9700-UPDATE-2.1.2.1-p1.1"),
    cwe="CWE-346",
    gives=("client-impersonated",),
)
def assertions_cannot_be_aimed(trial: Trial) -> Outcome:
    """Audience injection: a hostile server gets the client to sign an assertion that an honest server accepts.

    The hostile metadata names, as its token endpoint, an address of another origin. A client that takes the audience
    from there has signed in the other server's name. The one safe audience is the issuer that the client started from.
    """
    trial.need(_assertions(control(trial)), "the client does not authenticate with assertions")
    need_discovery(trial)
    flow = play(trial, "RP-08-audience-injection", label="A token endpoint of another server")
    counterfeit = client_of(trial).stage.addresses.counterfeit
    aimed = [aud for claims in _assertions(flow) for aud in _audiences(claims) if aud.startswith(counterfeit)]
    if aimed:
        return failed(
            f"The client signed an assertion for {aimed[0]}, which another server takes for its own."
        )
    return passed("No assertion named the other server.")


def _assertions(flow: Flow) -> list[dict[str, object]]:
    """Return the claims of each client assertion of a flow."""
    sent = (
        each.request.parameter("client_assertion")
        for each in flow.at("par", "token", "counterfeit", "revoke")
    )
    return [read_parts(each)[1] for each in sent if each]


def _audiences(claims: dict[str, object]) -> tuple[str, ...]:
    value = claims.get("aud")
    return tuple(str(each) for each in value) if isinstance(value, list) else (str(value),)


@_tls(
    "RP-16-self-signed",
    title="The client refuses a certificate that vouches for itself",
    sends="a self-signed certificate in the handshake",
    requirements=("FAPI2-SP-5.2.1-5",),
)
def self_signed_is_refused(trial: Trial) -> Outcome:
    """TLS without verification protects from nobody who can stand in between.

    The issuer is served with a certificate that no authority issued. Any request that arrives is a failure: the client
    has shaken hands with whoever answered.
    """
    return _judge_tls(trial, "RP-16-self-signed", what="a self-signed certificate")


@_tls(
    "RP-16-other-name",
    title="The client refuses a certificate of another host",
    sends="a certificate for another host in the handshake",
    requirements=("FAPI2-SP-5.2.1-5",),
)
def other_name_is_refused(trial: Trial) -> Outcome:
    """A chain to a trusted authority says nothing without the name: anybody has a certificate for a host of theirs.

    The certificate comes from the authority that the client trusts, for another host (RFC 9525).
    """
    return _judge_tls(trial, "RP-16-other-name", what="a certificate for another host")


@_tls(
    "RP-16-expired",
    title="The client refuses a certificate that has expired",
    sends="an expired certificate in the handshake",
    severity=Severity.HIGH,
)
def expired_is_refused(trial: Trial) -> Outcome:
    """An expired certificate is outside what its issuer vouches for: its key may long be somebody else's."""
    return _judge_tls(trial, "RP-16-expired", what="an expired certificate")


def _judge_tls(trial: Trial, scenario: str, *, what: str) -> Outcome:
    control(trial)
    client = client_of(trial)
    if client.stage.scenarios[scenario].place not in client.stage.addresses.places:
        raise Inconclusive("no such certificate can be made for the host of `server`")
    mark = client.stage.journal.mark()
    try:
        client.play(scenario)
    except Unreachable:
        # An application that breaks off has refused as well, where it goes on with a good certificate.
        if not client.play(HONEST).redeemed:
            raise
    # The browser is the auditor's and goes on in any case, so that a client without discovery comes to its turn too.
    sent = [each for each in client.stage.journal.of(scenario, since=mark) if each.endpoint != "authorize"]
    for each in sent:
        trial.attack(f"A request over {what}", each.exchange)
    if sent:
        return failed(f"The client sent requests over a connection with {what}.")
    return passed(f"The client refused {what}.")
