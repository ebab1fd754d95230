"""What must be true after every round, whatever was done to it.

Each function looks at one thing, and gives what is broken in words; `INVARIANTS` is all of them.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from services.blasts.model import AudienceDigest, BlastState, RecipientState, Via
from services.incidents.timeline import Entry, first_break
from services.playbook.step import State
from services.vault import Vault
from simulator.channel.conversations import Json, Post, card_in
from simulator.journal import Entry as Request
from simulator.pressing import as_shown
from simulator.stories import STORIES, evicted, harmed
from tests.chaos.books import Books, Row
from tests.chaos.patience import Patience
from tests.chaos.secrets import Overheard
from tests.chaos.stage import SENDER, Stage
from tests.chaos.story import Story
from tests.stories.test_secrecy import found

_GOOD = {State.ALREADY_SO.value, State.DONE.value}
_ENDS = {state.value for state in State} - {State.RUNNING.value}
_REST_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_MARK = "x-irbot-message"
_SEND_AGAIN = frozenset({412, 429, 502, 503, 504})  # Teams' own list: sent again, even where it had arrived
_CHANGING_CMDLETS = re.compile(r"^/(Add|Disable|Enable|New|Remove|Set)-")
# Requests that change nothing in the tenant, though their method could.
_ONLY_ASK = re.compile(
    r"/\$batch$|/auditLog/queries$|/search/query$|/runHuntingQuery$|/getByIds$|/check\w+$|/getMember\w+$"
    r"|/microsoft\.graph\.\w*[sS]earch\w*$|/mailFolders/[^/]+/messages/delta"
)
# Mail that IRBot sends has rows of its own.
_MAIL = re.compile(r"/sendMail$|/messages(/[^/]+(/send)?)?$|/createUploadSession$")
# Which step writes what, as service, method and path.
_USER = r"^graph PATCH /graph/v1\.0/users/[^/]+$"
_ROLES = r"^graph (POST|DELETE) .*(/roleManagement/|/groups/[^/]+/members/)"
_WRITES: Mapping[str, str] = {
    "block-sign-in": _USER,
    "clear-recovery-details": _USER,
    "disable-devices": r"^graph (PATCH|POST|DELETE) .*/(devices|managedDevices)/",
    "disable-mail-flow": r"^cmdlet POST /(Disable-TransportRule|Set-InboundConnector|Set-TransportRule)",
    "issue-access-pass": r"^graph (POST|DELETE) .*/temporaryAccessPassMethods",
    "mark-compromised": r"^graph POST .*/confirmCompromised$",
    "preserve-mail": r"^cmdlet POST /Set-Mailbox$",
    "remove-delegates": r"^cmdlet POST /(Set-Mailbox|(Remove|Set)-(Recipient|Mailbox|MailboxFolder)Permission)$",
    "remove-forwarding": r"^cmdlet POST /(Set-Mailbox|Set-MailboxAutoReplyConfiguration|(Disable|Remove)-SweepRule)$",
    "remove-inbox-rules": r"^cmdlet POST /(Disable|Remove)-InboxRule$|^graph (PATCH|DELETE) .*/messageRules/",
    "remove-mobile-partnerships": r"^cmdlet POST /(Remove-MobileDevice|Set-CASMailbox)$",
    "remove-sign-in-methods": r"^graph (DELETE|PATCH) .*/authentication/",
    "restore-mail-protocols": r"^cmdlet POST /Set-CASMailbox$",
    "restore-roles": _ROLES,
    "revoke-app-consents": r"^graph (DELETE|PATCH) .*/(oauth2PermissionGrants|servicePrincipals|appRoleAssignments)",
    "revoke-sessions": r"^graph POST .*/revokeSignInSessions$",
    "scramble-password": _USER,
    "strip-roles": _ROLES,
    "switch-off-mail-protocols": r"^cmdlet POST /Set-CASMailbox$",
    "unlock-sign-in": _USER,
}


@dataclass
class After:
    """A round that is over: the tenant, the bot's books, and what people see."""

    stage: Stage
    story: Story
    overheard: Overheard

    def __post_init__(self) -> None:
        self.others_before = _others(self)

    @cached_property
    def books(self) -> Books:
        """Read once, at a moment when nothing is being done: now and then a card is drawn again, and is behind."""
        patience = Patience(_REST_SECONDS)
        while True:
            books = Books.read(self.stage.database_url, self.stage.data_key)
            left = books.unfinished()
            if not left or patience.is_over(left):
                return books
            time.sleep(_LOOK_SECONDS)

    @property
    def told(self) -> Any:
        """The story that the tenant was told."""
        return STORIES[self.stage.round.story]

    def lines(self, incident_id: str) -> list[Row]:
        """The timeline of an incident."""
        rows = [row for row in self.books["timeline"] if row["incident_id"] == incident_id]
        return sorted(rows, key=lambda row: row["seq"])

    def marks(self) -> Counter[str]:
        """How often each mail of the bot has left, by its mark."""
        owner = self.stage.bench().user(SENDER).id
        return Counter(
            header["value"]
            for mail in self.stage.sim.world.tenant.records.mail[owner]
            if mail.get("parentFolderId") == "sentitems"
            for header in mail.get("internetMessageHeaders") or ()
            if header["name"] == _MARK
        )

    def reached(self, blast: Row) -> dict[str, Counter[str]]:
        """Who has a message of this blast in their own chat: object id to how many in which chat."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for record in self.stage.bench().teams.conversations:
            for post in record.posts if record.kind == "personal" else ():
                if post.by_bot and not post.deleted and blast["nonce"] in _card_text(_first_card(post)):
                    found[next(iter(record.members))][record.id] += 1
        return dict(found)

    def latest(self) -> dict[str, Row]:
        """The run of each step that began last, by the timeline's order, which no clock can change."""
        order = {
            (row["data"]["cause"], row["data"]["step"]): row["seq"]
            for row in self.books["timeline"]
            if row["event"] == "step:started"
        }
        runs = sorted(self.books["step_runs"], key=lambda row: order.get((row["cause"], row["step_id"]), 0))
        return {row["step_id"]: row for row in runs}


def broken(after: After) -> list[str]:
    """Everything that is broken, each with the name of what should have held."""
    return [f"{name}: {words}" for name, check in INVARIANTS.items() for words in check(after)]


def every_write_was_approved(after: After) -> Iterator[str]:
    """Whatever was changed in the tenant is an effect of an approved item of a plan, meant before it was sent."""
    approved = {row["id"] for row in after.books["approvals"] if row["decided_at"] is not None}
    runs = {row["id"]: row for row in after.books["step_runs"] if row["cause"] in approved}
    meant = {runs[row["run_id"]]["step_id"] for row in after.books["effects"] if row["run_id"] in runs}
    for write in writes(after.stage):
        steps = steps_that_write(write)
        if not steps & meant:
            yield f"{write.service} {write.method} {write.path}, which {' or '.join(steps) or 'no step'} writes"


def done_is_done(after: After) -> Iterator[str]:
    """Where a step says that it is done, nothing that it removes still works in the tenant."""
    remains = set(evicted(after.told, after.stage.sim.world))
    latest = after.latest()
    for each in after.told.truth:
        run = latest.get(each.evicted_by or "")
        if run is not None and run["state"] in _GOOD and run["kind"] == "apply" and each.item in remains:
            yield f"{each.evicted_by} is {run['state']}, and {each.item} still works"
    block = latest.get("block-sign-in")
    if block is not None and block["state"] in _GOOD and block["kind"] == "apply":
        given_back = latest.get("re-enable")
        if after.story.account.enabled and (given_back is None or given_back["state"] not in _GOOD):
            yield "sign-in is said to be blocked, and is not"


def nothing_else_was_changed(after: After) -> Iterator[str]:
    """Nobody else's account was touched, and nothing of the user's own was taken away."""
    for key in harmed(after.told, after.stage.sim.world):
        yield f"the user's own {key} is gone"
    now = _others(after)
    for object_id, before in after.others_before.items():
        if now.get(object_id) != before:
            yield f"{after.stage.sim.world.tenant.users[object_id].upn} was changed"


def approvals_are_used_once(after: After) -> Iterator[str]:
    """Each approval is used at most once, and nothing ran for one that was not given."""
    events = Counter(
        (row["event"], row["data"]["approval"]) for row in after.books["timeline"] if "approval" in row["data"]
    )
    for row in after.books["approvals"]:
        used, given = events["approval:used", row["id"]], events["approval:approved", row["id"]]
        if used > 1 or given > 1 or used > given or (row["state"] == "used") != (used == 1):
            yield f"approval {row['id']} is {row['state']}, was given {given} times and used {used} times"
        if not given and any(run["cause"] == row["id"] for run in after.books["step_runs"]):
            yield f"approval {row['id']} was never given, and something ran for it"


def every_step_ended_once(after: After) -> Iterator[str]:
    """Each run of a step is in exactly one end state, with a reason, and its end is written down once."""
    ended: Counter[str] = Counter()
    for row in after.books["step_runs"]:
        ended[row["step_id"]] += row["state"] in _ENDS
        if row["state"] not in _ENDS or row["finished_at"] is None or not row["reason"].strip():
            yield f"{row['step_id']} is {row['state']} ({row['reason'] or 'no reason'}), ended at {row['finished_at']}"
    told = Counter(row["data"]["step"] for row in after.books["timeline"] if row["event"] == "step:ended")
    for step_id in ended.keys() | told.keys():
        if ended[step_id] != told[step_id]:
            yield f"{step_id} ended {ended[step_id]} times, and the timeline tells of {told[step_id]}"


def nothing_hangs(after: After) -> Iterator[str]:
    """Nothing is left running, wanted or on its way when nothing works on it."""
    yield from after.books.unfinished()


def nothing_was_sent_twice(after: After) -> Iterator[str]:
    """No mail, webhook or question came twice, and what is said to be sent has arrived."""
    marks = after.marks()
    for row in after.books["mails"]:
        came = marks[row["mark"]]
        if came > 1 or (came == 0 and row["state"] == "sent") or (came and row["state"] in {"cancelled", "wanted"}):
            yield f"the mail to {row['recipient']} is {row['state']}, and left {came} times"
    calls = Counter(headers["X-IRBot-Delivery"] for _, headers, _ in after.stage.partner.got)
    refused = sum(harm.how.get("status") == 429 for harm in after.stage.round.harms)  # may surely come again
    for row in after.books["notices"]:
        if (calls[row["id"]] > 1 and not refused) or (row["webhook"] == "sent" and not calls[row["id"]]):
            yield f"the webhook of {row['contact_id']} is {row['webhook']}, and was called {calls[row['id']]} times"


def replies_came_once(after: After) -> Iterator[str]:
    """No answer stands in a conversation twice; cards that are kept up to date may, where nobody knew of the first."""
    wanted: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in after.books["posts"]:
        if row["kind"] == "reply" and row["card"] is not None and row["conversation"] is not None:
            wanted[row["conversation"]["id"], _card_text(row["card"])].append(row["subject_key"])
    for record in after.stage.bench().teams.conversations:
        came = Counter(_card_text(card) for post in record.posts if post.by_bot and (card := _first_card(post)))
        for card, count in came.items():
            keys = wanted.get((record.id, card), ())
            if keys and count > len(keys) + _repeats_asked_for(after, record.id):
                yield f"reply {keys[0]} stands there {count} times, and was wanted {len(keys)} times"


def everybody_was_told_once(after: After) -> Iterator[str]:
    """Nobody of a frozen audience was missed without being known for it, nobody was told twice, and nobody else."""
    marks = after.marks()
    mails = {row["key"]: row["mark"] for row in after.books["mails"]}
    people: dict[str, list[Row]] = {row["id"]: [] for row in after.books["blasts"]}
    for row in sorted(after.books["blast_recipients"], key=lambda row: row["number"]):
        people[row["blast_id"]].append(row)
    for blast in after.books["blasts"]:
        audience, came = people[blast["id"]], after.reached(blast)
        digest = AudienceDigest()
        for row in audience:
            digest.add(row["number"], row["address"], row["channel"], row["language"], row["zone"])
        if blast["digest"] and (blast["people"], blast["audience_digest"]) != (len(audience), digest.value()):
            yield f"the audience of {blast['title']!r} is not the one that was frozen"
        for row in audience:
            if row["channel"] == Via.MAIL.value:
                count, again = marks[mails.get(f"blast:{blast['id']}:{row['number']}", "")], 0
            else:
                chats = came.pop(row["address"], {})
                count, again = sum(chats.values()), sum(_repeats_asked_for(after, chat) for chat in chats)
            if not _fits(row["state"], count, again, ended=blast["state"] == BlastState.DONE.value):
                yield f"{blast['title']!r} is {row['state']} for {row['address']}, and came {count} times"
        for address in came:
            yield f"{blast['title']!r} came to {address}, for whom it was not meant"


def the_chain_is_whole(after: After) -> Iterator[str]:
    """The hash chain of every incident's timeline verifies."""
    for incident in after.books["incidents"]:
        entries = [
            Entry(
                row["seq"],
                row["at"],
                row["event"],
                row["actor_id"],
                row["data"],
                row["previous_hash"],
                row["hash"],
            )
            for row in after.lines(incident["id"])
        ]
        line = first_break(incident["id"], entries, length=incident["revision"])
        if line is not None:
            yield f"the timeline of incident {incident['number']} breaks at line {line}"


def evidence_can_be_read(after: After) -> Iterator[str]:
    """Every piece of evidence decrypts, and is what its SHA-256 sum says."""
    vault = Vault((after.stage.data_key,))
    for row in after.books["evidence"]:
        if hashlib.sha256(vault.unpack(row["body"])).hexdigest() != row["sha256"]:
            yield f"evidence {row['name']} of {row['step_id']} is not what was kept"


def the_headline_is_true(after: After) -> Iterator[str]:
    """Each incident has its headline card, which says what the tenant shows about the lock."""
    posts = {post.activity_id: post for record in after.stage.bench().teams.conversations for post in record.posts}
    if len(after.books["incidents"]) != 1:
        yield f"there are {len(after.books['incidents'])} incidents"
    for row in after.books["posts"]:
        if row["kind"] != "headline":
            continue
        post = posts.get(row["activity_id"])
        if post is None or post.deleted or post.card is None:
            yield f"the headline is {row['state']}, and is not there"
            continue
        yield from _untrue(after, post)


def no_secret_is_in_the_log(after: After) -> Iterator[str]:
    """No password, token or client secret is in what the bot wrote to its log."""
    log: Path = after.stage.bot.log
    yield from found(after.overheard.all(), {"the log": log.read_bytes()})


INVARIANTS: Mapping[str, Callable[[After], Iterator[str]]] = {
    check.__name__: check
    for check in (
        every_write_was_approved,
        done_is_done,
        nothing_else_was_changed,
        approvals_are_used_once,
        every_step_ended_once,
        nothing_hangs,
        nothing_was_sent_twice,
        replies_came_once,
        everybody_was_told_once,
        the_chain_is_whole,
        evidence_can_be_read,
        the_headline_is_true,
        no_secret_is_in_the_log,
    )
}


def writes(stage: Stage) -> list[Request]:
    """The requests that changed the tenant, without those that send mail."""
    found_ones = []
    for entry in stage.sim.world.journal:
        if not entry.carried_out or entry.status not in {None, 200, 201, 202, 204}:
            continue
        graph = entry.service == "graph" and entry.method not in {"GET", "HEAD"} and not _ONLY_ASK.search(entry.path)
        cmdlet = entry.service == "cmdlet" and _CHANGING_CMDLETS.search(entry.path)
        if (graph and not _MAIL.search(entry.path)) or cmdlet:
            found_ones.append(entry)
    return found_ones


def steps_that_write(write: Request) -> set[str]:
    """The steps whose effect such a request can be."""
    line = f"{write.service} {write.method} {write.path}"
    return {step_id for step_id, pattern in _WRITES.items() if re.search(pattern, line)}


def _card_text(card: Json | None) -> str:
    return json.dumps(card, sort_keys=True)


def _first_card(post: Post) -> Json | None:
    """The card as it was posted, before any edit."""
    return card_in(post.history[0]) if post.history else post.card


def _repeats_asked_for(after: After, conversation_id: str) -> int:
    """How many posts arrived there, and were answered with what Teams itself says is to be sent again."""
    return sum(
        entry.carried_out and entry.status in _SEND_AGAIN
        for entry in after.stage.sim.world.journal
        if entry.service == "connector" and entry.method == "POST" and conversation_id in unquote(entry.path)
    )


def _fits(state: str, came: int, again: int, *, ended: bool) -> bool:
    """Whether what the rows say of one recipient is what the recipient sees."""
    match RecipientState(state):
        case RecipientState.SENT:
            return 1 <= came <= 1 + again
        case RecipientState.UNKNOWN:
            return came <= 1 + again
        case RecipientState.FAILED:
            return came <= again
        case _:  # not sent, or not any more: nobody may be left behind in what is done
            return came <= again and not ended


def _untrue(after: After, post: Post) -> Iterator[str]:
    card = as_shown(post, post.card or {})
    account = after.story.account
    says_open = card.has("Not locked") or card.has("Given back to its owner") or card.has("Lock undone")
    if not account.synced and says_open != account.enabled:
        yield f"the account is {'open' if account.enabled else 'blocked'}, and the headline says: {card.lines[:4]}"


def _others(after: After) -> dict[str, str]:
    """What everybody but the account looks like, and what the intruder let others do."""
    tenant = after.stage.sim.world.tenant
    return {
        user.id: repr(
            (
                user.enabled,
                user.password.version,
                user.methods,
                user.rules,
                user.mailbox_settings,
                sorted(tenant.active_roles(user.id)),
                len(user.active_sessions()),
            )
        )
        for user in list(tenant.users.values())
        if user.id != after.story.account.id
    }
