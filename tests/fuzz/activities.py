"""Whatever comes with a good token: a real bot answers it or refuses it cleanly, and its log holds no secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import unicodedata
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from itertools import count
from typing import Any

import aiohttp
from hypothesis import strategies as st

from dialogs.commands import COMMANDS
from dialogs.verbs import Verb
from services.logs import JsonLines
from simulator.bench import Bench, BenchError
from simulator.channel import activities
from simulator.config import SimulatorConfig
from tests.cards.checks import walk
from tests.fuzz.hostile import ANY_JSON, ANY_TEXT, DEEP, LEAVES, TEXTS, TIMES, bent, mutated, written
from tests.fuzz.rounds import Broken, Came, Kind
from tools.gallery.samples import SAMPLES

Json = dict[str, Any]

# What says who sends it and where to: changed, it is refused at the door, and nothing behind it is tried.
_DOOR = ("serviceUrl", "channelId", "from", "conversation", "channelData", "type")
_CLEAN_STATUS = frozenset({200, 202, 400, 403, 413, 415})
_COMMANDS = tuple(row.name for row in COMMANDS if row.name != "stop")  # with all work stopped, little would be tried
_PEOPLE = ("alex", "adele", "lynne", "joni")


def _input_names() -> tuple[str, ...]:
    """The names of all inputs of all dialogs."""
    found = {
        node["id"]
        for sample in SAMPLES
        for _, node in walk(sample.draw())
        if isinstance(node, dict) and str(node.get("type")).startswith("Input.")
    }
    return tuple(sorted(found))


class Room:
    """A bot in this process with an open incident, and everything that can be said or pressed there."""

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self.runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._log = io.StringIO()
        self._listener = logging.StreamHandler(self._log)
        self._listener.setFormatter(JsonLines())
        self._ids = count(1)
        logging.getLogger().addHandler(self._listener)
        self.bench: Bench = self.runner.run(self._open(settings or {}))
        world = self.bench.sim.world
        self.secrets = {world.app_secret}
        self.buttons = self._buttons()
        self.good = self._good()
        self.incident_id = next((each["data"]["id"] for each in self.buttons if each["verb"] == Verb.LOCK_ASK), "")

    async def _open(self, settings: dict[str, str]) -> Bench:
        config = replace(SimulatorConfig(), audit_query_seconds=0, device_seconds=0)
        bench = await self._stack.enter_async_context(Bench.start(config, settings=settings))
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        await bench.say("compromise megan@contoso.com", by="alex")
        await bench.until_button("Lock account…", by="alex", where="thread", timeout=60)
        for text, by in (("help", "alex"), ("educate", "lynne"), ("setup", "henrietta"), ("tasks", "alex")):
            seen = len(bench.posts(by=by, where="personal"))
            await bench.say(text, by=by, where="personal")
            await bench.until(lambda by=by, seen=seen: len(bench.posts(by=by, where="personal")) > seen, timeout=30)
        return bench

    def close(self) -> None:
        """Ends all of it."""
        self.runner.run(self._stack.aclose())
        self.runner.close()
        logging.getLogger().removeHandler(self._listener)

    # -- what there is -----------------------------------------------------------------------------------------------

    def _buttons(self) -> list[Json]:
        """Every button of every card that anybody sees, as a client would press it."""
        cards = [
            card
            for record in self.bench.teams.conversations
            for post in record.posts
            for card in (post.card, *post.views.values())
            if card
        ]
        found = {
            written(node): node
            for card in cards
            for _, node in walk(card)
            if isinstance(node, dict) and node.get("type") == "Action.Execute"
        }
        return list(found.values())

    def _good(self) -> list[Json]:
        """One activity of every kind, as Teams sends it."""
        teams = self.bench.teams
        at = self.bench.sim.world.clock.now()
        thread = next(record for record in teams.conversations if record.id == self.bench.thread)
        places = [teams.place(thread), *(teams.place(teams.personal(who)) for who in _PEOPLE)]
        alex = teams.speaker("alex")
        bot = activities.MentionOf(teams.bot_id, teams.bot_name)
        megan = activities.MentionOf(teams.teams_id(teams.person("megan").id), "Megan Bowen")
        found: list[Json] = []
        for place, who in zip(places, ("alex", *_PEOPLE), strict=True):
            sender = teams.speaker(who)
            text = f"{bot.mark} compromise {megan.mark}"
            found.append(activities.message(place, sender, text, activity_id="1", at=at, mentions=(bot, megan)))
            found += [
                activities.card_action(place, sender, button, reply_to_id="1", trigger="manual", at=at)
                for button in self.buttons[:3]
            ]
        own = places[1]
        payload = activities.message_payload(teams.speaker("lynne"), "<p>Pay <b>now</b></p>", "1700000000001", at=at)
        report: Json = {"commandId": "report-message", "commandContext": "message", "messagePayload": payload}
        sent = report | {"data": {"kind": "phishing", "note": "odd"}}
        search = {"commandId": "incidents", "parameters": [{"name": "sought", "value": "megan"}], "queryOptions": {}}
        for kind, value in (("fetchTask", report), ("submitAction", sent), ("query", search)):
            found.append(activities.compose_extension(own, alex, kind, value, at=at))
        upload = {
            "contentUrl": "https://x",
            "name": "a.zip",
            "uploadUrl": "https://x",
            "uniqueId": "1",
            "fileType": "zip",
        }
        offer = {
            "type": "fileUpload",
            "action": "accept",
            "context": {"offer": "1", "nonce": "2"},
            "uploadInfo": upload,
        }
        found.append(activities.file_answer(own, alex, offer, reply_to_id="1", at=at))
        found.append(activities.read_receipt(own, alex, "1700000000001", at=at))
        found.append(activities.installation(own, alex, "add", at=at))
        found.append(activities.members_changed(own, alex, added=(alex.teams_id, teams.bot_id), at=at))
        return found

    # -- what is tried -----------------------------------------------------------------------------------------------

    def kind(self) -> Kind:
        """Bodies of every sort: bent activities, clicks with anything in them, messages of any text, any JSON."""
        parts = st.one_of(TEXTS, LEAVES, ANY_JSON, DEEP)
        good = st.sampled_from(self.good)
        deep = good.flatmap(lambda each: self._inside(each, parts))
        return Kind(
            "Activities",
            st.one_of(
                deep, good.flatmap(lambda each: mutated(each, parts)), self._clicks(), self._messages(), ANY_JSON
            ),
            self.check,
        )

    @staticmethod
    def _inside(good: Json, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
        """The same person at the same place, with anything in the rest."""
        rest = {key: value for key, value in good.items() if key not in _DOOR}
        return mutated(rest, parts).map(
            lambda bad: {**good, **bad, **{key: good[key] for key in _DOOR}} if isinstance(bad, dict) else good
        )

    def _clicks(self) -> st.SearchStrategy[Json]:
        presses = [each for each in self.good if each.get("name") == "adaptiveCard/action"]
        known = sorted({str(each["data"][name]) for each in self.buttons for name in ("id", "nonce")})
        steps = ("block-sign-in", "contact-partner", "../x", "0", "99")
        ids = st.one_of(
            st.sampled_from(known),
            st.builds("{}/{}".format, st.sampled_from(known), st.sampled_from(steps)),
            TEXTS,
        )
        names = st.sampled_from(_input_names())
        typed = st.one_of(
            ANY_TEXT,
            TIMES,
            st.sampled_from(("0", "1", "0,1", "²", "-1", "9" * 4000, "2026-12-31", "9999-12-31", "own")),
        )
        inputs = st.dictionaries(names, typed, max_size=5) | st.dictionaries(TEXTS, ANY_JSON, max_size=2)
        data = st.builds(
            lambda version, identifier, nonce, more: {**more, "v": version, "id": identifier, "nonce": nonce},
            st.one_of(st.just(1), st.just(1), st.just(1), LEAVES),
            ids,
            st.one_of(st.sampled_from(known), st.sampled_from(known), TEXTS),
            inputs,
        )
        ours = st.builds(
            lambda button, more: {**button, "data": {**more, **button["data"]}}, st.sampled_from(self.buttons), inputs
        )
        anything = st.fixed_dictionaries(
            {
                "type": st.sampled_from(("Action.Execute", "Action.Execute", "Action.Submit")),
                "verb": st.sampled_from([verb.value for verb in Verb]) | TEXTS,
                "data": data,
            }
        )
        return st.builds(
            lambda press, action: bent(press, ("value", "action"), to=action),
            st.sampled_from(presses),
            st.one_of(ours, anything, anything),
        )

    def _messages(self) -> st.SearchStrategy[Json]:
        base = [each for each in self.good if each["type"] == "message"]
        mark = activities.MentionOf(self.bench.teams.bot_id, self.bench.teams.bot_name).mark
        words = st.builds(
            "{} {} {}".format, st.sampled_from((mark, mark, "")), st.sampled_from(_COMMANDS) | TEXTS, ANY_TEXT
        )
        return st.builds(lambda message, text: {**message, "text": text}, st.sampled_from(base), words)

    # -- what must come of it ----------------------------------------------------------------------------------------

    def check(self, value: Any) -> Came:
        """Posts it with a good token, as the channel would. Raises Broken for all but a clean answer."""
        if isinstance(value, dict) and value.get("type") == "message" and value.get("id") == "1":
            value = {**value, "id": f"17{next(self._ids):011d}"}  # a message that was seen already does nothing
        status, raw = self.runner.run(self._post(written(value)))
        if status not in _CLEAN_STATUS:
            raise Broken(f"HTTP {status}: {raw[:200]!r}")
        text = raw.decode()
        if "Traceback" in text or any(secret in text for secret in self.secrets):
            raise Broken(f"an answer shows what it must not: {text[:200]}")
        self._insist_on_a_clean_log()
        if status >= 400:
            return Came.REFUSED
        if not isinstance(value, dict) or value.get("type") != "invoke":
            return Came.ANSWERED
        body = json.loads(text)
        if not isinstance(body, dict) or not body:
            raise Broken(f"an invoke is answered with {text[:100]!r}")
        code = body.get("statusCode", 200)
        if not isinstance(code, int) or (code >= 500 and code != 501):
            raise Broken(f"an invoke is answered with {code}: {text[:200]}")
        return Came.REFUSED if code >= 400 else Came.ANSWERED

    async def _post(self, content: bytes) -> tuple[int, bytes]:
        teams = self.bench.teams
        authorization = teams.delivery._signer.authorization(teams.service_url)
        headers = {"Content-Type": "application/json", "Authorization": authorization or ""}
        async with (
            asyncio.timeout(30),
            self._http.post(teams.delivery.bot_url, data=content, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    def _insist_on_a_clean_log(self) -> None:
        lines = self._log.getvalue().split("\n")
        self._log.seek(0)
        self._log.truncate()
        for line in filter(None, lines):
            entry = json.loads(line)
            if entry["level"] in ("ERROR", "CRITICAL") or "traceback" in entry:
                ends = entry.get("traceback", "").strip().splitlines()[-3:]  # the same for each fault of one place
                raise Broken(
                    f"the log tells of a fault: {' | '.join([*map(str.strip, reversed(ends)), entry['message']])}"
                )
            if any(secret in line for secret in self.secrets):
                raise Broken(f"a secret is in the log: {line[:300]}")
            if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in line):
                raise Broken(f"a line of the log holds what a terminal or a reader obeys: {line[:300]!r}")

    def settle(self, seconds: float) -> None:
        """Lets the work end that the activities started, and looks at the log once more."""
        self.runner.run(self._quiet(seconds))
        self._insist_on_a_clean_log()

    async def _quiet(self, seconds: float) -> None:
        with suppress(BenchError):  # replies keep to Teams' pace: they may take longer than anybody waits here
            await self.bench.settled(timeout=seconds, quiet=0.3)
