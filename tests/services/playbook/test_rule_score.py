"""Rules of intruders are alarms for reasons in words; rules of people are at most notes, in any language."""

from __future__ import annotations

import pytest

from services.playbook.mailbox_reading import RulesOfMailbox, rules_of
from services.playbook.rule_score import Score, score
from services.playbook.step import Severity
from simulator.exchange.state import USER_CREATED, Folder
from simulator.tenant import Json
from tests.services.playbook.mail_scenes import add_rule, mailbox, speak, to
from tests.services.playbook.tenancy import Tenancy, tenancy


async def _read(home: Tenancy, who: str = "megan") -> RulesOfMailbox:
    return await rules_of(await home.context(who))


async def _scores(home: Tenancy, who: str = "megan") -> dict[str, Score]:
    read = await _read(home, who)
    return {rule.name: score(rule, read) for rule in read.to_judge}


@pytest.mark.parametrize(
    ("story", "account", "rules"),
    [
        ("mass-phishing", "megan", {" ", ".."}),
        ("invoice-fraud", "lee", {"."}),
        ("synced-account", "patti", {"...", "\u200b"}),
        ("clean", "jose", set()),
    ],
)
async def test_the_intruders_rules_of_the_stories_are_alarms_and_the_owners_are_not(
    story: str, account: str, rules: set[str]
) -> None:
    async with tenancy() as home:
        home.tell(story)
        scores = await _scores(home, account)
        assert {name for name, judged in scores.items() if judged.severity is Severity.ALARM} == rules
        assert all(scores[name].reasons for name in rules)
        assert all(scores[name].severity is Severity.NOTE for name in scores.keys() - rules)
        assert len(scores) > len(rules) or story == "mass-phishing"


_GENUINE: dict[str, tuple[Json, Json]] = {
    "Newsletters": ({"senderContains": ["news@adatum.example"]}, {"moveToFolder": "Newsletters", "markAsRead": True}),
    "Rechnungen": ({"subjectContains": ["Rechnung"]}, {"moveToFolder": "Newsletters", "stopProcessingRules": True}),
    "Paid invoices": (
        {"subjectContains": ["invoice"]},
        {"moveToFolder": "archive", "markAsRead": True, "stopProcessingRules": True},
    ),
    "Old reports": ({"senderContains": ["reports@contoso.com"]}, {"moveToFolder": "archive", "markAsRead": True}),
    "Spam tag": ({"subjectContains": ["[SPAM]"]}, {"moveToFolder": "junkemail", "stopProcessingRules": True}),
    "Shop mails": (
        {"senderContains": ["shop@adatum.example"]},
        {"delete": True, "markAsRead": True, "stopProcessingRules": True},
    ),
    "Leave cover": ({}, {"forwardTo": to("reception@contoso.com", "Reception")}),
    "Invoices to accounting": ({"subjectContains": ["invoice"]}, {"forwardTo": to("grady@contoso.com")}),
    "Colour the boss": ({"fromAddresses": to("lynne@contoso.com")}, {"assignCategories": ["Red"]}),
    "Письма банка": ({"senderContains": ["bank@adatum.example"]}, {"moveToFolder": "Newsletters"}),
}


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "ru-RU"])
async def test_the_rules_of_people_are_at_most_notes_in_any_language(locale: str) -> None:
    async with tenancy() as home:
        speak(home, "megan", locale)
        held = mailbox(home, "megan")
        held.folders.append(Folder("own-folder", USER_CREATED, "/Newsletters"))
        for name, (conditions, actions) in _GENUINE.items():
            add_rule(home.user("megan"), name, conditions=conditions, actions=actions)
        held.add_rule("Delegate Rule -4711", hidden=True, ForwardTo=["grady@contoso.com"])
        scores = await _scores(home)
        assert scores.keys() == _GENUINE.keys() | {"Delegate Rule -4711"}
        loud = {name: judged.reasons for name, judged in scores.items() if judged.severity is not Severity.NOTE}
        assert loud == {}


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "ru-RU", "fr-FR"])
@pytest.mark.parametrize("folder", ["rssfeeds", "conversationhistory", "calendar", "notes"])
async def test_a_hiding_place_is_known_in_every_language(locale: str, folder: str) -> None:
    async with tenancy() as home:
        speak(home, "megan", locale)
        hide = {"moveToFolder": folder, "markAsRead": True, "stopProcessingRules": True}
        add_rule(home.user("megan"), "Team", conditions={"subjectContains": ["Contoso"]}, actions=hide)
        judged = (await _scores(home))["Team"]
        assert judged.severity is Severity.ALARM
        assert "where nobody looks" in judged.reasons[0]


async def test_a_folder_of_the_owners_that_is_called_like_a_hiding_place_is_none() -> None:
    async with tenancy() as home:
        speak(home, "megan", "de-DE")
        mailbox(home, "megan").folders.append(Folder("own", USER_CREATED, "/Notes"))
        actions = {"moveToFolder": "own", "markAsRead": True}
        add_rule(home.user("megan"), "Meeting notes", conditions={"subjectContains": ["minutes"]}, actions=actions)
        assert (await _scores(home))["Meeting notes"].severity is Severity.NOTE


@pytest.mark.parametrize("word", ["\0", "\u200b", ".", "@", " "])
async def test_a_condition_that_cannot_be_seen_or_is_in_all_mail_weighs_like_none(word: str) -> None:
    async with tenancy() as home:
        add_rule(home.user("megan"), "Clean up", conditions={"senderContains": [word]}, actions={"delete": True})
        judged = (await _scores(home))["Clean up"]
        assert judged.severity is Severity.ALARM
        assert any("cannot be seen" in reason for reason in judged.reasons)


async def test_mail_that_goes_outside_is_an_alarm_and_the_address_is_named() -> None:
    async with tenancy() as home:
        add_rule(home.user("megan"), "Home", actions={"redirectTo": to("megan@outlook-mail.example")})
        judged = (await _scores(home))["Home"]
        assert judged.severity is Severity.ALARM
        assert judged.outside == ("megan@outlook-mail.example",)
        assert "megan@outlook-mail.example" in judged.reasons[0]


async def test_a_hidden_rule_is_an_alarm_even_where_it_takes_the_name_of_one_of_exchanges_own() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.add_rule("Quiet", hidden=True, MarkAsRead=True)
        held.add_rule("Junk E-mail Rule", hidden=True, RedirectTo=["drop@evil.example"])
        held.add_rule("Delegate Rule -1", hidden=True, ForwardTo=["drop@evil.example"])
        scores = await _scores(home)
        assert {name: judged.severity for name, judged in scores.items()} == dict.fromkeys(
            ("Quiet", "Junk E-mail Rule", "Delegate Rule -1"), Severity.ALARM
        )


async def test_exchanges_own_rules_are_not_judged_while_an_automatic_reply_is_on() -> None:
    async with tenancy() as home:
        home.user("megan").mailbox_settings["automaticRepliesSetting"]["status"] = "alwaysEnabled"
        assert await _scores(home) == {}


async def test_a_damaged_rule_is_said_to_be_damaged() -> None:
    async with tenancy() as home:
        add_rule(home.user("megan"), "Old one", actions={"moveToFolder": "archive"}, hasError=True)
        judged = (await _scores(home))["Old one"]
        assert "Damaged, so not all of it can be read" in judged.reasons
