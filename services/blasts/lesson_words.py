"""What stands around every lesson, in each language: the lines and buttons that are not the lesson's own."""
# ruff: noqa: RUF001  # Russian is written in Cyrillic letters

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.blasts.languages import Language


@dataclass(frozen=True)
class LessonWords:
    """One language."""

    kind: str
    intro: str
    pick: str
    send: str
    right: str
    not_quite: str
    better: str
    thanks: str
    over_title: str
    over: str
    genuine: str


WORDS: Mapping[Language, LessonWords] = {
    Language.EN: LessonWords(
        kind="A lesson in one minute",
        intro="From your IT security team. Your answer helps us to explain better; nobody is graded.",
        pick="Pick one answer first.",
        send="Send my answer",
        right="That is right.",
        not_quite="Not quite.",
        better="Better",
        thanks="Thank you. That was all.",
        over_title="This message was taken back",
        over="There is nothing to do.",
        genuine="This message has no links, and it never asks for a password or a code.",
    ),
    Language.ES: LessonWords(
        kind="Una lección de un minuto",
        intro="De su equipo de seguridad informática. Su respuesta nos ayuda a explicarlo mejor; nadie recibe nota.",
        pick="Elija primero una respuesta.",
        send="Enviar mi respuesta",
        right="Correcto.",
        not_quite="No del todo.",
        better="Mejor",
        thanks="Gracias. Eso es todo.",
        over_title="Este mensaje se ha retirado",
        over="No tiene que hacer nada.",
        genuine="Este mensaje no tiene enlaces y nunca pide contraseñas ni códigos.",
    ),
    Language.DE: LessonWords(
        kind="Eine Lektion in einer Minute",
        intro="Von Ihrem IT-Sicherheitsteam. Ihre Antwort hilft uns, besser zu erklären; niemand wird benotet.",
        pick="Wählen Sie erst eine Antwort.",
        send="Antwort senden",
        right="Richtig.",
        not_quite="Nicht ganz.",
        better="Besser",
        thanks="Danke. Das war alles.",
        over_title="Diese Nachricht wurde zurückgezogen",
        over="Es ist nichts zu tun.",
        genuine="Diese Nachricht enthält keine Links und fragt nie nach einem Kennwort oder Code.",
    ),
    Language.FR: LessonWords(
        kind="Une leçon en une minute",
        intro="De votre équipe de sécurité informatique. Votre réponse nous aide à mieux expliquer ; pas de note.",
        pick="Choisissez d’abord une réponse.",
        send="Envoyer ma réponse",
        right="C’est juste.",
        not_quite="Pas tout à fait.",
        better="Mieux",
        thanks="Merci. C’est tout.",
        over_title="Ce message a été retiré",
        over="Il n’y a rien à faire.",
        genuine="Ce message n’a pas de lien et ne demande jamais de mot de passe ni de code.",
    ),
    Language.RU: LessonWords(
        kind="Урок на одну минуту",
        intro="От вашей службы ИТ-безопасности. Ваш ответ помогает нам объяснять лучше; оценок нет.",
        pick="Сначала выберите ответ.",
        send="Отправить ответ",
        right="Верно.",
        not_quite="Не совсем.",
        better="Лучше так",
        thanks="Спасибо. Это всё.",
        over_title="Это сообщение отозвано",
        over="Делать ничего не нужно.",
        genuine="В этом сообщении нет ссылок, и оно никогда не спрашивает пароли и коды.",
    ),
}
