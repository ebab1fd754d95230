"""After a real incident the report is made beside the running bot, tells the story, and is whole."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from services.incidents.report.check import check_bundle
from services.incidents.report.make import make_bundle
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from tests.services.fakes import NOW, settings
from tests.stories.steps import lock, looked

_STORY = SimulatorConfig(audit_query_seconds=0, stories=("mass-phishing",))


async def test_a_report_tells_the_story_while_the_bot_runs(tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    async with Bench.start(_STORY) as bench:
        await lock(bench, "megan@contoso.com")
        await looked(bench)
        await bench.say("report IR-0001", by="alex", where="personal")
        await bench.until_card("Report of IR-0001", by="alex", where="personal")
        made = await make_bundle(settings(data_dir=bench.bot.folder / "data"), 1, out, NOW)
    assert check_bundle(out, made.fingerprint).faults == ()
    with zipfile.ZipFile(out) as bundle:
        technical = bundle.read("technical-report.html").decode()
        plain = bundle.read("plain-report.html").decode()
        findings = json.loads(bundle.read("findings.json"))
    assert "The account is locked." in technical
    assert "The account is locked." in plain
    assert "<svg" in technical
    assert "Lagos, NG" in technical
    assert {"review-sign-ins", "check-inbox-rules"} <= {each["step"] for each in findings}
    assert all(piece.raw is not None for piece in made.case.evidence)
