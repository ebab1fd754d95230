"""Everything that dialogs need, over a real database, a Microsoft 365 in memory and a channel that a test can break."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from dialogs.parts import Parts
from services.access import Access
from services.blasts.answers import Answers
from services.blasts.store import Blasts
from services.channel import Actor, Card, Conversation, ConversationKind
from services.database import Database
from services.durable import Durable
from services.guard.work import Guard
from services.incidents import store
from services.incidents.report.delivery import Deliveries
from services.mailing import Mailing
from services.organisation import Organisation
from services.people import People
from services.posts import PostKind
from services.recovery.gates import Gates
from services.recovery.watch import Watch
from services.requests import Requests
from services.setup import Setup
from services.triggers.work import Triggers
from tests.services.fakes import CHANNEL, VAULT, settings
from tests.services.playbook.bench import RunnerBench


@dataclass
class FakeChannel:
    """Keeps what stands where. `fail` holds errors for the next calls; `sends_anyway` lets the message out first."""

    cards: dict[str, Card] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    fail: list[BaseException] = field(default_factory=list)
    sends_anyway: bool = False
    opened: list[str] = field(default_factory=list)

    def _trouble(self) -> None:
        if self.fail:
            raise self.fail.pop(0)

    async def post_card(self, where: Conversation, card: Card, summary: str) -> str:
        if self.fail and not self.sends_anyway:
            self._trouble()
        activity_id = f"activity-{len(self.log)}"
        self.log.append(("post", where.id))
        self.cards[activity_id] = card
        self._trouble()
        return activity_id

    async def edit_card(self, where: Conversation, activity_id: str, card: Card, summary: str) -> None:
        self._trouble()
        self.log.append(("edit", activity_id))
        self.cards[activity_id] = card

    async def post_text(self, where: Conversation, text: str) -> str:
        raise NotImplementedError

    async def show_typing(self, where: Conversation) -> None:
        return None

    async def open_personal(self, object_id: str, service_url: str, tenant_id: str) -> Conversation:
        self._trouble()
        self.opened.append(object_id)
        return Conversation(
            f"personal-{object_id}-{len(self.opened)}", ConversationKind.PERSONAL, service_url, tenant_id
        )

    async def member(self, where: Conversation, teams_id: str) -> Actor | None:
        return None


@dataclass
class DialogDesk:
    """The parts, and short cuts to them."""

    parts: Parts
    bench: RunnerBench
    channel: FakeChannel

    @classmethod
    async def start(cls, database: Database, **options: Any) -> DialogDesk:
        bench = await RunnerBench.start(database, **options)
        channel = FakeChannel()
        chosen = settings()
        people = People(database, bench.clock)
        access = Access(chosen, bench.m365.typed, database)
        deliveries = Deliveries(
            database=database,
            access=access,
            people=people,
            channel=cast("Any", channel),
            uploads=cast("Any", None),  # the stories have it
            vault=VAULT,
            durable=cast("Durable", bench.durable),
            now=bench.clock,
        )
        shared: dict[str, Any] = {
            "database": database,
            "m365": bench.m365.typed,
            "settings": chosen,
            "access": Access(chosen, bench.m365.typed, database),
            "durable": cast("Durable", bench.durable),
            "posts": bench.posts,
            "planner": bench.planner,
            "ledger": bench.ledger,
            "now": bench.clock,
        }
        parts = Parts(
            settings=chosen,
            database=database,
            m365=bench.m365.typed,
            access=Access(chosen, bench.m365.typed, database),
            approvals=bench.approvals,
            rules=bench.rules,
            durable=cast("Durable", bench.durable),
            ledger=bench.ledger,
            preparation=bench.preparation,
            on_demand=bench.on_demand,
            runner=bench.runner,
            gates=Gates(past=cast("Any", None), **shared),  # no check runs here
            guard=Guard(
                database=database,
                m365=bench.m365.typed,
                settings=chosen,
                access=access,
                posts=bench.posts,
                holder="desk",
                now=bench.clock,
            ),
            triggers=Triggers(
                database=database,
                m365=bench.m365.typed,
                settings=chosen,
                posts=bench.posts,
                holder="desk",
                now=bench.clock,
            ),
            watch=Watch(preparation=bench.preparation, **shared),
            posts=bench.posts,
            people=people,
            channel=cast("Any", channel),
            contacts=(),
            mailing=Mailing(
                database=database,
                m365=bench.m365.typed,
                settings=chosen,
                durable=cast("Durable", bench.durable),
                now=bench.clock,
            ),
            blasts=Blasts(
                database,
                Access(chosen, bench.m365.typed, database),
                bench.clock,
                partial(bench.durable.start, "blast"),
            ),
            answers=Answers(database, bench.clock),
            vault=bench.ledger._vault,
            requests=Requests(database, bench.clock),
            deliveries=deliveries,
            setup=Setup(
                database=database,
                organisation=Organisation(database, chosen),
                access=access,
                m365=bench.m365.typed,
                posts=bench.posts,
                now=bench.clock,
            ),
            steps=bench.steps,
            now=bench.clock,
        )
        return cls(parts, bench, channel)

    async def want_headline(self) -> None:
        """The headline card of the incident is wanted."""
        async with self.parts.database.write() as connection:
            incident = await store.get(connection, self.bench.incident_id)
            await self.parts.posts.want(
                connection,
                f"headline:{incident.id}",
                PostKind.HEADLINE,
                self.parts.now(),
                conversation=incident.conversation,
                incident_id=incident.id,
                summary="S",
            )

    async def want_reply(self, key: str = "reply:1") -> None:
        """A reply is wanted."""
        async with self.parts.database.write() as connection:
            await self.parts.posts.want(
                connection,
                key,
                PostKind.REPLY,
                self.parts.now(),
                conversation=CHANNEL,
                card={"reply": key},
                summary="S",
            )
