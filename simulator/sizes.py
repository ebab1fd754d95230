"""How large a simulated tenant may be."""

from __future__ import annotations

from enum import StrEnum


class Size(StrEnum):
    """The four tenants that a seed gives."""

    HUGE = "huge"
    LARGE = "large"
    MEDIUM = "medium"
    SMALL = "small"


SIZES: dict[Size, int] = {Size.SMALL: 60, Size.MEDIUM: 2_000, Size.LARGE: 50_000, Size.HUGE: 101_000}
