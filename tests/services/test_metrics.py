"""What an operator sees: numbers that move with the work, spans with ids, and nothing about people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from prometheus_client.parser import text_string_to_metric_families

from services import logs, metrics
from services.database import Database
from services.errors import Throttled, UpstreamDown
from services.numbers import count
from services.requests import Requests
from tests.services.fakes import NOW


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_call_counts_with_its_outcome() -> None:
    before = value("irbot_calls_total", service="graph", operation="test", outcome="ok")
    with metrics.call("graph", "test"):
        pass
    assert value("irbot_calls_total", service="graph", operation="test", outcome="ok") == before + 1


@pytest.mark.parametrize(
    ("error", "outcome", "throttled"),
    [(Throttled(3), "throttled", 1), (UpstreamDown(), "upstream-down", 0), (KeyError("x"), "bug", 0)],
)
def test_a_failed_call_counts_by_its_error(error: Exception, outcome: str, throttled: int) -> None:
    counted = value("irbot_calls_total", service="s", operation="o", outcome=outcome)
    held = value("irbot_throttled_total", service="s")
    with pytest.raises(type(error)), metrics.call("s", "o"):
        raise error
    assert value("irbot_calls_total", service="s", operation="o", outcome=outcome) == counted + 1
    assert value("irbot_throttled_total", service="s") == held + throttled


def test_an_answer_that_refuses_counts_by_its_status() -> None:
    held = value("irbot_throttled_total", service="exchange")
    with metrics.call("exchange", "Get-Mailbox") as outcome:
        outcome("http-429")
    assert value("irbot_calls_total", service="exchange", operation="Get-Mailbox", outcome="http-429") >= 1
    assert value("irbot_throttled_total", service="exchange") == held + 1


async def test_rows_are_counted_by_state_and_the_oldest_has_its_age(database: Database) -> None:
    requests = Requests(database, lambda: NOW)
    await requests.record("a", {"kind": "message"}, "alex", may_repeat=False)
    numbers, ages = await count(database, NOW + timedelta(seconds=90))
    assert numbers["request", "received"] == 1
    assert ages["request"] == 90
    assert ages["approval"] == 0
    text = (await metrics.exposition(lambda: count(database, NOW))).decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"irbot_rows", "irbot_oldest_seconds", "irbot_turn_seconds", "irbot_steps"} <= families
    assert 'irbot_rows{kind="request",state="received"} 1.0' in text


async def test_what_is_gone_is_not_shown_any_more(database: Database) -> None:
    async def one() -> tuple[dict[tuple[str, str], float], dict[str, float]]:
        return {("x", "y"): 1.0}, {}

    async def none() -> tuple[dict[tuple[str, str], float], dict[str, float]]:
        return {}, {}

    assert 'kind="x"' in (await metrics.exposition(one)).decode()
    assert 'kind="x"' not in (await metrics.exposition(none)).decode()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ReadableSpan]]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(metrics, "_tracer", provider.get_tracer("irbot"))
    found: list[ReadableSpan] = []
    monkeypatch.setattr(kept, "export", found.extend)
    yield found
    provider.shutdown()


def test_a_span_carries_the_ids_of_the_log_and_no_text_of_an_error(spans: list[ReadableSpan]) -> None:
    with (
        logs.bound(incident="IR-0007", step="block-sign-in", correlation="abc"),
        pytest.raises(KeyError),
        metrics.call("graph", "block-sign-in"),
    ):
        raise KeyError("megan@contoso.com")
    [span] = spans
    assert dict(span.attributes or {}) == {
        "irbot.incident": "IR-0007",
        "irbot.step": "block-sign-in",
        "irbot.correlation": "abc",
        "irbot.service": "graph",
        "irbot.operation": "block-sign-in",
        "irbot.outcome": "bug",
    }
    assert "megan" not in span.to_json()


def test_no_label_could_name_a_person() -> None:
    allowed = {"service", "operation", "outcome", "step", "state", "job", "kind", "le"}
    seen = {label for family in metrics.REGISTRY.collect() for sample in family.samples for label in sample.labels}
    assert seen <= allowed
    values = {
        text for family in metrics.REGISTRY.collect() for sample in family.samples for text in sample.labels.values()
    }
    assert not [text for text in values if re.search(r"@|[0-9a-f]{8}-[0-9a-f]{4}", text)]
