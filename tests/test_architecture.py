"""The drawing in docs/architecture.md is the import graph, arrow by arrow, and every folder has its sentence."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.test_layout import PROJECT, REHEARSALS, ROOT, _imports, _modules

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DRAWING = TEXT.partition("```mermaid")[2].partition("```")[0]
_ARROW = re.compile(r'\s+-->\s+|\s+-\.\s*"[^"]*"\s*\.->\s+')
_NODE = re.compile(r'(\w+)(?:\["([^"]*)"\])?')
GROUND = "services"  # its plain modules, which all of its folders use
Arrows = set[tuple[str, str]]


def drawn(drawing: str) -> tuple[dict[str, str], Arrows]:
    """The package of each node, and the arrows from package to package."""
    places: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    inside = False
    for line in map(str.strip, drawing.splitlines()):
        if line.startswith("subgraph ") or line == "end":
            inside = line != "end"
        chain = [_nodes(part) for part in _ARROW.split(line.removeprefix("subgraph "))]
        for name, label in (node for part in chain for node in part):
            if label:
                place = label.removesuffix(".py").strip("/").replace("/", ".")
                places[name] = f"services.{place}" if inside and place != "services" else place
        for sources, targets in itertools.pairwise(chain):
            pairs += [(source, target) for source, _ in sources for target, _ in targets]
    return places, {(places[source], places[target]) for source, target in pairs}


def _nodes(part: str) -> list[tuple[str, str]]:
    return [(found[1], found[2] or "") for each in part.split("&") if (found := _NODE.fullmatch(each.strip()))]


def imported(places: Iterable[str]) -> Arrows:
    """The arrows that the code has between these packages; what lies deeper belongs to the nearest of them."""
    known = sorted(places, key=len, reverse=True)

    def home(module: str) -> str | None:
        return next((place for place in known if module == place or module.startswith(f"{place}.")), None)

    found = set()
    for module, path in _modules(ROOT):
        source = home(module)
        if source is None:
            continue
        for target, _ in _imports(module, path.read_text(encoding="utf-8")):
            there = home(target)
            if there is not None and source != there:
                found.add((source, there))
    return found


def as_drawn(arrows: Arrows) -> Arrows:
    """From outside one arrow leads to all of services; inside, those of the ground and of the tables are left out."""
    outside = {(source, _top(target)) for source, target in arrows if _top(source) != _top(target)}
    inside = {
        (source, target)
        for source, target in arrows
        if _top(source) == _top(target) and source != GROUND and target not in {GROUND, "services.database"}
    }
    return outside | inside


def _top(place: str) -> str:
    return place.partition(".")[0]


def packages() -> Iterator[str]:
    for folder in PROJECT:
        for path in (ROOT / folder, *sorted((ROOT / folder).rglob("*"))):
            if path.is_dir() and any(path.glob("*.py")) and folder != "tests":
                yield path.relative_to(ROOT).as_posix()


def test_every_arrow_is_drawn_and_none_that_is_not_there() -> None:
    places, arrows = drawn(DRAWING)
    real = as_drawn(imported(places.values()))
    assert (real - arrows, arrows - real) == (set(), set()), "(missing in the drawing, not in the code)"


def test_what_is_left_out_is_there() -> None:
    real = imported(drawn(DRAWING)[0].values())
    folders = {place for place in drawn(DRAWING)[0].values() if place.startswith("services.")}
    assert {source for source, target in real if target == GROUND} >= folders - {"services.database"}
    assert {source for source, target in real if target == "services.database"} >= {"services.blasts", "services.bulk"}
    assert {target for source, target in real if source == GROUND} >= {"services.database", "services.microsoft365"}


def test_every_folder_is_in_the_drawing_and_has_its_sentence() -> None:
    places = set(drawn(DRAWING)[0].values())
    explained = set(re.findall(r"`([\w/]+)/`", "".join(re.findall(r"^\| (`.*?) \|", TEXT, re.M))))
    for package in packages():
        dotted = package.replace("/", ".")
        near = dotted if _top(dotted) != "services" else ".".join(dotted.split(".")[:2])
        assert near in places or _top(dotted) in places - {"services"}, f"{package} is not in the drawing"
        assert package in explained, f"{package} has no line under “What lies where”"
    assert {name for name in explained if not (ROOT / name).is_dir()} == set()


def test_the_dotted_arrows_are_the_rehearsals() -> None:
    dotted = re.findall(r"^\s*(\w+) -\..*?\.-> (.*)$", DRAWING, re.M)
    assert [(source, set(targets.split(" & "))) for source, targets in dotted] == [("app", set(REHEARSALS))]


def test_every_module_that_is_named_exists() -> None:
    for name in re.findall(r"`([\w/]+\.py)`", TEXT):
        assert (ROOT / name).is_file() or (ROOT / "services" / name).is_file(), name


@pytest.mark.parametrize(
    ("line", "arrows"),
    [
        ('a["app.py"] --> b["bot/"]', {("app", "bot")}),
        ('a["app.py"] & b["bot/"] --> c["cards/"]', {("app", "cards"), ("bot", "cards")}),
        ('a["app.py"] -. "why" .-> b["bot/"]', {("app", "bot")}),
        (
            'subgraph s["services/"]\na["blasts/"] --> b["incidents/report/"]\nend\nc["app.py"] --> s',
            {("services.blasts", "services.incidents.report"), ("app", "services")},
        ),
    ],
)
def test_the_drawing_is_read_as_it_is_drawn(line: str, arrows: Arrows) -> None:
    assert drawn(line)[1] == arrows
