"""The Teams side of IRBot, and the only folder that knows the Bot Framework.

`Messenger` is how the rest of IRBot speaks; `install` puts the bot's HTTP endpoints into an application.
"""

from bot.handler import Handler
from bot.messenger import Messenger
from bot.server import Patience, ReadyCheck, build_bot_routes, install

__all__ = ["Handler", "Messenger", "Patience", "ReadyCheck", "build_bot_routes", "install"]
