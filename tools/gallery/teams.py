"""How Teams dresses a card: its host configuration for the light and the dark theme, and the styles around it.

The values follow the look of Teams on a desktop; they are for looking at cards, not a measure of Teams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "'Segoe UI', Selawik, 'Open Sans', 'Noto Sans', 'Helvetica Neue', Arial, 'Droid Sans Fallback', sans-serif"
MONO = "Consolas, Menlo, 'DejaVu Sans Mono', monospace"
SIZES = {"small": 12, "default": 14, "medium": 14, "large": 18, "extraLarge": 24}


@dataclass(frozen=True)
class Theme:
    """The colours of one theme."""

    name: str
    canvas: str
    card: str
    line: str
    text: str
    subtle: str
    accent: str
    good: str
    warning: str
    attention: str
    emphasis_fill: str
    accent_fill: str
    good_fill: str
    warning_fill: str
    attention_fill: str
    brand: str
    danger: str
    control: str


LIGHT = Theme(
    name="light",
    canvas="#f5f5f5",
    card="#ffffff",
    line="#d1d1d1",
    text="#242424",
    subtle="#616161",
    accent="#5b5fc7",
    good="#237b4b",
    warning="#835c00",
    attention="#c4314b",
    emphasis_fill="#f5f5f5",
    accent_fill="#e8ebfa",
    good_fill="#e7f2da",
    warning_fill="#fbf6d9",
    attention_fill="#fcf4f6",
    brand="#5b5fc7",
    danger="#c4314b",
    control="#ffffff",
)
DARK = Theme(
    name="dark",
    canvas="#1f1f1f",
    card="#292929",
    line="#666666",
    text="#ffffff",
    subtle="#adadad",
    accent="#9299f7",
    good="#92c353",
    warning="#f8d22a",
    attention="#f9526b",
    emphasis_fill="#1f1f1f",
    accent_fill="#2f2f4a",
    good_fill="#0d2e0d",
    warning_fill="#463100",
    attention_fill="#3e1f25",
    brand="#4f52b2",
    danger="#c4314b",
    control="#292929",
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def _colours(theme: Theme) -> dict[str, dict[str, str]]:
    def both(colour: str) -> dict[str, str]:
        return {"default": colour, "subtle": colour}

    return {
        "default": {"default": theme.text, "subtle": theme.subtle},
        "dark": both("#242424"),
        "light": both("#ffffff"),
        "accent": both(theme.accent),
        "good": both(theme.good),
        "warning": both(theme.warning),
        "attention": both(theme.attention),
    }


def host_config(theme: Theme) -> dict[str, Any]:
    """The host configuration that the renderer takes."""
    fills = {
        "default": theme.card,
        "emphasis": theme.emphasis_fill,
        "accent": theme.accent_fill,
        "good": theme.good_fill,
        "warning": theme.warning_fill,
        "attention": theme.attention_fill,
    }
    weights = {"lighter": 300, "default": 400, "bolder": 600}
    return {
        "supportsInteractivity": True,
        "spacing": {"small": 4, "default": 8, "medium": 12, "large": 16, "extraLarge": 24, "padding": 12},
        "separator": {"lineThickness": 1, "lineColor": theme.line},
        "fontTypes": {
            "default": {"fontFamily": FONT, "fontSizes": SIZES, "fontWeights": weights},
            "monospace": {"fontFamily": MONO, "fontSizes": SIZES, "fontWeights": weights},
        },
        "textStyles": {"heading": {"size": "large", "weight": "bolder"}},
        "containerStyles": {
            name: {"backgroundColor": fill, "foregroundColors": _colours(theme)} for name, fill in fills.items()
        },
        "actions": {
            "maxActions": 6,
            "spacing": "default",
            "buttonSpacing": 8,
            "actionsOrientation": "horizontal",
            "actionAlignment": "left",
        },
        "adaptiveCard": {"allowCustomStyle": False},
        "factSet": {"title": {"weight": "bolder", "wrap": True}, "value": {"wrap": True}, "spacing": 12},
    }


def stylesheet(theme: Theme) -> str:
    """What Teams draws itself: the frame of the card, its buttons and inputs."""
    return f"""
      body {{ margin: 0; background: {theme.canvas}; color: {theme.text}; font: 14px/20px {FONT}; }}
      #card {{ display: inline-block; margin: 8px; background: {theme.card}; border: 1px solid {theme.line};
               border-radius: 6px; overflow: hidden; box-sizing: border-box; }}
      .ac-textBlock {{ line-height: 1.42 !important; }}
      .ac-textBlock, .ac-richTextBlock, label {{ overflow-wrap: anywhere; min-width: 0; }}
      .ac-pushButton {{ font: 600 14px/20px {FONT}; padding: 5px 12px; border-radius: 4px; min-height: 32px;
               border: 1px solid {theme.line}; background: {theme.control}; color: {theme.text}; }}
      .ac-pushButton {{ max-width: 100%; overflow: hidden; text-overflow: ellipsis; }}
      .ac-actionSet {{ flex-wrap: wrap; row-gap: 8px; }}
      .ac-pushButton.style-positive {{ background: {theme.brand}; border-color: {theme.brand}; color: #fff; }}
      .ac-pushButton.style-destructive {{ background: {theme.danger}; border-color: {theme.danger}; color: #fff; }}
      .ac-selectable {{ cursor: pointer; }}
      .ac-input-container input {{ accent-color: {theme.brand}; }}
      .ac-choiceSetInput-expanded > div {{ align-items: flex-start !important; padding: 4px 0; }}
    """
