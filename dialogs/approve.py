"""Deciding: the yes, the no, and taking the question back."""

from __future__ import annotations

from cards import approval_card
from dialogs.lock import headline
from dialogs.parts import Parts
from dialogs.render import approval_view
from dialogs.turn import CardAnswer, Click
from services.access import Permission
from services.approvals import Approval
from services.channel import ConversationKind
from services.playbook.step import Rule


async def approve(parts: Parts, click: Click) -> CardAnswer:
    """Records the yes and starts the work at once."""
    approval = await parts.approvals.approve(click.id, click.nonce, click.actor, click.conversation)
    await parts.durable.start("execute", approval.id)
    return await _card(parts, approval, click)


async def refuse(parts: Parts, click: Click) -> CardAnswer:
    """Records the no."""
    approval = await parts.approvals.refuse(click.id, click.nonce, click.actor, click.conversation)
    return await _card(parts, approval, click)


async def cancel(parts: Parts, click: Click) -> CardAnswer:
    """Takes the question back."""
    approval = await parts.approvals.cancel(click.id, click.nonce, click.actor, click.conversation)
    return await _card(parts, approval, click)


async def _card(parts: Parts, approval: Approval, click: Click) -> CardAnswer:
    if click.conversation.kind is ConversationKind.PERSONAL:
        return CardAnswer(approval_card(await approval_view(parts, approval.id)))
    may = Permission.APPROVAL_DECIDE if approval.rule is Rule.SECOND_PERSON else Permission.ACCOUNT_CONTAIN
    return await headline(parts, approval.incident_id, click.actor, may)
