from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.incidents.report.check import check_bundle
from tests.services.incidents.report.scene import bundle, case, saved

WHOLE = bundle(case())
NAMES = tuple(zipfile.ZipFile(io.BytesIO(WHOLE)).namelist())
Files = dict[str, bytes]


def _files(content: bytes = WHOLE) -> Files:
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        return {name: read.read(name) for name in read.namelist()}


def _zipped(files: Files) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as written:
        for name, content in files.items():
            written.writestr(name, content)
    return into.getvalue()


def _with(files: Files, name: str, content: bytes) -> Files:
    """The file with another content, and a manifest that agrees."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return files | {name: content, "manifest.json": json.dumps(manifest).encode()}


def _faults(folder: Path, content: bytes, fingerprint: str | None = None) -> tuple[str, ...]:
    return check_bundle(saved(folder, content), fingerprint).faults


def test_the_bundle_has_this_structure() -> None:
    assert NAMES == (
        "technical-report.html",
        "technical-report.pdf",
        "plain-report.html",
        "plain-report.pdf",
        "timeline.json",
        "findings.json",
        "steps.json",
        "approvals.json",
        "tables/timeline.csv",
        "tables/findings.csv",
        "tables/steps.csv",
        "tables/evidence.csv",
        "tables/sign-ins.csv",
        "evidence/0001-review-sign-ins-sign-ins.json",
        "manifest.json",
    )
    files, made = _files(), case()
    manifest = json.loads(files["manifest.json"])
    assert set(manifest["files"]) == set(NAMES) - {"manifest.json"}
    assert manifest["timeline"] == {"lines": len(made.entries), "head": made.head}
    assert [each["sha256"] for each in manifest["missing_evidence"]] == ["0" * 64]
    assert files["evidence/0001-review-sign-ins-sign-ins.json"] == made.evidence[0].raw


def test_the_same_case_gives_the_same_bytes() -> None:
    assert bundle(case()) == WHOLE


@pytest.mark.parametrize("text", ["Megan", "<script>", "\ud800\u202e=1", "../../etc/passwd", ""], ids=ascii)
def test_a_bundle_that_nobody_touched_is_whole(tmp_path: Path, text: str) -> None:
    made = case(text, lines=50)
    content = bundle(made)
    fingerprint = hashlib.sha256(content).hexdigest()
    verdict = check_bundle(saved(tmp_path, content), fingerprint.upper())
    assert verdict.faults == ()
    assert (verdict.label, verdict.files, verdict.lines) == ("IR-0007", len(NAMES), len(made.entries))
    assert (verdict.head, verdict.fingerprint) == (made.head, fingerprint)
    assert all(".." not in name for name in _files(content))


@pytest.mark.parametrize("name", NAMES)
def test_each_file_that_is_changed_is_named(tmp_path: Path, name: str) -> None:
    faults = _faults(tmp_path, _zipped(_files() | {name: _files()[name] + b" x"}))
    assert any(name in fault and "changed" in fault for fault in faults)


@pytest.mark.parametrize("name", NAMES)
def test_each_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    left = {other: content for other, content in _files().items() if other != name}
    assert f"{name} is missing." in _faults(tmp_path, _zipped(left))


@pytest.mark.parametrize("name", NAMES)
def test_each_file_that_is_damaged_is_named(tmp_path: Path, name: str) -> None:
    content = bytearray(_zipped(_files()))
    at = content.index(_files()[name]) + 5
    content[at] ^= 1
    assert any(name in fault for fault in _faults(tmp_path, bytes(content)))


def test_a_file_that_was_put_in_is_named(tmp_path: Path) -> None:
    faults = _faults(tmp_path, _zipped(_files() | {"evidence/9999-x.json": b"{}"}))
    assert faults == ("evidence/9999-x.json was put in: the manifest does not know it.",)


def test_a_file_that_stands_twice_is_named(tmp_path: Path) -> None:
    into = io.BytesIO(WHOLE)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(into, "a") as more:
        more.writestr("plain-report.html", _files()["plain-report.html"])
    assert "plain-report.html is in the bundle 2 times." in _faults(tmp_path, into.getvalue())


def _edit(change: Callable[[list[dict[str, Any]]], object]) -> Files:
    """The timeline edited, and a manifest with the right sum for it."""
    record = json.loads(_files()["timeline.json"])
    change(record["entries"])
    return _with(_files(), "timeline.json", json.dumps(record).encode())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda entries: entries[2].update(actor_id="zoe"), 3),
        (lambda entries: entries[1].update(at="2026-11-25T12:00:09.000000Z"), 2),
        (lambda entries: entries[3]["data"].update(sha256="1" * 64), 4),
        (lambda entries: entries.pop(0), 1),
        (lambda entries: entries.pop(), 7),
        (lambda entries: entries.append(entries[-1]), 8),
        (lambda entries: entries.reverse(), 1),
        (lambda entries: entries.clear(), 1),
    ],
)
def test_an_edited_timeline_is_found_though_the_manifest_agrees(
    tmp_path: Path, change: Callable[[list[dict[str, Any]]], object], line: int
) -> None:
    assert any(f"from line {line} on" in fault for fault in _faults(tmp_path, _zipped(_edit(change))))


def test_a_cut_timeline_is_found_though_the_manifest_counts_it_so(tmp_path: Path) -> None:
    files = _edit(lambda entries: entries.pop())
    manifest = json.loads(files["manifest.json"])
    manifest["timeline"]["lines"] -= 1
    faults = _faults(tmp_path, _zipped(files | {"manifest.json": json.dumps(manifest).encode()}))
    assert "The manifest names another end of the timeline than the timeline has." in faults


def test_the_timeline_of_another_incident_is_found(tmp_path: Path) -> None:
    record = json.loads(_files()["timeline.json"]) | {"incident_id": "another"}
    faults = _faults(tmp_path, _zipped(_with(_files(), "timeline.json", json.dumps(record).encode())))
    assert "The manifest and the timeline are of different incidents." in faults
    assert any("from line 1 on" in fault for fault in faults)


def test_other_evidence_is_found_though_the_manifest_agrees(tmp_path: Path) -> None:
    name = "evidence/0001-review-sign-ins-sign-ins.json"
    assert _faults(tmp_path, _zipped(_with(_files(), name, b"{}"))) == (
        f"{name} is not what the timeline says was kept.",
    )


def test_what_is_rewritten_whole_is_found_by_the_noted_sum(tmp_path: Path) -> None:
    forged = bundle(replace(case(), findings=()))
    assert _faults(tmp_path, forged) == ()
    faults = _faults(tmp_path, forged, hashlib.sha256(WHOLE).hexdigest())
    assert faults == ("The file is not the one whose SHA-256 you gave.",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"[]"),
        ("manifest.json", b"{}"),
        ("manifest.json", b"not json"),
        ("manifest.json", b"[" * 100_000),
        ("manifest.json", b'{"format": 1, "files": {}, "files": {}, "timeline": {}}'),
        ("manifest.json", b'{"format": 2, "files": {}, "timeline": {}}'),
        ("timeline.json", b"[]"),
        ("timeline.json", b'{"incident_id": 1, "entries": []}'),
        ("timeline.json", b'{"incident_id": "x", "entries": [{}]}'),
        ("timeline.json", b'{"incident_id": "x", "entries": [1]}'),
        ("timeline.json", b"\xff\xfe"),
    ],
)
def test_a_record_of_another_shape_is_a_fault(tmp_path: Path, name: str, content: bytes) -> None:
    files = _files() | {name: content} if name == "manifest.json" else _with(_files(), name, content)
    assert _faults(tmp_path, _zipped(files))


@pytest.mark.parametrize("field", ["seq", "at", "event", "actor_id", "data", "previous_hash", "hash"])
@pytest.mark.parametrize("value", [None, 1.5, [], "", True, "2026-11-25T12:00:01", "\ud800"], ids=ascii)
def test_a_line_of_another_shape_is_a_fault(tmp_path: Path, field: str, value: object) -> None:
    def change(entries: list[dict[str, Any]]) -> None:
        entries[0][field] = value

    assert _faults(tmp_path, _zipped(_edit(change)))


@pytest.mark.parametrize("content", [b"", b"PK", b"a report", WHOLE[:-30], WHOLE[: len(WHOLE) // 2]])
def test_what_is_no_bundle_is_said(tmp_path: Path, content: bytes) -> None:
    assert "The file is damaged: it cannot be read as a bundle." in _faults(tmp_path, content)


def test_a_bundle_that_would_fill_the_disk_is_not_read(tmp_path: Path) -> None:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as written:
        for number in range(20_001):
            written.writestr(str(number), b"")
    assert _faults(tmp_path, into.getvalue()) == ("The bundle is larger than any that IRBot makes.",)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_changed_byte_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = saved(tmp_path_factory.mktemp("flipped"), bytes(content))
    if bytes(content) == WHOLE:
        return
    assert check_bundle(file, hashlib.sha256(WHOLE).hexdigest()).faults
    # Without the noted sum, what is not found has changed no file in it.
    if not check_bundle(file).faults:
        assert _files(bytes(content)) == _files()
