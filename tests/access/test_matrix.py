"""Who may do what, written out: every command and every button with everybody who may try it.

The tables here are what is promised, not what the code says. A command or a button that is not in them fails the test,
and so does a line about one that does not exist.
"""

from __future__ import annotations

import pytest

from dialogs.commands import COMMANDS
from dialogs.handlers import VERBS
from dialogs.verbs import Verb
from services.access import EVERYBODY, POLICY, Role
from services.channel import Actor, Conversation
from tests.access.stage import ADDRESSEE, ELSEWHERE, FOR_WHO_ONE_IS, OUTSIDE, STAFF, Stage
from tests.counting import BadRequests
from tests.services.fakes import CHANNEL, PERSONAL, actor

# R responders, A approvers, C communicators, D administrators; * everybody of the tenant; @ who it was addressed to.
# A ! stands for: in a channel only, where others see it.
_LETTERS = {"R": Role.RESPONDER, "A": Role.APPROVER, "C": Role.COMMUNICATOR, "D": Role.ADMINISTRATOR}

MAY_WRITE = {
    "close": "R!",
    "compromise": "R!",
    "educate": "C!",
    "help": "*",
    "home": "*",
    "incidents": "RACD",
    "reopen": "R!",
    "report": "RAD",
    "resume": "D",
    "setup": "D",
    "status": "RACD",
    "stop": "D",
    "tasks": "RACD",
    "whoami": "*",
}

MAY_PRESS = {
    "approve": "A",
    "blast.again": "C!",
    "blast.approve": "A",
    "blast.ask": "C!",
    "blast.cancel": "CAD",
    "blast.drop": "C!",
    "blast.export": "C!",
    "blast.mail": "C!",
    "blast.pause": "CAD",
    "blast.recall": "C!",
    "blast.refuse": "A",
    "blast.remind": "C!",
    "blast.resume": "C!",
    "cancel": "R!",
    "choose": "R!",
    "close.confirm": "R!",
    "close.show": "R!",
    "evidence.one": "RACD",
    "evidence.show": "RACD",
    "evict.ask": "R!",
    "evict.ask-all": "R!",
    "evict.review": "R!",
    "gate.ask": "R!",
    "gate.check": "R!",
    "gate.give-back": "R!",
    "gate.show": "R!",
    "gate.waive": "A",
    "guard.confirm": "D",
    "home.open": "RACD",
    "home.show": "*",
    "lesson.answer": "@",
    "lesson.open": "C!",
    "lesson.preview": "C!",
    "lesson.understood": "@",
    "link.open": "R!",
    "link.show": "R!",
    "lock.ask": "R!",
    "look.again": "R!",
    "partners.anew": "R!",
    "partners.answered": "R!",
    "partners.money": "R!",
    "partners.open": "R!",
    "partners.send": "R!",
    "phase.show": "RACD",
    "prepare.again": "R!",
    "refuse": "A",
    "report.get": "RAD",
    "report.show": "RAD",
    "setup.approve": "D",
    "setup.channel": "D",
    "setup.refuse": "D",
    "setup.remove": "D",
    "setup.save": "D",
    "setup.show": "D",
    "step.ask": "R!",
    "step.ask-all": "R!",
    "step.check": "R!",
    "step.pause": "R!",
    "step.plan": "R!",
    "step.resume": "R!",
    "step.stop": "R!",
    "task.check": "R!",
    "task.done": "R!",
    "task.show": "RACD",
    "task.take": "R!",
    "task.waive": "A",
    "trigger.dismiss": "R!",
    "trigger.open": "R!",
    "undo.ask": "R!",
    "undo.review": "R!",
    "verdict.show": "RACD",
    "view": "RACD",
    "warn.clicked": "@",
    "warn.linked": "R!",
    "warn.not-clicked": "@",
    "warn.open": "C!",
    "warn.preview": "C!",
    "watch.look": "R!",
    "watch.reopen": "R!",
    "watch.show": "RACD",
}

# What a refused person must not read on the way: whom it is about.
_SECRETS = ("Megan", "megan", "IR-0001")


def _roles(promise: str) -> frozenset[Role]:
    return frozenset(_LETTERS[letter] for letter in promise if letter in _LETTERS)


def _refused_people(promise: str) -> list[tuple[Actor, str]]:
    """Everybody who may not, each with the reason that must be given."""
    strangers = [(actor(name), reason) for name, reason in OUTSIDE.items()]
    return strangers + [(person, "no-role") for role, person in STAFF.items() if role not in _roles(promise)]


PRESSED = sorted(
    (Verb(name), promise) for name, promise in MAY_PRESS.items() if promise not in {"@", "*"} and name != "view"
)
ADDRESSED = sorted(Verb(name) for name, promise in MAY_PRESS.items() if promise == "@")


pytestmark = pytest.mark.asyncio(loop_scope="module")


def test_every_command_and_every_button_is_promised_to_somebody() -> None:
    assert set(MAY_WRITE) == {row.name for row in COMMANDS}
    assert set(MAY_PRESS) == {verb.value for verb in Verb}
    assert set(VERBS) | {Verb.VIEW} == set(Verb)


def test_what_the_help_says_of_a_command_is_who_may_write_it() -> None:
    for row in COMMANDS:
        holders = {role for role, permissions in POLICY.items() if row.permission in permissions}
        assert holders == _roles(MAY_WRITE[row.name]), row.name
        assert (row.permission in EVERYBODY) == (MAY_WRITE[row.name] == "*"), row.name


async def test_every_button_has_something_to_be_pressed_on(stage: Stage) -> None:
    assert set(stage.targets) == set(Verb)


async def test_every_button_is_refused_to_everybody_who_may_not_and_leaves_no_trace(
    stage: Stage, bad_requests: BadRequests
) -> None:
    """With a button as the bot drew it, so that nothing but who presses it can be the reason."""
    before = await stage.state()
    for verb, promise in PRESSED:
        for person, reason in _refused_people(promise):
            outcome = await stage.handle(verb, person)
            refused = outcome.refused and outcome.reason == reason
            bad_requests.refused(refused, (verb.value, person.object_id, outcome))
        assert await stage.state() == before, verb
    assert stage.writes() == []


@pytest.mark.parametrize(
    ("name", "where", "nonce"), [("megan", ELSEWHERE, None), ("nobody", PERSONAL, "old")], ids=["subject", "stranger"]
)
async def test_a_refused_press_leaves_no_trace_and_tells_nothing(
    stage: Stage, bad_requests: BadRequests, name: str, where: Conversation, nonce: str | None
) -> None:
    """Where the incident's cards do not stand, and whether or not the role is the first thing that is wrong."""
    before = await stage.state()
    for verb, _ in PRESSED:
        outcome = await stage.press(verb, actor(name), where, nonce=nonce)
        told = any(word in outcome.text for word in _SECRETS)
        bad_requests.refused(outcome.refused and not told, (verb.value, outcome))
    assert await stage.state() == before
    assert stage.writes() == []


async def test_the_card_is_drawn_for_strangers_only_where_it_stands(stage: Stage, bad_requests: BadRequests) -> None:
    for name in OUTSIDE:
        for where in (ELSEWHERE, PERSONAL):
            outcome = await stage.press(Verb.VIEW, actor(name), where)
            told = any(word in outcome.text for word in _SECRETS)
            bad_requests.refused(outcome.refused and not told, (name, where, outcome))
    shown = await stage.press(Verb.VIEW, actor("nobody"))
    assert "Megan" in shown.text
    assert "Decide" not in shown.text


async def test_who_has_lost_their_role_reads_nothing_by_pressing_once_more(
    stage: Stage, bad_requests: BadRequests
) -> None:
    """What was done before is not done again, and the card as it is now is for those who may read it now."""
    reader = actor("stale")
    stage.give(reader, Role.RESPONDER)
    first = await stage.press(Verb.VERDICT_SHOW, reader, ELSEWHERE)
    assert not first.refused
    assert "Megan" in first.text
    await stage.change_subject("Megan Bowen")
    stage.take(reader)
    again = await stage.press(Verb.VERDICT_SHOW, reader, ELSEWHERE)
    bad_requests.refused("Megan Bowen" not in again.text, again)


async def test_what_others_must_see_is_refused_in_a_personal_chat(stage: Stage, bad_requests: BadRequests) -> None:
    before = await stage.state()
    for verb, promise in PRESSED:
        if promise.endswith("!"):
            [role] = _roles(promise)
            outcome = await stage.handle(verb, STAFF[role], PERSONAL)
            refused = outcome.refused and outcome.reason == "not-in-personal-chat"
            bad_requests.refused(refused, (verb.value, outcome))
    assert await stage.state() == before
    assert stage.writes() == []


async def test_only_who_it_was_addressed_to_answers_a_message(stage: Stage, bad_requests: BadRequests) -> None:
    before = await stage.state()
    for verb in ADDRESSED:
        for person in [*map(actor, OUTSIDE), *STAFF.values()]:
            outcome = await stage.handle(verb, person)
            bad_requests.refused(outcome.refused, (verb.value, person.object_id, outcome))
        outcome = await stage.handle(verb, ADDRESSEE, CHANNEL)
        bad_requests.refused(outcome.refused, (verb.value, "not in their own chat", outcome))
    assert await stage.state() == before


@pytest.mark.parametrize("where", [CHANNEL, PERSONAL], ids=lambda where: where.kind.value)
async def test_a_command_of_somebody_who_may_not_is_refused(
    stage: Stage, where: Conversation, bad_requests: BadRequests
) -> None:
    before = await stage.state()
    for name, promise in MAY_WRITE.items():
        if promise == "*":
            continue
        for person, reason in _refused_people(promise):
            outcome = await stage.say(_LINES.get(name, name), person, where)
            reasons = {reason, "not-in-personal-chat", "not-in-this-place"} if promise.endswith("!") else {reason}
            refused = outcome.refused and outcome.reason in reasons
            told = any(word in outcome.text for word in _SECRETS)
            bad_requests.refused(refused and not told, (name, person.object_id, outcome))
    after = await stage.state()
    before["posts"] = after["posts"] = []  # the replies
    assert after == before
    assert stage.writes() == []


_LINES = {"close": "close IR-0001", "compromise": "compromise bob@contoso.com", "reopen": "reopen IR-0001"}


async def test_nobody_is_refused_what_they_are_promised(stage: Stage) -> None:
    """With a button of another moment, so that the check of the role is all that happens."""
    for verb, promise in PRESSED:
        for role in _roles(promise):
            outcome = await stage.handle(verb, STAFF[role], nonce="old")
            assert outcome.reason not in FOR_WHO_ONE_IS, (verb.value, role, outcome)
    assert stage.writes() == []
