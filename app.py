"""IRBot's command line, and the one place where its parts are put together.

`run` serves the bot. `demo`, `drill` and `bench` bring a simulated tenant with them; nothing else loads the simulator.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from aiohttp import web

import bot.server
from bot.files import FileUploads
from bot.mass import MassMessenger
from bot.messenger import Messenger
from console import data, pack, report, rights
from console.words import complain, words_of
from dialogs import by_itself
from dialogs.courier import PersonalCourier
from dialogs.parts import Parts
from dialogs.publisher import Publisher
from dialogs.turn import Answer, Arrival, Click, Compose, ComposeAnswer, FileAnswer, Message, Reading
from dialogs.turns import JOB, Turns
from services import logs, metrics
from services.access import Access
from services.approvals import Approvals, RuleBook
from services.blasts.answers import Answers
from services.blasts.lessons import library
from services.blasts.work import BlastWork
from services.brake import Brake
from services.bulk import Bulk
from services.clockwork import Clockwork
from services.database import Database, is_sqlite
from services.database.sealing import seal_up
from services.durable import Durable, durable_of, lock_of, unfit_sqlite
from services.errors import Conflict, UpstreamDown
from services.guard.work import Guard
from services.incidents.report.delivery import DELIVER, OFFER, Deliveries
from services.mailing import Mailing
from services.microsoft365 import open_microsoft365
from services.microsoft365.tokens import Tokens
from services.numbers import count
from services.organisation import Organisation
from services.partners.contacts import contacts_of
from services.people import People
from services.playbook import STEPS
from services.playbook.ledger import Ledger
from services.playbook.on_demand import PLAN, OnDemand
from services.playbook.planner import Planner
from services.playbook.preparation import INVESTIGATE, PREPARE, Preparation
from services.playbook.runner import Runner
from services.posts import Posts
from services.recovery.work import RecoveryWork
from services.requests import Requests
from services.rights import steps_of
from services.settings import Settings, load
from services.setup import Setup
from services.triggers.work import Triggers

log = logging.getLogger("irbot")

_AROUND_THE_WORK_SECONDS = 0.5
_REQUESTS_AT_ONCE = 32  # what people ask for; the rest waits as rows


class Application:
    """The running bot: opened and closed with the web server around it. It is the bot's handler from then on."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.now = now
        self.tokens = Tokens(settings)
        self.messenger = Messenger(settings, self.tokens)
        self.rules = RuleBook(settings, STEPS)
        library()  # a lesson that is not right stops the start, and says what to change
        self.contacts = contacts_of(settings)
        self.parts: Parts | None = None
        self.publisher: Publisher | None = None
        self._turns: Turns | None = None

    async def life(self, _app: web.Application) -> AsyncIterator[None]:
        """Opens everything in order, and closes it in reverse."""
        async with AsyncExitStack() as at_the_end:
            self._turns = await self._open(at_the_end)
            log.info("ready")
            yield
            self._turns = None

    async def _open(self, at_the_end: AsyncExitStack) -> Turns:
        now = self.now
        lock = await lock_of(self.settings)
        if lock is not None:
            at_the_end.callback(lock.close)
        database = await Database.open(self.settings.sql_url)
        at_the_end.push_async_callback(database.close)
        vault = await seal_up(database, self.settings)
        organisation = await Organisation.open(database, self.settings)
        settings = organisation.settings  # from here on, what administrators add counts
        at_the_end.push_async_callback(self.tokens.close)
        at_the_end.push_async_callback(self.messenger.close)
        m365 = await open_microsoft365(settings, self.tokens, Brake(database).insist)
        at_the_end.push_async_callback(m365.close)
        durable = durable_of(database, settings, lock)
        access = Access(settings, m365, database)
        posts = Posts(database)
        approvals = Approvals(database, access, posts, settings, self.rules, now)
        requests = Requests(database, now)
        ledger = Ledger(database, vault)
        bulk = Bulk(
            database,
            owner=durable.executor_id,
            may_act=durable.holds_lease,
            now=now,
            keep=timedelta(days=settings.evidence_days),
        )
        people = People(database, now)
        recovery = RecoveryWork(
            database=database,
            m365=m365,
            settings=settings,
            access=access,
            durable=durable,
            posts=posts,
            courier=PersonalCourier(people, self.messenger),
            steps=steps_of(settings.profile),
            now=now,
        )
        planner = Planner(
            m365=m365,
            settings=settings,
            ledger=ledger,
            posts=posts,
            steps=steps_of(settings.profile),
            now=now,
            bulk=bulk,
            past=recovery.past,
        )
        preparation = Preparation(
            database=database,
            m365=m365,
            settings=settings,
            durable=durable,
            posts=posts,
            planner=planner,
            ledger=ledger,
            now=now,
        )
        on_demand = OnDemand(
            database=database,
            m365=m365,
            settings=settings,
            durable=durable,
            posts=posts,
            planner=planner,
            ledger=ledger,
            now=now,
        )
        runner = Runner(
            database=database,
            m365=m365,
            settings=settings,
            access=access,
            durable=durable,
            posts=posts,
            rules=self.rules,
            planner=planner,
            ledger=ledger,
            now=now,
        )
        mailing = Mailing(database=database, m365=m365, settings=settings, durable=durable, now=now)
        recovery.open(planner, preparation, ledger)
        deliveries = Deliveries(
            database=database,
            access=access,
            people=people,
            channel=self.messenger,
            uploads=FileUploads(settings.file_hosts, settings.ca_file),
            vault=vault,
            durable=durable,
            now=now,
        )
        blasting = BlastWork(
            database=database,
            access=access,
            channel=MassMessenger(settings, self.messenger.connectors),
            m365=m365,
            mailing=mailing,
            settings=settings,
            durable=durable,
            posts=posts,
            ledger=ledger,
            now=now,
        )
        self.parts = Parts(
            settings=settings,
            database=database,
            m365=m365,
            access=access,
            approvals=approvals,
            rules=self.rules,
            durable=durable,
            ledger=ledger,
            preparation=preparation,
            on_demand=on_demand,
            runner=runner,
            gates=recovery.gates,
            guard=Guard(
                database=database,
                m365=m365,
                settings=settings,
                access=access,
                posts=posts,
                holder=durable.executor_id,
                now=now,
            ),
            watch=recovery.watch,
            triggers=Triggers(
                database=database, m365=m365, settings=settings, posts=posts, holder=durable.executor_id, now=now
            ),
            posts=posts,
            people=people,
            channel=self.messenger,
            mailing=mailing,
            contacts=self.contacts,
            blasts=blasting.blasts,
            answers=Answers(database, now),
            vault=vault,
            requests=requests,
            deliveries=deliveries,
            setup=Setup(database=database, organisation=organisation, access=access, m365=m365, posts=posts, now=now),
            steps=steps_of(settings.profile),
            now=now,
        )
        turns = Turns(self.parts)
        self.publisher = Publisher(self.parts)
        durable.register(
            JOB, turns.handle, pending=requests.unfinished, give_up=turns.gave_up, at_once=_REQUESTS_AT_ONCE
        )
        _register_steps(durable, preparation, on_demand, runner)
        durable.register(OFFER, deliveries.offer, pending=deliveries.pending_offers, give_up=deliveries.gave_up)
        durable.register(DELIVER, deliveries.deliver, pending=deliveries.pending_deliveries, give_up=deliveries.gave_up)
        at_the_end.push_async_callback(self.publisher.close)
        at_the_end.push_async_callback(durable.close, settings.stop_seconds)
        at_the_end.push_async_callback(blasting.close)
        await durable.launch()
        await self.publisher.start()
        at_the_end.push_async_callback(mailing.close)
        await mailing.start()
        clockwork = Clockwork()
        at_the_end.push_async_callback(clockwork.close)
        blasting.tick(clockwork)
        recovery.tick(clockwork)
        by_itself.tick(clockwork, self.parts)
        return turns

    async def ready(self) -> bool:
        """Whether the database answers and takes the durable engine's heartbeats."""
        if self.parts is None or self._turns is None:
            return False
        async with self.parts.database.read() as connection:
            await connection.execute(sa.text("SELECT 1"))
        return self.parts.durable.is_punctual()

    async def notes(self) -> Mapping[str, str]:
        """What an operator should know though the process is well."""
        if self.parts is None:
            return {}
        return {**await self.parts.guard.problems(), **await self.parts.triggers.notes()}

    async def on_message(self, message: Message) -> None:
        """See `bot.handler.Handler`."""
        await self._open_turns().on_message(message)

    async def on_click(self, click: Click) -> Answer:
        """See `bot.handler.Handler`."""
        return await self._open_turns().on_click(click)

    async def on_compose(self, compose: Compose) -> ComposeAnswer:
        """See `bot.handler.Handler`."""
        return await self._open_turns().on_compose(compose)

    async def on_file_answer(self, answer: FileAnswer) -> None:
        """See `bot.handler.Handler`."""
        await self._open_turns().on_file_answer(answer)

    async def on_reading(self, reading: Reading) -> None:
        """See `bot.handler.Handler`."""
        await self._open_turns().on_reading(reading)

    async def on_arrival(self, arrival: Arrival) -> None:
        """See `bot.handler.Handler`."""
        await self._open_turns().on_arrival(arrival)

    def _open_turns(self) -> Turns:
        if self._turns is None:
            raise UpstreamDown(service="irbot")
        return self._turns


def _register_steps(durable: Durable, preparation: Preparation, on_demand: OnDemand, runner: Runner) -> None:
    """The jobs that read, plan and change."""
    durable.register(
        PREPARE,
        preparation.prepare,
        pending=preparation.pending_preparations,
        give_up=preparation.prepare_gave_up,
    )
    durable.register(
        INVESTIGATE,
        preparation.investigate,
        pending=preparation.pending_investigations,
        give_up=preparation.investigation_gave_up,
    )
    durable.register(PLAN, on_demand.plan, pending=on_demand.pending, give_up=on_demand.gave_up)
    durable.register("execute", runner.execute, pending=runner.pending_executions, give_up=runner.execution_gave_up)


APPLICATION: web.AppKey[Application] = web.AppKey("application", Application)


def build(settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> web.Application:
    """The whole bot as a web application. Raises ValueError for settings that contradict each other."""
    application = Application(settings, now)
    app = web.Application()
    app[APPLICATION] = application
    app.cleanup_ctx.append(application.life)
    # The work of a click gets what the setting says; looking up who asks and writing it down come on top.
    patience = bot.server.Patience(answer_seconds=settings.answer_seconds + _AROUND_THE_WORK_SECONDS)
    bot.server.install(
        app,
        settings,
        application,
        application.messenger,
        {"work": application.ready},
        patience=patience,
        notes=application.notes,
    )
    return app


def run(_chosen: argparse.Namespace) -> int:
    """Serves the bot until it is told to stop."""
    try:
        settings = load()
        app = build(settings)
    except ValueError as error:
        return complain(f"IRBot cannot start: {words_of(error)}")
    on_sqlite = is_sqlite(settings.sql_url)
    problem = unfit_sqlite(sys.version_info[:3], sqlite3.sqlite_version_info) if on_sqlite else None
    if problem is not None:
        return complain(f"IRBot cannot start: {problem}.")
    logs.configure(settings.log_level)
    if settings.app_secret is not None:
        logs.hide(settings.app_secret.get_secret_value())
    password = sa.make_url(settings.sql_url).password
    if password:
        logs.hide(str(password))
    try:
        asyncio.run(serve(app, settings))
    except Conflict:
        return complain(f"IRBot cannot start: another IRBot is using the database in {settings.data_dir.resolve()}.")
    except sa.exc.DBAPIError as error:
        return complain(f"IRBot cannot start: its database does not answer ({type(error.orig).__name__}).")
    except OSError as error:
        return complain(f"IRBot cannot start: {error.strerror or error}.")
    return 0


async def serve(app: web.Application, settings: Settings) -> None:
    async with AsyncExitStack() as at_the_end:
        if settings.otlp_url:
            at_the_end.push_async_callback(asyncio.to_thread, metrics.send_traces_to(settings.otlp_url))
        await _site(at_the_end, app, settings.host, settings.port)
        if settings.metrics_port:
            await _site(at_the_end, numbers_page(app[APPLICATION]), settings.metrics_host, settings.metrics_port)
        # The thousands of classes of the SDKs stay for ever: looked through again and again, they would hold the loop.
        gc.collect()
        gc.freeze()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM"):
            try:
                loop.add_signal_handler(getattr(signal, name), stop.set)
            except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
                break
        try:
            await stop.wait()
        except KeyboardInterrupt:
            log.info("stopped from the keyboard")


async def _site(at_the_end: AsyncExitStack, app: web.Application, host: str, port: int) -> None:
    runner = web.AppRunner(app, access_log=None)
    at_the_end.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()


def numbers_page(application: Application) -> web.Application:
    """`GET /metrics` for Prometheus, on an address of its own: the bot's is open to the internet."""

    async def numbers(_request: web.Request) -> web.Response:
        parts = application.parts
        if parts is None:
            return web.Response(status=503)
        text = await metrics.exposition(lambda: count(parts.database, application.now()))
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/metrics", numbers)
    return app


def demo(chosen: argparse.Namespace) -> int:
    """The simulated tenant, the bot and a Teams window for each of two people."""
    from simulator import demo as stage

    return stage.run(chosen.story)


def drill(_chosen: argparse.Namespace) -> int:
    """A whole compromise in the terminal; not 0 when an account is not locked at the end."""
    from simulator import drill as rehearsal

    return rehearsal.run()


def bench(chosen: argparse.Namespace) -> int:
    """Measures what IRBot promises in numbers; 1 when a target is missed."""
    from benchmarks import suite

    return suite.run(chosen.only, report_only=chosen.report_only, save=chosen.save)


def score(chosen: argparse.Namespace) -> int:
    """Plays every story and counts what the investigation finds; 1 when it misses or imagines something."""
    from benchmarks import recall

    return recall.run(chosen.story)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="app.py", description="IRBot for Microsoft Teams")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (does, add_arguments) in COMMANDS.items():
        add_arguments(commands.add_parser(name, help=(does.__doc__ or "").partition("\n")[0]))
    chosen = parser.parse_args(arguments)
    return COMMANDS[chosen.command][0](chosen)


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--story", action="append", default=[], metavar="ID", help="a compromise to begin with")


def _bench_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", metavar="NAME", help="one benchmark by its name")
    parser.add_argument("--save", action="store_true", help="put the figures into docs/benchmarks.md")
    parser.add_argument("--report-only", action="store_true", help="end with 0 even when a target is missed")


def _score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--story", action="append", metavar="ID", help="this story only")


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Nothing may be written after the command."""


COMMANDS: Mapping[str, tuple[Callable[[argparse.Namespace], int], Callable[[argparse.ArgumentParser], None]]] = {
    "run": (run, _no_arguments),
    "doctor": (rights.run, rights.arguments),
    "grant": (rights.grant, rights.grant_arguments),
    "pack": (pack.run, pack.arguments),
    "report": (report.run, report.arguments),
    "data": (data.run, data.arguments),
    "demo": (demo, _demo_arguments),
    "drill": (drill, _no_arguments),
    "bench": (bench, _bench_arguments),
    "score": (score, _score_arguments),
}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sys.exit(main())
