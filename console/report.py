"""`report make` and `report verify`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from console.words import complain, say, words_of
from dialogs.commands import incident_number
from services.errors import NotFound
from services.incidents.report.check import check_bundle
from services.incidents.report.make import make_bundle
from services.incidents.report.technical import broken
from services.settings import load


def run(chosen: argparse.Namespace) -> int:
    """Makes the report of an incident, or checks one; 1 when something was changed."""
    return _verify(chosen) if chosen.action == "verify" else _make(chosen)


def _make(chosen: argparse.Namespace) -> int:
    number = incident_number(chosen.incident)
    if number is None:
        return complain("Write the incident as IR-0007.")
    try:
        settings = load()
    except ValueError as error:
        return complain(f"No report was made: {words_of(error)}")
    try:
        made = asyncio.run(make_bundle(settings, number, chosen.out, datetime.now(UTC)))
    except NotFound:
        return complain(f"No report was made: there is no incident IR-{number:04d}.")
    except FileExistsError:
        return complain(f"No report was made: {chosen.out} is there already.")
    except sa.exc.DBAPIError as error:
        return complain(
            f"No report was made: the database cannot be read ({type(error.orig).__name__}). Start this version of "
            "IRBot once, so that database and program fit each other."
        )
    except (OSError, ValueError) as error:
        return complain(f"No report was made: {getattr(error, 'strerror', None) or error}.")
    case = made.case
    missing = sum(bool(piece.problem) for piece in case.evidence)
    say(f"{chosen.out}: {case.incident.label}, {len(case.entries)} lines, {len(case.evidence)} pieces of evidence.")
    say("Evidence in it is readable: guard the file. Note its SHA-256 somewhere else:")
    say(made.fingerprint)
    if missing:
        say(f"{missing} pieces of evidence are missing; the report says why.")
    if case.broken_at is not None:
        say(broken(case.broken_at))
        return 1
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    try:
        verdict = check_bundle(chosen.file, chosen.sha256)
    except OSError as error:
        return complain(f"Not checked: {error.strerror or error}.")
    for fault in verdict.faults:
        say(f"CHANGED: {fault}")
    if verdict.faults:
        say("This is not the bundle as it was made.")
        return 1
    say(f"{verdict.label}: {verdict.files} files and {verdict.lines} lines of the timeline fit each other.")
    say(f"End of the timeline: {verdict.head}")
    if chosen.sha256 is None:
        say("Compare this SHA-256 with the one that was noted when the bundle was made:")
    say(verdict.fingerprint)
    return 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `report`."""
    actions = parser.add_subparsers(dest="action", required=True)
    make = actions.add_parser("make", help="write the report of an incident (settings: IRBOT_… in the environment)")
    make.add_argument("incident", help="such as IR-0007")
    make.add_argument("--out", type=Path, required=True, metavar="FILE", help="the zip to write")
    verify = actions.add_parser("verify", help="check that nothing in a report was changed")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--sha256", metavar="SUM", help="the SHA-256 that was noted when the report was made")
