"""A warning reaches exactly the people concerned, in their language, and their answers reach the responders."""

from __future__ import annotations

from simulator.bench import Bench
from simulator.config import SimulatorConfig
from tests.stories.blast_steps import (
    PATIENCE,
    SETTINGS,
    button_like,
    got,
    lock_and_look,
    mail_group,
    mails_to,
    reads,
    sent,
    suspect,
)

_CONFIG = SimulatorConfig(audit_query_seconds=0, device_seconds=0)


async def test_a_warning_from_the_phase_card_to_the_answers() -> None:
    async with Bench.start(_CONFIG, settings=SETTINGS) as bench:
        reads(bench, jose="es-ES", lynne="fr-FR", lee="de-DE")
        mail_group(bench, "sales@contoso.com", "jose", "joni.sherman2")
        sent(bench, "megan", "Invoice 20931 overdue", "jose@contoso.com", "sales@contoso.com", "anna@fabrikam.com")
        sent(bench, "megan", "Invoice 20931 overdue", "lee@contoso.com", "invoices@contoso.com", "isaiah@contoso.com")
        sent(bench, "megan", "Invoice 20931 overdue", "lynne@contoso.com", "bernd@tailspin.de", "megan@contoso.com")
        await suspect(bench, "isaiah")
        await lock_and_look(bench, "megan@contoso.com")

        await bench.click("Inform people", by="grady", where="thread")
        await bench.until_button("Warn…", by="grady", where="thread")
        for by in ("alex", "adele"):  # a responder and an approver; this is for communicators
            refused = await bench.click("Warn…", by=by, where="thread")
            assert refused.has("the IRBot role for this")
        await bench.click("Warn…", by="grady", where="thread")
        await bench.until_button("Draw it up…", by="grady", where="thread", timeout=PATIENCE)
        inputs = {"which": "window", "leave_out": "lynne@contoso.com", "add": "miriam.o'connor@contoso.com"}
        await bench.click("Draw it up…", by="grady", where="thread", inputs=inputs)

        ask = await button_like(bench, r"Ask to warn .*", by="grady", where="thread")
        assert ask == "Ask to warn 5 inside, 2 outside…"
        draft = next(shown for shown in bench.cards(by="grady", where="thread") if ask in shown.buttons)
        assert "1 not warned: left out by hand" in draft.text
        assert "1 not warned: the account of this incident" in draft.text
        assert "1 not warned: the account of another open incident" in draft.text
        assert "Aviso sobre un correo" in draft.full_text
        assert "20931" not in draft.full_text
        assert not mails_to(bench)

        await bench.click(ask, by="grady", where="thread")
        alone = await bench.click("Warn 5 inside, 2 outside", by="grady", where="thread")
        assert alone.has("asked for this")
        await bench.until_button("Warn 5 inside, 2 outside", by="adele", where="personal", timeout=PATIENCE)
        await bench.click("Warn 5 inside, 2 outside", by="adele", where="personal")

        await bench.until_button("Take back what was sent", by="grady", where="thread", timeout=PATIENCE)
        await bench.until(lambda: len(mails_to(bench)) == 3, PATIENCE, "the mails")
        outside = mails_to(bench)
        assert set(outside) == {"invoices@contoso.com", "anna@fabrikam.com", "bernd@tailspin.de"}
        assert "Warnung vor einer Mail" in outside["bernd@tailspin.de"]
        assert "megan" not in "".join(outside.values()).casefold()

        titles = {
            "jose": "Aviso sobre un correo que recibió",
            "joni.sherman2": "Warning about a mail that you got",
            "lee": "Warnung vor einer Mail, die Sie bekommen haben",
            "miriam.o'connor": "Warning about a mail that you got",
        }
        for who, title in titles.items():
            assert [shown.has(title) for shown in got(bench, who)] == [True], who
        for who in ("megan", "isaiah", "lynne", "joni"):
            assert not any(shown.has("mail that you got") for shown in got(bench, who)), who

        clicked = await bench.click("Ja, ich habe geklickt", by="lee", where="personal")
        assert clicked.has("Ändern Sie jetzt Ihr Kennwort")
        assert clicked.card is not None
        assert not clicked.card.buttons
        again = await bench.click("No", by="jose", where="personal")
        assert again.has("Gracias")

        offer = await bench.until_button("Open incident", by="alex", where="thread")
        assert offer.has("Lee Gu clicked it")
        assert not [shown for shown in bench.cards(by="alex", where="thread") if shown.has("José Müller clicked it")]
        refused = await bench.click("Open incident", by="grady", where="thread")
        assert refused.has("role")
        opened = await bench.click("Open incident", by="diego", where="thread")
        assert opened.has("Lee Gu")
        await bench.until_card("Lee Gu", by="alex", where="thread")


async def test_nobody_answers_for_somebody_else_and_what_was_taken_back_takes_no_answer() -> None:
    async with Bench.start(_CONFIG, settings=SETTINGS) as bench:
        sent(bench, "megan", "Look at this", "jose@contoso.com", "lee@contoso.com", "patti@contoso.com")
        await _warned(bench, "Warn 3 inside")
        aim = await bench.aim("I clicked it", by="jose", where="personal")
        theirs = await bench.aim("I clicked it", by="lee", where="personal")
        late = await bench.aim("I clicked it", by="patti", where="personal")
        forged = await aim.but(nonce="0" * 32).press()
        assert forged.has("did not come from a card")
        stranger = await theirs.but(by="grady").press(check=False)
        assert not stranger.has("Change your password")
        assert (await aim.press()).has("Change your password")
        no = await bench.aim("I did not", by="lee", where="personal")
        assert (await no.press()).has("Nothing else to do")
        assert (await theirs.press()).has("Nothing else to do"), "the first answer stays"

        await bench.click("Take back what was sent", by="grady", where="thread")
        await bench.until_card("is gone from the chats", by="grady", where="thread", timeout=PATIENCE)
        assert not any(shown.has("mail that you got") for who in ("jose", "lee", "patti") for shown in got(bench, who))
        await bench.until_card("messages were taken back", by="grady", where="thread", timeout=PATIENCE)
        assert (await late.press(check=False)).has("taken back")
        assert not [shown for shown in bench.cards(by="alex", where="thread") if shown.has("Patti Fernandez clicked")]


async def _warned(bench: Bench, approve: str) -> None:
    """A warning that has been sent."""
    await lock_and_look(bench, "megan@contoso.com")
    await bench.click("Inform people", by="grady", where="thread")
    await bench.until_button("Warn…", by="grady", where="thread")
    await bench.click("Warn…", by="grady", where="thread")
    await bench.until_button("Draw it up…", by="grady", where="thread", timeout=PATIENCE)
    await bench.click("Draw it up…", by="grady", where="thread", inputs={"which": "window"})
    await bench.click(
        await button_like(bench, r"Ask to warn .*", by="grady", where="thread"), by="grady", where="thread"
    )
    await bench.until_button(approve, by="adele", where="personal", timeout=PATIENCE)
    await bench.click(approve, by="adele", where="personal")
    await bench.until_button("Take back what was sent", by="grady", where="thread", timeout=PATIENCE)
