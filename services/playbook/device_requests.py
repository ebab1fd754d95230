"""What both steps share that ask devices, through Intune, to do something: the device answers when it is next on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.errors import Conflict, IRBotError
from services.microsoft365.devices import DeviceAction, ManagedDevice
from services.playbook.step import Change, Context, Outcome, State

_WAITING = frozenset({"pending", "active"})
_FAILED = frozenset({"canceled", "failed", "notsupported"})
_LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True)
class Request:
    """One kind of request. `name` is Intune's; `before` and `after` are for people."""

    name: str
    before: str
    after: str
    send: Callable[[Context, str], Awaitable[None]]

    def change(self, device: ManagedDevice) -> Change:
        """What asking this device would be; `seen` is when it was last asked."""
        last = device.newest_action(self.name)
        asked_at = last.asked_at.isoformat() if last is not None and last.asked_at is not None else ""
        what = f"{device.operating_system} device {device.name}"
        return Change(device.id, what, self.before, self.after, seen=asked_at, later=True)

    def waits(self, ctx: Context, device: ManagedDevice) -> bool:
        """Whether it was asked lately and has not answered yet."""
        last = device.newest_action(self.name)
        return _is_waiting(last) and last is not None and last.asked_at is not None and self._lately(ctx, last.asked_at)

    def waiting_words(self, devices: Sequence[ManagedDevice]) -> Outcome:
        """How a plan ends where all were asked and are silent."""
        names = ", ".join(device.name for device in devices)
        return Outcome(State.ACCEPTED, f"Asked before, no answer yet: {names}. A device answers when it is next on.")

    async def apply(self, ctx: Context, change: Change) -> None:
        """Asks the device, unless it was asked since the plan. Raises Conflict where it says that it cannot."""
        device = await ctx.m365.devices.managed(change.item)
        newer = self._newer(device, change)
        if newer is None:
            await self.send(ctx, change.item)
        elif newer.state.casefold() in _FAILED:
            raise Conflict(reason="device-cannot")

    async def verify(self, ctx: Context, change: Change) -> bool:
        """Whether the device says that it has done it."""
        newer = self._newer(await ctx.m365.devices.managed(change.item), change)
        return newer is not None and newer.state.casefold() == "done"

    @staticmethod
    def _lately(ctx: Context, at: datetime) -> bool:
        return ctx.now - at < _LONGEST_WAIT

    def _newer(self, device: ManagedDevice, change: Change) -> DeviceAction | None:
        """What became of it since it was planned; None where nobody has asked since."""
        last = device.newest_action(self.name)
        if last is None or last.asked_at is None or last.asked_at.isoformat() == change.seen:
            return None
        return last


def _is_waiting(action: DeviceAction | None) -> bool:
    return action is not None and action.state.casefold() in _WAITING


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """What a device says that it cannot do is refused by the device."""
    if isinstance(error, Conflict) and error.data.get("reason") == "device-cannot":
        return Outcome(State.REFUSED, "The device says that it cannot do this. Do it at the device.")
    return None
