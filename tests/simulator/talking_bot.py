"""A small bot that really posts: it gets its token from the sign-in service and answers through the connector."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from services.settings import Settings
from tests.simulator.stub_bot import card, post_of

Json = dict[str, Any]


def ask(text: str = "Lock Megan Bowen?", **more: Any) -> Json:
    """A card with a plain button, an input, and buttons that are folded away."""
    execute = {"type": "Action.Execute", "data": {"v": 1, "id": "7", "nonce": "n"}}
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [
            {"type": "TextBlock", "text": text, "wrap": True},
            {"type": "FactSet", "facts": [{"title": "Since", "value": "{{DATE(2026-11-25T15:30:00Z,SHORT)}}"}]},
            {"type": "TextBlock", "text": "Not seen at first", "isVisible": False},
            {"type": "Input.Text", "id": "why", "label": "Why", "isRequired": True, "maxLength": 20},
            {"type": "Input.Toggle", "id": "mail", "title": "Warn by mail", "value": "true"},
            {"type": "ActionSet", "actions": [{**execute, "title": "Lock now", "verb": "lock"}]},
        ],
        "actions": [
            {
                "type": "Action.ShowCard",
                "title": "More…",
                "card": {
                    "type": "AdaptiveCard",
                    "body": [{"type": "Input.Text", "id": "note", "label": "Note", "value": "none"}],
                    "actions": [{**execute, "title": "Refuse", "verb": "refuse"}],
                },
            },
            {"type": "Action.OpenUrl", "title": "Manual", "url": "https://example.com"},
        ],
        **more,
    }


class TalkingBot:
    """Says a card to `card`, a refreshing card to `mine`, a text to anything else; counts what it gets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.presses: list[Json] = []
        self.answer: Any = None
        self.slow_seconds = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application()
        app.router.add_post("/api/messages", self._messages)
        app.router.add_get("/readyz", self._ready)
        app.cleanup_ctx.append(self._client)
        return app

    async def _client(self, app: web.Application) -> Any:
        self._http = aiohttp.ClientSession()
        yield
        await asyncio.gather(*self._tasks)
        await self._http.close()

    async def _ready(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _messages(self, request: web.Request) -> web.Response:
        activity = await request.json()
        if activity["type"] == "invoke":
            self.presses.append(activity)
            await asyncio.sleep(self.slow_seconds)
            return web.json_response(self._answer_to(activity))
        if activity["type"] == "message":
            task = asyncio.create_task(self._reply(activity))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response(status=202)

    def _answer_to(self, activity: Json) -> Json:
        if self.answer is not None:
            return dict(self.answer)
        action, sender = activity["value"]["action"], activity["from"]["name"]
        if action["verb"] == "refuse":
            return {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "Refused."}
        value = card("Undo", text=f"{action['verb']} by {sender}")
        return {"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": value}

    async def _reply(self, activity: Json) -> None:
        words = activity["text"].split()[-1]
        if words == "card":
            reply = post_of(ask())
        elif words == "mine":
            refresh = {"action": {"type": "Action.Execute", "verb": "mine"}, "userIds": [activity["from"]["id"]]}
            reply = post_of(card("Common", text="For all", refresh=refresh))
        else:
            reply = {"type": "message", "text": f"You said {words}"}
        await self._post(activity["conversation"]["id"], reply)

    async def _post(self, conversation: str, activity: Json) -> None:
        headers = {"Authorization": f"Bearer {await self._token()}"}
        url = f"{self._settings.service_urls[0]}v3/conversations/{quote(conversation, safe='')}/activities"
        async with self._http.post(url, json=activity, headers=headers) as answer:
            assert answer.status == 201, await answer.text()

    async def _token(self) -> str:
        assert self._settings.app_secret is not None
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.app_id,
            "client_secret": self._settings.app_secret.get_secret_value(),
            "scope": self._settings.bot_scope,
        }
        url = f"{self._settings.login_url}/{self._settings.tenant_id}/oauth2/v2.0/token"
        trust = await asyncio.to_thread(ssl.create_default_context, cafile=str(self._settings.ca_file))
        async with self._http.post(url, data=form, ssl=trust) as answer:
            return str((await answer.json())["access_token"])
