"""Draws cards to PNG with Microsoft's renderer in a headless Chromium, without any network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.gallery.teams import THEMES, Theme, host_config, stylesheet

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
PACKAGES = {
    name: str(version)
    for name, version in json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"].items()
}
SCRIPTS = ("markdown-it/dist/markdown-it.min.js", "adaptivecards/dist/adaptivecards.min.js")
STYLE = "adaptivecards/dist/adaptivecards.css"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
BROWSER_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
INSTALL_SECONDS = 300
VALIDATE_SECONDS = 60

_DRAW = """({ card, host, expand }) => {
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markdownit({ html: false, linkify: false }).render(text);
    result.didProcess = true;
  };
  const drawn = new AdaptiveCards.AdaptiveCard();
  drawn.hostConfig = new AdaptiveCards.HostConfig(host);
  const context = new AdaptiveCards.SerializationContext();
  drawn.parse(card, context);
  const complaints = [];
  for (let i = 0; i < context.eventCount; i++) complaints.push(context.getEventAt(i).message);
  for (const found of drawn.validateProperties().validationEvents) complaints.push(found.message);
  const place = document.getElementById('card');
  place.replaceChildren(drawn.render());
  if (expand) {
    const open = (item) => {
      for (const action of [item.selectAction].filter(Boolean))
        if (action instanceof AdaptiveCards.ToggleVisibilityAction) action.execute();
      const count = item.getItemCount ? item.getItemCount() : 0;
      for (let i = 0; i < count; i++) open(item.getItemAt(i));
    };
    open(drawn);
  }
  const wide = place.scrollWidth > place.clientWidth;
  if (wide) complaints.push(`wider than its frame: ${place.scrollWidth} of ${place.clientWidth} px`);
  return complaints;
}"""


# What a person could not read: text that leaves its frame, and text too like what is behind it (the ratio of WCAG 2).
# A lone symbol stands beside its word and counts as a picture, for which less contrast is enough.
_LOOK = """() => {
  const place = document.getElementById('card'), frame = place.getBoundingClientRect(), found = [];
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgba = (css) => { const v = css.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, words = node.textContent.trim(), style = getComputedStyle(node.parentElement);
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!words || !box.width || style.visibility === 'hidden') continue;
    const button = node.parentElement.closest('.ac-pushButton');
    if (button && button.scrollWidth > button.clientWidth + 1) found.push(`cut button: ${words.slice(0, 40)}`);
    const outside = box.right > frame.right + 1 || box.left < frame.left - 1;
    if (outside && !button) found.push(`leaves the frame: ${words.slice(0, 40)}`);
    const [a, b] = [light(rgba(style.color)), light(behind(node.parentElement))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), least = [...words].length <= 2 ? 3 : 4.5;
    if (ratio < least) found.push(`hard to read (${ratio.toFixed(1)}): ${words.slice(0, 40)}`);
  }
  return found;
}"""


class CannotDrawError(Exception):
    """Something that drawing needs is not on this machine; the text says what, and how to get it."""


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    card: dict[str, Any]
    target: Path
    theme: str
    width: int
    expanded: bool = False


def find_browser(places: Sequence[str] = BROWSER_PATHS) -> str:
    """The installed Chromium, Chrome or Edge: on the PATH, or in one of the usual places."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    for path in places:
        if Path(path).exists():
            return path
    raise CannotDrawError(
        "The gallery needs Chromium, Chrome or Edge and found none. "
        "On Debian or Ubuntu: apt-get install chromium. Elsewhere: install Chrome."
    )


def packages_ready(modules: Path = MODULES) -> bool:
    """Whether the pinned renderer packages are in place."""
    for name, version in PACKAGES.items():
        manifest = modules / name / "package.json"
        if not manifest.exists() or json.loads(manifest.read_text(encoding="utf-8"))["version"] != version:
            return False
    return True


def install_packages(modules: Path = MODULES) -> None:
    """Installs the pinned renderer packages into the folder of this module, once."""
    if packages_ready(modules):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise CannotDrawError(
            "The gallery needs Microsoft's card renderer, which npm installs, and npm is not here. "
            "Install Node.js (version 18 or later, with npm) and run the gallery again."
        )
    command = [npm, "install", "--no-package-lock", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    done = subprocess.run(  # noqa: S603
        command, cwd=modules.parent, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode or not packages_ready(modules):
        wanted = ", ".join(f"{name}@{version}" for name, version in PACKAGES.items())
        raise CannotDrawError(f"npm could not install {wanted}:\n{done.stderr.strip()[-2000:]}")


def validate(cards: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """What Microsoft's own parser has to say about each card; needs Node, but no browser."""
    node = shutil.which("node")
    if node is None:
        raise CannotDrawError("Checking cards with Microsoft's parser needs Node.js, and there is none.")
    install_packages()
    done = subprocess.run(  # noqa: S603
        [node, str(HERE / "validate.js")],
        input=json.dumps(cards),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=VALIDATE_SECONDS,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@contextmanager
def _page() -> Iterator[Page]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as missing:
        raise CannotDrawError("The gallery needs the development packages: make gallery installs them.") from missing

    def refuse(route: Route) -> None:
        route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        try:
            page = browser.new_page(viewport={"width": 760, "height": 900}, device_scale_factor=2, locale="en-GB")
            page.route(re.compile(r"^(?!data:)"), refuse)
            yield page
        finally:
            browser.close()


def _dress(page: Page, theme: Theme, width: int) -> None:
    page.set_content(f'<html><body><div id="card" style="width:{width}px"></div></body></html>')
    page.add_style_tag(content=(MODULES / STYLE).read_text(encoding="utf-8"))
    page.add_style_tag(content=stylesheet(theme))
    for script in SCRIPTS:
        page.add_script_tag(path=MODULES / script)


def draw(shots: list[Shot], *, pictures: bool = True) -> dict[Path, list[str]]:
    """Draws the cards and returns what the renderer complained about and what nobody could read, for those that had it.

    Without `pictures` nothing is written: the cards are only looked at.
    """
    find_browser()
    install_packages()
    complaints: dict[Path, list[str]] = {}
    with _page() as page:
        dressed: tuple[str, int] | None = None
        for shot in sorted(shots, key=lambda shot: (shot.theme, shot.width)):
            theme = THEMES[shot.theme]
            if dressed != (shot.theme, shot.width):
                _dress(page, theme, shot.width)
                dressed = (shot.theme, shot.width)
            said = page.evaluate(_DRAW, {"card": shot.card, "host": host_config(theme), "expand": shot.expanded})
            said += page.evaluate(_LOOK)
            if said:
                complaints[shot.target] = list(said)
            if not pictures:
                continue
            shot.target.parent.mkdir(parents=True, exist_ok=True)
            page.locator("#card").screenshot(path=shot.target)
    return complaints
