"""Mail that IRBot sends from the organisation's own mailbox: rows first, within Exchange's limits, never twice."""

from services.mailing.mail import Mail, MailState, Sent
from services.mailing.mailing import Mailing

__all__ = ["Mail", "MailState", "Mailing", "Sent"]
