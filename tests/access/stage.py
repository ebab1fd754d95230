"""One of everything that a button can be about, and everybody who may try it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa

from dialogs.blast_view import target_of
from dialogs.handlers import VERBS
from dialogs.letters import warning_content
from dialogs.turn import Answer, CardAnswer, Click, Message
from dialogs.turns import CARD_VERSION, JOB, Turns
from dialogs.verbs import Verb
from services import tasks
from services.access import Role
from services.approvals import Approval, PlanKind
from services.blasts.model import BlastKind, Draft, Recipient, Via
from services.channel import Actor, Conversation
from services.database import Database, tables
from services.database.operation_tables import organisation_entries, organisation_removals
from services.database.task_tables import gates
from services.durable import Durable
from services.errors import Gone, IRBotError, UpstreamDown
from services.guard import store as guard
from services.incidents import posted_plans, store
from services.incidents.posted_plans import PostedPlan
from services.microsoft365.accounts import Account
from services.partners import notices
from services.partners.contacts import Contact, Kind
from services.partners.summary import Summary
from services.playbook import STEPS
from services.playbook.ledger import RunKind
from services.playbook.step import Change, Plan, digest_of
from services.recovery import looks
from services.recovery.looks import LookKind
from services.requests import RequestState
from services.triggers import store as triggers
from services.triggers.model import Source
from tests.dialogs.desk import DialogDesk
from tests.services.blasts.test_warnings import LURE
from tests.services.fakes import CHANNEL, NOW, PERSONAL, account, actor, place, subject
from tests.services.playbook.bench import Things

GROUPS = {
    Role.ADMINISTRATOR: "group-administrators",
    Role.APPROVER: "group-approvers",
    Role.COMMUNICATOR: "group-communicators",
    Role.RESPONDER: "group-responders",
}
ELSEWHERE = place(CHANNEL.kind, "elsewhere")
ADDRESSEE = actor("ann")
ASKER = actor("diego")  # asked for what waits, and could decide about what others ask for
SENDER = actor("cleo")  # the same for what is sent
SETTER = actor("dora")  # the same for what is set up

# Who has one role each, and nothing else.
STAFF = {
    Role.ADMINISTRATOR: actor("ada"),
    Role.APPROVER: actor("adele"),
    Role.COMMUNICATOR: actor("carol"),
    Role.RESPONDER: actor("alex"),
}
# Who may nothing; all but the first hold every role, as far as groups go. Each with the reason for the refusal.
NOBODY = {"nobody": "no-role"}
OUTSIDE = {
    **NOBODY,
    "disabled": "no-role",
    "guest": "guest",
    "megan": "subject-of-incident",
    "removed": "account-gone",
    "unsure": "role-check-failed",
}
FOR_WHO_ONE_IS = frozenset({"account-gone", "guest", "no-role", "role-check-failed", "subject-of-incident"})

# What a press may write though it is refused: that it was made, and by whom.
_KEPT_ANYWAY = frozenset({"people", "requests"})
_READS = frozenset({"account", "app_roles_of", "directory_roles", "find_accounts", "groups_of", "people_in"})


class _Accounts(dict[str, Account]):
    """Accounts of a directory that does not know one person, and does not answer about another."""

    def __missing__(self, object_id: str) -> Account:
        if object_id == "unsure":
            raise UpstreamDown(service="graph")
        raise Gone(service="graph", what="user")


@dataclass(frozen=True)
class Target:
    """What a button about something carries, where it stands, and what is typed beside it."""

    id: str
    nonce: str
    inputs: Mapping[str, str]
    where: Conversation = CHANNEL


@dataclass(frozen=True)
class Outcome:
    """What became of a press or a message: whether it was refused, for which reason, and what was answered."""

    refused: bool
    reason: str
    text: str


class _Said(logging.Handler):
    """What the turns log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    @contextmanager
    def heard(self) -> Iterator[None]:
        logger = logging.getLogger("dialogs.turns")
        level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(self)
        yield
        logger.removeHandler(self)
        logger.setLevel(level)


class _AtOnce:
    """An engine that does what was asked before it says that it was recorded; other jobs are only noted."""

    def __init__(self, note: Callable[[str, str], Awaitable[None]]) -> None:
        self.turns: Turns | None = None
        self._note = note

    async def start(self, name: str, key: str) -> None:
        if name == JOB and self.turns is not None:
            await self.turns.handle(key)
        else:
            await self._note(name, key)


class Stage:
    """The desk with all of it. `targets` has, for each verb, a button as the bot would have drawn it."""

    def __init__(self, desk: DialogDesk) -> None:
        self.desk = desk
        self._engine = _AtOnce(desk.bench.durable.start)
        self.parts = replace(desk.parts, durable=cast("Durable", self._engine))
        self.turns = self._engine.turns = Turns(self.parts)
        self.targets: dict[Verb, Target] = {}
        self.blast_id = ""
        self._said = _Said()
        self._number = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database) -> AsyncIterator[Stage]:
        """Sets everything up, and listens to what is logged until the end."""
        lists = Things(id="shut-doors").step()
        with pytest.MonkeyPatch.context() as patch:
            for role, group in GROUPS.items():
                patch.setenv(f"IRBOT_{role.name}_GROUPS", group)
            patch.setenv("IRBOT_INCIDENT_CHANNEL", "19:incidents@thread.tacv2")
            stage = cls(await DialogDesk.start(database, steps=(*STEPS, lists)))
        stage._people()
        await stage._things()
        with stage._said.heard():
            yield stage

    def _people(self) -> None:
        directory = self.desk.bench.m365.directory
        names = [each.object_id for each in (*STAFF.values(), ADDRESSEE, ASKER, SENDER, SETTER)]
        everybody = {name: account(name) for name in (*names, "bob", "megan", "nobody")}
        everybody["guest"] = account("guest", is_guest=True)
        everybody["disabled"] = account("disabled", account_enabled=False)
        directory.accounts = _Accounts(everybody)
        all_roles = set(OUTSIDE) - set(NOBODY)
        directory.groups = {group: {STAFF[role].object_id} | all_roles for role, group in GROUPS.items()}
        more = {ASKER: (Role.APPROVER, Role.RESPONDER), SENDER: (Role.APPROVER, Role.COMMUNICATOR)}
        for person, roles in {**more, SETTER: (Role.ADMINISTRATOR,)}.items():
            for role in roles:
                directory.groups[GROUPS[role]].add(person.object_id)

    def give(self, person: Actor, role: Role) -> None:
        """Puts somebody into the group of a role."""
        self.desk.bench.m365.directory.accounts.setdefault(person.object_id, account(person.object_id))
        self.desk.bench.m365.directory.groups[GROUPS[role]].add(person.object_id)

    def take(self, person: Actor) -> None:
        """Takes every role away."""
        for members in self.desk.bench.m365.directory.groups.values():
            members.discard(person.object_id)

    async def change_subject(self, name: str) -> None:
        """The account that the incident is about gets another name."""
        incident = await self.desk.bench.incident()
        renamed = replace(incident.subject, name=name)
        async with self.parts.database.write() as connection:
            await store.update(connection, incident.id, subject=renamed.to_json())

    # -- things to press -------------------------------------------------------------------------------------------

    async def _things(self) -> None:
        alex, about = STAFF[Role.RESPONDER], self.desk.bench.incident_id
        plan = Plan((Change("a", "Thing a", "Open", "Shut"),))
        approval = await self._asked(about, {"block-sign-in": plan}, PlanKind.UNDO)
        await self._round(about, plan)
        incident = await self.desk.bench.incident()
        here, whole = f"{incident.id}/", incident.nonce
        self._add("approve cancel refuse", approval.id, approval.nonce)
        self._add("close.confirm", incident.id, whole, reason="Tracked elsewhere.")
        self._add("close.show evict.review lock.ask prepare.again report.show undo.review view", incident.id, whole)
        self._add("evidence.one", incident.id, "round", choice="0")
        self._add("evidence.show look.again verdict.show", incident.id, "round")
        self._add("link.open", incident.id, "round", choice="0")
        self._add("link.show", incident.id, "round")
        self._add("evict.ask", f"{here}evict", "evict-nonce", **{"block-sign-in": "0"})
        self._add("evict.ask-all", f"{here}evict", "evict-nonce")
        self._add("undo.ask", f"{here}undo", "undo-nonce", **{"block-sign-in": "0"})
        self._add("phase.show", f"{here}inform", whole)
        self._add("home.open", f"incident/{incident.id}", "home", where=PERSONAL)
        self._add("home.show", "home", "home", where=PERSONAL)
        self._add("gate.show", f"{here}re-enable", whole)
        self._add("report.get", f"{here}plain", "card")
        self._add("task.show", f"{here}talk-to-owner", whole)
        self._add("watch.show", f"{here}watch-for-return", whole)
        self._add("lesson.open", f"{here}educate-users", whole)
        self._add("lesson.preview", incident.id, whole, lesson="phishing-links", pick="everybody")
        self._add("warn.open warn.preview", f"{here}warn-colleagues", whole, which="window")
        self._add("partners.open", f"{here}contact-partner", whole)
        self._add("step.check", f"{here}check-updates", whole)
        self._add("step.plan", f"{here}enforce-mfa", whole)
        self._add("step.ask", f"{here}enforce-mfa", whole, **{"enforce-mfa": "0"})
        self._add("step.ask-all", f"{here}enforce-mfa", whole)
        await self._run_that_can_be_steered(about)
        await self._gate(about, alex)
        await self._partners(alex)
        await self._task_and_watch(about)
        await self._trigger()
        await self._blast()
        await self._choice(alex)
        await self._setup()

    def _add(self, verbs: str, about: str, nonce: str, where: Conversation = CHANNEL, **inputs: str) -> None:
        for verb in verbs.split():
            self.targets[Verb(verb)] = Target(about, nonce, inputs, where)

    async def _asked(self, incident_id: str, plans: Mapping[str, Plan], kind: PlanKind) -> Approval:
        async with self.parts.database.read() as connection:
            incident = await store.get(connection, incident_id)
        return await self.parts.approvals.ask(incident_id, incident.nonce, ASKER, CHANNEL, kind=kind, plans=plans)

    async def _round(self, incident_id: str, plan: Plan) -> None:
        """A round of the investigation, and posted plans."""
        proposal: dict[str, Any] = {"kind": "evict", "steps": {"block-sign-in": plan.to_json()}}
        for kind in (PlanKind.EVICT, PlanKind.UNDO):
            plans = {"block-sign-in": plan}
            digest = digest_of("megan", kind.value, plans)
            card = PostedPlan(kind.value, f"{kind.value}-nonce", kind.value, digest, plans)
            proposal = posted_plans.with_card(proposal, card)
        investigation = {"nonce": "round", "done": True}
        async with self.parts.database.write() as connection:
            await store.update(connection, incident_id, investigation=investigation, eviction=proposal)

    async def _run_that_can_be_steered(self, incident_id: str) -> None:
        plan = Plan((Change("list", "Doors", "open", "shut", data={"job": "a-list", "digest": "d"}),))
        alex = STAFF[Role.RESPONDER]
        run, _ = await self.desk.bench.ledger.begin(
            incident_id, "shut-doors", RunKind.APPLY, "cause", plan, alex, self.parts.now()
        )
        self._add("step.pause step.resume step.stop", f"{incident_id}/shut-doors", run.id)

    async def _gate(self, incident_id: str, by: Actor) -> None:
        async with self.parts.database.write() as connection:
            await connection.execute(
                sa.insert(gates).values(
                    incident_id=incident_id,
                    nonce="gate-nonce",
                    state="looked",
                    asked_by=asdict(by),
                    asked_at=self.parts.now(),
                    plans={},
                    looked={},
                    looked_at=self.parts.now(),
                )
            )
        self._add("gate.ask gate.check gate.give-back", incident_id, "gate-nonce")
        self._add("gate.waive", incident_id, "gate-nonce", line="methods", reason="They have no phone any more.")

    async def _partners(self, by: Actor) -> None:
        incident = await self.desk.bench.incident()
        contact = Contact("msp", Kind.MSP, "Fabrikam IT", "", "soc@fabrikam.com", "", None)
        async with self.parts.database.write() as connection:
            summary = Summary("Compromised", "An account was taken over.", "{}")
            draft = await notices.prepare(connection, incident, (contact,), summary, by, self.parts.now())
            call = await tasks.want(
                connection,
                f"call-partners:{incident.id}",
                incident_id=incident.id,
                step_id="contact-partner",
                title="Call the partners",
                instructions=("Call.",),
                now=self.parts.now(),
                due_at=None,
            )
        self._add("partners.anew", incident.id, draft)
        self._add("partners.send", incident.id, draft, partners="msp")
        self._add("partners.answered", incident.id, call.nonce, partner="other", name="Jo")
        self._add("partners.money", incident.id, call.nonce)

    async def _task_and_watch(self, incident_id: str) -> None:
        now = self.parts.now()
        async with self.parts.database.write() as connection:
            task = await tasks.want(
                connection,
                "block-by-hand",
                incident_id=incident_id,
                step_id="block-sign-in",
                title="Block the account on-premises",
                instructions=("Block it.",),
                now=now,
                due_at=None,
            )
            await looks.begin(connection, incident_id, LookKind.RETURN, "cause", [now + timedelta(hours=1)])
            [look] = await looks.of(connection, incident_id)
        self._add("task.check task.take", task.id, task.nonce)
        self._add("task.done task.waive", task.id, task.nonce, note="It is done.")
        self._add("watch.look", incident_id, look.nonce)
        self._add("watch.reopen", look.id, look.nonce)

    async def _trigger(self) -> None:
        async with self.parts.database.write() as connection:
            found = await triggers.add(
                connection, source=Source.MICROSOFT, subject=subject("bob"), level="high", now=NOW, show_at=NOW
            )
            trigger = await triggers.get(connection, found)
        self._add("trigger.open", trigger.id, trigger.nonce)
        self._add("trigger.dismiss", trigger.id, trigger.nonce, reason="A test.")

    async def _blast(self) -> None:
        """A draft that waits for its second person, to one addressee."""
        content = warning_content(LURE, self.parts.settings, None, "blast", "blast")
        draft = Draft(kind=BlastKind.WARN, title="Watch out", requester=SENDER, content=content, nonce="blast")
        audience = [Recipient(ADDRESSEE.object_id, Via.TEAMS, "Ann"), Recipient("ben", Via.TEAMS, "Ben")]
        made = await self.parts.blasts.create(draft, audience, CHANNEL)
        blast = await self.parts.blasts.ask(made.id, SENDER, CHANNEL)
        self.blast_id = blast.id
        about, nonce = target_of(blast), blast.decision_nonce
        steer = "again approve ask cancel export mail pause recall refuse remind resume"
        self._add(" ".join(f"blast.{name}" for name in steer.split()), about, nonce)
        self._add("blast.drop", about, nonce, leave_out="1")
        self._add("warn.linked", f"{blast.id}/{ADDRESSEE.object_id}", nonce)
        self._add("warn.clicked warn.not-clicked lesson.understood", blast.id, "blast", where=PERSONAL)
        self._add("lesson.answer", blast.id, "blast", where=PERSONAL, answer="0")

    async def _choice(self, by: Actor) -> None:
        requests = self.parts.requests
        body = {"kind": "message", "actor": asdict(by)}
        request = await requests.record("message:choice", body, by.object_id, may_repeat=False)
        await requests.finish(request.key, RequestState.DONE, {"candidates": ["bob"], "nonce": "choice-nonce"})
        self._add("choose", request.correlation_id, "choice-nonce", choice="0")

    async def _setup(self) -> None:
        by, now = asdict(SETTER), self.parts.now()
        entry: dict[str, Any] = {"kind": "vip", "value": "bob", "shown": "Bob"}
        async with self.parts.database.write() as connection:
            await connection.execute(sa.insert(organisation_entries).values(**entry, by=by, at=now))
            await connection.execute(
                sa.insert(organisation_removals).values(
                    **entry,
                    id="removal",
                    nonce="removal-nonce",
                    state="waiting",
                    asked_by=by,
                    asked_at=now,
                    expires_at=now + timedelta(minutes=30),
                )
            )
            alarm = await guard.add(connection, (), self.parts.now())
        self._add("setup.approve setup.refuse", "removal", "removal-nonce")
        self._add("guard.confirm", alarm.id, alarm.nonce)
        self._add("setup.channel setup.show", "setup", "card")
        self._add("setup.save", "setup", "card", helpdesk="the helpdesk")
        self._add("setup.remove", "setup", "card", who="vip:bob")

    # -- pressing and writing --------------------------------------------------------------------------------------

    async def press(
        self, verb: Verb, by: Actor, where: Conversation | None = None, *, nonce: str | None = None
    ) -> Outcome:
        """Presses the verb's button, or one with another nonce, and does the work behind it."""
        self._said.lines.clear()
        return self._outcome(_text(await self.turns.on_click(self._click(verb, by, where, nonce))))

    async def handle(
        self, verb: Verb, by: Actor, where: Conversation | None = None, *, nonce: str | None = None
    ) -> Outcome:
        """What the verb's own handler does with such a press, without the turn around it."""
        try:
            answer = await VERBS[verb](self.parts, self._click(verb, by, where, nonce))
        except IRBotError as error:
            return Outcome(True, str(error.data.get("reason", error.code)), "")
        return Outcome(False, "", _text(answer))

    async def say(self, text: str, by: Actor, where: Conversation = CHANNEL) -> Outcome:
        """Writes to the bot, and does the work behind it; the text is the reply's."""
        self._number += 1
        self._said.lines.clear()
        before = await self._replies()
        await self.turns.on_message(Message(by, where, f"message-{self._number}", text))
        new = [card for key, card in (await self._replies()).items() if key not in before]
        return self._outcome("\n".join(new))

    async def _replies(self) -> dict[str, str]:
        replies = sa.select(tables.posts.c.id, tables.posts.c.card).where(tables.posts.c.kind == "reply")
        async with self.parts.database.read() as connection:
            return {row.id: str(row.card) for row in await connection.execute(replies)}

    def _click(self, verb: Verb, by: Actor, where: Conversation | None, nonce: str | None) -> Click:
        target = self.targets[verb]
        return Click(
            by,
            where or target.where,
            "activity",
            verb.value,
            CARD_VERSION,
            target.id,
            target.nonce if nonce is None else nonce,
            target.inputs,
        )

    def _outcome(self, text: str) -> Outcome:
        refusals = [line for line in self._said.lines if line.startswith("request refused: ")]
        reason = refusals[-1].split(" ")[3] if refusals else ""
        return Outcome(bool(refusals), reason, text)

    async def state(self) -> dict[str, list[Any]]:
        """All that is kept, but for what a refusal may write, and what was started."""
        kept: dict[str, list[Any]] = {"jobs": list(self.desk.bench.durable.started)}
        async with self.parts.database.read() as connection:
            for table in tables.metadata.sorted_tables:
                if table.name not in _KEPT_ANYWAY:
                    kept[table.name] = [tuple(row) for row in await connection.execute(sa.select(table))]
        return kept

    def writes(self) -> list[str]:
        """What was changed in Microsoft 365."""
        return [method for method, _ in self.desk.bench.m365.directory.calls if method not in _READS]


def _text(answer: Answer) -> str:
    return str(answer.card) if isinstance(answer, CardAnswer) else answer.text
