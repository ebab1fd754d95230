"""Every card can be read on a phone, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine import go_without, need_chromium
from tools.gallery import render
from tools.gallery.render import Shot
from tools.gallery.samples import SAMPLES
from tools.gallery.teams import THEMES

PHONE = 320  # px, the narrowest phone that Teams runs on


@pytest.fixture(scope="module")
def complaints() -> dict[Path, list[str]]:
    """What nobody could read, by card and theme, with everything unfolded: all of it looked at in one browser."""
    need_chromium()
    try:
        render.install_packages()
    except render.CannotDrawError as missing:
        go_without(str(missing))
    drawn = {sample.name: sample.draw() for sample in SAMPLES}
    drawn["bad"] = {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [{"type": "TextBlock", "text": "W" * 90, "wrap": False}],
    }
    shots = [
        Shot(card, Path(name) / theme, theme, PHONE, expanded=True) for name, card in drawn.items() for theme in THEMES
    ]
    return render.draw(shots, pictures=False)


def test_every_card_can_be_read_on_a_phone_in_both_themes(complaints: dict[Path, list[str]]) -> None:
    found = {
        str(where): [each for each in said if not (_is_absurd(where) and each.startswith("cut button"))]
        for where, said in complaints.items()
        if where.parts[0] != "bad"
    }
    assert {where: said for where, said in found.items() if said} == {}


def _is_absurd(where: Path) -> bool:
    """Samples whose buttons have titles as nobody would write them: Teams ends those in an ellipsis."""
    return where.parts[0].endswith(("-largest", "-hostile"))


def test_what_leaves_its_frame_would_be_found(complaints: dict[Path, list[str]]) -> None:
    assert [where for where in complaints if where.parts[0] == "bad"]
