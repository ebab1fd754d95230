"""Whatever a client sends, the service answers with a refusal of its own and never falls over."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.exchange.parameters import SIGNATURES
from tests.simulator.exchange.conftest import Admin
from tests.thorough import one_in

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


@pytest.mark.parametrize("cmdlet", one_in(4, sorted(signature.cmdlet for signature in SIGNATURES.values())))
async def test_nonsense_is_refused_politely(admin: Admin, cmdlet: str) -> None:
    names = [name for name, _ in SIGNATURES[cmdlet.lower()].parameters.values()]
    fine = {"Identity": "megan", "Mailbox": "megan"}
    headers = admin.headers()  # one token for all: signing costs more than asking

    async def asked(parameters: dict[str, Any]) -> None:
        answer = await admin.post(cmdlet, parameters, headers=headers)
        assert answer.status_code in {200, 400, 403, 404}, (cmdlet, parameters, answer.text)

    for value in NONSENSE:
        whole = dict.fromkeys(names, value)
        kept = whole | {name: known for name, known in fine.items() if name in names}
        for parameters in (whole, kept, {"Identity": value}):
            await asked(parameters)
    for number, name in enumerate(names):  # each one alone meets a quarter of it
        for value in NONSENSE[number % 4 :: 4]:
            await asked({known: good for known, good in fine.items() if known in names} | {name: value})
