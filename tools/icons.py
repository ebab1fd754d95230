"""Draws the Teams app's two icons: `python -m tools.icons`. A shield with a keyhole."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

_MANIFEST = Path(__file__).resolve().parents[1] / "manifest"
_BLUE, _WHITE = (31, 78, 121, 255), (255, 255, 255, 255)
_FINER = 8  # drawn larger and reduced, so that slanting lines are smooth

# Corners of the shield in a square of 100.
_SHIELD = [(50, 8), (86, 20), (86, 50), (79, 68), (66, 82), (50, 92), (34, 82), (21, 68), (14, 50), (14, 20)]


def color() -> Image.Image:
    """192 by 192, full colour; the sign stays within the middle that Teams never cuts."""
    side = 192 * _FINER
    image = Image.new("RGBA", (side, side), _BLUE)
    draw = ImageDraw.Draw(image)
    draw.polygon(_at(_SHIELD, side * 0.62, side * 0.19), fill=_WHITE)
    _keyhole(draw, side * 0.62, side * 0.19, _BLUE)
    return image.resize((192, 192), Image.Resampling.LANCZOS)


def outline() -> Image.Image:
    """32 by 32, white on nothing."""
    side = 32 * _FINER
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    draw.polygon(_at(_SHIELD, side, 0), fill=_WHITE)
    draw.polygon(_at(_SHIELD, side * 0.8, side * 0.1), fill=(255, 255, 255, 0))
    _keyhole(draw, side, 0, _WHITE)
    small = image.resize((32, 32), Image.Resampling.LANCZOS)
    alpha = small.getchannel("A")
    white = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    white.putalpha(alpha)
    return white


def _at(corners: list[tuple[int, int]], side: float, edge: float) -> list[tuple[float, float]]:
    return [(edge + x * side / 100, edge + y * side / 100) for x, y in corners]


def _keyhole(draw: ImageDraw.ImageDraw, side: float, edge: float, fill: tuple[int, int, int, int]) -> None:
    draw.ellipse(_at([(41, 33), (59, 51)], side, edge), fill=fill)
    draw.polygon(_at([(47, 46), (53, 46), (58, 68), (42, 68)], side, edge), fill=fill)


if __name__ == "__main__":
    color().save(_MANIFEST / "color.png", optimize=True)
    outline().save(_MANIFEST / "outline.png", optimize=True)
