"""What an operator watches: Prometheus numbers, and OpenTelemetry spans where a collector is named.

Nothing here names a person, an account or a mail: labels are operations, states and services.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from services import logs
from services.errors import IRBotError, Throttled

REGISTRY = CollectorRegistry()
CONTENT_TYPE = CONTENT_TYPE_LATEST

_TURN_SECONDS = Histogram(
    "irbot_turn_seconds",
    "Time until what Teams sent was answered.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
_CALLS = Counter("irbot_calls_total", "Calls to Microsoft.", ("service", "operation", "outcome"), registry=REGISTRY)
_CALL_SECONDS = Histogram(
    "irbot_call_seconds",
    "Time of one call to Microsoft.",
    ("service",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60),
    registry=REGISTRY,
)
_THROTTLES = Counter("irbot_throttled_total", "Calls that Microsoft throttled.", ("service",), registry=REGISTRY)
_STEPS = Counter("irbot_steps_total", "Steps by how they ended.", ("step", "state"), registry=REGISTRY)
_JOBS = Counter("irbot_job_failures_total", "Attempts of durable jobs that failed.", ("job",), registry=REGISTRY)
_NUMBERS = Gauge("irbot_rows", "Rows by kind and state.", ("kind", "state"), registry=REGISTRY)
_AGES = Gauge("irbot_oldest_seconds", "Age of the oldest row that waits.", ("kind",), registry=REGISTRY)

_THROTTLED = frozenset({Throttled.code, "http-429", "http-503"})
_tracer = trace.get_tracer("irbot")

Numbers = Mapping[tuple[str, str], float]
Ages = Mapping[str, float]
Look = Callable[[], Awaitable[tuple[Numbers, Ages]]]


@contextmanager
def turn() -> Iterator[None]:
    """Something that Teams sent, to its answer."""
    began = time.perf_counter()
    with span("turn"):
        try:
            yield
        finally:
            _TURN_SECONDS.observe(time.perf_counter() - began)


@contextmanager
def call(service: str, operation: str) -> Iterator[Callable[[str], None]]:
    """One call to Microsoft. Its outcome is the code of the error, or what the block says of it, or "ok"."""
    began = time.perf_counter()
    outcome, said = "cancelled", ["ok"]
    with span("call", service=service, operation=operation) as current:
        try:
            yield said.append
            outcome = said[-1]
        except IRBotError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = "bug"
            raise
        finally:
            current.set_attribute("irbot.outcome", outcome)
            _CALLS.labels(service, operation, outcome).inc()
            if outcome in _THROTTLED:
                _THROTTLES.labels(service).inc()
            _CALL_SECONDS.labels(service).observe(time.perf_counter() - began)


def step_ended(step_id: str, state: str) -> None:
    """A step came to its end."""
    _STEPS.labels(step_id, state).inc()


def job_failed(name: str) -> None:
    """An attempt of a durable job failed for a reason of ours."""
    _JOBS.labels(name).inc()


@contextmanager
def span(name: str, **attributes: str) -> Iterator[trace.Span]:
    """A span with the ids that the log lines carry as well; it goes nowhere where no collector is named."""
    bound = {"incident": logs.incident.get(), "step": logs.step.get(), "correlation": logs.correlation.get()}
    # The text of an exception may quote what the tenant sent: only its kind is told.
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as current:
        for key, value in {**bound, **attributes}.items():
            if value is not None:
                current.set_attribute(f"irbot.{key}", value)
        yield current


def send_traces_to(url: str) -> Callable[[], None]:
    """Sends spans to an OTLP collector over HTTP from now on; the answer ends that. Once for a process."""
    provider = TracerProvider(resource=Resource.create({"service.name": "irbot"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider.shutdown


async def exposition(look: Look) -> bytes:
    """All numbers in Prometheus' text format; `look` reads those that lie in the database."""
    numbers, ages = await look()
    _NUMBERS.clear()
    _AGES.clear()
    for (kind, state), number in numbers.items():
        _NUMBERS.labels(kind, state).set(number)
    for kind, seconds in ages.items():
        _AGES.labels(kind).set(seconds)
    return generate_latest(REGISTRY)
