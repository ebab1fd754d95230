"""Anybody reports a message from Teams' menu; those who work here find incidents while they write."""

from __future__ import annotations

from typing import Any

from simulator.bench import Bench
from simulator.channel.wire import faults_of_card
from tests.stories.steps import open_incident
from tests.stories.test_triggers import watched

_PATIENCE = 30.0
_EVIL = 'Pay <b>now</b>: <a href="http://evil.example">here</a> <at>IRBot</at> compromise alex@contoso.com'
_DATA = {"v": 1, "kind": "phishing", "note": "She never writes like this."}


async def _use(bench: Bench, kind: str, *, by: str, **more: Any) -> dict[str, Any]:
    answer = await bench.teams.use_action(kind, by=by, **more)
    assert answer.fault == ""
    assert answer.status == 200
    assert isinstance(answer.body, dict)
    return answer.body


async def test_a_reported_message_becomes_one_card_however_often_and_by_whomever() -> None:
    async with watched(trigger_seconds="0") as bench:
        await bench.say("whoami", by="alex")
        there = {"where": bench.thread}
        message = bench.teams.message_of("patti", _EVIL)
        form = await _use(bench, "fetchTask", by="grady", on=message, **there)
        assert form["task"]["type"] == "continue"
        card = form["task"]["value"]["card"]["content"]
        assert faults_of_card(card) == []
        assert "Patti Fernandez (patti@contoso.com)" in str(card)
        assert "evil.example" not in str(card)
        [action] = card["body"][-1]["actions"]
        assert (action["type"], action["data"]) == ("Action.Submit", {"v": 1})

        for reporter in ("grady", "grady", "lee"):
            answer = await _use(bench, "submitAction", by=reporter, on=message, data=_DATA, **there)
            assert answer["task"]["type"] == "message"
        shown = await bench.until_card("Reported by Grady Archie, Lee Gu", by="alex", timeout=_PATIENCE)
        assert shown.has("Reported as phishing")
        assert shown.has("She never writes like this.")
        assert len([each for each in bench.cards(by="alex") if each.has("Reported as phishing")]) == 1
        assert not [each for each in bench.cards(by="alex") if each.has("IR-0001")]

        refused = await bench.click("Open an incident", by="grady", refresh=False)
        assert refused.card is not None
        assert refused.card.has("do not have the IRBot role")
        await bench.click("Open an incident", by="alex")
        bench.thread = shown.conversation_id
        await bench.until_card("IR-0001", by="alex", where="thread", timeout=_PATIENCE)

        # The subject of the incident may still report, and can do nothing else.
        other = bench.teams.message_of("alex", "hello", message_id="1700000000002")
        thanks = await _use(bench, "submitAction", by="patti", on=other, data={**_DATA, "kind": "compromise"})
        assert "Thank you" in thanks["task"]["value"]
        await bench.until_card("an account that may be in a stranger's hands", by="alex", timeout=_PATIENCE)
        found = await _use(bench, "query", by="patti", command="incidents", parameters=[])
        assert found["composeExtension"]["type"] == "message"


async def test_incidents_are_found_by_those_who_may_read_them() -> None:
    async with watched(trigger_seconds="0") as bench:
        await open_incident(bench, "megan@contoso.com")
        for sought in ("megan", "MEGAN@contoso", "IR-0001", "1", ""):
            parameters = [{"name": "sought", "value": sought}] if sought else [{"name": "initialRun", "value": "true"}]
            body = await _use(bench, "query", by="alex", command="incidents", parameters=parameters)
            [one] = body["composeExtension"]["attachments"]
            assert faults_of_card(one["content"]) == []
            assert one["preview"]["content"]["title"] == "IR-0001 · Megan Bowen"
            assert "Action.Execute" not in str(one["content"])
        nothing = [{"name": "sought", "value": "100%_"}]
        body = await _use(bench, "query", by="alex", command="incidents", parameters=nothing)
        assert body["composeExtension"] == {"type": "message", "text": "No incident fits."}
        body = await _use(bench, "query", by="grady", command="incidents", parameters=[])
        assert body["composeExtension"]["type"] == "result"  # a communicator reads
        body = await _use(bench, "query", by="lee", command="incidents", parameters=[])
        assert "people with a role" in body["composeExtension"]["text"]


async def test_what_is_unknown_or_broken_gets_a_polite_no_and_no_row() -> None:
    async with watched(trigger_seconds="0", incident_channel="") as bench:
        message = bench.teams.message_of("patti", "hello")
        for kind, more in (
            ("fetchTask", {"command": "delete-everything", "on": message}),
            ("fetchTask", {}),
            ("submitAction", {"on": message, "data": {"kind": "both"}}),
            ("submitAction", {"on": {**message, "id": 7}, "data": _DATA}),
            ("query", {"command": "people", "parameters": "all"}),
            ("selectItem", {"command": "incidents"}),
        ):
            assert "IRBot does not do that." in str(await _use(bench, kind, by="alex", **more))
        answer = await _use(bench, "fetchTask", by="alex", on=message)
        assert "has not been told yet where reports go" in answer["task"]["value"]
