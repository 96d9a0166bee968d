"""What operators see: JSON lines on standard error, and Prometheus metrics.

Nothing secret is logged: details pass one redaction, which knows what tokens, codes and keys look like.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import TextIO

    from trustweft.runtime.errors import Reject

__all__ = ["Telemetry", "redact"]

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_HIDDEN: Final = "***"
# What may stand in a detail by mistake: signed tokens, our own opaque tokens, named parameters, and headers.
_SECRETS: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"),
    re.compile(r"(?<=urn:ietf:params:oauth:request_uri:)[A-Za-z0-9_-]+"),
    re.compile(
        r"(?i)(?<![a-z_])(?:code|code_verifier|access_token|refresh_token|id_token|token|client_assertion|client_secret|"
        r"password|assertion|csrf|request_uri|credential)=(?!\*)[^&\s'\"]+"
    ),
    re.compile(r"(?i)\b(?:DPoP|Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{16,}"),
    re.compile(r"(?i)\b(?:cookie|set-cookie|authorization)\s*:\s*[^\r\n]+"),
    re.compile(r'"(?:d|p|q|dp|dq|qi|k)"\s*:\s*"[^"]+"'),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
)


def redact(text: str) -> str:
    """Return ``text`` with everything replaced that looks like a secret."""
    for pattern in _SECRETS:
        text = pattern.sub(_HIDDEN, text)
    return text


def _redact_event(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


class Telemetry:
    """Satisfies ``Observer``; each instance has a registry of its own."""

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._registry = CollectorRegistry()
        self._refusals = Counter(
            "trustweft_refusals",
            "Refused requests by reason id.",
            ("participant", "endpoint", "reason"),
            registry=self._registry,
        )
        self._requests = Counter(
            "trustweft_requests",
            "Answered requests.",
            ("participant", "endpoint", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "trustweft_request_seconds",
            "Time to the answer.",
            ("participant", "endpoint"),
            buckets=_LATENCY_SECONDS,
            registry=self._registry,
        )
        self._failures = Counter(
            "trustweft_failures", "Requests that met a defect.", ("participant",), registry=self._registry
        )
        self._gauges = Gauge(
            "trustweft_quantity",
            "What goes up and down.",
            ("participant", "quantity"),
            registry=self._registry,
        )
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr if stream is None else stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _redact_event,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        )

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Count the refusal by its reason, and log it with its private detail."""
        self._refusals.labels(participant, endpoint, refusal.reason.id).inc()
        self._log.info(
            "refused",
            participant=participant,
            endpoint=endpoint,
            reason=refusal.reason.id,
            detail=refusal.detail,
        )

    def answered(self, participant: str, endpoint: str, *, status: int, seconds: float) -> None:
        """Count the answer and its time."""
        key = (participant, endpoint, status)
        known = self._answers.get(key)
        if known is None:  # finding a metric by its labels costs more than counting
            labels = (participant, endpoint)
            known = self._requests.labels(*labels, str(status)), self._seconds.labels(*labels)
            self._answers[key] = known
        known[0].inc()
        known[1].observe(seconds)

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Count and log a defect with its trace."""
        self._failures.labels(participant).inc()
        self._log.error("failed", participant=participant, support=support, exc_info=cause)

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Log an event."""
        self._log.info(event, participant=participant, **facts)

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Set a gauge."""
        self._gauges.labels(participant, quantity).set(value)

    def render_metrics(self) -> HttpResponse:
        """Return the metrics in Prometheus' text format."""
        return HttpResponse(200, (("content-type", _CONTENT_TYPE),), generate_latest(self._registry))
