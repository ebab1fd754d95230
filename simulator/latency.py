"""How long the simulated services take to answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

Range = tuple[float, float]


@dataclass(frozen=True)
class Profile:
    """The range of seconds for reads and writes, by service where one differs from the rest."""

    read: Range
    write: Range
    services: dict[str, tuple[Range, Range]]


NONE = Profile((0.0, 0.0), (0.0, 0.0), {})
REALISTIC = Profile(
    (0.08, 0.25),
    (0.15, 0.40),
    {
        "login": ((0.06, 0.15), (0.06, 0.18)),
        "exchange": ((0.3, 0.9), (0.3, 0.9)),
        "connector": ((0.05, 0.12), (0.06, 0.18)),
        "channel": ((0.0, 0.0), (0.0, 0.0)),
        "botframework": ((0.02, 0.05), (0.02, 0.05)),
    },
)


def profile(name: str) -> Profile:
    """The profile of that name: none, realistic, or slow:<seconds>."""
    if name == "none":
        return NONE
    if name == "realistic":
        return REALISTIC
    kind, _, seconds = name.partition(":")
    if kind == "slow":
        value = float(seconds or 20)
        if not 0 <= value <= 3600:
            raise ValueError("slow takes 0 to 3600 seconds")
        still: tuple[Range, Range] = ((0.0, 0.0), (0.0, 0.0))
        return Profile((value, value), (value, value), {"channel": still, "botframework": still, "connector": still})
    raise ValueError(f"unknown latency profile {name!r}: none, realistic or slow:<seconds>")


class Latency:
    """Waits as the chosen profile says, with a jitter that the seed decides. Changeable while running."""

    def __init__(self, name: str, seed: int) -> None:
        self._random = Random(seed)
        self._by_path: list[tuple[str, str, float]] = []
        self.choose(name)

    def choose(self, name: str) -> None:
        """Takes another profile from now on and forgets single operations."""
        self._profile = profile(name)
        self.name = name
        self._by_path.clear()

    def slow_down(self, service: str, path_part: str, seconds: float) -> None:
        """One operation takes exactly so long, whatever the profile says; 0 makes it instant."""
        self._by_path.append((service, path_part, seconds))

    def seconds(self, service: str, path: str, *, write: bool) -> float:
        """How long the next such request takes."""
        for known, part, fixed in reversed(self._by_path):
            if known == service and part in path:
                return fixed
        read_range, write_range = self._profile.services.get(service, (self._profile.read, self._profile.write))
        low, high = write_range if write else read_range
        return self._random.uniform(low, high)

    async def wait(self, service: str, path: str, *, write: bool) -> None:
        """Takes that long."""
        seconds = self.seconds(service, path, write=write)
        if seconds > 0:
            await asyncio.sleep(seconds)
