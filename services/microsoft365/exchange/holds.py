"""Keeping mail from vanishing: litigation hold, and longer retention of deleted items where there is no licence.

The comment of a hold is shown to the owner of the mailbox, and so to an intruder: keep it neutral.
"""

from __future__ import annotations

from datetime import timedelta

from services.microsoft365.exchange.answers import HOLD_LICENCE
from services.microsoft365.exchange.backend import ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Hold, Mailbox, Retention, change
from services.microsoft365.exchange.operations import Effect, operation

LONGEST_RETENTION = timedelta(days=30)


@operation("Set-Mailbox", effect=Effect.REPEATABLE, licence=HOLD_LICENCE)
async def place_hold(
    exchange: ExchangeBackend, mailbox: Mailbox, comment: str = "", duration_days: int | None = None
) -> bool:
    """Puts the mailbox on hold. Raises MissingLicence where its plan does not allow one."""
    duration = "Unlimited" if duration_days is None else str(duration_days)
    parameters: dict[str, Parameter] = {"LitigationHoldEnabled": True, "LitigationHoldDuration": duration}
    if comment:
        parameters["RetentionComment"] = comment
    return await change(exchange, mailbox, **parameters)


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def restore_hold(exchange: ExchangeBackend, mailbox: Mailbox, before: Hold) -> bool:
    """Puts the recorded state of the hold back; a hold that others had placed stays."""
    return await change(
        exchange,
        mailbox,
        LitigationHoldEnabled=before.on,
        LitigationHoldDuration=before.duration or "Unlimited",
        RetentionComment=before.comment or None,
    )


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def lengthen_retention(exchange: ExchangeBackend, mailbox: Mailbox) -> bool:
    """Keeps deleted items for thirty days, the longest that the cloud allows without a hold."""
    return await change(exchange, mailbox, RetainDeletedItemsFor="30.00:00:00", SingleItemRecoveryEnabled=True)


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def restore_retention(exchange: ExchangeBackend, mailbox: Mailbox, before: Retention) -> bool:
    """Puts the recorded retention back."""
    days = before.deleted_items or timedelta(days=14)
    return await change(
        exchange,
        mailbox,
        RetainDeletedItemsFor=f"{days.days}.00:00:00",
        SingleItemRecoveryEnabled=before.single_item_recovery,
    )
