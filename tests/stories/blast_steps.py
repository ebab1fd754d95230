"""What the stories of warnings and lessons share: mail that went out, a group that gets mail, who sees what."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

from app import APPLICATION
from services.channel import Actor, Conversation, ConversationKind
from services.incidents import store
from services.incidents.model import Subject
from simulator.bench import Bench
from simulator.exchange import exchange_of
from simulator.exchange.state import TracedMessage
from simulator.reading import Shown
from simulator.tenant import Group
from tests.stories.steps import open_incident

SENDER = "grady@contoso.com"
SETTINGS = {"mail_from": SENDER, "helpdesk": "Helpdesk, extension 4000"}
PATIENCE = 60.0


def sent(bench: Bench, account: str, subject: str, *recipients: str, minutes_ago: float = 30) -> None:
    """Mail from this account, as the trace of the tenant shows it: one message to all of them."""
    clock = bench.sim.world.clock
    at = clock.now() - timedelta(minutes=minutes_ago)
    message_id = f"<{uuid4()}@contoso.com>"
    traced = exchange_of(bench.sim.world).organisation.traced
    sender = bench.user(account).upn
    traced += [
        TracedMessage(uuid4(), message_id, at, sender, recipient, subject, from_ip="198.51.100.20")
        for recipient in recipients
    ]


def reads(bench: Bench, **languages: str) -> None:
    """The languages that the directory has for these people."""
    for who, language in languages.items():
        bench.user(who).properties["preferredLanguage"] = language


def mail_group(bench: Bench, address: str, *members: str) -> Group:
    """A distribution group."""
    tenant = bench.sim.world.tenant
    like = tenant.group("Finance")
    properties = like.properties | {
        "id": str(uuid4()),
        "displayName": address.partition("@")[0],
        "mail": address,
        "mailEnabled": True,
        "mailNickname": address.partition("@")[0],
        "proxyAddresses": [f"SMTP:{address}"],
        "securityEnabled": False,
    }
    group = Group(properties, members=[bench.user(member).id for member in members])
    tenant.groups[group.id] = group
    return group


async def lock_and_look(bench: Bench, account: str) -> None:
    """A locked account whose investigation is done."""
    await open_incident(bench, account)
    await bench.click("Lock account…", by="alex", where="thread")
    await bench.until_button("Lock now", by="alex", where="thread", timeout=PATIENCE)
    await bench.click("Lock now", by="alex", where="thread")
    await bench.until_button("What happened?", by="alex", where="thread", timeout=PATIENCE)


async def suspect(bench: Bench, who: str) -> None:
    """Another open incident, which nobody works on."""
    parts = bench.bot.app[APPLICATION].parts  # type: ignore[union-attr]
    user = bench.user(who)
    subject = Subject(user.id, user.display_name, user.upn)
    where = Conversation("19:elsewhere", ConversationKind.CHANNEL, "https://elsewhere.example/", "t")
    alex = Actor(bench.user("alex").id, "Alex Wilber", "")
    await store.open_incident(parts.database, subject, alex, where, parts.now())


async def button_like(bench: Bench, pattern: str, *, by: str, where: str) -> str:
    """Waits for a button whose title fits, and returns the title."""

    async def look() -> str | None:
        for shown in bench.cards(by=by, where=where):
            for title in shown.buttons:
                if re.fullmatch(pattern, title):
                    return title
        return None

    return await bench.until(look, PATIENCE, f"a button like {pattern!r} for {by}")


def got(bench: Bench, who: str) -> list[Shown]:
    """The cards in somebody's own chat with the bot."""
    return bench.cards(by=who, where="personal")


def mails_to(bench: Bench) -> dict[str, str]:
    """Every mail that left the configured mailbox: recipient to subject and body."""
    sender = bench.user("grady")
    found = {}
    for message in bench.sim.world.tenant.records.mail[sender.id]:
        if message.get("parentFolderId") == "sentitems" and any(
            header["name"] == "x-irbot-message" for header in message.get("internetMessageHeaders") or []
        ):
            for recipient in message["toRecipients"]:
                found[recipient["emailAddress"]["address"]] = f"{message['subject']}\n{message['body']['content']}"
    return found
