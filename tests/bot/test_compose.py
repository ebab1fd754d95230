"""Requests of the message extension are client input: what is not as it should be is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bot.compose import SUBMIT, read_compose
from dialogs.turn import ReportSent
from services.channel import Actor
from services.errors import BadInput

ALEX = Actor("33333333-3333-4333-8333-333333333333", "Alex", "29:alex")


def _sent(kind: Any, note: Any = "odd") -> object:
    payload = {"id": "1700000000001", "body": {"content": "<p>Pay now</p>"}}
    value = {"commandId": "report-message", "messagePayload": payload, "data": {"kind": kind, "note": note}}
    return read_compose(SUBMIT, value, ALEX, "19:x")


@pytest.mark.parametrize("kind", ["phishing", "compromise"])
def test_a_report_is_read(kind: str) -> None:
    sent = _sent(kind)
    assert isinstance(sent, ReportSent)
    assert (sent.kind, sent.note, sent.message.text) == (kind, "odd", "Pay now")


@pytest.mark.parametrize("kind", [None, "", "other", 7, [], {}, ["phishing"], {"phishing": 1}, "phishing\u200b"])
def test_a_kind_that_nobody_offers_is_refused(kind: Any) -> None:
    with pytest.raises(BadInput):
        _sent(kind)


@pytest.mark.parametrize("note", [7, [1], {"a": 1}, True])
def test_a_note_that_is_no_text_is_refused(note: Any) -> None:
    with pytest.raises(BadInput):
        _sent("phishing", note)
