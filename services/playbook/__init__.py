"""The playbook: every step, in the order in which a run goes through them."""

from __future__ import annotations

from collections.abc import Mapping

from services.playbook import block_sign_in, identify, revoke_sessions, scramble_password, snapshot
from services.playbook.step import Step

STEPS: tuple[Step, ...] = (
    identify.STEP,
    snapshot.STEP,
    block_sign_in.STEP,
    revoke_sessions.STEP,
    scramble_password.STEP,
)

BY_ID: Mapping[str, Step] = {step.id: step for step in STEPS}
