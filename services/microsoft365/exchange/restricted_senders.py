"""The list of senders that Microsoft stopped because too much spam left them. Leaving it is the last step of a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.errors import Gone
from services.microsoft365.exchange import values
from services.microsoft365.exchange.backend import ORGANISATION, ExchangeBackend, Parameter
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class RestrictedSender:
    """A stopped sender; `reasons` is what the service counted, by its own names."""

    address: str
    since: datetime | None
    reasons: tuple[tuple[str, str], ...]
    temporary: bool


@dataclass(frozen=True, slots=True)
class RestrictedConnector:
    """A stopped connector."""

    connector_id: str
    since: datetime | None


@operation("Get-BlockedSenderAddress", effect=Effect.READ)
async def find(exchange: ExchangeBackend, address: str) -> RestrictedSender | None:
    """The entry of a sender, None where it is not on the list."""
    try:
        result = await exchange.invoke("Get-BlockedSenderAddress", {"SenderAddress": address}, anchor=ORGANISATION)
    except Gone:
        return None  # some answer an address that is not on the list with an error
    for row in result.whole("Get-BlockedSenderAddress"):
        if values.text(row, "SenderAddress").lower() == address.lower():
            return RestrictedSender(
                values.text(row, "SenderAddress"),
                values.moment(row, "CreatedDatetime"),
                _reasons(values.optional_text(row, "Reason")),
                bool(values.optional_flag(row, "TemporaryBlock")),
            )
    return None


@operation("Remove-BlockedSenderAddress", effect=Effect.REPEATABLE)
async def release(exchange: ExchangeBackend, address: str) -> bool:
    """Takes a sender off the list: effective within an hour, at worst a day. False where it is not on it.

    Raises Conflict (`unblock-limit`) where it was released too often: then only Microsoft's support can.
    """
    try:
        await exchange.invoke("Remove-BlockedSenderAddress", {"SenderAddress": address}, anchor=ORGANISATION)
    except Gone:
        return False
    return True


@operation("Get-BlockedConnector", effect=Effect.READ)
async def list_connectors(exchange: ExchangeBackend) -> tuple[RestrictedConnector, ...]:
    """Stopped connectors."""
    result = await exchange.invoke("Get-BlockedConnector", {}, anchor=ORGANISATION)
    return tuple(
        RestrictedConnector(values.text(row, "ConnectorId"), values.moment(row, "CreatedDatetime"))
        for row in result.whole("Get-BlockedConnector")
    )


@operation("Remove-BlockedConnector", effect=Effect.REPEATABLE)
async def release_connector(exchange: ExchangeBackend, connector_id: str) -> None:
    """Takes a connector off the list."""
    parameters: dict[str, Parameter] = {"ConnectorId": connector_id}
    await exchange.invoke("Remove-BlockedConnector", parameters, anchor=ORGANISATION)


def _reasons(text: str) -> tuple[tuple[str, str], ...]:
    """`A;B=1;C=2;` as pairs; a part without a value keeps an empty one."""
    parts = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    return tuple((name.strip(), value.strip()) for name, _, value in parts)
