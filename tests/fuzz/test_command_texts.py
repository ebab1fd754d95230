"""A short round of what people and machines type."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings

from tests.fuzz.command_texts import check, kind
from tests.fuzz.hostile import SHORT


@given(value=kind().values)
@settings(SHORT, max_examples=200)
@example(value=("<at>IRBot</at> compromise <at>Megan</at>", [{"type": "mention", "mentioned": {"id": "\ud800"}}]))
@example(value=("compromise <at>M</at>", [{"type": "mention", "text": "<at>M</at>", "mentioned": {"id": "a\x00"}}]))
@example(value=("<at>" * 60_000, []))
@example(value=("<at>x</at>" * 6_000, [{"type": "mention", "mentioned": {"id": "1"}, "text": "<at>x</at>"}] * 50))
def test_any_message_is_read_or_refused(value: Any) -> None:
    check(value)
