from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.incidents.report.tables import (
    approvals_json,
    as_json,
    csv_files,
    findings_json,
    harmless,
    steps_json,
    timeline_json,
)
from tests.services.incidents.report.scene import case

FORMULAS = tuple("=+-@\uff1d\uff0b\uff0d\uff20\u2212")
texts = st.text(alphabet=st.characters(exclude_categories=()) | st.sampled_from("=+-@;,|\t\n\r\"' "), max_size=40)


@given(texts)
@example("=cmd|' /C calc'!A0")
@example("  \t\n=1+1")
@example('x";=1+1')
@example("\u00a0@SUM(A1)")
@example("a,-1")
@settings(max_examples=500, deadline=None)
def test_no_cell_is_a_formula_whatever_divides_cells(text: str) -> None:
    line = harmless(text)
    for divider in (";", ",", "|", "\t", "\n"):
        for cell in line.split(divider):
            assert not cell.strip(" \"'").startswith(FORMULAS) or cell.strip(' "').startswith("'")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\uff1d1"])
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert harmless(text).startswith("'")


@pytest.mark.parametrize("text", ["Megan Bowen", "megan@contoso.com", "IR-0007", "2026-11-25T12:00:00Z", "a=b", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@given(texts)
@settings(max_examples=40, deadline=None)
def test_tables_hold_any_text(text: str) -> None:
    for name, content in csv_files(case(text)).items():
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        assert len({len(row) for row in rows}) == 1, name
        assert content.count(b"\r\n") == len(rows)
        assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)


def test_the_tables_are_there_and_sign_ins_only_with_evidence() -> None:
    names = {f"tables/{name}.csv" for name in ("timeline", "findings", "steps", "evidence")}
    assert set(csv_files(case(evidence=False))) == names
    assert set(csv_files(case())) == names | {"tables/sign-ins.csv"}


@given(texts)
@settings(max_examples=40, deadline=None)
def test_json_is_exact(text: str) -> None:
    made = case(text)
    assert json.loads(as_json(findings_json(made)))[0]["title"] == text
    assert json.loads(as_json(steps_json(made)))["runs"][0]["reason"] == text
    assert json.loads(as_json(approvals_json(made)))[0]["requester"]["name"] == text
    assert json.loads(as_json(timeline_json(made)))["entries"][0]["data"]["upn"] == text


def test_steps_say_what_was_checked() -> None:
    steps = {each["step_id"]: each for each in steps_json(case())["steps"]}
    assert steps["block-sign-in"]["checked"]
    assert not steps["check-inbox-rules"]["checked"]
    assert not steps["check-forwarding"]["checked"]


def test_no_nonce_is_in_the_record() -> None:
    made = case()
    for value in (findings_json(made), steps_json(made), approvals_json(made), timeline_json(made)):
        assert b"the-nonce" not in as_json(value)
