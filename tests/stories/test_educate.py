"""A lesson goes to whom it was meant for, in their language; the answers are counted, and the table can be taken."""

from __future__ import annotations

import csv
import io

from simulator.bench import Bench
from simulator.channel.conversations import Post
from simulator.channel.files import StoredFile, offer_in
from simulator.config import SimulatorConfig
from tests.stories.blast_steps import PATIENCE, SETTINGS, button_like, got, reads

_CONFIG = SimulatorConfig(audit_query_seconds=0, device_seconds=0)


async def test_a_lesson_from_the_command_to_the_table() -> None:
    async with Bench.start(_CONFIG, settings=SETTINGS) as bench:
        reads(bench, lynne="de-DE")
        bench.user("joni.sherman2").properties["displayName"] = "=HYPERLINK(1)"
        refused = await _educate(bench, by="alex")
        assert refused is None
        await _educate(bench, by="grady")

        wrong = {"lesson": "qr-codes", "pick": "groups", "names": "Finanze"}
        answer = await bench.click("Draw it up…", by="grady", where="thread", inputs=wrong)
        assert answer.has("fits no group")
        chosen = {"lesson": "qr-codes", "pick": "departments", "names": "Sales\nFinance", "canary": "5"}
        await bench.click("Draw it up…", by="grady", where="thread", inputs=chosen)
        ask = await button_like(bench, r"Ask to send to .* people…", by="grady", where="thread")
        draft = next(shown for shown in bench.cards(by="grady", where="thread") if ask in shown.buttons)
        assert "Auch ein QR-Code ist ein Link" in draft.full_text
        assert "not taught: sign-in is blocked" in draft.text
        everybody = _students(bench)
        assert ask == f"Ask to send to {len(everybody)} people…"
        await bench.click(ask, by="grady", where="thread")

        approve = await button_like(bench, r"Send to .* people", by="adele", where="personal")
        await bench.click(approve, by="adele", where="personal")
        go_on = await button_like(bench, r"Go on.*", by="grady", where="thread")
        assert len(_reached(bench, everybody)) == 5
        await bench.click(go_on, by="grady", where="thread")
        await bench.until_button("Take back what was sent", by="grady", where="thread", timeout=PATIENCE)
        assert _reached(bench, everybody) == everybody
        for who in ("alex", "miriam.o'connor", "henrietta"):
            assert not any(shown.has("QR") for shown in got(bench, who)), who

        answered = await bench.click("Antwort senden", by="lynne", where="personal", inputs={"answer": "1"})
        assert answered.has("Richtig.")
        done = await bench.click("Verstanden", by="lynne", where="personal")
        assert done.has("Danke. Das war alles.")
        other = await bench.click("Send my answer", by="jose", where="personal", inputs={"answer": "0"})
        assert other.has("Not quite.")
        assert other.has("Better: Do not scan it, and report the mail.")

        await bench.until_card("1 answered right", by="grady", where="thread", timeout=PATIENCE)
        shown = await bench.until_card("answered otherwise", by="grady", where="thread")
        assert "Lynne" not in shown.full_text, "results go by department, never by person"

        await bench.click("Get the table", by="grady", where="thread")
        rows = list(csv.DictReader(io.StringIO((await _taken(bench, "grady")).decode("utf-8-sig"))))
        assert len(rows) == len(everybody)
        by_name = {row["name"]: row for row in rows}
        assert by_name["Lynne Robbins"]["answer"] == "right"
        assert by_name["Lynne Robbins"]["acknowledged"]
        assert by_name["José Müller"]["answer"] == "wrong"
        assert "'=HYPERLINK(1)" in by_name


async def _educate(bench: Bench, *, by: str) -> bool | None:
    """Writes the command; None where it is refused."""
    await bench.say("educate", by=by)
    if by == "alex":
        await bench.until_card("do not have the IRBot role", by=by, where="thread")
        return None
    await bench.until_button("Draw it up…", by=by, where="thread")
    return True


def _students(bench: Bench) -> set[str]:
    """The object ids of those in Sales and Finance who can be taught."""
    return {
        user.id
        for user in bench.sim.world.tenant.users.values()
        if user.properties.get("department") in {"Sales", "Finance"}
        and user.enabled
        and user.licences
        and not user.guest
    }


def _reached(bench: Bench, people: set[str]) -> set[str]:
    """Those of them who have the lesson in their own chat."""
    return {
        object_id
        for object_id in people
        for shown in bench.cards(by=bench.sim.world.tenant.user(object_id).upn, where="personal")
        if shown.has("QR")
    }


async def _taken(bench: Bench, who: str) -> bytes:
    """Says yes to the file that is offered, and gives what was uploaded."""

    def question() -> Post | None:
        return next((post for post in bench.posts(by=who, where="personal") if offer_in(post.activity)), None)

    await bench.teams.answer_file(await bench.until(question, PATIENCE, "the offer"), by=who, accept=True)

    def upload() -> StoredFile | None:
        return next((file for file in bench.teams.files.values() if file.finished), None)

    return (await bench.until(upload, PATIENCE, "the upload")).content
