from __future__ import annotations

from dialogs.evict import group_title, precautions_last
from dialogs.facts import PRECAUTIONS
from services.playbook import BY_ID
from services.playbook.step import Plan


def test_what_nearly_every_account_gets_comes_last_and_is_called_a_precaution() -> None:
    plans = {step_id: Plan() for step_id in ("preserve-mail", "remove-inbox-rules", "switch-off-mail-protocols")}
    assert [step_id for step_id, _ in precautions_last(plans)] == [
        "remove-inbox-rules",
        "preserve-mail",
        "switch-off-mail-protocols",
    ]
    assert group_title(BY_ID["preserve-mail"]).startswith("Precaution: ")
    assert group_title(BY_ID["remove-inbox-rules"]) == BY_ID["remove-inbox-rules"].title


def test_every_precaution_is_a_step() -> None:
    assert set(BY_ID) >= PRECAUTIONS
