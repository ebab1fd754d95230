"""Teams: IRBot installs itself for a person and may then write into the activity feed."""

from __future__ import annotations

from simulator.channel.identities import personal_chat_id
from simulator.channel.teams import teams_of
from tests.simulator.graph.caller import GraphCaller

APPS = "/users/alex@contoso.com/teamwork/installedApps"
NOTICE = {
    "topic": {"source": "text", "value": "Case 17"},
    "activityType": "caseUpdate",
    "previewText": {"content": "Hi"},
}


async def test_the_app_installs_itself_once_and_notifies(graph: GraphCaller) -> None:
    world = graph.sim.world
    [app] = (
        await graph.get(f"/appCatalogs/teamsApps?$filter=externalId eq '{world.app_id}'&$expand=appDefinitions")
    ).value
    bind = {"teamsApp@odata.bind": f"https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/{app['id']}"}
    notify = "/users/alex@contoso.com/teamwork/sendActivityNotification"
    assert (await graph.post(notify, NOTICE)).status == 403
    teams_of(world).without_app.add(world.tenant.user("alex").id)
    assert (await graph.post(APPS, bind)).status == 201
    assert teams_of(world).without_app == set()  # the bot may write to them from now on
    again = await graph.post(APPS, bind)
    assert (again.status, again.code) == (409, "Conflict")
    [row] = (await graph.get(f"{APPS}?$expand=teamsApp&$filter=teamsApp/externalId eq '{world.app_id}'")).value
    assert row["teamsApp"]["displayName"] == "IRBot"
    assert (await graph.post(notify, NOTICE)).status == 204
    assert [item.kind for item in world.inbox.of(world.tenant.user("alex").id)] == ["feed"]
    assert (await graph.get(f"{APPS}/{row['id']}")).status == 200
    assert (await graph.delete(f"{APPS}/{row['id']}")).status == 204
    assert (await graph.get(APPS)).value == []
    assert (await graph.get(f"{APPS}/{row['id']}")).status == 404


async def test_other_apps_and_wrong_requests_are_refused(graph: GraphCaller) -> None:
    records = graph.sim.world.tenant.records
    records.teams_apps.append({"id": "other", "externalId": "other", "displayName": "Other", "appDefinitions": []})
    assert (await graph.post(APPS, {"teamsApp@odata.bind": "x/other"})).code == "Forbidden"
    assert (await graph.post(APPS, {"teamsApp@odata.bind": "x/unknown"})).status == 404
    assert (await graph.post(APPS, {"teamsApp": "x"})).status == 400
    assert (await graph.post(APPS, None)).status == 400


async def test_the_chat_of_an_installation_is_the_one_that_the_bot_writes_to(graph: GraphCaller) -> None:
    world = graph.sim.world
    [app] = (await graph.get("/appCatalogs/teamsApps")).value
    await graph.post(APPS, {"teamsApp@odata.bind": f"x/{app['id']}"})
    [row] = (await graph.get(APPS)).value
    chat = await graph.get(f"{APPS}/{row['id']}/chat")
    assert chat.body["id"] == personal_chat_id(world.app_id, world.tenant.user("alex").id)
