"""What must hold after a round is seen where exactly that is broken, and nothing is seen where all is well."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from services.blasts.model import AudienceDigest
from services.database import Database, tables
from services.database.schema import metadata
from services.incidents import store, timeline
from services.incidents.model import Subject
from services.incidents.timeline import AuditTag
from services.vault import Vault
from simulator.channel.conversations import ADAPTIVE_CARD, ConversationRecord, Post
from simulator.config import SimulatorConfig
from simulator.server import Simulator
from tests.chaos.books import Books
from tests.chaos.bot import MovedClock
from tests.chaos.harms import Engine, Round, Scene
from tests.chaos.invariants import INVARIANTS, After, broken
from tests.chaos.secrets import Overheard
from tests.chaos.stage import SENDER, Stage
from tests.chaos.story import Story
from tests.services.fakes import CHANNEL, actor
from tests.services.partners.receiver import Receiver

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
THREAD = "19:incident@thread.tacv2;messageid=1"
NONCE = "0123456789abcdef0123456789abcdef"


@dataclass
class Played:
    """A round that went well, without having been played: what the tenant shows, and what is written down."""

    after: After
    rows: dict[str, list[dict[str, Any]]]

    @property
    def world(self) -> Any:
        return self.after.stage.sim.world

    def broken(self) -> list[str]:
        self.after.books = Books(self.rows)  # type: ignore[arg-type]  # rows that can be changed
        return broken(self.after)

    def wrote(self, method: str, path: str, *, service: str = "graph", status: int = 204) -> None:
        entry = self.world.journal.open(service, method, path, {}, {}, NOW, NOW)
        entry.status, entry.carried_out = status, True

    def posted(self, record: ConversationRecord, activity_id: str, card: dict[str, Any]) -> None:
        activity = {"type": "message", "attachments": [{"contentType": ADAPTIVE_CARD, "content": card}]}
        record.posts.append(Post(record.id, activity_id, "28:bot", "IRBot", True, activity, NOW, 1, 1))

    def personal(self, who: str) -> ConversationRecord:
        return self.after.stage.bench().teams.personal(who)

    def thread(self) -> ConversationRecord:
        people = tuple(self.after.stage.bench().user(who).id for who in ("alex", "adele"))
        return self.after.stage.bench().teams.conversations.keep(ConversationRecord(THREAD, "channel", people))

    def mailed(self, mark: str) -> None:
        message = {
            "parentFolderId": "sentitems",
            "internetMessageHeaders": [{"name": "x-irbot-message", "value": mark}],
        }
        self.world.tenant.records.mail[self.after.stage.bench().user(SENDER).id].append(message)


def _card(words: str, nonce: str = "") -> dict[str, Any]:
    actions = [{"type": "Action.Execute", "title": "Yes", "data": {"nonce": nonce}}] if nonce else []
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [{"type": "TextBlock", "text": words}],
        "actions": actions,
    }


HEADLINE, ANSWER, WARNING = _card("Locked"), _card("It is open."), _card("A warning", NONCE)


@pytest.fixture
async def played(sqlite_database: Database, tmp_path: Path) -> Played:
    sim = Simulator(SimulatorConfig(stories=("token-replay",)))
    bot: Any = SimpleNamespace(log=tmp_path / "bot.log", pid=0)
    bot.log.write_text("ready")
    harmless = Round(0, "token-replay", Engine.SQLITE, (Scene.OPENING,), ())
    key = Fernet.generate_key().decode()
    stage = Stage(harmless, sim, bot, MovedClock(tmp_path / "clock"), Receiver(), "", key, None, None)
    after = After(stage, Story(stage), Overheard(sim.world))
    result = Played(after, await _books(sqlite_database, after))
    account = after.story.account
    account.properties["accountEnabled"] = False
    result.wrote("PATCH", f"/graph/v1.0/users/{account.id}")
    result.posted(result.thread(), "headline", HEADLINE)
    result.posted(result.thread(), "answer", ANSWER)
    result.posted(result.personal("lynne"), "warning", WARNING)
    result.mailed("mark-of-notice")
    result.mailed("mark-of-warning")
    stage.partner.got.append(("/hook", {"X-IRBot-Delivery": "notice"}, b"{}"))
    return result


async def _books(database: Database, after: After) -> dict[str, list[dict[str, Any]]]:
    """The incident and its timeline as the bot writes them; the rest by hand, as it stands when all is done."""
    account = after.story.account
    subject = Subject(account.id, account.display_name, account.upn)
    incident, _ = await store.open_incident(database, subject, actor("alex"), CHANNEL, NOW)
    step = {"step": "block-sign-in", "cause": "approval"}
    lines = (
        (AuditTag.APPROVAL_ASKED, {"approval": "approval"}),
        (AuditTag.APPROVAL_APPROVED, {"approval": "approval"}),
        (AuditTag.STEP_STARTED, step),
        (AuditTag.STEP_ENDED, step),
        (AuditTag.APPROVAL_USED, {"approval": "approval"}),
    )
    async with database.write() as connection:
        for tag, data in lines:
            await timeline.append(connection, incident.id, tag, at=NOW, data=data)
    async with database.read() as connection:
        written = {
            table.name: [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]
            for table in (tables.incidents, tables.timeline)
        }
    digest, lynne = AudienceDigest(), after.stage.bench().user("lynne").id
    people = [
        {"blast_id": "blast", "number": number, "address": address, "channel": way, "state": "sent"}
        | {"language": "en", "zone": ""}
        for number, (address, way) in enumerate(((lynne, "teams"), ("anna@fabrikam.com", "mail")), start=1)
    ]
    for row in people:
        digest.add(row["number"], row["address"], row["channel"], row["language"], row["zone"])
    written["incidents"][0]["investigation"] = {"done": True}
    body = b"what was found"
    packed = Vault((after.stage.data_key,)).pack(body)
    evidence = {"name": "rules", "step_id": "check-inbox-rules", "body": packed, "sha256": _sum(body)}
    run = {"id": "run", "step_id": "block-sign-in", "cause": "approval", "kind": "apply", "state": "done"}
    mail = {"recipient": "anna@fabrikam.com", "state": "sent"}
    post = {"state": "posted", "wanted_revision": 1, "published_revision": 1, "activity_id": "headline"}
    blast = {"id": "blast", "title": "A warning", "state": "done", "nonce": NONCE, "digest": "approved", "people": 2}
    return {
        **{name: [] for name in metadata.tables},
        **written,
        "approvals": [{"id": "approval", "state": "used", "decided_at": NOW}],
        "blast_recipients": people,
        "blasts": [blast | {"audience_digest": digest.value()}],
        "effects": [{"run_id": "run"}],
        "evidence": [evidence],
        "mails": [
            mail | {"key": "notice:1", "mark": "mark-of-notice"},
            mail | {"key": "blast:blast:2", "mark": "mark-of-warning"},
        ],
        "notices": [{"id": "notice", "contact_id": "csp", "webhook": "sent"}],
        "posts": [
            post | {"kind": "headline", "subject_key": "headline", "card": None, "conversation": {"id": THREAD}},
            post | {"kind": "reply", "subject_key": "reply", "card": ANSWER, "conversation": {"id": THREAD}},
        ],
        "step_runs": [run | {"finished_at": NOW, "reason": "Sign-in is blocked."}],
    }


def _sum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _row(table: str, place: int = 0, **values: Any) -> Callable[[Played], None]:
    def change(played: Played) -> None:
        played.rows[table][place].update(values)

    return change


def _tells(event: AuditTag, **data: str) -> Callable[[Played], None]:
    def add(played: Played) -> None:
        last = played.rows["timeline"][-1]
        played.rows["timeline"].append({**last, "seq": last["seq"] + 1, "event": event.value, "data": data})

    return add


def _user(who: str, **values: Any) -> Callable[[Played], None]:
    return lambda played: played.after.stage.bench().user(who).properties.update(values)


def _no_line(event: AuditTag) -> Callable[[Played], None]:
    def remove(played: Played) -> None:
        played.rows["timeline"] = [row for row in played.rows["timeline"] if row["event"] != event.value]

    return remove


def _all_of(*breaks: Callable[[Played], None]) -> Callable[[Played], None]:
    return lambda played: [each(played) for each in breaks] and None


BREAKS: list[tuple[str, str, Callable[[Played], None]]] = [
    (
        "every_write_was_approved",
        "a change that no step meant",
        lambda played: played.wrote("POST", "/Remove-InboxRule", service="cmdlet", status=200),
    ),
    ("every_write_was_approved", "a change for a question that nobody answered", _row("approvals", decided_at=None)),
    (
        "every_write_was_approved",
        "a change that was not written down before",
        lambda played: played.rows["effects"].clear(),
    ),
    ("done_is_done", "sign-in is allowed though the step is done", _user("joni", accountEnabled=True)),
    ("nothing_else_was_changed", "another account is blocked", _user("adele", accountEnabled=False)),
    ("approvals_are_used_once", "used twice", _tells(AuditTag.APPROVAL_USED, approval="approval")),
    ("approvals_are_used_once", "used and not given", _no_line(AuditTag.APPROVAL_APPROVED)),
    ("approvals_are_used_once", "used, and still open", _row("approvals", state="approved")),
    ("every_step_ended_once", "still running", _row("step_runs", state="running")),
    ("every_step_ended_once", "without a reason", _row("step_runs", reason=" ")),
    ("every_step_ended_once", "ended twice", _tells(AuditTag.STEP_ENDED, step="block-sign-in", cause="approval")),
    ("every_step_ended_once", "an end of which the timeline does not tell", _no_line(AuditTag.STEP_ENDED)),
    ("nothing_was_sent_twice", "a mail left twice", lambda played: played.mailed("mark-of-notice")),
    ("nothing_was_sent_twice", "a mail that never left", _row("mails", mark="another")),
    ("nothing_was_sent_twice", "a mail left that was cancelled", _row("mails", state="cancelled")),
    (
        "nothing_was_sent_twice",
        "a webhook was called twice",
        lambda played: played.after.stage.partner.got.append(played.after.stage.partner.got[0]),
    ),
    ("nothing_was_sent_twice", "a webhook was never called", lambda played: played.after.stage.partner.got.clear()),
    ("nothing_hangs", "a card is on its way", _row("posts", 1, state="sending")),
    ("nothing_hangs", "a card is behind", _row("posts", wanted_revision=2)),
    ("nothing_hangs", "an investigation has no end", _row("incidents", investigation={"nonce": "one"})),
    ("replies_came_once", "it stands there twice", lambda played: played.posted(played.thread(), "again", ANSWER)),
    (
        "everybody_was_told_once",
        "told twice in Teams",
        lambda played: played.posted(played.personal("lynne"), "again", WARNING),
    ),
    ("everybody_was_told_once", "told twice by mail", lambda played: played.mailed("mark-of-warning")),
    ("everybody_was_told_once", "missed, and said to be told", lambda played: played.personal("lynne").posts.clear()),
    (
        "everybody_was_told_once",
        "left behind in what is done",
        _all_of(_row("blast_recipients", state="queued"), lambda played: played.personal("lynne").posts.clear()),
    ),
    ("everybody_was_told_once", "said to be not reached, and told", _row("blast_recipients", state="failed")),
    (
        "everybody_was_told_once",
        "told, and not in the audience",
        lambda played: played.posted(played.personal("jose"), "stray", WARNING),
    ),
    ("everybody_was_told_once", "another audience", lambda played: played.rows["blast_recipients"].pop() and None),
    ("the_chain_is_whole", "a line was changed", _row("timeline", actor_id="somebody")),
    ("the_chain_is_whole", "the last line is gone", lambda played: played.rows["timeline"].pop() and None),
    ("evidence_can_be_read", "it is not what was kept", _row("evidence", sha256="0" * 64)),
    ("the_headline_is_true", "it is gone", lambda played: played.thread().posts.clear()),
    ("the_headline_is_true", "locked, it says, and is not", _user("joni", accountEnabled=True)),
    ("the_headline_is_true", "two incidents", lambda played: played.rows["incidents"].extend(played.rows["incidents"])),
    (
        "no_secret_is_in_the_log",
        "the client secret",
        lambda played: played.after.stage.bot.log.write_text(json.dumps(played.world.app_secret)) and None,
    ),
]


async def test_where_all_is_well_nothing_is_reported(played: Played) -> None:
    assert played.broken() == []


@pytest.mark.parametrize(
    ("name", "harm"), [pytest.param(name, harm, id=f"{name}: {what}") for name, what, harm in BREAKS]
)
async def test_exactly_what_is_broken_is_reported(played: Played, name: str, harm: Callable[[Played], None]) -> None:
    harm(played)
    assert name in {each.partition(":")[0] for each in played.broken()}


def test_every_invariant_is_shown_to_notice() -> None:
    assert {name for name, _, _ in BREAKS} == set(INVARIANTS)
