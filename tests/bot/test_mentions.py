"""Mentions: the SDK edits the victim's address; ours never does."""

from __future__ import annotations

import html
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.mentions import read_text
from tests.bot.channel_double import ALEX, BOT_ID

MEGAN = {"id": "29:megan", "name": "Megan Bowen", "aadObjectId": ALEX}


def _entity(text: Any, mentioned: Any) -> dict[str, Any]:
    return {"type": "mention", "text": text, "mentioned": mentioned}


def _bot(name: str, text: str | None = None) -> dict[str, Any]:
    return _entity(text if text is not None else f"<at>{name}</at>", {"id": BOT_ID, "name": name})


def _read(text: Any, *entities: Any) -> str:
    return read_text(text, list(entities), BOT_ID).text


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        # The eight cases that the SDK gets wrong.
        ("<at>IRBot</at> compromise IRBot-owner@contoso.com", [_bot("IRBot")], "compromise IRBot-owner@contoso.com"),
        ("<at>IR</at> compromise IRis@contoso.com", [_bot("IR")], "compromise IRis@contoso.com"),
        ('<at id="0">IRBot</at> help', [_bot("IRBot")], "help"),
        ("<at>R&amp;D Bot</at> help", [_bot("R&D Bot", "<at>R&amp;D Bot</at>")], "help"),
        ("<at>R&amp;D Bot</at> help", [_bot("R&D Bot", "<at>R&D Bot</at>")], "help"),
        ("<at>IR\u00a0Bot</at>\u00a0help", [_bot("IR Bot")], "help"),
        ("<at>Rele\u0301 Bot</at> help", [_bot("Relé Bot")], "help"),
        ("<at>IRBot</at> help", [{"type": "mention", "text": "<at>Nobody</at>"}, _bot("IRBot")], "help"),
        (None, [_bot("IRBot")], ""),
        # And more.
        ("&nbsp;<at>IRBot</at>&nbsp;&nbsp;help\r\n", [_bot("IRBot")], "help"),
        ("help <at>IRBot</at>", [_bot("IRBot")], "help"),
        ("<AT>IRBot</AT> help", [_bot("IRBot")], "help"),
        ("<at>irbot</at> help", [_bot("IRBot")], "help"),
        ("<at>IRBot</at><at>IRBot</at> help", [_bot("IRBot"), _bot("IRBot")], "help"),
        ("<at>IRBot</at> say <at>IRBot</at>", [_bot("IRBot")], "say <at>IRBot</at>"),
        ("IRBot help", [_bot("IRBot")], "IRBot help"),
        ("compromise megan@contoso.com", [_bot("IRBot")], "compromise megan@contoso.com"),
        ("<at>IRBot</at> compromise <at>Megan</at>", [_bot("IRBot")], "compromise <at>Megan</at>"),
        ("<at>IRBot</at> a&lt;b &amp;amp; c", [_bot("IRBot")], "a<b &amp; c"),
        ("<at>IRBot</at> \u202ecompromise\u202c\u200b x", [_bot("IRBot")], "compromise x"),
        ("<at>IRBot</at> ＭＥＧＡＮ", [_bot("IRBot")], "MEGAN"),  # noqa: RUF001  # full-width letters
        ("<at></at> help", [_bot("", "<at></at>")], "help"),
        (7, [_bot("IRBot")], ""),
    ],
)
def test_exactly_the_mention_of_the_bot_goes(text: Any, entities: list[Any], expected: str) -> None:
    assert _read(text, *entities) == expected


@pytest.mark.parametrize("entities", [None, 7, "x", {}, [None], [7], [[]], [{}], [{"type": "mention"}]])
def test_unusable_entities_leave_the_text_alone(entities: Any) -> None:
    assert read_text("<at>IRBot</at> help", entities, BOT_ID).text == "<at>IRBot</at> help"


@pytest.mark.parametrize(
    "mentioned", [None, 7, "x", [], {}, {"id": None}, {"id": 7}, {"id": ""}, {"name": "Megan Bowen"}]
)
def test_a_mention_of_nobody_stays_text(mentioned: Any) -> None:
    read = read_text("hi <at>Megan Bowen</at>", [_entity("<at>Megan Bowen</at>", mentioned)], BOT_ID)
    assert read.mentions == ()
    assert read.text == "hi <at>Megan Bowen</at>"


def test_a_person_becomes_a_token_with_their_ids() -> None:
    text = "<at>IRBot</at> compromise <at>Megan Bowen</at>."
    read = read_text(text, [_bot("IRBot"), _entity("<at>Megan Bowen</at>", MEGAN)], BOT_ID)
    assert read.text == "compromise @0."
    assert read.bot_mentioned
    [person] = read.mentions
    assert (person.name, person.teams_id, person.object_id) == ("Megan Bowen", "29:megan", ALEX)


def test_the_object_id_is_never_made_up() -> None:
    for object_id in (None, "", "megan@contoso.com", 7, "Megan Bowen"):
        mentioned = {**MEGAN, "aadObjectId": object_id}
        read = read_text("<at>Megan Bowen</at>", [_entity("<at>Megan Bowen</at>", mentioned)], BOT_ID)
        assert read.mentions[0].object_id is None
        assert read.mentions[0].teams_id == "29:megan"


def test_two_people_of_one_name_are_told_apart_by_their_order() -> None:
    first, second = {"id": "29:joni-1", "name": "Joni Sherman"}, {"id": "29:joni-2", "name": "Joni Sherman"}
    tag = "<at>Joni Sherman</at>"
    read = read_text(f"{tag} and {tag}", [_entity(tag, first), _entity(tag, second)], BOT_ID)
    assert read.text == "@0 and @1"
    assert [person.teams_id for person in read.mentions] == ["29:joni-1", "29:joni-2"]


def test_tokens_are_numbered_as_they_stand_whatever_the_order_of_the_entities() -> None:
    a, b = {"id": "29:a", "name": "A"}, {"id": "29:b", "name": "B"}
    read = read_text("<at>A</at> <at>B</at>", [_entity("<at>B</at>", b), _entity("<at>A</at>", a)], BOT_ID)
    assert [person.teams_id for person in read.mentions] == ["29:a", "29:b"]


def test_a_person_who_calls_themself_like_the_bot_is_still_a_person() -> None:
    tag = "<at>IRBot</at>"
    read = read_text(f"{tag} compromise {tag}", [_bot("IRBot"), _entity(tag, {"id": "29:x", "name": "IRBot"})], BOT_ID)
    assert read.text == "compromise @0"
    assert read.mentions[0].teams_id == "29:x"


def test_a_token_does_not_run_into_its_neighbours() -> None:
    entity = _entity("<at>Megan Bowen</at>", MEGAN)
    assert _read("x<at>Megan Bowen</at>1", entity) == "x @0 1"
    assert _read("<at>Megan Bowen</at>@contoso.com", entity) == "@0 @contoso.com"
    assert _read("“<at>Megan Bowen</at>”", entity) == "“@0”"


def test_an_entity_cannot_name_a_piece_of_an_address() -> None:
    assert _read("compromise megan@contoso.com", _entity("megan", MEGAN)) == "compromise megan@contoso.com"
    assert _read("compromise megan@contoso.com", _bot("megan", "megan")) == "compromise megan@contoso.com"


# Properties ----------------------------------------------------------------------------------------------------------

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zs", "Zl", "Zp"), exclude_characters="<>&"),
    min_size=1,
    max_size=12,
)
addresses = st.emails().filter(lambda address: address.isascii() and "&" not in address and "<" not in address)
entities = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("mention") | anything,
        "text": names.map(lambda name: f"<at>{name}</at>") | anything,
        "mentioned": st.fixed_dictionaries({"id": st.sampled_from([BOT_ID, "29:x"]) | anything}) | anything,
    },
)


@given(text=st.text(max_size=200) | anything, found=st.lists(entities, max_size=4) | anything)
@settings(max_examples=400, deadline=None)
def test_never_raises(text: Any, found: Any) -> None:
    read = read_text(text, found, BOT_ID)
    assert read.text == " ".join(read.text.split())
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} for letter in read.text)


@given(name=names, address=addresses, tail=names)
@settings(max_examples=400, deadline=None)
def test_an_address_is_never_altered(name: str, address: str, tail: str) -> None:
    """Whatever the bot is called, also when its name is part of the address."""
    for called in (name, address, address.split("@", maxsplit=1)[0], address[:1], "at"):
        shown = f"<at>{html.escape(called)}</at>"
        read = read_text(f"{shown} compromise {address}", [_bot(called, shown)], BOT_ID)
        assert read.text.split(" ")[-1] == address
        assert read.bot_mentioned


@given(name=names, words=st.lists(names, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_one_person_gives_one_token(name: str, words: list[str]) -> None:
    shown = f"<at>{name}</at>"
    read = read_text(f"{shown} {' '.join(words)}", [_entity(shown, {"id": "29:x", "name": name})], BOT_ID)
    assert len(read.mentions) == 1
    assert read.text.startswith("@0")
