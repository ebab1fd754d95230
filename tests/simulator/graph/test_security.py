"""Defender: alerts, hunting, on-premises accounts, purging, scores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.graph.caller import GraphCaller

ACCOUNTS = "/security/identities/identityAccounts"
REMEDIATE = "/security/collaboration/analyzedEmails/remediate"


async def test_an_alert_is_read_and_marked(graph: GraphCaller) -> None:
    [row] = (await graph.get("/security/alerts_v2?$filter=severity eq 'medium'&$top=10")).value
    path = f"/security/alerts_v2/{row['id']}"
    verdict = {"status": "inProgress", "classification": "truePositive", "determination": "compromisedAccount"}
    assert (await graph.patch(path, verdict)).body["determination"] == "compromisedAccount"
    assert (await graph.get(path)).body["status"] == "inProgress"
    assert (await graph.patch(path, {"status": "done"})).status == 400
    assert (await graph.patch(path, {"title": "x"})).status == 400
    assert (await graph.patch(path, {"colour": "x"})).status == 400
    assert (await graph.post(f"{path}/comments", {"comment": "case 17"})).status == 200
    assert (await graph.get("/security/alerts_v2/unknown")).status == 404
    assert (await graph.get("/security/alerts_v2?$filter=evidence eq 'x'")).code == "Request_UnsupportedQuery"


async def test_an_incident_comes_with_its_alerts(graph: GraphCaller) -> None:
    [row] = (await graph.get("/security/incidents?$expand=alerts")).value
    assert len(row["alerts"]) == 1
    assert (await graph.patch(f"/security/incidents/{row['id']}", {"status": "resolved"})).status == 200
    assert (await graph.get(f"/security/incidents/{row['id']}")).body["status"] == "resolved"


@pytest.mark.parametrize("path", ["/security/runHuntingQuery", "/security/microsoft.graph.security.runHuntingQuery"])
async def test_hunting_in_a_table(graph: GraphCaller, path: str) -> None:
    graph.sim.world.tenant.records.hunting["EmailEvents"] = [
        {"SenderFromAddress": "megan@contoso.com", "Subject": "a"},
        {"SenderFromAddress": "megan@contoso.com", "Subject": "it's"},
        {"SenderFromAddress": "alex@contoso.com", "Subject": "c"},
    ]
    query = "EmailEvents | where SenderFromAddress =~ 'MEGAN@contoso.com' | project Subject | take 5"
    reply = await graph.post(path, {"query": query, "timespan": "P7D"})
    assert [row["Subject"] for row in reply.body["results"]] == ["a", "it's"]
    assert reply.body["schema"] == [{"name": "Subject", "type": "String"}]
    quoted = await graph.post(path, {"Query": "EmailEvents | where Subject == 'it\\'s'"})
    assert len(quoted.body["results"]) == 1
    for wrong in ("Unknown | take 5", "EmailEvents | sort by x", "EmailEvents | where Subject has 'a'", " "):
        assert (await graph.post(path, {"query": wrong})).status == 400
    graph.sim.world.tenant.licences = {"SPE_E3"}
    assert (await graph.post(path, {"query": "EmailEvents"})).status == 403


async def test_an_on_premises_account_is_disabled_and_the_sync_brings_it(graph: GraphCaller) -> None:
    patti = graph.sim.world.tenant.user("patti")
    sid = patti.properties["onPremisesSecurityIdentifier"]
    [row] = (await graph.get(f"{ACCOUNTS}?$filter=onPremisesSecurityIdentifier eq '{sid}'")).value
    assert (await graph.get(f"{ACCOUNTS}/{row['id']}")).body["isEnabled"] is True
    body = {"accountId": sid, "action": "disable", "identityProvider": "activeDirectory"}
    reply = await graph.post(f"{ACCOUNTS}/{row['id']}/microsoft.graph.security.invokeAction", body)
    assert (reply.status, reply.body["value"]["action"]) == (200, "disable")
    assert patti.enabled
    graph.sim.world.tenant.sync_tick()
    assert not patti.enabled
    reset = await graph.post(f"{ACCOUNTS}/{row['id']}/invokeAction", body | {"action": "forcePasswordReset"})
    assert reset.status == 200
    for changed in ({"action": "delete"}, {"identityProvider": "entraID"}):
        assert (await graph.post(f"{ACCOUNTS}/{row['id']}/invokeAction", body | changed)).status == 400
    assert (await graph.post(f"{ACCOUNTS}/{row['id']}/invokeAction", body | {"accountId": "x"})).status == 404
    assert len(graph.sim.world.tenant.records.on_premises_actions) == 2


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 202),
        ({"action": "burn"}, 400),
        ({"analyzedEmails": []}, 400),
        ({"analyzedEmails": [{"networkMessageId": "x"}]}, 400),
        ({"colour": "red"}, 400),
    ],
)
async def test_purging_mail_is_accepted_or_refused(graph: GraphCaller, changed: dict[str, Any], status: int) -> None:
    body = {
        "displayName": "case 17",
        "severity": "high",
        "action": "softDelete",
        "analyzedEmails": [{"networkMessageId": "1", "recipientEmailAddress": "alex@contoso.com"}],
    }
    reply = await graph.post(REMEDIATE, body | changed)
    assert reply.status == status
    assert ("Location" in reply.headers) is (status == 202)
    assert len(graph.sim.world.tenant.records.remediations) == (status == 202)


async def test_the_score_and_what_would_raise_it(graph: GraphCaller) -> None:
    [score] = (await graph.get("/security/secureScores?$top=1")).value
    assert score["currentScore"] < score["maxScore"]
    names = {each["controlName"] for each in score["controlScores"]}
    profiles = (await graph.get("/security/secureScoreControlProfiles")).value
    assert {profile["id"] for profile in profiles} == names
    one = await graph.get("/security/secureScoreControlProfiles/BlockLegacyAuthentication?$select=title,maxScore")
    assert one.body["maxScore"] == 8.0
