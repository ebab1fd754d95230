"""What our roles let us do, before anybody needs it: the list of cmdlets, against what each function declares."""

from __future__ import annotations

from services.microsoft365.exchange.backend import ExchangeBackend
from services.microsoft365.exchange.operations import Operation


async def missing(exchange: ExchangeBackend, *operations: Operation[..., object]) -> tuple[str, ...]:
    """The cmdlets that these functions need and our roles do not hold."""
    held = {name.lower() for name in await exchange.cmdlets()}
    needed = dict.fromkeys(cmdlet for each in operations for cmdlet in each.needs)
    return tuple(cmdlet for cmdlet in needed if cmdlet.lower() not in held)
