"""JSON from outside is read, or refused with ValueError; nothing that is read can break what comes after."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.decoding import decoded, fit


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"\xed\xa0\x80",
        b'{"x": NaN}',
        b"[Infinity]",
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b"9" * 5000,
    ],
)
def test_what_is_no_json_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # that it is one is the promise
        decoded(raw)


def test_nul_and_half_characters_become_a_mark_wherever_they_stand() -> None:
    raw = rb'{"a\u0000": ["x\ud800y", {"\uDFFF": "\u0000"}], "ok": "\ud83d\ude00 \\u0000"}'
    assert decoded(raw) == {"a\ufffd": ["x\ufffdy", {"\ufffd": "\ufffd"}], "ok": "\U0001f600 \\u0000"}
    assert fit("a\x00b\udc00") == "a\ufffdb\ufffd"


@given(st.text(alphabet=st.characters(exclude_categories=()) | st.sampled_from("\\u0d8"), max_size=60))
@settings(max_examples=200, deadline=None)
@example("\\ud800")
@example("\\u0000")
def test_any_text_comes_out_fit_and_otherwise_as_it_was(text: str) -> None:
    read = decoded(json.dumps(text).encode())
    read.encode()
    assert read == fit(text)
    assert "\x00" not in read
