"""What can go wrong in a round, drawn from its seed: the same seed always does the same harm to the same story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from simulator.faults import Kind, When
from simulator.stories import STORIES

CALL_SECONDS = 4.0  # what the bot gives one call
_TOO_SLOW_SECONDS = CALL_SECONDS + 2
_MOST_HARMS = 5


class Scene(StrEnum):
    """The parts of a story, in their order."""

    OPENING = "opening"
    LOCKING = "locking"
    EVICTING = "evicting"
    INFORMING = "informing"
    WARNING = "warning"
    GIVING_BACK = "giving-back"


class HarmKind(StrEnum):
    """What is done."""

    CALL_FAILS = "call fails"
    CLOCK_MOVES = "clock moves"
    DATABASE_AWAY = "database away"
    DISK_FULL = "disk full"
    KILL_AT_CALL = "kill at a call"
    KILL_AT_ONCE = "kill"
    PARTNER_FAILS = "partner fails"


class Engine(StrEnum):
    """The database of a round."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@dataclass(frozen=True)
class Harm:
    """One harm: how long after the beginning of which scene it begins, and how long it lasts where it lasts."""

    kind: HarmKind
    scene: Scene
    after_seconds: float
    lasts_seconds: float = 0.0
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is counted as: a call that only comes late is not one that fails."""
        return "call is too slow" if str(self.how.get("error", "")).startswith("too slow") else self.kind.value

    def __str__(self) -> str:
        how = " ".join(f"{name}={_short(value)}" for name, value in self.how.items())
        lasts = f" for {self.lasts_seconds:g} s" if self.lasts_seconds else ""
        return f"{self.kind}{lasts} ({how}) {self.after_seconds:g} s into {self.scene}".replace(" ()", "")


@dataclass(frozen=True)
class Round:
    """One round: which story, on which database, to which end, and what harm is done meanwhile."""

    seed: int
    story: str
    engine: Engine
    scenes: tuple[Scene, ...]
    harms: tuple[Harm, ...]

    @property
    def at_once(self) -> bool:
        """Whether several harms begin at the same time."""
        begins = [(harm.scene, harm.after_seconds) for harm in self.harms]
        return len(set(begins)) < len(begins)

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.story} on {self.engine}; " + ("; ".join(map(str, self.harms)) or "no harm")


# Every documented way in which a call fails, by name: before its effect, and for some after it.
_BEFORE: Mapping[str, Mapping[str, Any]] = {
    "400": {"status": 400, "code": "BadRequest", "message": "The request is malformed."},
    "401": {"status": 401, "code": "InvalidAuthenticationToken", "message": "The token is not valid."},
    "403": {"status": 403, "code": "Authorization_RequestDenied", "message": "Insufficient privileges."},
    "404": {"status": 404, "code": "Request_ResourceNotFound", "message": "It does not exist."},
    "409": {"status": 409, "code": "Conflict", "message": "It was changed meanwhile."},
    "429": {"status": 429, "code": "TooManyRequests", "message": "Too many requests."},
    "429, wait": {"status": 429, "code": "TooManyRequests", "message": "Too many requests.", "retry_after": 2},
    "500": {"status": 500, "code": "InternalServerError", "message": "Something went wrong."},
    "502": {"kind": Kind.HTML502},
    "503": {"status": 503},
    "503, wait": {"status": 503, "retry_after": 2},
    "504": {"status": 504, "code": "UnknownError", "message": "The gateway timed out."},
    "half an answer": {"kind": Kind.HALF},
    "reset": {"kind": Kind.DROP},
    "too slow": {"kind": Kind.DELAY, "delay_seconds": _TOO_SLOW_SECONDS},
}
_AFTER: Mapping[str, Mapping[str, Any]] = {
    f"{name}, done": {**_BEFORE[name], "when": When.AFTER} for name in ("500", "502", "503", "504", "reset", "too slow")
}
ERRORS: Mapping[str, Mapping[str, Any]] = {**_BEFORE, **_AFTER}

# The calls of each scene that matter most, as service, method and path; and how often one of them is chosen.
_CALLS: Mapping[Scene, Sequence[tuple[str, str | None, str]]] = {
    Scene.OPENING: (
        ("graph", "POST", "checkMemberGroups"),
        ("graph", "GET", "/users"),
        ("graph", "GET", "roleAssignments"),
        ("graph", "GET", "authentication/methods"),
        ("cmdlet", "POST", "^/Get-"),
        ("connector", "POST", "/activities"),
        ("connector", "PUT", "/activities"),
        ("login", None, ""),
    ),
    Scene.LOCKING: (
        ("graph", "PATCH", "/users/[^/]+$"),
        ("graph", "POST", "revokeSignInSessions"),
        ("graph", "POST", "confirmCompromised"),
        ("graph", "POST", "checkMemberGroups"),
        ("graph", "DELETE", "roleAssignments"),
        ("graph", "GET", "/users/[^/]+$"),
        ("graph", "GET", "auditLogs"),
        ("graph", "GET", "inbox/messageRules"),
        ("cmdlet", "POST", "^/Get-"),
        ("connector", "POST", "/activities"),
        ("connector", "PUT", "/activities"),
        ("login", None, ""),
    ),
    Scene.EVICTING: (
        ("graph", "DELETE", ""),
        ("graph", "PATCH", ""),
        ("graph", "GET", "auditLog"),
        ("graph", "POST", ""),
        ("cmdlet", "POST", "^/(Remove|Disable|Set)-"),
        ("cmdlet", "POST", "^/Get-"),
        ("exchange", "POST", ""),
        ("connector", "PUT", "/activities"),
        ("connector", "POST", "/activities"),
    ),
    Scene.INFORMING: (
        ("graph", "POST", "sendMail|/send$|/messages"),
        ("graph", "GET", "mailFolders|/messages"),
        ("connector", "PUT", "/activities"),
        ("connector", "POST", "/activities"),
    ),
    Scene.WARNING: (
        ("connector", "POST", "/activities"),
        ("connector", "POST", "/activities"),
        ("connector", "POST", "/v3/conversations$"),
        ("connector", "PUT", "/activities"),
        ("graph", "POST", "sendMail|/send$|/messages"),
        ("graph", "GET", "/users"),
        ("graph", "GET", "mailFolders|/messages"),
    ),
    Scene.GIVING_BACK: (
        ("graph", "PATCH", "/users/[^/]+$"),
        ("graph", "POST", "temporaryAccessPass|roleAssign"),
        ("graph", "GET", ""),
        ("cmdlet", "POST", "^/Set-"),
        ("connector", "POST", "/activities"),
    ),
}
_ANY_CALL = (("graph", None, ""), ("graph", "GET", ""), ("cmdlet", None, ""), ("connector", None, ""))
_WEIGHTS: Mapping[HarmKind, int] = {
    HarmKind.CALL_FAILS: 8,
    HarmKind.CLOCK_MOVES: 3,
    HarmKind.DATABASE_AWAY: 3,
    HarmKind.DISK_FULL: 2,
    HarmKind.KILL_AT_CALL: 5,
    HarmKind.KILL_AT_ONCE: 2,
    HarmKind.PARTNER_FAILS: 1,
}
# Where the account can be given back in the end: those of the cloud, with a mailbox and an owner.
_CAN_BE_GIVEN_BACK = frozenset({"global-administrator", "invoice-fraud", "mass-phishing", "method-and-device"})
_HAS_NO_MAILBOX = frozenset({"guest"})  # it has sent nothing of which anybody could be warned


def drawn(seed: int, *, story: str = "") -> Round:
    """The round of this seed. The seeds take the stories in turn, so that any ten in a row play all of them."""
    random = Random(f"chaos {seed}")
    chosen = story or list(STORIES)[seed % len(STORIES)]
    engine = Engine.POSTGRESQL if random.random() < 0.4 else Engine.SQLITE
    scenes = [Scene.OPENING, Scene.LOCKING, Scene.EVICTING, Scene.INFORMING]
    if chosen not in _HAS_NO_MAILBOX and random.random() < 0.6:
        scenes.append(Scene.WARNING)
    if chosen in _CAN_BE_GIVEN_BACK and random.random() < 0.4:
        scenes.append(Scene.GIVING_BACK)
    harms = [_harm(random, random.choice(scenes), engine) for _ in range(random.randint(1, _MOST_HARMS))]
    if len(harms) > 1 and random.random() < 0.4:  # all of them at once
        scene, after = harms[0].scene, harms[0].after_seconds
        harms = [Harm(each.kind, scene, after, each.lasts_seconds, each.how) for each in harms]
    return Round(seed, chosen, engine, tuple(scenes), tuple(sorted(harms, key=lambda each: scenes.index(each.scene))))


def _harm(random: Random, scene: Scene, engine: Engine) -> Harm:
    kinds = [kind for kind in _WEIGHTS if engine is Engine.SQLITE or kind is not HarmKind.DISK_FULL]
    kind = random.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0]
    after = round(random.uniform(0, 4), 1)
    if kind is HarmKind.CALL_FAILS:
        return Harm(kind, scene, 0, 0, _call(random, scene) | {"error": random.choice(list(ERRORS))})
    if kind is HarmKind.KILL_AT_CALL:
        return Harm(kind, scene, 0, 0, _call(random, scene) | {"times": 1, "when": random.choice(list(When))})
    if kind is HarmKind.CLOCK_MOVES:
        hours = round(random.choice((-1, 1)) * random.uniform(0.2, 8), 1)
        return Harm(kind, scene, after, random.choice((3, 8, 0)), {"hours": hours})
    if kind is HarmKind.DATABASE_AWAY:
        if engine is Engine.POSTGRESQL:
            return Harm(kind, scene, after, random.choice((3, 10)))
        return Harm(kind, scene, after, random.choice((5, 20)), {"file": random.choice(("irbot", "engine"))})
    if kind is HarmKind.DISK_FULL:
        return Harm(kind, scene, after, random.choice((3, 8)))
    if kind is HarmKind.PARTNER_FAILS:
        return Harm(kind, Scene.INFORMING, 0, 6, {"status": random.choice((400, 429, 500, 503, 0))})
    return Harm(kind, scene, after)


def _call(random: Random, scene: Scene) -> dict[str, Any]:
    anywhere = random.random() < 0.3
    service, method, path = random.choice(_ANY_CALL if anywhere else _CALLS[scene])
    skip = random.randint(0, 25) if anywhere else random.choice((0, 0, 1, 2))
    return {"service": service, "method": method, "path": path, "skip": skip, "times": random.randint(1, 3)}


def _short(value: Any) -> str:
    return "any" if value in (None, "") else str(value)
