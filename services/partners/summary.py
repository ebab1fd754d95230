"""What partners are told: the incident in plain words, without evidence, and without what is nobody else's business."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.incidents.model import Incident
from services.incidents.verdict import Verdict
from services.incidents.verdict_case import Topic

_TOLD = (Topic.SINCE, Topic.ENTRY, Topic.DID, Topic.SENT)
_MOST_OF_A_TOPIC = 3
_QUOTED = re.compile(r"“[^”]*”")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"([^\s@<>(),;“”]{1,64})@([^\s@<>(),;“”]+)")
_SHORTEST_NAME = 3


@dataclass(frozen=True)
class Summary:
    """Subject and text of the mail, and the body of the webhook, exactly as they are sent."""

    subject: str
    text: str
    payload: str


def summary_of(incident: Incident, verdict: Verdict, by: str, now: datetime, reply_to: str = "") -> Summary:
    """The summary as of now. `by` is the name of who tells; `reply_to` an address for answers."""

    def masked(words: str) -> str:
        return mask(words, incident)

    facts = [
        masked(claim.text)
        for topic in _TOLD
        for claim in [each for each in verdict.claims if each.topic is topic][:_MOST_OF_A_TOPIC]
    ]
    opened, as_of = _time(incident.opened_at), _time(now)
    account = masked(incident.subject.upn)
    summary = masked(verdict.summary.text)
    unsure = f"How sure we are: {verdict.level.value}. {masked(verdict.level_why)}".strip()
    left = len(verdict.still_open)
    open_words = f"{left} things are still to be done." if left != 1 else "One thing is still to be done."
    lines = [
        f"We are working on a security incident ({incident.label}): an account of ours was taken over.",
        f"Account: {account}\nIncident opened: {opened}\nAs of: {as_of}",
        summary,
        "\n".join(["What we know so far:", *(f"- {fact}" for fact in facts)]) if facts else "",
        unsure,
        open_words,
        f"Please confirm that you have this, and say who takes care of it. It was sent by {by}.",
        f"Answer to {reply_to}, or call us." if reply_to else "Answer to the person who sent it, or call us.",
    ]
    body = {
        "version": 1,
        "incident": incident.label,
        "account": account,
        "opened_at": incident.opened_at.astimezone(UTC).isoformat(),
        "as_of": now.astimezone(UTC).isoformat(),
        "summary": summary,
        "facts": facts,
        "confidence": verdict.level.value,
        "still_open": left,
        "sent_by": by,
        "reply_to": reply_to,
    }
    return Summary(
        subject=f"{incident.label}: security incident, please confirm",
        text="\n\n".join(line for line in lines if line),
        payload=json.dumps(body, ensure_ascii=False, sort_keys=True),
    )


def mask(words: str, incident: Incident) -> str:
    """Without subjects of mail, links, whole addresses and the name of the account's owner."""
    masked = _LINK.sub("…", _QUOTED.sub("“…”", words))
    masked = _ADDRESS.sub(lambda found: f"{found[1][:1]}…@{found[2]}", masked)
    for name in _names(incident.subject.name):
        masked = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", masked, flags=re.IGNORECASE)
    return masked


def _names(name: str) -> Sequence[str]:
    """The whole name first, so that it becomes one mask and not two."""
    return [name, *(part for part in name.split() if len(part) >= _SHORTEST_NAME)]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
