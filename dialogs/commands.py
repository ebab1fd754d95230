"""The grammar of what people may write to the bot: one table of commands, and the parser that reads a message by it.

The parser names what is wrong with stable words and never drops words silently: with an account to be locked, a guess
is worse than a question. Who may run a command is decided in `services/access.py`; the permission here is its name.
"""

from __future__ import annotations

import difflib
import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from dialogs.turn import Mention
from services.channel import ConversationKind
from services.errors import BadInput

EVERYWHERE = frozenset(ConversationKind)
WITH_WITNESSES = frozenset({ConversationKind.CHANNEL, ConversationKind.GROUP})

_LONGEST_TEXT = 2000
_LONGEST_ADDRESS = 320
_LONGEST_ALIAS = 64
_MOST_NAME_WORDS = 6


@dataclass(frozen=True)
class CommandRow:
    """One command: what to type, what it does, where it works, and the permission it needs."""

    name: str
    usage: str
    summary: str
    where: frozenset[ConversationKind]
    permission: str
    aliases: tuple[str, ...] = ()
    listed: bool = True  # whether Teams offers it while somebody writes; Teams shows twelve


class SoughtBy(StrEnum):
    """What a person was named by."""

    ADDRESS = "address"  # a user principal name or a mail address
    ALIAS = "alias"  # the part before the @, or a mail nickname
    MENTION = "mention"  # a Teams mention
    NAME = "name"  # a display name of several words: never enough to act on, always a choice
    OBJECT_ID = "object-id"  # the Entra object id, in lower case


@dataclass(frozen=True)
class Sought:
    """The account that a command is about, as it was named; the directory decides whether there is one."""

    by: SoughtBy
    value: str
    mention: Mention | None = None


@dataclass(frozen=True)
class Compromise:
    """Open an incident about this account."""

    user: Sought


@dataclass(frozen=True)
class Status:
    """Show one incident ("IR-0007"), or the one of this thread."""

    incident: str | None = None


@dataclass(frozen=True)
class Report:
    """Say how to get the report of one incident ("IR-0007"), or of the one of this thread."""

    incident: str | None = None


@dataclass(frozen=True)
class Tasks:
    """Show the open tasks of one incident ("IR-0007"), or all."""

    incident: str | None = None


@dataclass(frozen=True)
class Close:
    """Close one incident ("IR-0007"), or the one of this thread."""

    incident: str | None = None


@dataclass(frozen=True)
class Reopen:
    """Open one closed incident ("IR-0007") again, or the one of this thread."""

    incident: str | None = None


@dataclass(frozen=True)
class Incidents:
    """List the open incidents."""


@dataclass(frozen=True)
class Educate:
    """Draw up a lesson for many."""


@dataclass(frozen=True)
class Stop:
    """Stop everything that has an effect."""

    reason: str = ""


@dataclass(frozen=True)
class Resume:
    """Let the work go on after a stop."""


@dataclass(frozen=True)
class Setup:
    """Show what is configured, and let an administrator add to it."""


@dataclass(frozen=True)
class WhoAmI:
    """Show my roles, and why."""


@dataclass(frozen=True)
class Home:
    """Show what waits for me."""


@dataclass(frozen=True)
class Help:
    """Show the commands."""


@dataclass(frozen=True)
class Unknown:
    """No command. `text` is what was written; `nearest` the name of the command that it may have meant."""

    text: str
    nearest: str | None


Command = (
    Compromise
    | Status
    | Report
    | Tasks
    | Close
    | Reopen
    | Incidents
    | Stop
    | Resume
    | Setup
    | WhoAmI
    | Educate
    | Home
    | Help
    | Unknown
)

COMMANDS: tuple[CommandRow, ...] = (
    CommandRow(
        name="compromise",
        usage="compromise <user>",
        summary="Open an incident about an account and prepare to lock it.",
        where=WITH_WITNESSES,
        permission="incident:open",
        aliases=("compromised",),
    ),
    CommandRow(
        name="status",
        usage="status [incident]",
        summary="Show where an incident stands.",
        where=EVERYWHERE,
        permission="incident:read",
    ),
    CommandRow(
        name="report",
        usage="report [incident]",
        summary="Get the report of an incident, to keep or to hand on.",
        where=EVERYWHERE,
        permission="report:take",
    ),
    CommandRow(
        name="tasks",
        usage="tasks [incident]",
        summary="Show what people still have to do by hand.",
        where=EVERYWHERE,
        permission="incident:read",
    ),
    CommandRow(
        name="close",
        usage="close [incident]",
        summary="See what is done and what is open, and close an incident.",
        where=WITH_WITNESSES,
        permission="incident:open",
    ),
    CommandRow(
        name="reopen",
        usage="reopen <incident>",
        summary="Go on with a closed incident.",
        where=WITH_WITNESSES,
        permission="incident:open",
        listed=False,
    ),
    CommandRow(
        name="incidents",
        usage="incidents",
        summary="List the open incidents.",
        where=EVERYWHERE,
        permission="incident:read",
        aliases=("list",),
    ),
    CommandRow(
        name="educate",
        usage="educate",
        summary="Send a short lesson to people, groups, departments or everybody.",
        where=WITH_WITNESSES,
        permission="blast:send",
        aliases=("teach", "lesson"),
    ),
    CommandRow(
        name="stop",
        usage="stop [reason]",
        summary="Stop everything that changes or sends something, at once.",
        where=EVERYWHERE,
        permission="work:stop",
    ),
    CommandRow(
        name="resume",
        usage="resume",
        summary="Let the work go on after a stop.",
        where=EVERYWHERE,
        permission="work:stop",
        listed=False,
    ),
    CommandRow(
        name="setup",
        usage="setup",
        summary="See how IRBot is set up, and protect people.",
        where=EVERYWHERE,
        permission="organisation:set",
    ),
    CommandRow(
        name="home",
        usage="home",
        summary="Show what waits for you, in your own chat.",
        where=frozenset({ConversationKind.PERSONAL}),
        permission="self:read",
    ),
    CommandRow(
        name="whoami",
        usage="whoami",
        summary="Show what you may do here, and why.",
        where=EVERYWHERE,
        permission="self:read",
    ),
    CommandRow(
        name="help",
        usage="help",
        summary="Show what you can ask for.",
        where=EVERYWHERE,
        permission="self:read",
        aliases=("?",),
    ),
)
_BY_WORD = {word: row for row in COMMANDS for word in (row.name, *row.aliases)}

# Control and format characters (zero-width, direction marks) and lone surrogates; all of Unicode's are in these ranges.
_INVISIBLE = {
    code: None
    for code in (*range(0x20000), *range(0xE0000, 0xE0200))
    if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs"} and not chr(code).isspace()
}


def tidy(text: str) -> str:
    """One line of plain text: NFKC, no control or invisible characters, one ordinary space between words."""
    return " ".join(unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).split())


def parse(text: str, mentions: Sequence[Mention] = ()) -> Command:
    """Reads one message. `text` names a mentioned person as `@{index}` into `mentions`; no text at all is `help`.

    Raises BadInput with `reason`: "ambiguous-mention", "extra-words" (with `words`), "link-mismatch", "missing-user",
    "not-an-account" (with `word`), "not-an-incident" (with `word`) or "too-long"; and `command` where it is known.
    """
    if len(text) > _LONGEST_TEXT:
        raise BadInput(reason="too-long", limit=_LONGEST_TEXT)
    line = tidy(text)
    if not line:
        return Help()
    first, _, rest = line.partition(" ")
    word = first.casefold().strip("".join(_OPENING + _CLOSING)) or first.casefold()
    row = _BY_WORD.get(word)
    if row is None:
        return Unknown(text=line, nearest=_nearest(word))
    return _READERS[row.name](row, rest, mentions)


def row_for(command: Command) -> CommandRow | None:
    """The table's row of a parsed command, None for Unknown."""
    name = _NAMES.get(type(command))
    return None if name is None else _BY_WORD[name]


def _read_compromise(row: CommandRow, rest: str, mentions: Sequence[Mention]) -> Command:
    return Compromise(_sought(_linked(rest, row), row, mentions))


def incident_number(text: str) -> int | None:
    """The number in "IR-0007", "#7" or "7"; None where it is none."""
    found = _INCIDENT.fullmatch(text.strip())
    return int(found[1]) if found else None


def _read_about(command: Callable[[str | None], Command]) -> Callable[[CommandRow, str, Sequence[Mention]], Command]:
    """The reader of a command about one incident, or about that of the thread."""

    def read(row: CommandRow, rest: str, _mentions: Sequence[Mention]) -> Command:
        argument = _unwrap(rest)
        if not argument:
            return command(None)
        if len(argument.split()) > 1:
            raise BadInput(reason="extra-words", command=row.name, words=argument.split()[1:])
        number = incident_number(argument)
        if number is None:
            raise BadInput(reason="not-an-incident", command=row.name, word=argument)
        return command(f"IR-{number:04d}")

    return read


def _read_bare(command: Command) -> Callable[[CommandRow, str, Sequence[Mention]], Command]:
    """The reader of a command that takes nothing."""

    def read(row: CommandRow, rest: str, _mentions: Sequence[Mention]) -> Command:
        words = _unwrap(rest).split()
        if words:
            raise BadInput(reason="extra-words", command=row.name, words=words)
        return command

    return read


def _read_stop(_row: CommandRow, rest: str, _mentions: Sequence[Mention]) -> Command:
    """Whoever wants a stop gets it, whatever the reason looks like."""
    return Stop(rest.strip())


def _read_help(_row: CommandRow, _rest: str, _mentions: Sequence[Mention]) -> Command:
    """Whoever asks for help gets it, whatever else the line says."""
    return Help()


_READERS: dict[str, Callable[[CommandRow, str, Sequence[Mention]], Command]] = {
    "compromise": _read_compromise,
    "status": _read_about(Status),
    "report": _read_about(Report),
    "tasks": _read_about(Tasks),
    "close": _read_about(Close),
    "reopen": _read_about(Reopen),
    "incidents": _read_bare(Incidents()),
    "educate": _read_bare(Educate()),
    "stop": _read_stop,
    "resume": _read_bare(Resume()),
    "setup": _read_bare(Setup()),
    "home": _read_bare(Home()),
    "whoami": _read_bare(WhoAmI()),
    "help": _read_help,
}
_NAMES: dict[type, str] = {
    Compromise: "compromise",
    Status: "status",
    Report: "report",
    Tasks: "tasks",
    Close: "close",
    Reopen: "reopen",
    Incidents: "incidents",
    Educate: "educate",
    Stop: "stop",
    Resume: "resume",
    Setup: "setup",
    Home: "home",
    WhoAmI: "whoami",
    Help: "help",
}

# How people name an account ------------------------------------------------------------------------------------------

_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›「」『』"  # noqa: RUF001  # looks like, and that is the point
_APOSTROPHES = str.maketrans(dict.fromkeys("`´‘’‛ʼʹ′", "'"))  # noqa: RUF001
_OPENING = tuple("([{<" + _QUOTES)
_CLOSING = tuple(")]}>.,;:!?…" + _QUOTES)

_INCIDENT = re.compile(r"(?:IR[-_ ]?|#)?0*([0-9]{1,9})", re.IGNORECASE)
_MENTION = re.compile(r"@([0-9]{1,3})")
_MENTION_TOKEN = re.compile(r"(?<!\S)[^\w\s@]*@([0-9]{1,3})(?!\w|[.@]\w)")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LOCAL = r"[\w!#$%&'*+/=?^{|}~-]+(?:\.[\w!#$%&'*+/=?^{|}~-]+)*"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})+")
_ALIAS = re.compile(rf"{_LOCAL}")
_NAME_WORD = re.compile(r"[^\W\d_][^\W\d_.'’-]*(?:[.'’-][^\W\d_]*)*")  # noqa: RUF001
_MARKDOWN_LINK = re.compile(r"\[([^\[\]]*)\]\s?\(([^()\s]*)\)")
_HTML_LINK = re.compile(r"<a\s([^<>]*)>([^<>]*)</a>", re.IGNORECASE)
_HREF = re.compile(r"""href\s?=\s?["']?([^"'<>\s]*)""", re.IGNORECASE)
_PIPE_LINK = re.compile(r"<([^<>|\s]*)\|([^<>|]*)>")


def _sought(argument: str, row: CommandRow, mentions: Sequence[Mention]) -> Sought:
    words = _unwrap(argument).split()
    while len(words) > 1 and not _unwrap(words[-1]):  # "megan@contoso.com !"
        words.pop()
    word = _unwrap(words[0]) if words else ""
    if not word:
        raise BadInput(reason="missing-user", command=row.name)
    if len(words) > 1:
        if not mentions and len(words) <= _MOST_NAME_WORDS and all(map(_NAME_WORD.fullmatch, words)):
            return Sought(SoughtBy.NAME, " ".join(words).translate(_APOSTROPHES))
        raise BadInput(reason="extra-words", command=row.name, words=words[1:])
    mention = _MENTION.fullmatch(word)
    if mention is not None:
        return _mentioned(int(mention[1]), argument, row, mentions)
    if mentions:  # someone was named by mention, and the account is written as something else
        raise BadInput(reason="ambiguous-mention", command=row.name)
    word = _address_of(word)
    if _GUID.fullmatch(word):
        return Sought(SoughtBy.OBJECT_ID, word.lower())
    word = word.translate(_APOSTROPHES)
    if len(word) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(word):
        return Sought(SoughtBy.ADDRESS, word)
    if len(word) <= _LONGEST_ALIAS and _ALIAS.fullmatch(word):
        return Sought(SoughtBy.ALIAS, word)
    raise BadInput(reason="not-an-account", command=row.name, word=word[:_LONGEST_ADDRESS])


def _mentioned(index: int, argument: str, row: CommandRow, mentions: Sequence[Mention]) -> Sought:
    """The mention; refused where somebody typed what only looks like one."""
    tokens = _MENTION_TOKEN.findall(argument)
    if index >= len(mentions) or len(mentions) != 1 or len(tokens) != 1:
        raise BadInput(reason="ambiguous-mention", command=row.name)
    person = mentions[index]
    return Sought(SoughtBy.MENTION, person.object_id or person.teams_id, person)


def _linked(argument: str, row: CommandRow) -> str:
    """Links as the address that they lead to. Refused where a link shows one address and leads to another."""

    def target(shown: str, link: str) -> str:
        address = _address_of(link)
        said = _unwrap(_address_of(_unwrap(shown)))
        if said and said.translate(_APOSTROPHES).casefold() != address.translate(_APOSTROPHES).casefold():
            raise BadInput(reason="link-mismatch", command=row.name)
        return address

    text = _MARKDOWN_LINK.sub(lambda found: target(found[1], found[2]), argument)
    text = _HTML_LINK.sub(lambda found: target(html.unescape(found[2]), _href(found[1])), text)
    return _PIPE_LINK.sub(lambda found: target(found[2], found[1]), text)


def _href(attributes: str) -> str:
    found = _HREF.search(attributes)
    return html.unescape(found[1]) if found else ""


def _address_of(word: str) -> str:
    """What a `mailto:` link leads to; any other word as it is."""
    if not word.casefold().startswith("mailto:"):
        return word
    return _unwrap(tidy(unquote(word[len("mailto:") :].partition("?")[0])))


def _unwrap(text: str) -> str:
    """Without quotes and brackets around it, and without the punctuation of a sentence at its end."""
    while True:
        bare = text.strip()
        if bare.startswith(_OPENING):
            bare = bare[1:]
        elif bare.endswith(_CLOSING):
            bare = bare[:-1]
        else:
            return bare
        text = bare


def _nearest(word: str) -> str | None:
    close = difflib.get_close_matches(word[:_LONGEST_ALIAS], tuple(_BY_WORD), n=1, cutoff=0.6)
    return _BY_WORD[close[0]].name if close else None
