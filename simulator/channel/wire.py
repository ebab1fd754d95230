"""What the Bot Connector refuses to take: malformed activities and Adaptive Cards, each named with its place.

The emulator accepts everything and Teams shows half of a wrong card without a word; here a mistake is loud.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from simulator.channel.conversations import ADAPTIVE_CARD
from simulator.channel.files import CONSENT, INFO, faults_of_file


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The documentation says about 100 KB, its newer text 80 KB, and people report refusals near 70 KB.
MESSAGE_LIMIT_BYTES = 80 * 1024
_INLINE_IMAGE = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
_CARD_VERSIONS = {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}
_ACTIVITY_TYPES = {"message", "typing"}
_ACTIVITY_KEYS = _words(
    """
    action attachmentLayout attachments callerId channelData channelId code conversation deliveryMode
    entities expiration from historyDisclosed id importance inputHint label listenFor localTimestamp
    localTimezone locale membersAdded membersRemoved name reactionsAdded reactionsRemoved recipient
    relatesTo replyToId semanticAction serviceUrl speak suggestedActions summary text textFormat
    textHighlights timestamp topicName type value valueType
    """
)
_TEXT_FORMATS = {"markdown", "plain", "xml"}

_ANY = ("id", "isVisible", "requires", "fallback", "height", "separator", "spacing", "type", "targetWidth")
_BLOCK = ("backgroundImage", "bleed", "minHeight", "rtl", "selectAction", "style", "verticalContentAlignment")
_INPUT = (*_ANY, "errorMessage", "isRequired", "label", "value")
_ELEMENTS: dict[str, tuple[str, ...]] = {
    "ActionSet": (*_ANY, "actions"),
    "Column": (*_ANY, *_BLOCK, "items", "width"),
    "ColumnSet": (*_ANY, *_BLOCK, "columns", "horizontalAlignment"),
    "Container": (*_ANY, *_BLOCK, "items"),
    "FactSet": (*_ANY, "facts"),
    "Image": (*_ANY, "altText", "backgroundColor", "horizontalAlignment", "msteams", "selectAction", "size", "style",
              "url", "width"),
    "ImageSet": (*_ANY, "images", "imageSize"),
    "Input.ChoiceSet": (*_INPUT, "choices", "choices.data", "isMultiSelect", "placeholder", "style", "wrap"),
    "Input.Date": (*_INPUT, "max", "min", "placeholder"),
    "Input.Number": (*_INPUT, "max", "min", "placeholder"),
    "Input.Text": (*_INPUT, "inlineAction", "isMultiline", "maxLength", "placeholder", "regex", "style"),
    "Input.Time": (*_INPUT, "max", "min", "placeholder"),
    "Input.Toggle": (*_INPUT, "title", "valueOff", "valueOn", "wrap"),
    "Media": (*_ANY, "altText", "captionSources", "poster", "sources"),
    "RichTextBlock": (*_ANY, "horizontalAlignment", "inlines"),
    "Table": (*_ANY, "columns", "firstRowAsHeader", "gridStyle", "horizontalCellContentAlignment", "rows",
              "showGridLines", "verticalCellContentAlignment"),
    "TableCell": (*_ANY, *_BLOCK, "items"),
    "TableRow": (*_ANY, "cells", "horizontalCellContentAlignment", "style", "verticalCellContentAlignment"),
    "TextBlock": (*_ANY, "color", "fontType", "horizontalAlignment", "isSubtle", "maxLines", "size", "style", "text",
                  "weight", "wrap"),
}  # fmt: skip
_ACTION = ("fallback", "iconUrl", "id", "isEnabled", "mode", "requires", "style", "title", "tooltip", "type")
_ACTIONS: dict[str, tuple[str, ...]] = {
    "Action.Execute": (*_ACTION, "associatedInputs", "data", "verb"),
    "Action.OpenUrl": (*_ACTION, "url"),
    "Action.ShowCard": (*_ACTION, "card"),
    "Action.Submit": (*_ACTION, "associatedInputs", "data"),
    "Action.ToggleVisibility": (*_ACTION, "targetElements"),
}
_CARD = _words(
    """
    $schema actions authentication backgroundImage body fallbackText lang metadata minHeight msteams refresh
    rtl selectAction speak type version verticalContentAlignment
    """
)
_REQUIRED: dict[str, tuple[str, ...]] = {
    "Action.Execute": ("title",),
    "Action.OpenUrl": ("url",),
    "Action.ShowCard": ("card", "title"),
    "Action.ToggleVisibility": ("targetElements",),
    "ActionSet": ("actions",),
    "ColumnSet": ("columns",),
    "Column": ("items",),
    "Container": ("items",),
    "FactSet": ("facts",),
    "Image": ("url",),
    "Input.ChoiceSet": ("choices",),
    "Input.Toggle": ("title",),
    "RichTextBlock": ("inlines",),
    "TextBlock": ("text",),
}
_ENUMS: dict[tuple[str, str], frozenset[str]] = {
    ("*", "spacing"): frozenset({"default", "none", "small", "medium", "large", "extralarge", "padding"}),
    ("*", "height"): frozenset({"auto", "stretch"}),
    ("TextBlock", "color"): frozenset({"default", "dark", "light", "accent", "good", "warning", "attention"}),
    ("TextBlock", "size"): frozenset({"default", "small", "medium", "large", "extralarge"}),
    ("TextBlock", "weight"): frozenset({"default", "lighter", "bolder"}),
    ("TextBlock", "fontType"): frozenset({"default", "monospace"}),
    ("TextBlock", "style"): frozenset({"default", "heading", "columnheader"}),
    ("Container", "style"): frozenset({"default", "emphasis", "good", "attention", "warning", "accent"}),
    ("Column", "style"): frozenset({"default", "emphasis", "good", "attention", "warning", "accent"}),
    ("Input.ChoiceSet", "style"): frozenset({"compact", "expanded", "filtered"}),
    ("Input.Text", "style"): frozenset({"text", "tel", "url", "email", "password"}),
    ("action", "style"): frozenset({"default", "positive", "destructive"}),
    ("action", "mode"): frozenset({"primary", "secondary"}),
}
_FLAGS = _words("isEnabled isMultiline isRequired isSubtle isVisible separator wrap")
_TEXTS = _words("id text title label placeholder url verb altText errorMessage style color size weight spacing value")


def utf16_bytes(value: Any) -> int:
    """The size of a JSON value as Teams counts it: UTF-16, images inside it left out."""
    text = _INLINE_IMAGE.sub("", json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return len(text.encode("utf-16-le", "surrogatepass"))


def faults_of_activity(activity: Any) -> list[str]:
    """Why the connector would not take this activity from a bot; empty where it would."""
    if not isinstance(activity, dict):
        return ["activity: not a JSON object"]
    faults = [f"{key}: no such property of an activity" for key in activity if key not in _ACTIVITY_KEYS]
    kind = activity.get("type")
    if not isinstance(kind, str) or kind not in _ACTIVITY_TYPES:
        return [*faults, f"type: {kind!r} cannot be sent to a Teams conversation"]
    for name in ("id", "text", "summary", "replyToId", "serviceUrl", "channelId"):
        if activity.get(name) is not None and not isinstance(activity[name], str):
            faults.append(f"{name}: not a text")
    text_format = activity.get("textFormat")
    if text_format is not None and (not isinstance(text_format, str) or text_format not in _TEXT_FORMATS):
        faults.append(f"textFormat: {text_format!r}")
    attachments = activity.get("attachments") or []
    if not isinstance(attachments, list):
        return [*faults, "attachments: not a list"]
    if kind == "message" and not attachments and not str(activity.get("text") or "").strip():
        faults.append("text: a message needs text or an attachment")
    if attachments and activity.get("text"):
        faults.append("text: Teams splits a message with text and a card in two and gives no id; send the card alone")
    if len(attachments) > 10:
        faults.append(f"attachments: {len(attachments)}, at most 10")
    faults += _faults_of_attachments(attachments)
    faults += _faults_of_mentions(activity)
    return faults


def _faults_of_attachments(attachments: list[Any]) -> Iterator[str]:
    for index, attachment in enumerate(attachments):
        at = f"attachments[{index}]"
        if not isinstance(attachment, dict) or not isinstance(attachment.get("contentType"), str):
            yield f"{at}: no contentType"
        elif attachment["contentType"] == ADAPTIVE_CARD:
            yield from (f"{at}.content.{fault}" for fault in faults_of_card(attachment.get("content")))
        elif attachment["contentType"] in {CONSENT, INFO}:
            yield from faults_of_file(attachment, at)


def _faults_of_mentions(activity: dict[str, Any]) -> Iterator[str]:
    entities = activity.get("entities") or []
    if not isinstance(entities, list):
        yield "entities: not a list"
        return
    for index, entity in enumerate(entities):
        if not isinstance(entity, dict) or not isinstance(entity.get("type"), str):
            yield f"entities[{index}]: no type"
        elif entity["type"] == "mention":
            mentioned = entity.get("mentioned")
            if not isinstance(mentioned, dict) or not isinstance(mentioned.get("id"), str):
                yield f"entities[{index}].mentioned: no id"
            elif not activity.get("attachments") and str(entity.get("text")) not in str(activity.get("text")):
                yield f"entities[{index}].text: not in the message's text"


def faults_of_card(card: Any) -> list[str]:
    """Why Teams would not show this Adaptive Card as meant; empty where it would."""
    walk = _CardWalk()
    walk.card(card, "card", root=True)
    return walk.faults


class _CardWalk:
    """One walk over one card; the ids of inputs are unique over all of it."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._inputs: set[str] = set()

    def card(self, card: Any, at: str, *, root: bool) -> None:
        if not isinstance(card, dict):
            self.faults.append(f"{at}: not a JSON object")
            return
        if card.get("type") != "AdaptiveCard":
            self.faults.append(f"{at}.type: {card.get('type')!r} is no AdaptiveCard")
        version = card.get("version")
        if (root or "version" in card) and (not isinstance(version, str) or version not in _CARD_VERSIONS):
            self.faults.append(f"{at}.version: {version!r}; Teams shows 1.0 to 1.5")
        self._known(card, _CARD, at)
        self._each(card.get("body", []), f"{at}.body", self._element)
        self._each(card.get("actions", []), f"{at}.actions", self._action)
        if "refresh" in card:
            self._refresh(card["refresh"], f"{at}.refresh")

    def _refresh(self, refresh: Any, at: str) -> None:
        if not isinstance(refresh, dict) or not isinstance(refresh.get("action"), dict):
            self.faults.append(f"{at}: no action")
            return
        action = refresh["action"]
        if action.get("type") != "Action.Execute" or not isinstance(action.get("verb"), str):
            self.faults.append(f"{at}.action: no Action.Execute with a verb")
        users = refresh.get("userIds", [])
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            self.faults.append(f"{at}.userIds: not a list of texts")
        elif len(users) > 60:
            self.faults.append(f"{at}.userIds: {len(users)}, at most 60")
        elif any(not user.startswith(("29:", "8:")) for user in users):
            self.faults.append(f"{at}.userIds: not Teams user ids (29:…)")

    def _element(self, element: dict[str, Any], at: str) -> None:
        kind = element.get("type")
        if not isinstance(kind, str) or kind not in _ELEMENTS:
            self.faults.append(f"{at}.type: {kind!r} is no element of Adaptive Cards 1.5")
            return
        self._known(element, frozenset(_ELEMENTS[kind]), at)
        self._common(element, kind, at)
        if kind.startswith("Input."):
            self._input(element, at)
        for name in ("items", "columns", "images", "rows", "cells"):
            if kind == "Table" and name == "columns":
                continue
            if name in element:
                inner = {"columns": "Column", "images": "Image", "rows": "TableRow", "cells": "TableCell"}.get(name)
                self._each(element[name], f"{at}.{name}", self._of_type(inner))
        if kind == "ActionSet":
            self._each(element.get("actions"), f"{at}.actions", self._action)
        if kind == "FactSet":
            self._each(element.get("facts"), f"{at}.facts", self._fact)
        if kind == "RichTextBlock":
            self._each(element.get("inlines"), f"{at}.inlines", self._run)
        for name in ("selectAction", "inlineAction"):
            if name in element:
                self._each([element[name]], f"{at}.{name}", self._action)

    def _of_type(self, expected: str | None) -> Callable[[dict[str, Any], str], None]:
        def check(element: dict[str, Any], at: str) -> None:
            if expected is not None:
                element = {"type": expected, **element}
                if element["type"] != expected:
                    self.faults.append(f"{at}.type: {element['type']!r} is no {expected}")
                    return
            self._element(element, at)

        return check

    def _input(self, element: dict[str, Any], at: str) -> None:
        identifier = element.get("id")
        if not isinstance(identifier, str) or not identifier:
            self.faults.append(f"{at}.id: an input needs an id")
        elif identifier in self._inputs:
            self.faults.append(f"{at}.id: {identifier!r} is there twice")
        else:
            self._inputs.add(identifier)
        if element.get("isRequired") and not element.get("label"):
            self.faults.append(f"{at}.label: a required input needs a label")
        if element["type"] == "Input.ChoiceSet":
            self._each(element.get("choices"), f"{at}.choices", self._choice)

    def _action(self, action: dict[str, Any], at: str) -> None:
        kind = action.get("type")
        if not isinstance(kind, str) or kind not in _ACTIONS:
            self.faults.append(f"{at}.type: {kind!r} is no action of Adaptive Cards 1.5")
            return
        self._known(action, frozenset(_ACTIONS[kind]), at)
        self._common(action, kind, at)
        if kind == "Action.Execute" and not isinstance(action.get("verb"), str):
            self.faults.append(f"{at}.verb: an Action.Execute needs a verb")
        if "data" in action and not isinstance(action["data"], (dict, str)):
            self.faults.append(f"{at}.data: neither an object nor a text")
        if kind == "Action.ShowCard":
            self.card(action.get("card"), f"{at}.card", root=False)

    def _fact(self, fact: dict[str, Any], at: str) -> None:
        self._texts(fact, ("title", "value"), at)

    def _choice(self, choice: dict[str, Any], at: str) -> None:
        self._texts(choice, ("title", "value"), at)

    def _run(self, run: dict[str, Any], at: str) -> None:
        if run.get("type") != "TextRun":
            self.faults.append(f"{at}.type: {run.get('type')!r} is no TextRun")
        self._texts(run, ("text",), at)

    def _texts(self, holder: dict[str, Any], names: tuple[str, ...], at: str) -> None:
        for name in names:
            if not isinstance(holder.get(name), str):
                self.faults.append(f"{at}.{name}: not a text")

    def _known(self, holder: dict[str, Any], names: frozenset[str], at: str) -> None:
        self.faults += [f"{at}.{name}: no such property" for name in holder if name not in names]

    def _common(self, holder: dict[str, Any], kind: str, at: str) -> None:
        for name in _REQUIRED.get(kind, ()):
            if name not in holder:
                self.faults.append(f"{at}.{name}: missing")
        for name, value in holder.items():
            if name in _TEXTS and not isinstance(value, str) and (name, kind) != ("value", "Input.Number"):
                self.faults.append(f"{at}.{name}: {value!r} is not a text")
                continue
            group = "action" if kind.startswith("Action.") else kind
            allowed = _ENUMS.get((group, name)) or (_ENUMS.get(("*", name)) if group != "action" else None)
            if allowed is not None and isinstance(value, str) and value.lower() not in allowed:
                if name == "height" and value.endswith("px"):
                    continue
                self.faults.append(f"{at}.{name}: {value!r} is none of {', '.join(sorted(allowed))}")
            if name in _FLAGS and not isinstance(value, bool):
                self.faults.append(f"{at}.{name}: {value!r} is neither true nor false")

    def _each(self, items: Any, at: str, check: Callable[[dict[str, Any], str], None]) -> None:
        if not isinstance(items, list):
            self.faults.append(f"{at}: not a list")
            return
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                if check == self._run and isinstance(item, str):
                    continue
                self.faults.append(f"{at}[{index}]: not a JSON object")
            else:
                check(item, f"{at}[{index}]")
