"""A report goes into the hands of whoever asked for it, through Teams' own question, and of nobody else."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator

import pytest
from pypdf import PdfReader

from app import APPLICATION
from services.incidents import store, timeline
from services.incidents.report.delivery import OfferState
from services.incidents.timeline import AuditTag
from simulator.bench import Bench
from simulator.channel.conversations import Post
from simulator.channel.files import INFO, StoredFile, offer_in
from simulator.faults import Fault
from tests.stories.steps import open_incident


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.start() as bench:
        await open_incident(bench, "megan@contoso.com")
        yield bench


async def offered(bench: Bench, title: str, *, by: str = "alex") -> Post:
    """Asks for a report in the incident's thread, and gives Teams' question in the personal chat."""
    await bench.say("report", by=by, where="thread")
    await bench.until_card("Report of IR-0001", by=by, where="thread")
    before = {post.activity_id for post in bench.posts(by=by, where="personal")}
    answer = await bench.click(title, by=by, where="thread", refresh=False)
    assert answer.has("personal chat")

    def question() -> Post | None:
        posts = [post for post in bench.posts(by=by, where="personal") if post.activity_id not in before]
        return next((post for post in posts if offer_in(post.activity)), None)

    return await bench.until(question, what="the question")


async def stored(bench: Bench) -> StoredFile:
    return await bench.until(
        lambda: next((file for file in bench.teams.files.values() if file.finished), None), what="the upload"
    )


async def told(bench: Bench, words: str, *, by: str = "alex") -> str:
    return await bench.until(
        lambda: next((text for text in bench.texts(by=by, where="personal") if words in text), None), what=words
    )


async def test_a_yes_brings_the_plain_report_as_pdf(bench: Bench) -> None:
    question = await offered(bench, "Get plain report")
    offer = offer_in(question.activity)
    assert offer is not None
    assert offer["name"] == "IR-0001-plain-report.pdf"
    await bench.teams.answer_file(question, by="alex", accept=True)
    file = await stored(bench)
    assert file.owner == bench.user("alex").id
    assert "Megan Bowen" in PdfReader(io.BytesIO(file.content)).pages[0].extract_text()
    shown = await bench.until(
        lambda: next(
            (
                attachment
                for post in bench.posts(by="alex", where="personal")
                for attachment in post.activity.get("attachments") or []
                if attachment["contentType"] == INFO
            ),
            None,
        )
    )
    assert shown["content"]["uniqueId"] == file.unique_id


async def test_everything_is_a_bundle_and_the_timeline_notes_who_took_it(bench: Bench) -> None:
    await bench.teams.answer_file(await offered(bench, "Get everything"), by="alex", accept=True)
    file = await stored(bench)
    with zipfile.ZipFile(io.BytesIO(file.content)) as bundle:
        assert {"technical-report.pdf", "plain-report.html", "manifest.json"} <= set(bundle.namelist())
    app = bench.bot.app  # type: ignore[union-attr]  # this bot runs in our process
    parts = app[APPLICATION].parts

    async def taken() -> timeline.Entry | None:
        async with parts.database.read() as connection:
            incident = await store.by_number(connection, 1)
            entries = await timeline.read(connection, incident.id)
        return next((entry for entry in entries if entry.event == AuditTag.REPORT_TAKEN), None)

    entry = await bench.until(taken)
    assert entry.actor_id == bench.user("alex").id
    assert entry.data["sha256"] == hashlib.sha256(file.content).hexdigest()


async def test_a_no_brings_nothing(bench: Bench) -> None:
    await bench.teams.answer_file(await offered(bench, "Get plain report"), by="alex", accept=False)
    await bench.settled()
    assert bench.teams.files == {}


async def test_a_second_yes_brings_no_second_file(bench: Bench) -> None:
    question = await offered(bench, "Get plain report")
    await bench.teams.answer_file(question, by="alex", accept=True)
    await stored(bench)
    await bench.teams.answer_file(question, by="alex", accept=True)
    await bench.settled()
    assert [file.finished for file in bench.teams.files.values()] == [True, False]


@pytest.mark.thorough
async def test_somebody_else_cannot_take_it_with_the_same_question(bench: Bench) -> None:
    question = await offered(bench, "Get everything")
    await bench.teams.answer_file(question, by="diego", accept=True)
    await bench.settled()
    assert [file.finished for file in bench.teams.files.values()] == [False]


async def test_a_communicator_and_the_subject_get_none(bench: Bench) -> None:
    for who in ("patti", "megan"):
        await bench.say("report IR-0001", by=who, where="personal")
    await bench.settled()
    for who in ("patti", "megan"):
        assert [post for post in bench.posts(by=who, where="personal") if offer_in(post.activity)] == []
        assert not any("Get everything" in shown.buttons for shown in bench.cards(by=who, where="personal"))


async def test_the_file_goes_to_no_other_host_and_the_person_is_told(bench: Bench) -> None:
    question = await offered(bench, "Get everything")
    elsewhere = bench.sim.url.replace("127.0.0.1", "localhost")
    info = {
        "uploadUrl": f"{elsewhere}/sharepoint/upload?guid=x&tempauth=y",
        "contentUrl": "https://contoso.sharepoint.com/x",
        "name": "x.zip",
        "uniqueId": "x",
        "fileType": "zip",
    }
    await bench.teams.answer_file(question, by="alex", accept=True, overrides={"uploadInfo": info})
    assert "did not reach you" in await told(bench, "did not reach you")


async def test_whoever_lost_the_role_gets_no_file_after_all(bench: Bench) -> None:
    question = await offered(bench, "Get everything")
    for group in bench.sim.world.tenant.groups.values():
        group.members = [member for member in group.members if member != bench.user("alex").id]
    await bench.teams.answer_file(question, by="alex", accept=True)
    await told(bench, "did not reach you")
    assert not any(file.finished for file in bench.teams.files.values())


async def test_a_storage_that_fails_for_a_moment_gets_it_in_the_end(bench: Bench) -> None:
    question = await offered(bench, "Get plain report")
    bench.sim.world.faults.add(Fault(path="/sharepoint/upload", times=1))
    await bench.teams.answer_file(question, by="alex", accept=True)
    assert (await stored(bench)).content[:5] == b"%PDF-"
    assert bench.sim.world.faults.waiting() == []


def test_states_that_end_are_not_under_way() -> None:
    assert {OfferState.WANTED, OfferState.ACCEPTED, OfferState.SENDING, OfferState.OFFERED} == set(OfferState) - {
        OfferState.DECLINED,
        OfferState.DELIVERED,
        OfferState.FAILED,
        OfferState.UNKNOWN,
    }
