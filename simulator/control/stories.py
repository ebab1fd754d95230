"""Stories: which there are, telling one to the tenant, and what of the intruder's is still there."""

from __future__ import annotations

from aiohttp import web

from simulator.control.knobs import read_object
from simulator.stories import STORIES, Story, apply, evicted, harmed, told
from simulator.tenant import Json
from simulator.world import World


def story_routes(world: World) -> list[web.RouteDef]:
    """GET says how each story stands, POST tells one."""

    def state(story: Story) -> Json:
        about: Json = {"id": story.id, "title": story.title, "account": story.account, "told": story.id in told(world)}
        if not about["told"]:
            return about
        mine = told(world)[story.id]
        return about | {
            "upn": mine.upn,
            "account_id": mine.account_id,
            "entered": mine.entered.isoformat(),
            "left": evicted(story, world),
            "harmed": harmed(story, world),
            "traces": [
                {
                    "key": trace.key,
                    "at": trace.at.isoformat(),
                    "names": sorted(trace.names),
                    "by_intruder": trace.by_intruder,
                    "lasting": trace.lasting,
                }
                for trace in mine.traces
            ],
            "truth": [{"step": each.step, "item": each.item, "evicted_by": each.evicted_by} for each in story.truth],
        }

    def find(story_id: str) -> Story:
        if story_id not in STORIES:
            raise web.HTTPNotFound(text=f"No such story. There are: {', '.join(STORIES)}.")
        return STORIES[story_id]

    async def stories(_request: web.Request) -> web.Response:
        return web.json_response({"stories": [state(story) for story in STORIES.values()]})

    async def one(request: web.Request) -> web.Response:
        return web.json_response(state(find(request.match_info["id"])))

    async def tell(request: web.Request) -> web.Response:
        body = await read_object(request)
        if set(body) != {"story"}:
            raise web.HTTPBadRequest(text="The body names one story.")
        story = find(str(body["story"]))
        apply(story, world)
        return web.json_response(state(story))

    return [
        web.get("/_control/stories", stories),
        web.get("/_control/stories/{id}", one),
        web.post("/_control/stories", tell),
    ]
