"""Whatever a client sends, the service answers with a refusal of its own and never falls over."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.exchange.parameters import SIGNATURES
from tests.simulator.exchange.conftest import Admin

NONSENSE: tuple[Any, ...] = (
    None,
    "",
    "megan",
    "megan:\\Calendar",
    "\u0000'--|{}",
    -1,
    2**70,
    True,
    [],
    ["megan", None, 3],
    {},
    {"@odata.type": "#Exchange.GenericHashTable", "Add": ["x"], "Remove": "y"},
    {"@odata.type": "#Exchange.GenericHashTable", "Replace": ["x"]},
    "2026-11-01T00:00:00Z",
    "1.00:00:00",
    "00000000-0000-4000-8000-000000000000",
)


@pytest.mark.parametrize("cmdlet", sorted(signature.cmdlet for signature in SIGNATURES.values()))
async def test_nonsense_is_refused_politely(admin: Admin, cmdlet: str) -> None:
    names = [name for name, _ in SIGNATURES[cmdlet.lower()].parameters.values()]
    fine = {"Identity": "megan", "Mailbox": "megan"}
    for value in NONSENSE:
        whole = dict.fromkeys(names, value)
        kept = whole | {name: known for name, known in fine.items() if name in names}
        for parameters in (whole, kept, {"Identity": value}):
            answer = await admin.post(cmdlet, parameters)
            assert answer.status_code in {200, 400, 403, 404}, (cmdlet, parameters, answer.text)
    for name in names:
        for value in NONSENSE:
            one = {known: good for known, good in fine.items() if known in names} | {name: value}
            answer = await admin.post(cmdlet, one)
            assert answer.status_code in {200, 400, 403, 404}, (cmdlet, one, answer.text)
