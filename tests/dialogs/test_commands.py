"""The command grammar: everything that people type for one account, and nothing that could mean another."""

from __future__ import annotations

import contextlib
import unicodedata
from typing import Literal
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.commands import (
    COMMANDS,
    WITH_WITNESSES,
    Compromise,
    Help,
    Incidents,
    Report,
    Resume,
    Sought,
    SoughtBy,
    Status,
    Stop,
    Unknown,
    WhoAmI,
    incident_number,
    parse,
    row_for,
    tidy,
)
from dialogs.turn import Mention
from services.channel import ConversationKind
from services.errors import BadInput

OBJECT_ID = "33333333-3333-4333-8333-33333333333a"
MEGAN = Mention("Megan Bowen", "29:megan", OBJECT_ID)
STRANGER = Mention("Joni Sherman", "29:joni", None)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("megan@contoso.com", "megan@contoso.com"),
        ("Megan@Contoso.com", "Megan@Contoso.com"),
        ("  megan@contoso.com  ", "megan@contoso.com"),
        ('"megan@contoso.com"', "megan@contoso.com"),
        ("'megan@contoso.com'", "megan@contoso.com"),
        ("“megan@contoso.com”", "megan@contoso.com"),
        ("„megan@contoso.com“", "megan@contoso.com"),
        ("«megan@contoso.com»", "megan@contoso.com"),
        ("`megan@contoso.com`", "megan@contoso.com"),
        ("‘megan@contoso.com’", "megan@contoso.com"),  # noqa: RUF001  # Teams makes quotes round
        ("<megan@contoso.com>", "megan@contoso.com"),
        ("(megan@contoso.com)", "megan@contoso.com"),
        ("[megan@contoso.com]", "megan@contoso.com"),
        ("megan@contoso.com.", "megan@contoso.com"),
        ("megan@contoso.com!", "megan@contoso.com"),
        ("megan@contoso.com !!", "megan@contoso.com"),
        ("megan@contoso.com,", "megan@contoso.com"),
        ('("megan@contoso.com").', "megan@contoso.com"),
        ("mailto:megan@contoso.com", "megan@contoso.com"),
        ("MAILTO:megan@contoso.com?subject=Hi%20there", "megan@contoso.com"),
        ("<mailto:megan@contoso.com>", "megan@contoso.com"),
        ("<mailto:megan@contoso.com|megan@contoso.com>", "megan@contoso.com"),
        ("[megan@contoso.com](mailto:megan@contoso.com)", "megan@contoso.com"),
        ("[megan@contoso.com](mailto:Megan@contoso.com).", "Megan@contoso.com"),
        ('<a href="mailto:megan@contoso.com">megan@contoso.com</a>', "megan@contoso.com"),
        ("<a title='x' href='mailto:megan@contoso.com'>mailto:megan@contoso.com</a>", "megan@contoso.com"),
        ("miriam.o'connor@contoso.com", "miriam.o'connor@contoso.com"),
        ("miriam.o’connor@contoso.com", "miriam.o'connor@contoso.com"),  # noqa: RUF001
        ("‘miriam.o’connor@contoso.com’", "miriam.o'connor@contoso.com"),  # noqa: RUF001
        ("mailto:miriam.o%27connor@contoso.com", "miriam.o'connor@contoso.com"),
        ("jose\u0301.mu\u0308ller@contoso.com", "josé.müller@contoso.com"),
        ("josé@contoso.com", "josé@contoso.com"),
        ("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com", "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"),
        ("mailto:ravi_fabrikam.com%23EXT%23@contoso.onmicrosoft.com", "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"),
        ("megan+phish@contoso.co.uk", "megan+phish@contoso.co.uk"),
        ("megan\u200b@contoso.com", "megan@contoso.com"),
        ("megan@contoso.com\u00a0", "megan@contoso.com"),
        ("ｍｅｇａｎ＠contoso.com", "megan@contoso.com"),  # noqa: RUF001  # full-width
        ("info@münchen.example", "info@münchen.example"),
    ],
)
def test_an_address_in_every_dress(written: str, address: str) -> None:
    assert parse(f"compromise {written}") == Compromise(Sought(SoughtBy.ADDRESS, address))


@pytest.mark.parametrize("written", ["megan", '"megan"', "megan.", "o'connor", "o’connor", "miriam.o'connor", "a_b-c"])  # noqa: RUF001
def test_an_alias(written: str) -> None:
    assert parse(f"compromise {written}") == Compromise(
        Sought(SoughtBy.ALIAS, written.strip('".').replace("’", "'"))  # noqa: RUF001
    )


@pytest.mark.parametrize("written", [OBJECT_ID, OBJECT_ID.upper(), f"{{{OBJECT_ID}}}", f"`{OBJECT_ID}`."])
def test_an_object_id(written: str) -> None:
    assert parse(f"compromise {written}") == Compromise(Sought(SoughtBy.OBJECT_ID, OBJECT_ID))


@pytest.mark.parametrize("written", ["@0", "“@0”", "(@0).", " @0 !"])
def test_a_mention(written: str) -> None:
    assert parse(f"compromise {written}", (MEGAN,)) == Compromise(Sought(SoughtBy.MENTION, OBJECT_ID, MEGAN))
    assert parse(f"compromise {written}", (STRANGER,)) == Compromise(Sought(SoughtBy.MENTION, "29:joni", STRANGER))


@pytest.mark.parametrize("name", ["compromise", "Compromise", "COMPROMISE:", "compromised", "“compromise”"])
def test_the_command_word_in_every_dress(name: str) -> None:
    assert parse(f"{name} megan") == Compromise(Sought(SoughtBy.ALIAS, "megan"))


@pytest.mark.parametrize(
    ("text", "mentions", "reason"),
    [
        ("compromise", (), "missing-user"),
        ("compromise  ?!", (), "missing-user"),
        ("compromise ''", (), "missing-user"),
        ("compromise megan@contoso.com now", (), "extra-words"),
        ("compromise Megan Bowen 2", (), "extra-words"),
        ("compromise Megan Bowen megan@contoso.com", (), "extra-words"),
        ("compromise one two three four five six seven", (), "extra-words"),
        ("compromise megan@contoso.com lynne@contoso.com", (), "extra-words"),
        ("compromise @0 @1", (MEGAN, STRANGER), "extra-words"),
        ("compromise @0 please", (MEGAN,), "extra-words"),
        ("compromise @0", (), "ambiguous-mention"),
        ("compromise @1", (MEGAN,), "ambiguous-mention"),
        ("compromise @0", (MEGAN, STRANGER), "ambiguous-mention"),
        ("compromise megan", (STRANGER,), "ambiguous-mention"),
        ("compromise @megan", (), "not-an-account"),
        ("compromise megan@", (), "not-an-account"),
        ("compromise @contoso.com", (), "not-an-account"),
        ("compromise megan@contoso", (), "not-an-account"),
        ("compromise megan@contoso..com", (), "not-an-account"),
        ("compromise megan@@contoso.com", (), "not-an-account"),
        ("compromise megan@contoso.com@evil.example", (), "not-an-account"),
        ("compromise megan@contoso.com,lynne@contoso.com", (), "not-an-account"),
        ("compromise megan@contoso.com;lynne@contoso.com", (), "not-an-account"),
        ("compromise <at>Megan</at>", (), "not-an-account"),
        ("compromise https://contoso.com/megan", (), "not-an-account"),
        ("compromise " + "a" * 65, (), "not-an-account"),
        ("compromise " + "a" * 320 + "@contoso.com", (), "not-an-account"),
        ("compromise megan%00@contoso.com\u0000/x", (), "not-an-account"),
        ("compromise [megan@contoso.com](mailto:lynne@contoso.com)", (), "link-mismatch"),
        ("compromise <mailto:lynne@contoso.com|megan@contoso.com>", (), "link-mismatch"),
        ('compromise <a href="mailto:lynne@contoso.com">megan@contoso.com</a>', (), "link-mismatch"),
        ("compromise [Megan](mailto:megan@contoso.com)", (), "link-mismatch"),
        ("incidents today", (), "extra-words"),
        ("whoami please", (), "extra-words"),
        ("status IR-7 IR-8", (), "extra-words"),
        ("status megan@contoso.com", (), "not-an-incident"),
        ("report IR-7 IR-8", (), "extra-words"),
        ("report megan@contoso.com", (), "not-an-incident"),
        ("status IR-12345678901", (), "not-an-incident"),
        ("compromise " + "a " * 2000, (), "too-long"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, mentions: tuple[Mention, ...], reason: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(text, mentions)
    assert refusal.value.data["reason"] == reason


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("compromise Megan Bowen", "Megan Bowen"),
        ('compromise "Megan Bowen"', "Megan Bowen"),
        ("compromise Miriam O’Connor", "Miriam O'Connor"),  # noqa: RUF001
        ("compromise José Luis Müller-Lüdenscheidt", "José Luis Müller-Lüdenscheidt"),
        ("compromise J. R. Smith Jr.", "J. R. Smith Jr"),
    ],
)
def test_several_words_are_a_name_to_choose_by(text: str, name: str) -> None:
    assert parse(text) == Compromise(Sought(SoughtBy.NAME, name))


def test_extra_words_are_named() -> None:
    with pytest.raises(BadInput) as refusal:
        parse("compromise megan@contoso.com and Lynne")
    assert refusal.value.data["words"] == ["and", "Lynne"]
    assert refusal.value.data["command"] == "compromise"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("  \u200b ", Help()),
        ("help", Help()),
        ("Help me please", Help()),
        ("?", Help()),
        ("whoami", WhoAmI()),
        ("WhoAmI?", WhoAmI()),
        ("incidents", Incidents()),
        ("list", Incidents()),
        ("status", Status()),
        ("status.", Status()),
        ("status IR-0007", Status("IR-0007")),
        ("status ir7", Status("IR-0007")),
        ("status #7", Status("IR-0007")),
        ("status 7.", Status("IR-0007")),
        ("status IR-12345", Status("IR-12345")),
        ("report", Report()),
        ("Report #7", Report("IR-0007")),
        ("stop", Stop()),
        ("Stop wrong account, all of it!", Stop("wrong account, all of it!")),
        ("resume", Resume()),
        ("report IR-0007.", Report("IR-0007")),
    ],
)
def test_the_other_commands(text: str, command: object) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    ("text", "number"),
    [("IR-0007", 7), (" ir7 ", 7), ("#12", 12), ("7", 7), ("IR-", None), ("megan", None), ("7 8", None), ("", None)],
)
def test_incident_numbers(text: str, number: int | None) -> None:
    assert incident_number(text) == number


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("compromize megan@contoso.com", "compromise"),
        ("comprmise megan@contoso.com", "compromise"),
        ("incident", "incidents"),
        ("halp", "help"),
        ("who am i", "whoami"),
        ("lock megan@contoso.com", None),
        ("good morning", None),
        ("@0 compromise", None),
    ],
)
def test_unknown_commands_keep_their_text_and_suggest_the_nearest(text: str, nearest: str | None) -> None:
    assert parse(text) == Unknown(text=text, nearest=nearest)


def test_the_table_is_whole() -> None:
    words = [word for row in COMMANDS for word in (row.name, *row.aliases)]
    assert len(words) == len(set(words))
    assert {row.name for row in COMMANDS} == {
        *("compromise", "status", "report", "tasks", "close", "reopen", "incidents", "educate", "whoami", "help"),
        *("stop", "resume", "setup", "home"),
    }
    for row in COMMANDS:
        assert row.usage.split()[0] == row.name
        assert row.summary.endswith(".")
        assert ":" in row.permission
        assert row.where


def test_what_is_dangerous_needs_witnesses() -> None:
    row = row_for(parse("compromise megan"))
    assert row is not None
    assert row.where == WITH_WITNESSES
    assert ConversationKind.PERSONAL not in row.where
    assert row_for(Unknown("x", None)) is None


@pytest.mark.parametrize("text", ["compromise megan", "status", "report 7", "incidents", "whoami", "help"])
def test_every_command_finds_its_row(text: str) -> None:
    row = row_for(parse(text))
    assert row is not None
    assert row.name == text.split(maxsplit=1)[0]


# Properties ----------------------------------------------------------------------------------------------------------

locals_ = st.from_regex(r"[a-z0-9]([a-z0-9._'+#-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda text: ".." not in text
)
hosts = st.from_regex(r"([a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?\.){1,3}[a-z]{2,6}", fullmatch=True)
addresses = st.builds("{}@{}".format, locals_, hosts)
plain_dresses = st.sampled_from(["{}", '"{}"', "“{}”", "‘{}’", "<{}>", "<{}>,", "({}).", "{} !", "{}\u200b"])  # noqa: RUF001
links = st.sampled_from(
    [
        "mailto:{1}",
        "<mailto:{1}>",
        "“mailto:{1}?subject=x”",
        "[{0}](mailto:{1})",
        "([{0}](mailto:{1})).",
        "<mailto:{1}|{0}>",
    ]
)
forms = st.sampled_from(("NFC", "NFD", "NFKD"))


@given(address=addresses, dress=plain_dresses, form=forms)
@settings(max_examples=300, deadline=None)
def test_the_dress_never_changes_the_address(address: str, dress: str, form: Literal["NFC", "NFD", "NFKD"]) -> None:
    written = unicodedata.normalize(form, dress.format(address))
    assert parse(f"compromise {written}") == Compromise(Sought(SoughtBy.ADDRESS, address))


@given(address=addresses, link=links)
@settings(max_examples=300, deadline=None)
def test_a_link_leads_to_its_address(address: str, link: str) -> None:
    written = link.format(address, quote(address, safe="@"))
    assert parse(f"compromise {written}") == Compromise(Sought(SoughtBy.ADDRESS, address))


@given(text=st.text(max_size=300), mentions=st.lists(st.sampled_from([MEGAN, STRANGER]), max_size=3))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_command_or_a_refusal(text: str, mentions: list[Mention]) -> None:
    for line in (text, f"compromise {text}", f"status {text}"):
        reason: object = "none"
        try:
            parse(line, tuple(mentions))
        except BadInput as refusal:
            reason = refusal.data["reason"]
        assert reason


@given(text=st.text(alphabet="<>[](){}|a@.'\"` href=mailto:%0123", max_size=1900))
@settings(max_examples=200, deadline=2000)
def test_no_text_takes_long(text: str) -> None:
    with contextlib.suppress(BadInput):
        parse(f"compromise {text}")


@given(st.text(max_size=200))
@settings(max_examples=500, deadline=None)
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} for letter in tidy(text))


@given(address=addresses, more=addresses)
@settings(max_examples=200, deadline=None)
def test_two_accounts_are_never_taken_for_one(address: str, more: str) -> None:
    for between in (" ", ", ", "; ", " and ", "\n", "\u00a0"):
        with pytest.raises(BadInput):
            parse(f"compromise {address}{between}{more}")
