"""The Bot Connector's own refusals: HTTP status, code and words as Teams gives them."""

from __future__ import annotations

from aiohttp import web


class ConnectorError(Exception):
    """A refusal in the connector's envelope."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def response(self) -> web.Response:
        """The HTTP answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        body = {"error": {"code": self.code, "message": self.message}}
        return web.json_response(body, status=self.status, headers=headers)


def unauthorized(why: str) -> ConnectorError:
    """The bot's own token is missing or wrong."""
    return ConnectorError(401, "Unauthorized", f"Authorization has been denied for this request. ({why})")


def bad_syntax(faults: list[str]) -> ConnectorError:
    """The payload is not what the connector takes."""
    return ConnectorError(400, "BadSyntax", "Bad format of activity: " + "; ".join(faults[:10]))


def bad_argument(message: str) -> ConnectorError:
    """The payload is well-formed and makes no sense."""
    return ConnectorError(400, "BadArgument", message)


def throttled(retry_after: int) -> ConnectorError:
    """Too many requests."""
    return ConnectorError(429, "Throttled", "Too many requests.", retry_after=retry_after)


def too_big() -> ConnectorError:
    """The message is larger than Teams takes."""
    return ConnectorError(413, "MessageSizeTooBig", "Message size too large.")


def conversation_not_found() -> ConnectorError:
    """No such conversation, or no longer."""
    return ConnectorError(404, "ConversationNotFound", "Conversation not found.")


def activity_not_found() -> ConnectorError:
    """No such message of ours in that conversation."""
    return ConnectorError(404, "ActivityNotFoundInConversation", "The activity was not found in the conversation.")


def member_not_found() -> ConnectorError:
    """No such person in that conversation."""
    return ConnectorError(404, "MemberNotFoundInConversation", "Member not found in the conversation.")


def blocked_by_user() -> ConnectorError:
    """The person blocked the bot."""
    return ConnectorError(403, "ConversationBlockedByUser", "User blocked the conversation with the bot.")


def disabled_by_admin() -> ConnectorError:
    """An administrator disabled the app for the tenant."""
    return ConnectorError(403, "BotDisabledByAdmin", "The tenant admin disabled this bot.")


def not_installed() -> ConnectorError:
    """The person has not installed the app, and nobody did it for them."""
    return ConnectorError(403, "ForbiddenOperationException", "Bot is not installed in user's personal scope")


def not_in_roster() -> ConnectorError:
    """The bot is not a member of that team or chat."""
    return ConnectorError(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
