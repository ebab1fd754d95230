"""Whatever stands in the view of a card, the card shows words: no markup, mention, date or link comes of it."""

# ruff: noqa: RUF001  (look-alike characters are what this file is about)

from __future__ import annotations

import dataclasses
import enum
import json
import re
import unicodedata
import zlib
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cards.elements import size_ok
from tests.cards.checks import markup, walk
from tests.fuzz.hostile import HUGE, PIECES, SHORT, TEXTS
from tools.gallery.cast import HOSTILE
from tools.gallery.samples import SAMPLES, Sample

# What the server made and the card only carries; a word of a vocabulary picks a symbol.
_OURS = frozenset({"id", "kind", "nonce", "object_id", "refresh_for", "key", "state", "value", "verb", "weight"})
_OURS_OF = {"AccessPassView": frozenset({"code"}), "PickView": frozenset({"choices"})}
_NOT_SHOWN = re.compile(r"/(?:type|id|verb|nonce|\$schema|version|userIds/\d+|targetElements/\d+|data/\w+|value)$")
_OUR_TIME = re.compile(r"\{\{(?:DATE|TIME)\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?:,SHORT)?\)\}\}")
_OUR_BOLD = {"strong_open", "strong_close"}
_ACTIVE = re.compile(r"[<>{}\[\]`]|://|\bwww\.", re.IGNORECASE)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_EACH = tuple(dict.fromkeys((*HOSTILE, *PIECES)))


def filled(view: Any, text: Callable[[str], str]) -> Any:
    """The view with every text of it replaced."""
    if isinstance(view, str) and not isinstance(view, enum.Enum):
        return text(view)
    if isinstance(view, tuple):
        return tuple(filled(each, text) for each in view)
    if dataclasses.is_dataclass(view) and not isinstance(view, type):
        ours = _OURS | _OURS_OF.get(type(view).__name__, frozenset())
        changed = {
            each.name: filled(getattr(view, each.name), text)
            for each in dataclasses.fields(view)
            if each.name not in ours and "input" not in each.name
        }
        return dataclasses.replace(view, **changed)
    return view


def drawn(sample: Sample, text: Callable[[str], str]) -> dict[str, Any]:
    """The card of a sample whose every text is another one."""
    assert isinstance(sample.draw, partial)
    card: dict[str, Any] = sample.draw.func(filled(sample.draw.args[0], text))
    return card


@cache
def is_live(text: str) -> bool:
    """Whether a client would find more than words in it."""
    words = _OUR_TIME.sub("", text)
    hidden = any(unicodedata.category(letter) in _HIDDEN for letter in words)
    return hidden or bool(_ACTIVE.search(words)) or not set(markup(words)) <= _OUR_BOLD


def live(card: dict[str, Any]) -> list[str]:
    """The texts of a card in which a client would find more than words."""
    return [
        f"{path}: {ascii(node)[:300]}"
        for path, node in walk(card)
        if isinstance(node, str) and not _NOT_SHOWN.search(path) and is_live(node)
    ]


every_card = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


@every_card
def test_every_text_of_every_card_may_be_hostile(sample: Sample) -> None:
    """Each text of the view gets the next piece, and each card begins with another one."""
    turns = count(zlib.crc32(sample.name.encode()))
    card = drawn(sample, lambda _: _EACH[next(turns) % len(_EACH)])
    assert live(card) == []
    assert size_ok(card)
    assert json.loads(json.dumps(card)) == card


def test_every_card_stays_harmless_and_small_with_nothing_but_long_active_text() -> None:
    for sample in SAMPLES:
        if sample.variant == "largest":
            card = drawn(sample, lambda _: "[*＊](http://evil.example) " * 60)
            assert live(card) == []
            assert size_ok(card), sample.name


@given(sample=st.sampled_from(SAMPLES), texts=st.lists(TEXTS | HUGE, min_size=1, max_size=4))
@settings(SHORT, max_examples=60)
@example(sample=SAMPLES[0], texts=["*a*", "_b_"])
@example(sample=SAMPLES[0], texts=["**", "x** y"])
def test_no_text_of_any_card_comes_alive(sample: Sample, texts: list[str]) -> None:
    turns = count()
    card = drawn(sample, lambda _: texts[next(turns) % len(texts)])
    assert live(card) == []
    assert size_ok(card)
    assert json.loads(json.dumps(card)) == card
