"""The everyday life around a story: hundreds of sign-ins and mails that mean nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from simulator.clock import parse_stamp
from simulator.stories.scene import Scene
from simulator.stories.story import Origin
from simulator.tenant import User

_SUBJECTS = (
    "Agenda for Thursday",
    "Minutes of the meeting",
    "Lunch on Friday?",
    "Delivery note 4471",
    "Question about the order",
    "Holiday plan",
    "Draft for review",
    "Re: Customer visit",
    "Weekly figures",
    "Printer on the second floor",
)
_SENSITIVE = (
    (
        "Bank details for the refund",
        "Please use IBAN GB33 BUKB 2020 1555 5555 55 for the refund.",
        "accounts@fabrikam.com",
    ),
    (
        "Your new password for the supplier portal",
        "User name: contoso-ap, password: Winter2026!",
        "it@northwind.example",
    ),
    (
        "Passport copy for the booking",
        "Attached is the copy of my passport, number 533380006.",
        "travel@adatum.example",
    ),
)
_PARTNERS = ("anna@fabrikam.com", "sales@northwind.example", "office@adatum.example", "hello@proseware.example")
_APPS = ("One Outlook Web", "Microsoft Teams", "OfficeHome", "Office 365 SharePoint Online")
_NEIGHBOURS = 12


def everyday_life(scene: Scene) -> None:
    """Two weeks of the account and of its neighbours, up to now."""
    account = scene.account
    days = scene.story.background_days
    _forget_what_contradicts(scene)
    if scene.tenant.users[account.id].mailbox != "shared":
        _sign_ins(scene, account, days, scene.random("sign-ins"), by_hand=6, without=13)
    for number, colleague in enumerate(scene.colleagues(_NEIGHBOURS)):
        _sign_ins(scene, colleague, days, scene.random(f"neighbour-{number}"), by_hand=1, without=1)
    if scene.exchange.has_mailbox(account):
        _mail(scene, days, scene.random("mail"))


def _forget_what_contradicts(scene: Scene) -> None:
    """The tenant's own past knows nothing of journeys: what it says about home in that time goes."""
    account, home = scene.account, scene.home()
    kept = [
        row
        for row in scene.records.sign_ins
        if row["userId"] != account.id or scene.whereabouts(account, parse_stamp(row["createdDateTime"])) == home
    ]
    scene.records.sign_ins[:] = kept
    for session in account.sessions:
        while scene.whereabouts(account, session.started) != home:
            session.started -= timedelta(days=1)


def _moments(scene: Scene, days: int, each_day: int, random: Random) -> list[datetime]:
    """Times in office hours of the past days, oldest first."""
    found: list[datetime] = []
    for day in range(days, -1, -1):
        morning = (scene.now - timedelta(days=day)).replace(hour=7, minute=0, second=0, microsecond=0)
        if morning.weekday() >= 5:
            continue
        found += [morning + timedelta(seconds=random.randrange(11 * 3600)) for _ in range(each_day)]
    return sorted(at for at in found if at < scene.now - timedelta(minutes=1))


def _sign_ins(scene: Scene, user: User, days: int, random: Random, *, by_hand: int, without: int) -> None:
    home = scene.home(user)
    for at in _moments(scene, days, by_hand, random):
        if scene.whereabouts(user, at) != home:
            continue
        if random.random() < 0.04:
            wrong = "Error validating credentials due to invalid username or password."
            scene.sign_in(user, at - timedelta(seconds=25), home, error=50126, failure=wrong)
        scene.sign_in(user, at, home, app=random.choice(_APPS))
    phone = Origin(
        home.ip, home.city, home.country, system="iOS 18.3", browser="Mobile Safari", user_agent="Outlook-iOS"
    )
    for at in _moments(scene, days, without, random):
        if scene.whereabouts(user, at) != home:
            continue
        on_phone = random.random() < 0.3
        app = "Outlook Mobile" if on_phone else random.choice(_APPS)
        scene.sign_in(user, at, phone if on_phone else home, app=app, interactive=False)


def _mail(scene: Scene, days: int, random: Random) -> None:
    own = scene.address()
    colleagues = [scene.address(user) for user in scene.colleagues(_NEIGHBOURS)]
    for at in _moments(scene, days, 17, random):
        sender = random.choice(colleagues if random.random() < 0.6 else _PARTNERS)
        subject = random.choice(_SUBJECTS)
        got = scene.message(scene.account, at, subject=subject, sender=sender, to=(own,), body=f"{subject}. Thanks!")
        got["isRead"] = at < scene.now - timedelta(hours=5)
        scene.trace(at, sender, own, subject, got["internetMessageId"], from_ip="192.0.2.25")
    for at in _moments(scene, days, 6, random):
        there = scene.whereabouts(scene.account, at)
        if there is None:
            continue
        to = random.choice(colleagues if random.random() < 0.6 else _PARTNERS)
        subject = f"Re: {random.choice(_SUBJECTS)}"
        sent = scene.message(
            scene.account, at, subject=subject, sender=own, to=(to,), body="Fine with me.", folder="sentitems"
        )
        scene.trace(at, own, to, subject, sent["internetMessageId"], from_ip=there.ip)
        scene.audit(at, "Send", ip=there.ip, Item={"Subject": subject})
    for at in _moments(scene, days, 8, random):
        there = scene.whereabouts(scene.account, at)
        if there is not None:
            scene.audit(at, "MailItemsAccessed", ip=there.ip, OperationCount=1 + random.randrange(6))
    for number, (subject, body, sender) in enumerate(_SENSITIVE):
        at = scene.now - timedelta(days=60 + 20 * number)
        scene.message(scene.account, at, subject=subject, sender=sender, to=(own,), body=body, isRead=True)
