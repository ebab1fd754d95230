"""Re-enable: the gate, and behind it everything that gives an account back to its owner."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Guided

GUIDED = Guided(
    id="re-enable",
    seed=(10, 12),
    phase=Phase.RECOVER,
    title="Give the account back",
    why="Only when nothing of the intruder's is left, or somebody answers for what is.",
    opens="gate.show",
    needs=(),
    may_run=Permission.ACCOUNT_CONTAIN,
    button="Check the gate",
)
