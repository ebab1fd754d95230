from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import Bug
from services.microsoft365.exchange import recorded
from services.microsoft365.exchange.auto_replies import AutoReply
from services.microsoft365.exchange.delegates import Access, SendAs
from services.microsoft365.exchange.folders import Publishing
from services.microsoft365.exchange.inbox_rules import InboxRule, InboxRules
from services.microsoft365.exchange.junk import JunkLists
from services.microsoft365.exchange.mail_flow import Connector, TransportRule
from services.microsoft365.exchange.mailboxes import Forwarding, Hold, Mailbox, Retention
from services.microsoft365.exchange.mobile_devices import MobileDevice
from services.microsoft365.exchange.protocols import OpenMailbox, Plan, Protocols
from services.microsoft365.exchange.signatures import Signature
from services.microsoft365.exchange.sweep_rules import SweepRule

KINDS: tuple[type[Any], ...] = (
    Access,
    AutoReply,
    Connector,
    Forwarding,
    Hold,
    InboxRule,
    InboxRules,
    JunkLists,
    Mailbox,
    MobileDevice,
    OpenMailbox,
    Plan,
    Protocols,
    Publishing,
    Retention,
    SendAs,
    Signature,
    SweepRule,
    TransportRule,
)


@pytest.fixture(autouse=True, scope="module")
def _times_have_a_zone() -> None:
    from datetime import datetime

    st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_an_undo_needs_survives_the_way_through_json(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    kept = json.loads(json.dumps(recorded.dump(value)))
    assert recorded.load(kind, kept) == value


@pytest.mark.parametrize("wrong", [None, 3, "text", [], {}, {"recipient": 1, "smtp_address": "", "keeps_copy": True}])
def test_a_record_that_does_not_fit_is_refused(wrong: object) -> None:
    with pytest.raises(Bug) as bug:
        recorded.load(Forwarding, wrong)
    assert bug.value.data["reason"] == "record-does-not-fit"


def test_what_is_no_state_is_not_recorded() -> None:
    with pytest.raises(Bug):
        recorded.dump(object())
