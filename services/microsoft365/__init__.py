"""Microsoft 365 behind narrow, named functions: plain values in and out, our own errors, no incident and no chat."""

from services.microsoft365.areas import GRAPH_NEEDS, Microsoft365, open_microsoft365
from services.microsoft365.budgets import urgently
from services.microsoft365.tokens import Tokens

__all__ = ["GRAPH_NEEDS", "Microsoft365", "Tokens", "open_microsoft365", "urgently"]
