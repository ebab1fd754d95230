"""Microsoft 365 behind narrow, named functions: plain values in and out, our own errors, no incident and no chat."""

from services.microsoft365.areas import Microsoft365, open_microsoft365
from services.microsoft365.tokens import Tokens

__all__ = ["Microsoft365", "Tokens", "open_microsoft365"]
