"""Text is safe whatever people and tenants write, and elements are what the schema wants."""

# ruff: noqa: RUF001  (look-alike characters are what this file is about)

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cards.elements import (
    MAX_TEXT,
    MAX_WORD,
    Token,
    action,
    badge,
    buttons,
    card,
    clock,
    expandable,
    fitted,
    join,
    plain,
    shortlist,
    size_ok,
    spoken,
    strong,
    text,
    when,
)
from cards.views import Button, ButtonStyle, Tone
from tests.cards.checks import elements, markup, rendered
from tools.gallery.cast import HOSTILE

AT = datetime(2026, 3, 14, 2, 41, 7, 999_999, tzinfo=UTC)
BUTTON = Button("Lock now", "confirm", "an-id", "a-nonce", ButtonStyle.DESTRUCTIVE)

ANY_TEXT = st.text(max_size=400) | st.text(
    alphabet="[](){}<>*_~`\\&#;:+-=!|>.1aA \n\r\t\u200b\u202e/@\"'$%", max_size=60
)


@given(ANY_TEXT)
@example("[x](http://evil.example)")
@example("[x]: http://evil.example")
@example("![x](http://evil.example/x.png)")
@example("<http://evil.example>")
@example("&#42;&#42;bold&#42;&#42;")
@example("a\\")
@example("__init__")
@example("_a_ *b* **c** ~~d~~ `e`")
@example("1) one")
@example("---")
@example("    indented")
@example("# heading")
@example("a\n\nb")
@example("a  \nb")
def test_no_text_becomes_markup(value: str) -> None:
    assert markup(plain(value)) == []


@given(ANY_TEXT)
def test_what_is_read_is_what_was_escaped(value: str) -> None:
    assert rendered(plain(value)).strip() == plain(value)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
@example("[x", "](http://evil.example)", "")
@example("&", "amp;", "")
@example("&am", "p;", "")
@example("{", "{DATE(2026-01-01T00:00:00Z,SHORT)}}", "")
@example("1", ". one", "")
@example("~", "~", "~")
@example("\\", "*a*", "")
@example("-", " item", "")
def test_parts_stay_safe_when_joined(first: str, second: str, third: str) -> None:
    line = join(first, second, third)
    assert markup(line) == []
    assert "{{" not in line


@given(ANY_TEXT, ANY_TEXT)
@example("\\\r", "")
@example("**", "**")
def test_bold_is_bold_and_holds_nothing_else(value: str, after: str) -> None:
    kinds = markup(join("At ", strong(value or "x"), " ", after))
    assert kinds == ["strong_open", "strong_close"]


@given(ANY_TEXT)
def test_nothing_that_a_client_acts_on_is_left(value: str) -> None:
    safe = plain(value)
    assert not set(safe) & set("<>[]{}*`")
    assert "{{" not in safe
    assert "://" not in safe
    assert not re.search(r"&#?\w+;", safe)


@given(ANY_TEXT)
def test_only_characters_that_can_be_seen_are_left(value: str) -> None:
    assert all(char == " " or unicodedata.category(char)[0] not in "CZ" for char in plain(value))


@given(st.text(alphabet="abzAZ019.-_!#^~'&*+/=?{|}`@\\é", min_size=1, max_size=64))
@example("_private_@contoso.com")
@example("a*b@contoso.com")
def test_an_address_copied_from_a_card_is_the_address_again(value: str) -> None:
    """The command parser reads what is written in NFKC."""
    assert unicodedata.normalize("NFKC", plain(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        "Megan Bowen",
        "megan@contoso.com",
        "miriam.o'connor@contoso.com",
        "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com",
        "José Müller",
        "Smith & Sons, AT&T Inc",
        "CONTOSO\\megan",
        "C:\\Users\\megan",
        "IR-0007 - Lock (2 of 3): 50% done!",
        "a–b “quoted” 日本語 Ελληνικά עברית",
        "-5 degrees",
        "#general",
        "3.14",
    ],
)
def test_ordinary_text_stays_as_it_is(value: str) -> None:
    assert plain(value) == value


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("[x](http://evil)", "［x］(http：//evil)"),
        ("**now**", "＊＊now＊＊"),
        ("_now_", "＿now＿"),
        ("<at>IRBot</at>", "＜at＞IRBot＜/at＞"),
        ("{{DATE(2026-01-01T00:00:00Z,SHORT)}}", "｛｛DATE(2026-01-01T00:00:00Z,SHORT)｝｝"),
        ("&lt;b&gt;", "＆lt;b＆gt;"),
        ("back\\*slash", "back＼＊slash"),
        ("one\r\ntwo\tthree", "one two three"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("in\u200bvis\u2060ible\ufeff", "invisible"),
        ("Jose\u0301", "José"),
        ("\u200b\u202e", "(blank)"),
        ("\u3164", "(blank)"),
        (" \n ", "(blank)"),
        ("", ""),
        ("www.evil.example", "www．evil.example"),
        ("- item", "－ item"),
        ("1. item", "1． item"),
    ],
)
def test_active_characters_stay_readable(value: str, seen: str) -> None:
    assert plain(value) == seen


def test_a_pile_of_accents_is_flattened() -> None:
    assert len(plain("Z" + "\u0351" * 50)) <= 4


def test_a_very_long_word_is_cut_in_the_middle() -> None:
    seen = plain("W" * 500 + "END", limit=1000)
    assert len(seen) <= MAX_WORD
    assert "…" in seen
    assert seen.endswith("END")


def test_a_long_address_is_shown_in_full() -> None:
    address = f"{'a' * 64}@{'b' * 48}"
    assert plain(address) == address


def test_long_text_ends_in_an_ellipsis() -> None:
    seen = plain("word " * 200)
    assert len(seen) <= MAX_TEXT
    assert seen.endswith("…")


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_harmless_in_every_element(value: str) -> None:
    drawn = card(
        [
            text(value),
            badge(value, value, Tone.GOOD, about=value),
            *expandable(value, [text(value)], "x"),
            *buttons([Button(value, "verb", "id", "nonce")]),
        ],
        says=spoken(value),
    )
    for block in elements(drawn, "TextBlock"):
        assert markup(block["text"]) == []
    for run in elements(drawn, "TextRun"):
        assert markup(run["text"]) == []
    assert markup(drawn["fallbackText"]) == []


def test_times_are_local_to_the_reader_in_the_form_that_teams_takes() -> None:
    assert when(AT) == "{{DATE(2026-03-14T02:41:07Z,SHORT)}} {{TIME(2026-03-14T02:41:07Z)}}"
    assert clock(AT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "{{TIME(2026-03-14T02:41:07Z)}}"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        when(datetime(2026, 3, 14))  # noqa: DTZ001


def test_a_time_survives_between_hostile_parts() -> None:
    line = join("{{", "[x]", when(AT), "}}")
    assert line == f"｛｛［x］{when(AT)}｝｝"


def test_only_this_module_makes_tokens() -> None:
    assert isinstance(when(AT), Token)
    assert not isinstance(plain("x"), Token)


def test_a_button_carries_a_version_an_id_and_a_nonce_and_nothing_else() -> None:
    assert action(BUTTON) == {
        "type": "Action.Execute",
        "title": "Lock now",
        "verb": "confirm",
        "data": {"v": 1, "id": "an-id", "nonce": "a-nonce"},
        "style": "destructive",
    }


def test_the_styled_button_comes_first() -> None:
    drawn = buttons([Button("Cancel", "cancel", "1", "n"), BUTTON, Button("Other", "other", "2", "n")])
    assert [button["title"] for button in drawn[0]["actions"]] == ["Lock now", "Cancel", "Other"]


def test_no_buttons_draw_nothing() -> None:
    assert buttons([]) == []


def test_a_list_says_how_much_it_leaves_out() -> None:
    items = [text(str(number)) for number in range(40)]
    assert [block["text"] for block in shortlist(items, 3)] == ["0", "1", "2", "and 37 more"]
    assert shortlist(items, 40) == items
    assert shortlist(items[:1], 3, already_more=4)[-1]["text"] == "and 4 more"


def test_what_unfolds_is_hidden_at_first_and_the_line_toggles_it() -> None:
    line, content = expandable("Exact changes", [text("x")], "changes")
    assert content["isVisible"] is False
    targets = line["selectAction"]["targetElements"]
    assert content["id"] in targets
    ids = {block["id"]: block.get("isVisible", True) for block in elements(line, "TextBlock") if "id" in block}
    assert ids == {"changes-more": True, "changes-less": False}
    assert set(ids) < set(targets)


def test_a_state_is_a_symbol_and_a_word_and_only_the_symbol_is_coloured() -> None:
    drawn = badge("✗", "Failed", Tone.ATTENTION, about="Block sign-in")
    assert [run["text"] for run in drawn["inlines"]] == ["✗ ", "Block sign-in · ", "Failed"]
    assert [run.get("color") for run in drawn["inlines"]] == ["attention", None, None]
    assert all("color" not in run for run in badge("○", "Planned", Tone.NEUTRAL)["inlines"])


def test_a_refresh_names_at_most_sixty_people() -> None:
    drawn = card([], says="x", refresh=BUTTON, refresh_for=[f"29:{n}" for n in range(100)])
    assert len(drawn["refresh"]["userIds"]) == 60
    assert "refresh" not in card([], says="x")


def test_a_card_that_fits_is_drawn_with_its_longest_lists() -> None:
    assert fitted(lambda limit: card([], says=str(limit)))["speak"] == "40"


def test_a_card_that_does_not_fit_is_drawn_with_shorter_lists() -> None:
    drawn = fitted(lambda limit: card([text("word " * 60)] * (10 * limit), says="x"))
    assert size_ok(drawn)
    assert 10 < len(drawn["body"]) < 100


def test_the_size_is_counted_in_utf_16_too() -> None:
    """25 000 ASCII characters are within our bytes and over what Teams counts."""
    drawn = card([text("four " * 58)] * 70, says="x")
    assert not size_ok(drawn)
