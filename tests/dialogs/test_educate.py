"""The lesson about the mail that hit us is filled in from the incident, masked; nonsense is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialogs import educate
from dialogs.blasts import canary_of, starts_at
from dialogs.parts import Parts
from services.blasts.languages import Language
from services.blasts.lessons import LURE, library
from services.database import Database
from services.errors import BadInput, Conflict
from tests.services.blasts.test_traced import VAULT, Mail, incident_of, keep, line
from tests.services.fakes import Clock, settings


def parts(database: Database, clock: Clock, **changes: object) -> Parts:
    """As much of the application as these functions use."""
    held = SimpleNamespace(settings=settings(**changes), database=database, vault=VAULT, m365=Mail(), now=clock)
    return cast("Parts", held)


async def test_the_lure_is_shown_masked_in_every_language(sqlite_database: Database) -> None:
    clock = Clock()
    incident = await incident_of(sqlite_database, clock)
    subject = "Megan Bowen: invoice 20931 for ann@fabrikam.com"
    await keep(sqlite_database, incident, clock, line(clock, "a@x.example", subject), suspicious=subject)
    lesson = await educate._lesson(parts(sqlite_database, clock), incident, LURE)
    for language in Language:
        said = " ".join((*lesson.texts[language].text, lesson.texts[language].question))
        assert "•••: invoice ••• for •••" in said
        assert "m•••@contoso.com" in said
        assert "2026" in said or clock().strftime("%Y") in said
        for secret in ("Megan", "Bowen", "20931", "fabrikam", "{", "megan@"):
            assert secret not in said


async def test_without_a_suspicious_mail_there_is_nothing_to_show(sqlite_database: Database) -> None:
    clock = Clock()
    incident = await incident_of(sqlite_database, clock)
    await keep(sqlite_database, incident, clock, line(clock, "a@x.example", "Lunch"))
    with pytest.raises(Conflict, match="no-lure"):
        await educate._lesson(parts(sqlite_database, clock), incident, LURE)


@pytest.mark.parametrize("lesson_id", [LURE, "", "../../etc/passwd", "no-such-lesson"])
async def test_a_lesson_that_is_not_on_offer_is_refused(lesson_id: str) -> None:
    with pytest.raises(BadInput, match="unknown-choice"):
        await educate._lesson(cast("Parts", None), None, lesson_id)


async def test_every_other_lesson_is_taken_as_it_is() -> None:
    for lesson in library().values():
        if lesson.id != LURE:
            assert await educate._lesson(cast("Parts", None), None, lesson.id) is lesson


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"date": "2026-99-01"}, "not-a-time"),
        ({"time": "25:00"}, "not-a-time"),
        ({"date": "1999-01-01", "time": "10:00"}, "time-is-past"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(inputs: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        starts_at(parts(cast("Database", None), Clock()), inputs)


def test_a_time_is_by_the_organisations_clock() -> None:
    clock = Clock()
    held = parts(cast("Database", None), clock, time_zone="Asia/Tokyo")
    year = clock().year + 1
    at = starts_at(held, {"date": f"{year}-03-01", "time": "09:30"})
    assert at is not None
    assert at.isoformat() == f"{year}-03-01T09:30:00+09:00"
    assert starts_at(held, {"date": "", "time": ""}) is None
    day_alone = starts_at(held, {"date": f"{year}-03-01"})
    assert day_alone is not None
    assert day_alone.hour == 9


@pytest.mark.parametrize(("given", "number"), [({}, 0), ({"canary": "10"}, 10), ({"canary": ""}, 0)])
def test_the_first_few_are_one_of_the_numbers_on_offer(given: dict[str, Any], number: int) -> None:
    assert canary_of(given) == number
    with pytest.raises(BadInput, match="unknown-choice"):
        canary_of({"canary": "7"})
