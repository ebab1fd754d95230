"""`make chaos`: plays rounds of whole stories while harm is done to them, and says what did not hold.

Exit code 1 where anything was broken. Each failing round can be played again by its seed.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from simulator.stories import STORIES
from tests.chaos import warm
from tests.chaos.harms import Scene, drawn
from tests.chaos.rounds import Result

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.chaos.warm"])


def main(arguments: Sequence[str]) -> int:
    """Plays what was asked for; 1 where something was broken."""
    chosen = _parser().parse_args(arguments)
    seeds = [chosen.seed] if chosen.seed is not None else list(range(chosen.first, chosen.first + chosen.rounds))
    if chosen.show:
        for seed in seeds:
            _say(str(drawn(seed, story=chosen.story)))
        return 0
    chosen.keep_in = chosen.keep_in and str(Path(chosen.keep_in).resolve())
    begun = time.monotonic()
    results = asyncio.run(_play_all(seeds, chosen))
    _say("", _table(results, time.monotonic() - begun))
    failed = [result for result in results if result.broken]
    for result in failed:
        story = f" --story {chosen.story}" if chosen.story else ""
        _say("", f"Broken in {result.words}", *(f"  {words}" for words in result.broken))
        _say(f'  Play it again: make chaos ARGS="--seed {result.seed}{story}"')
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how many rounds (20)")
    parser.add_argument("--first", type=int, default=1, help="the seed of the first round (1)")
    parser.add_argument("--seed", type=int, help="only the round of this seed")
    parser.add_argument("--story", choices=list(STORIES), default="", help="this story in every round")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="rounds at the same time")
    parser.add_argument("--keep-in", default="", help="a folder for what was written down in broken rounds")
    parser.add_argument("--show", action="store_true", help="only say what would be done")
    return parser


async def _play_all(seeds: Sequence[int], chosen: argparse.Namespace) -> list[Result]:
    """All rounds, each in a process of its own, so many at once."""
    waiting = list(reversed(seeds))
    results: list[Result] = []

    async def play_on() -> None:
        while waiting:
            result = await asyncio.to_thread(_play, waiting.pop(), chosen)
            results.append(result)
            _say(f"{'broken' if result.broken else 'ok    '} {result.seconds:4.0f} s  {result.words}")

    with ThreadPoolExecutor(chosen.at_once) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        await asyncio.gather(*(play_on() for _ in range(min(chosen.at_once, len(seeds)))))
    return sorted(results, key=lambda result: result.seed)


def _play(seed: int, chosen: argparse.Namespace) -> Result:
    """One round, in a process that is forked from a warm one."""
    mine, theirs = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=warm.play, args=(seed, chosen.story, chosen.keep_in, theirs))
    process.start()
    theirs.close()
    try:
        values: dict[str, Any] = mine.recv()
    except EOFError:
        played = drawn(seed, story=chosen.story)
        return Result(seed, str(played), played.story, broken=["the round itself broke off"])
    finally:
        process.join()
    return Result(**values)


def _table(results: Sequence[Result], seconds: float) -> str:
    """What all rounds come to."""
    harms = Counter(kind for result in results for kind in result.harms)
    stories = Counter(result.story for result in results)
    rows = [
        ("rounds", str(len(results))),
        *((f"  {story}", str(count)) for story, count in sorted(stories.items())),
        ("rounds in which people were warned", str(sum(Scene.WARNING in result.scenes for result in results))),
        ("harms", str(sum(harms.values()))),
        *((f"  {kind}", str(count)) for kind, count in sorted(harms.items())),
        ("faults whose call was never made", str(sum(result.unmet for result in results))),
        ("rounds with several harms at once", str(sum(result.at_once for result in results))),
        ("starts of the bot after the first", str(sum(max(0, result.starts - 1) for result in results))),
        ("buttons pressed", str(sum(result.presses for result in results))),
        ("slowest until ready, after all harm", f"{max(result.recovery_seconds for result in results):.1f} s"),
        ("slowest until at rest, after the end", f"{max(result.rest_seconds for result in results):.1f} s"),
        ("rounds with something broken", str(sum(bool(result.broken) for result in results))),
        ("invariants broken", str(sum(len(result.broken) for result in results))),
        ("time", f"{seconds / 60:.1f} min"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {figure:>9}" for name, figure in rows)


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
