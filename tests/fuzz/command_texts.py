"""Whatever people type, the grammar reads a command or says why not; it never breaks and never takes long."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from bot.mentions import read_text
from dialogs.commands import COMMANDS, Compromise, SoughtBy, Unknown, parse, row_for
from services.errors import BadInput
from services.plain_words import explain
from tests.fuzz.hostile import ANY_JSON, ANY_TEXT, ID, PIECES, TEXTS, unstorable
from tests.fuzz.rounds import Broken, Came, Kind

_BOT = "28:bot"
_MARK = "<at>IRBot</at>"
_WORDS = tuple(word for row in COMMANDS for word in (row.name, *row.aliases))
_MENTIONED = st.fixed_dictionaries(
    {"id": st.sampled_from((_BOT, "29:megan", "29:joni", "\ud800", "")) | TEXTS},
    optional={"name": TEXTS, "aadObjectId": st.just(ID) | TEXTS},
)
_ENTITY = st.fixed_dictionaries(
    {"type": st.just("mention"), "mentioned": _MENTIONED, "text": st.sampled_from((_MARK, "<at>Megan</at>")) | TEXTS}
)
_ENTITIES = st.one_of(st.lists(_ENTITY, max_size=4), st.lists(_ENTITY | ANY_JSON, max_size=4), ANY_JSON)
_RAW = st.builds(
    "{}{}{}{}".format,
    st.sampled_from((_MARK, f"{_MARK} ", "", "<at>Megan</at> ")),
    st.one_of(st.sampled_from(_WORDS), st.sampled_from(_WORDS), TEXTS),
    st.sampled_from((" ", "  ", ":", "\u00a0", "", "\n")),
    st.one_of(ANY_TEXT, st.lists(st.sampled_from(PIECES), max_size=5).map(" ".join)),
)


def kind() -> Kind:
    """Messages as Teams sends them: a raw text with its entities."""
    return Kind("Command texts", st.tuples(_RAW, _ENTITIES), check)


def check(value: Any) -> Came:
    """Reads a message as the bot does."""
    raw, entities = value
    read = read_text(raw, entities, _BOT)
    if (bad := unstorable(read)) is not None:
        raise Broken(f"a text that no database takes comes through: {bad[:80]!r}")
    try:
        command = parse(read.text, read.mentions)
    except BadInput as error:
        words = explain(error)
        if not words.what or not words.next_step:
            raise Broken(f"nothing is said of {error!r}") from error
        return Came.REFUSED
    if isinstance(command, Unknown):
        return Came.REFUSED
    if row_for(command) is None:
        raise Broken(f"{command!r} is in no row")
    if isinstance(command, Compromise):
        sought = command.user
        if sought.by is SoughtBy.MENTION and sought.mention not in read.mentions:
            raise Broken(f"an account that nobody mentioned: {sought!r}")
        if not sought.value.isprintable() and sought.by is not SoughtBy.MENTION:
            raise Broken(f"hidden letters in {sought!r}")
    return Came.ANSWERED
