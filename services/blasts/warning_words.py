"""The words of the warnings, one language after another. They are read by people in a hurry: short, calm, no blame."""
# ruff: noqa: RUF001  # Russian is written in Cyrillic letters

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.blasts.languages import Language


@dataclass(frozen=True)
class Words:
    """One language. `{bot}` and `{helpdesk}` are filled in; a sentence holds no links."""

    title: str
    what_happened: str
    what_happened_outside: str
    look_for: str
    subject: str
    sender: str
    sent: str
    do: tuple[str, ...]
    do_outside: tuple[str, ...]
    ask: str
    ask_outside: str
    genuine: str
    genuine_outside: str
    question: str
    clicked: str
    not_clicked: str
    after_click: tuple[str, ...]
    after_click_title: str
    after_no_click: str
    after_no_click_title: str
    helpdesk: str  # who it is where the settings name nobody
    mail_answer: str


WORDS: Mapping[Language, Words] = {
    Language.EN: Words(
        title="Warning about a mail that you got",
        what_happened="A stranger sent mail from an account of our organisation. By our records you got some of it.",
        what_happened_outside=(
            "A stranger sent mail from an account of our organisation. By our records some of it went to you. "
            "We are sorry for that. The account is locked."
        ),
        look_for="What to look for",
        subject="Subject like",
        sender="Sender",
        sent="Sent",
        do=(
            "Do not open its links or attachments, and do not answer it.",
            "Report it in Outlook, or delete it.",
            "Do not act on new bank details or other requests from it.",
        ),
        do_outside=(
            "Do not open its links or attachments, and do not answer it.",
            "Delete it, and tell your own IT department.",
            "Do not act on new bank details from it. Call us on a number that you already have.",
        ),
        ask="Questions? Ask: {helpdesk}.",
        ask_outside="Questions? Call the person in our organisation whom you know, on a number that you already have.",
        genuine=(
            "Is this genuine? {bot} is an app that our IT department put into Teams. It never asks for a password or "
            "a code, and this message has no links. If in doubt, call us on a number that you already have."
        ),
        genuine_outside=(
            "Is this genuine? This message has no links and no attachments, and asks you for nothing. If in doubt, "
            "call us on a number that you already have."
        ),
        question="Did you open a link or an attachment, enter something, or answer?",
        clicked="I clicked it",
        not_clicked="I did not",
        after_click_title="Thank you for telling us",
        after_click=(
            "Our responders know it now and will get in touch. You did the right thing, and nobody will blame you.",
            "Change your password now, the way you always do it, never through a link in a mail.",
            "Deny every sign-in request that you did not start. If a program was started, leave the computer alone.",
            "If it is urgent: {helpdesk}.",
        ),
        after_no_click_title="Thank you",
        after_no_click="Nothing else to do. If you find later that you opened it, tell us: {helpdesk}.",
        helpdesk="your IT helpdesk",
        mail_answer="If you opened a link or an attachment, entered something, or answered, tell us now: {helpdesk}.",
    ),
    Language.ES: Words(
        title="Aviso sobre un correo que recibió",
        what_happened=(
            "Un extraño envió correos desde una cuenta de nuestra organización. Según nuestros registros, "
            "usted recibió alguno."
        ),
        what_happened_outside=(
            "Un extraño envió correos desde una cuenta de nuestra organización. Según nuestros registros, usted "
            "recibió alguno. Lo lamentamos. La cuenta está bloqueada."
        ),
        look_for="Qué debe buscar",
        subject="Asunto parecido a",
        sender="Remitente",
        sent="Enviado",
        do=(
            "No abra sus enlaces ni adjuntos y no lo responda.",
            "Notifíquelo en Outlook o bórrelo.",
            "No siga sus indicaciones, por ejemplo sobre una nueva cuenta bancaria.",
        ),
        do_outside=(
            "No abra sus enlaces ni adjuntos y no lo responda.",
            "Bórrelo y avise a su propio departamento de informática.",
            "No use una nueva cuenta bancaria que venga en él. Llámenos a un número que ya tenga.",
        ),
        ask="¿Preguntas? Contacto: {helpdesk}.",
        ask_outside="¿Preguntas? Llame a la persona que conoce en nuestra organización, a un número que ya tenga.",
        genuine=(
            "¿Es auténtico? {bot} es una aplicación que nuestro departamento de informática puso en Teams. Nunca pide "
            "contraseñas ni códigos, y este mensaje no tiene enlaces. Si duda, llámenos a un número que ya tenga."
        ),
        genuine_outside=(
            "¿Es auténtico? Este mensaje no tiene enlaces ni adjuntos y no le pide nada. Si duda, llámenos a un "
            "número que ya tenga."
        ),
        question="¿Abrió un enlace o un adjunto, escribió algún dato o respondió?",
        clicked="Sí, hice clic",
        not_clicked="No",
        after_click_title="Gracias por avisarnos",
        after_click=(
            "Nuestro equipo ya lo sabe y se pondrá en contacto. Ha hecho lo correcto y nadie se lo va a reprochar.",
            "Cambie ahora su contraseña como lo hace siempre, nunca desde un enlace de un correo.",
            "Rechace toda solicitud de acceso que no haya iniciado. Si se abrió un programa, no use el equipo.",
            "Si es urgente: {helpdesk}.",
        ),
        after_no_click_title="Gracias",
        after_no_click="No tiene que hacer nada más. Si luego ve que lo abrió, avísenos: {helpdesk}.",
        helpdesk="su soporte informático",
        mail_answer="Si abrió un enlace o un adjunto, escribió algún dato o respondió, avísenos ahora: {helpdesk}.",
    ),
    Language.DE: Words(
        title="Warnung vor einer Mail, die Sie bekommen haben",
        what_happened=(
            "Ein Fremder hat Mails von einem Konto unserer Organisation verschickt. Nach unseren Aufzeichnungen haben "
            "Sie davon etwas bekommen."
        ),
        what_happened_outside=(
            "Ein Fremder hat Mails von einem Konto unserer Organisation verschickt. Nach unseren Aufzeichnungen ging "
            "etwas davon an Sie. Das tut uns leid. Das Konto ist gesperrt."
        ),
        look_for="Woran Sie sie erkennen",
        subject="Betreff ähnlich wie",
        sender="Absender",
        sent="Gesendet",
        do=(
            "Öffnen Sie weder Links noch Anhänge, und antworten Sie nicht.",
            "Melden Sie die Mail in Outlook, oder löschen Sie sie.",
            "Folgen Sie keiner Bitte daraus, etwa zu einer neuen Bankverbindung.",
        ),
        do_outside=(
            "Öffnen Sie weder Links noch Anhänge, und antworten Sie nicht.",
            "Löschen Sie die Mail, und informieren Sie Ihre eigene IT-Abteilung.",
            "Nutzen Sie keine neue Bankverbindung daraus. Rufen Sie uns unter einer Nummer an, die Sie schon haben.",
        ),
        ask="Fragen? Ansprechpartner: {helpdesk}.",
        ask_outside="Fragen? Rufen Sie Ihre Ansprechperson bei uns unter einer Nummer an, die Sie schon haben.",
        genuine=(
            "Ist das echt? {bot} ist eine App, die unsere IT in Teams bereitgestellt hat. Sie fragt nie nach einem "
            "Kennwort oder Code, und diese Nachricht enthält keine Links. Im Zweifel rufen Sie uns unter einer "
            "Nummer an, die Sie schon haben."
        ),
        genuine_outside=(
            "Ist das echt? Diese Nachricht enthält keine Links und keine Anhänge und verlangt nichts von Ihnen. Im "
            "Zweifel rufen Sie uns unter einer Nummer an, die Sie schon haben."
        ),
        question="Haben Sie einen Link oder Anhang geöffnet, etwas eingegeben oder geantwortet?",
        clicked="Ja, ich habe geklickt",
        not_clicked="Nein",
        after_click_title="Danke, dass Sie es sagen",
        after_click=(
            "Unser Team weiß jetzt Bescheid und meldet sich. Sie haben richtig gehandelt, niemand macht Vorwürfe.",
            "Ändern Sie jetzt Ihr Kennwort, so wie Sie es immer tun, nie über einen Link in einer Mail.",
            "Lehnen Sie jede Anmeldung ab, die nicht von Ihnen ist. Lief ein Programm, lassen Sie den Rechner in Ruhe.",
            "Wenn es eilt: {helpdesk}.",
        ),
        after_no_click_title="Danke",
        after_no_click="Mehr ist nicht zu tun. Merken Sie später, dass Sie sie geöffnet haben: {helpdesk}.",
        helpdesk="Ihr IT-Helpdesk",
        mail_answer="Haben Sie etwas geöffnet, eingegeben oder geantwortet, melden Sie es jetzt: {helpdesk}.",
    ),
    Language.FR: Words(
        title="Alerte sur un courriel que vous avez reçu",
        what_happened=(
            "Un inconnu a envoyé des courriels depuis un compte de notre organisation. D’après nos relevés, vous en "
            "avez reçu."
        ),
        what_happened_outside=(
            "Un inconnu a envoyé des courriels depuis un compte de notre organisation. D’après nos relevés, vous en "
            "avez reçu. Nous en sommes désolés. Le compte est bloqué."
        ),
        look_for="Comment le reconnaître",
        subject="Objet semblable à\u00a0",
        sender="Expéditeur\u00a0",
        sent="Envoyé\u00a0",
        do=(
            "N’ouvrez ni ses liens ni ses pièces jointes, et n’y répondez pas.",
            "Signalez-le dans Outlook, ou supprimez-le.",
            "Ne suivez aucune de ses demandes, par exemple de nouvelles coordonnées bancaires.",
        ),
        do_outside=(
            "N’ouvrez ni ses liens ni ses pièces jointes, et n’y répondez pas.",
            "Supprimez-le et prévenez votre propre service informatique.",
            "N’utilisez pas de nouvelles coordonnées bancaires. Appelez-nous à un numéro que vous avez déjà.",
        ),
        ask="Des questions ? Contact : {helpdesk}.",
        ask_outside="Des questions ? Appelez votre contact chez nous à un numéro que vous avez déjà.",
        genuine=(
            "Est-ce authentique ? {bot} est une application que notre service informatique a mise dans Teams. Elle ne "
            "demande jamais de mot de passe ni de code, et ce message n’a pas de lien. En cas de doute, appelez-nous "
            "à un numéro que vous avez déjà."
        ),
        genuine_outside=(
            "Est-ce authentique ? Ce message n’a ni lien ni pièce jointe et ne vous demande rien. En cas de doute, "
            "appelez-nous à un numéro que vous avez déjà."
        ),
        question="Avez-vous ouvert un lien ou une pièce jointe, saisi quelque chose ou répondu ?",
        clicked="Oui, j’ai cliqué",
        not_clicked="Non",
        after_click_title="Merci de nous l’avoir dit",
        after_click=(
            "Notre équipe le sait maintenant et vous contactera. Vous avez bien fait, personne ne vous le reprochera.",
            "Changez votre mot de passe maintenant, comme d’habitude, jamais par un lien dans un courriel.",
            "Refusez toute connexion que vous n’avez pas lancée. Si un programme s’est ouvert, laissez l’ordinateur.",
            "Si c’est urgent : {helpdesk}.",
        ),
        after_no_click_title="Merci",
        after_no_click="Rien d’autre à faire. Si vous l’avez quand même ouvert, dites-le-nous : {helpdesk}.",
        helpdesk="votre assistance informatique",
        mail_answer="Si vous avez ouvert, saisi quelque chose ou répondu, dites-le-nous maintenant : {helpdesk}.",
    ),
    Language.RU: Words(
        title="Предупреждение о письме, которое вы получили",
        what_happened=(
            "Посторонний рассылал письма с учётной записи нашей организации. По нашим данным, часть из них получили вы."
        ),
        what_happened_outside=(
            "Посторонний рассылал письма с учётной записи нашей организации. По нашим данным, часть из них пришла вам. "
            "Приносим извинения. Учётная запись заблокирована."
        ),
        look_for="Как узнать это письмо",
        subject="Тема похожа на",
        sender="Отправитель",
        sent="Отправлено",
        do=(
            "Не открывайте ссылки и вложения и не отвечайте на него.",
            "Сообщите о нём в Outlook или удалите его.",
            "Не выполняйте просьб из него, например о новых банковских реквизитах.",
        ),
        do_outside=(
            "Не открывайте ссылки и вложения и не отвечайте на него.",
            "Удалите его и сообщите своему ИТ-отделу.",
            "Не используйте новые реквизиты из него. Позвоните нам по номеру, который у вас уже есть.",
        ),
        ask="Есть вопросы? Кого спросить: {helpdesk}.",
        ask_outside="Есть вопросы? Позвоните тому, кого знаете у нас, по номеру, который у вас уже есть.",
        genuine=(
            "Подлинно ли это? {bot} — приложение, которое наш ИТ-отдел добавил в Teams. Оно никогда не спрашивает "
            "пароли и коды, и в этом сообщении нет ссылок. Если сомневаетесь, позвоните нам по номеру, который "
            "у вас уже есть."
        ),
        genuine_outside=(
            "Подлинно ли это? В этом сообщении нет ссылок и вложений, и оно ни о чём вас не просит. Если сомневаетесь, "
            "позвоните нам по номеру, который у вас уже есть."
        ),
        question="Вы открывали ссылку или вложение, вводили что-нибудь или отвечали?",
        clicked="Да, открывали",
        not_clicked="Нет",
        after_click_title="Спасибо, что сообщили",
        after_click=(
            "Наши специалисты уже знают и свяжутся с вами. Вы поступили правильно, никто не станет вас упрекать.",
            "Смените пароль прямо сейчас, так, как делаете всегда, но не по ссылке из письма.",
            "Отклоняйте запросы на вход, которые начали не вы. Если запускалась программа, не трогайте компьютер.",
            "Если срочно: {helpdesk}.",
        ),
        after_no_click_title="Спасибо",
        after_no_click="Больше ничего делать не нужно. Если позже поймёте, что открыли письмо, сообщите: {helpdesk}.",
        helpdesk="служба поддержки",
        mail_answer="Если вы что-то открыли, ввели или ответили, сообщите прямо сейчас: {helpdesk}.",
    ),
}
