"""The people, buttons and awkward texts that the samples share."""

from __future__ import annotations

from datetime import UTC, datetime

from cards.views import Button, ButtonStyle, PersonLine, Tone

OPENED = datetime(2026, 3, 14, 2, 41, 7, tzinfo=UTC)
LONG = "The quick brown fox did not touch the mailbox of the managing director during the night of the incident "
LONG_NAME = ("Maximiliane Alexandra Theresia von und zu Hohenlohe-Waldenburg-Schillingsfürst " * 4)[:256].strip()
LONG_UPN = f"{'maximiliane.alexandra.theresia.von.und.zu.hohenlohe.waldenburg.1'[:64]}@{'contoso-emea-holding' * 2}.com"
# Each tries something that must not work; taken together they are the "hostile" samples.
HOSTILE = (
    "[Reset your password](http://evil.example/reset)",
    "**URGENT** _now_ `code` ~~gone~~",
    "<at>IRBot</at> <script>alert(1)</script> &lt;b&gt;",
    "{{DATE(2026-01-01T00:00:00Z,SHORT)}} {{TIME(2026-01-01T00:00:00Z)}}",
    "evil\u202egpj.exe zero\u200bwidth\u2060 tag\U000e0041 nul\x00",
    "- first\r- second\n\n# Heading\n> quote\t1. one",
    "back\\*slash\\_ C:\\Users\\megan CONTOSO\\megan",
    "W" * 400,
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334a\u0317l\u0316g\u0331o",
)


def object_id(number: int) -> str:
    """An object id, the same in every run."""
    return f"0b6e5a3c-91d2-4f0e-8a77-{number:012d}"


def button(title: str, verb: str, style: ButtonStyle = ButtonStyle.DEFAULT) -> Button:
    """A button as the dialogs make them."""
    return Button(title=title, verb=verb, id=object_id(77), nonce="q7Jb0mE4r2uYwXvT9cKd1A", style=style)


LOCK = button("Lock account…", "lock", ButtonStyle.DESTRUCTIVE)
LOCK_NOW = button("Lock now", "confirm", ButtonStyle.DESTRUCTIVE)
APPROVE = button("Approve", "approve", ButtonStyle.POSITIVE)
REFUSE = button("Refuse", "refuse")
CANCEL = button("Cancel", "cancel")
EVICT = button("Remove what they left…", "evict.review", ButtonStyle.POSITIVE)
LOOK_AGAIN = button("Look again", "look.again")
UNDO = button("Undo…", "undo.review")
WHAT_HAPPENED = button("What happened?", "verdict.show")
REFRESH = button("Refresh", "refresh")

MEGAN = PersonLine(
    name="Megan Bowen",
    upn="megan@contoso.com",
    object_id=object_id(1),
    department="Finance",
    job_title="Accounts Payable Lead",
    kinds=("Cloud account",),
)
ISAIAH = PersonLine(
    name="Isaiah Langer",
    upn="isaiah@contoso.com",
    object_id=object_id(2),
    department="IT",
    job_title="Systems Engineer",
    kinds=("Privileged: Global Administrator", "Cloud account"),
)
PATTI = PersonLine(
    name="Patti Fernandez",
    upn="patti@contoso.com",
    object_id=object_id(3),
    department="Sales",
    kinds=("Synced from on-premises",),
)
BARE = PersonLine(name="svc", upn="svc@contoso.com", object_id=object_id(4))
LARGE_PERSON = PersonLine(
    name=LONG_NAME,
    upn=LONG_UPN,
    object_id=object_id(5),
    department=(LONG * 3)[:128],
    job_title=(LONG * 3)[:128],
    kinds=(
        "Synced from on-premises",
        "Privileged: Global Administrator, Exchange Administrator, Privileged Role Administrator and 9 more",
        "VIP",
        "Break-glass account",
        "Shared mailbox",
        "Guest",
    ),
)

N, G, W, A = Tone.NEUTRAL, Tone.GOOD, Tone.WARNING, Tone.ATTENTION
