"""What operators see: JSON lines on standard error, and Prometheus metrics.

Nothing secret is logged: everything passes one redaction, which knows the names of secrets, and what tokens, codes and
keys look like. Logging never fails a request: a line that cannot be written is counted instead.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from trustweft.protocol.http import HttpResponse
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.observability import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path
    from typing import TextIO

    from trustweft.runtime.clock import Clock
    from trustweft.runtime.errors import Reject

    Event = MutableMapping[str, Any]

__all__ = ["Telemetry", "redact"]

MAXIMUM_TEXT: Final = 16_384
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_HIDDEN: Final = "***"
_NAMES: Final = (
    r"(?:[a-z_-]*(?:password|passwd|secret|token|assertion|cookie|csrf|credential|session)|authorization|api[_-]?key"
    r"|private[_-]?key|code|code_verifier|state|request_uri|request|dpop|otp|pin)"
)
_NAMED: Final = re.compile(_NAMES, re.IGNORECASE)
# What may stand in a detail by mistake; the order counts: what has a delimiter goes before what has a shape.
_SECRETS: Final = (
    # PEM blocks, whole or cut off.
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    # Private members of a JSON Web Key.
    re.compile(r"""(?<=["'])(?:d|p|q|dp|dq|qi|k)["']\s*:\s*["'][^"']*["']?"""),
    # {"password": "..."}, ('cookie', '...'), in JSON and as Python shows it.
    re.compile(rf"""(?i)(?<=["']){_NAMES}["']\s*[:,]\s*b?(?:"[^"]*"?|'[^']*'?)"""),
    # cookie: ..., authorization: ..., to the end of the line.
    re.compile(r"(?i)\b(?:cookie|set-cookie|authorization|dpop)\s*:\s*[^\r\n]+"),
    # password=..., in forms and as programmers write it.
    re.compile(rf"(?i)(?<![a-z0-9_-]){_NAMES}=(?:'[^']*'?|\"[^\"]*\"?|[^&\s'\";,)]+)"),
    # Credentials under their scheme.
    re.compile(r"(?i)\b(?:DPoP|Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}"),
    # Signed tokens, and each part of one.
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"),
    # Our own opaque tokens have 43 characters; names of 40 without a capital or a digit are no tokens.
    re.compile(r"(?<![A-Za-z0-9_-])(?=[a-z_-]*[A-Z0-9])[A-Za-z0-9_-]{40,}"),
)
_CUT_OFF: Final = re.compile(r"[A-Za-z0-9._~+/=-]*\Z")


def redact(text: str) -> str:
    """Return ``text``, at most so long, with everything replaced that looks like a secret."""
    if len(text) > MAXIMUM_TEXT:
        # What is left of a token that was cut through no longer looks like one.
        text = _CUT_OFF.sub("", text[:MAXIMUM_TEXT], count=1) + " (cut off)"
    for pattern in _SECRETS:
        text = pattern.sub(_HIDDEN, text)
    return text


def _redact_event(_logger: object, _name: str, event: Event) -> Event:
    return {
        key: (_HIDDEN if _NAMED.fullmatch(key) else redact(value)) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _add_request_id(_logger: object, _name: str, event: Event) -> Event:
    identifier = REQUEST_ID.get()
    if identifier:
        event["request_id"] = identifier
    return event


class Telemetry:
    """Satisfies ``Observer``; each instance has a registry of its own.

    Args:
        stream: where the log goes; standard error unless given.
        clock: dates the lines; the machine's unless given.
        worker: the number of this process where several share the work; stands in each line.
        shared_metrics: where several processes keep their metrics, so that each of them tells the sum. The process
            has been started with ``PROMETHEUS_MULTIPROC_DIR`` naming the same directory: the library wants it so.
    """

    def __init__(
        self,
        *,
        stream: TextIO | None = None,
        clock: Clock | None = None,
        worker: int | None = None,
        shared_metrics: Path | None = None,
    ) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._worker = worker
        self._shared_metrics = shared_metrics
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
            multiprocess_mode="livemostrecent",  # all measure the same store: the last one knows
        )
        self._lost = Counter(
            "trustweft_log_lines_lost", "Log lines that could not be written.", registry=self._registry
        )
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._log = structlog.wrap_logger(
            # One write for each line: several processes may share the stream.
            structlog.WriteLogger(sys.stderr if stream is None else stream),
            processors=[
                structlog.processors.add_log_level,
                self._add_time,
                self._add_worker,
                _add_request_id,
                structlog.processors.format_exc_info,
                _redact_event,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        )

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Count the refusal by its reason, and log it with its private detail."""
        self._refusals.labels(participant, endpoint, refusal.reason.id).inc()
        self._write(
            logging.INFO,
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
        self._write(logging.ERROR, "failed", participant=participant, support=support, exc_info=cause)

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Log an event."""
        self._write(logging.INFO, event, **{**facts, "participant": participant})

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Set a gauge."""
        self._gauges.labels(participant, quantity).set(value)

    def render_metrics(self) -> HttpResponse:
        """Return the metrics in Prometheus' text format: of all processes that share them."""
        registry = self._registry
        if self._shared_metrics is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._shared_metrics))  # type: ignore[no-untyped-call]  # theirs
        return HttpResponse(200, (("content-type", _CONTENT_TYPE),), generate_latest(registry))

    def _write(self, level: int, event: str, **facts: Any) -> None:
        try:
            self._log.log(level, event, **facts)
        except (OSError, ValueError):  # nobody reads any more, the disk is full, or the stream is closed
            self._lost.inc()

    def _add_worker(self, _logger: object, _name: str, event: Event) -> Event:
        if self._worker is not None:
            event.setdefault("worker", self._worker)
        return event

    def _add_time(self, _logger: object, _name: str, event: Event) -> Event:
        event["timestamp"] = dt.datetime.fromtimestamp(self._clock.now(), tz=dt.UTC).isoformat()
        return event
