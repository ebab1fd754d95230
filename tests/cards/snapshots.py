"""The stored cards. `python -m tests.cards.snapshots` writes them anew; look at the difference before committing it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cards.elements import Card
from tools.gallery.samples import SAMPLES

FOLDER = Path(__file__).parent / "snapshots"


def path_of(name: str) -> Path:
    """Where the card of this sample is stored."""
    return FOLDER / f"{name}.json"


def written(card: Card) -> str:
    """A card as it is stored."""
    return json.dumps(card, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Stores every sample's card and removes those whose sample is gone."""
    FOLDER.mkdir(exist_ok=True)
    names = {sample.name for sample in SAMPLES}
    for stored in FOLDER.glob("*.json"):
        if stored.stem not in names:
            stored.unlink()
    for sample in SAMPLES:
        path_of(sample.name).write_text(written(sample.draw()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
