from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.errors import UpstreamDown
from services.microsoft365.exchange import values
from services.microsoft365.exchange.unified_audit import without_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T07:10:01.1234567Z", datetime(2026, 3, 2, 7, 10, 1, 123456, UTC)),
        ("2024-04-10T08:56:22.0000000+00:00", datetime(2024, 4, 10, 8, 56, 22, tzinfo=UTC)),
        ("2024-04-10T10:56:22.0000000+02:00", datetime(2024, 4, 10, 8, 56, 22, tzinfo=UTC)),
        ("2026-03-02T02:20:11.0000000", datetime(2026, 3, 2, 2, 20, 11, tzinfo=UTC)),
        ("2026-03-02T02:20:11", datetime(2026, 3, 2, 2, 20, 11, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_seven_digit_times_are_read_in_utc(text: str | None, expected: datetime | None) -> None:
    assert values.moment({"When": text}, "When") == expected


def test_a_time_that_is_none_is_an_unreadable_answer() -> None:
    with pytest.raises(UpstreamDown):
        values.moment({"When": "yesterday"}, "When")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90.00:00:00", timedelta(days=90)),
        ("14.01:02:03", timedelta(days=14, hours=1, minutes=2, seconds=3)),
        ("00:30:00", timedelta(minutes=30)),
        ("Unlimited", None),
        (None, None),
    ],
)
def test_time_spans(text: str | None, expected: timedelta | None) -> None:
    assert values.span({"Age": text}, "Age") == expected


@pytest.mark.parametrize("reader", [values.text, values.flag, values.number, values.texts, values.rights])
def test_a_property_that_is_missing_is_never_taken_for_empty(reader: object) -> None:
    assert callable(reader)
    with pytest.raises(UpstreamDown) as error:
        reader({}, "Property")
    assert error.value.data["reason"] == "unreadable-answer"


@pytest.mark.parametrize("unset", [None, "", []])
def test_every_form_of_not_set_reads_as_empty(unset: object) -> None:
    row = {"P": unset}
    assert values.text(row, "P") == ""
    assert values.texts(row, "P") == ()
    assert values.flag(row, "P") is False
    assert values.optional_flag(row, "P") is None


def test_flags_may_come_as_text_and_lists_as_one_value() -> None:
    assert values.flag({"P": "True"}, "P") is True
    assert values.flag({"P": "False"}, "P") is False
    assert values.texts({"P": "one"}, "P") == ("one",)
    assert values.number({"P": 18446744073709551615}, "P") == 2**64 - 1


def test_access_rights_inside_one_element_are_split() -> None:
    assert values.rights({"AccessRights": ["FullAccess, ReadPermission", "DeleteItem"]}) == (
        "FullAccess",
        "ReadPermission",
        "DeleteItem",
    )


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("203.0.113.9:4431", "203.0.113.9"),
        ("203.0.113.9", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_addresses_lose_their_port(address: str, bare: str) -> None:
    assert without_port(address) == bare
