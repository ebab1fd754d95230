"""Everything that a round needs, imported and made once, before the rounds are forked from it."""

from __future__ import annotations

from simulator.keys import generate
from tests.chaos import rounds

generate("127.0.0.1")
play = rounds.play_and_tell
