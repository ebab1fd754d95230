"""The gallery draws pictures where it can, and says what is missing where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.machine import go_without, need_chromium
from tools.gallery import render
from tools.gallery.__main__ import main

PNG = b"\x89PNG"


def _need_renderer() -> None:
    need_chromium()
    try:
        render.install_packages()
    except render.CannotDrawError as missing:
        go_without(str(missing))


def test_a_card_is_drawn_light_and_dark_with_an_index(tmp_path: Path) -> None:
    _need_renderer()
    assert main(["--only", "incident-open", "--width", "300", "--out", str(tmp_path)]) == 0
    pictures = sorted(path.name for path in (tmp_path / "incident-open").glob("*.png"))
    assert pictures == ["dark-300-opened.png", "dark-300.png", "light-300-opened.png", "light-300.png"]
    assert all(path.read_bytes().startswith(PNG) for path in (tmp_path / "incident-open").glob("*.png"))
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f"incident-open/{name}" in index for name in pictures)


def test_unfolding_makes_the_picture_longer(tmp_path: Path) -> None:
    _need_renderer()
    main(["--only", "incident-locked", "--width", "460", "--theme", "light", "--out", str(tmp_path)])
    folded, opened = (
        int.from_bytes((tmp_path / "incident-locked" / name).read_bytes()[20:24], "big")
        for name in ("light-460.png", "light-460-opened.png")
    )
    assert opened > folded


def test_a_faulty_card_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _need_renderer()
    faulty = tmp_path / "faulty.json"
    faulty.write_text(json.dumps({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlok"}]}))
    assert main([str(faulty), "--width", "300", "--theme", "light", "--out", str(tmp_path / "out")]) == 1
    assert "TextBlok" in capsys.readouterr().out


def test_a_word_that_fits_no_card_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no-such-card"]) == 2
    assert "no-such-card" in capsys.readouterr().err


def test_without_a_browser_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(render.CannotDrawError, match="apt-get install chromium"):
        render.find_browser(places=())


def test_a_browser_in_a_usual_place_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    browser = tmp_path / "Some Browser"
    browser.touch()
    assert render.find_browser(places=(str(tmp_path / "other"), str(browser))) == str(browser)


def test_without_npm_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(render.CannotDrawError, match=r"Node\.js"):
        render.install_packages(tmp_path)


def test_what_is_missing_is_told_and_nothing_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if any(Path(place).exists() for place in render.BROWSER_PATHS):
        go_without("A browser stands in a usual place of this machine, so its absence cannot be tried.")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--only", "notice-good", "--out", str(tmp_path / "out")]) == 2
    assert "Chromium" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_version_of_a_package_is_not_taken(tmp_path: Path) -> None:
    for name in render.PACKAGES:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").write_text(json.dumps({"version": "0.0.1"}))
    assert render.packages_ready(tmp_path) is False
