"""Draws every card, or the card files named, to PNG pictures and an index page.

python -m tools.gallery                    every card, under gallery/
python -m tools.gallery --only incident    those whose name contains a word
python -m tools.gallery card.json          one card from a file, beside the others
"""

from __future__ import annotations

import argparse
import html
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.gallery.render import CannotDrawError, Shot, draw, install_packages
from tools.gallery.samples import SAMPLES
from tools.gallery.teams import THEMES

ROOT = Path(__file__).resolve().parents[2]
# A phone, a chat, a wide channel.
WIDTHS = (320, 460, 700)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.gallery", description="Draws cards as Teams would show them."
    )
    parser.add_argument("--install", action="store_true", help="only install the renderer, while there is a network")
    parser.add_argument("files", nargs="*", type=Path, help="card JSON files; without any, every card of IRBot")
    parser.add_argument("--out", type=Path, default=ROOT / "gallery", help="where to put the pictures")
    parser.add_argument("--only", default="", help="only cards whose name contains this")
    parser.add_argument("--theme", choices=tuple(THEMES), action="append", help="light or dark; both where left out")
    parser.add_argument("--width", type=int, action="append", help="in pixels; 320, 460 and 700 where left out")
    return parser.parse_args(given)


def _install() -> int:
    try:
        install_packages()
    except CannotDrawError as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    return 0


def _index(shots: Sequence[Shot], out: Path, complaints: dict[Path, list[str]]) -> None:
    """One page with all pictures, grouped by card."""
    groups: dict[str, list[Shot]] = {}
    for shot in shots:
        groups.setdefault(shot.target.parent.name, []).append(shot)
    parts = []
    for name, members in groups.items():
        size = len(json.dumps(members[0].card, ensure_ascii=False).encode())
        parts.append(f"<h2>{html.escape(name)} <small>{size:,} bytes</small></h2><div class=row>")
        for shot in members:
            said = "".join(f"<p class=bad>{html.escape(line)}</p>" for line in complaints.get(shot.target, ()))
            label = f"{shot.theme}, {shot.width} px{', opened' if shot.expanded else ''}"
            source = shot.target.relative_to(out).as_posix()
            parts.append(
                f"<figure class={shot.theme}><img loading=lazy width={shot.width + 2} src='{html.escape(source)}'>"
                f"<figcaption>{label}</figcaption>{said}</figure>"
            )
        parts.append("</div>")
    style = (
        "body{font:14px sans-serif;margin:24px}.row{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}"
        "figure{margin:0;padding:12px;border-radius:8px}.light{background:#f5f5f5}.dark{background:#1f1f1f;color:#fff}"
        ".bad{color:#c00;font-weight:bold}"
    )
    page = f"<!doctype html><meta charset=utf-8><title>IRBot cards</title><style>{style}</style>{''.join(parts)}"
    (out / "index.html").write_text(page, encoding="utf-8")


def main(given: Sequence[str] | None = None) -> int:
    """Returns 0 where every picture was taken and the renderer had nothing to say, 1 where it had, 2 where it could
    not draw at all.
    """
    arguments = _arguments(given)
    if arguments.install:
        return _install()
    if arguments.files:
        drawn = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.files}
    else:
        drawn = {sample.name: sample.draw() for sample in SAMPLES if arguments.only in sample.name}
    if not drawn:
        sys.stderr.write(f"No card's name contains “{arguments.only}”.\n")
        return 2
    out: Path = arguments.out.resolve()
    shots = [
        Shot(card, out / name / f"{theme}-{width}{'-opened' if expanded else ''}.png", theme, width, expanded)
        for name, card in drawn.items()
        for theme in arguments.theme or THEMES
        for width in arguments.width or WIDTHS
        for expanded in ((False, True) if "Action.ToggleVisibility" in json.dumps(card) else (False,))
    ]
    try:
        complaints = draw(shots)
    except CannotDrawError as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    _index(shots, out, complaints)
    for target, lines in complaints.items():
        sys.stdout.write(f"{target.relative_to(out)}: {'; '.join(lines)}\n")
    sys.stdout.write(f"{len(shots)} pictures of {len(drawn)} cards: {out / 'index.html'}\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
