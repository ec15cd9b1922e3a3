"""The console in a real Chromium: it shows what is, and does what it is told."""

import pytest
from console_kit import BROWSER, FLAGS, KEYS, Stage, console

from sparekey.simulator import Simulator, faults

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed (Debian's package chromium)")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def stage():
    with Simulator() as simulator:
        yield Stage(simulator)


@pytest.fixture
def page(browser, stage):
    with console(stage) as url:
        opened = browser.new_page()
        opened.url_of = url
        opened.goto(f"{url}/console")
        opened.wait_for_selector(".card .figure")
        yield opened
        opened.close()


def test_a_failover_is_shown_as_it_happens(page, stage):
    """Headline, cause and a countdown that moves; the list of failed attempts explains."""
    playwright.expect(page.locator("#headline")).to_have_text("team-a serves")
    stage.providers["team-a"].fail(faults.quota(retry_after=300))
    stage.ask()
    playwright.expect(page.locator("#headline")).to_have_text("team-b serves in place of team-a")
    countdown = page.locator("[data-id=team-a] time")
    before = countdown.text_content()
    playwright.expect(countdown).not_to_have_text(before)
    page.locator("#failures summary").click()
    playwright.expect(page.locator(".explained")).to_contain_text("Top up the account's balance.")


def test_an_action_by_keyboard_is_confirmed_first(page, stage):
    """Enter opens the dialog, Escape closes it and changes nothing; confirmed, the credential is held."""
    page.locator("[data-id=team-a] button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert not page.locator("#dialog").is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Actions for team-a"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert not stage.chat.status().credentials[0].held
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("[data-id=team-a] .pill")).to_have_text("Held")
    assert stage.chat.status().credentials[0].held


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(browser, stage, scheme):
    """At 360 px nothing is wider than the screen, in both schemes."""
    with console(stage) as url:
        page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
        page.goto(f"{url}/console")
        page.wait_for_selector(".card .figure")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 24)"
        page.close()
    assert dark is (scheme == "dark")


def test_texts_of_providers_stay_texts_and_keys_stay_out(page, stage):
    """Markup in an error is shown, not run; the key that it repeats is nowhere on the page."""
    key = KEYS["team-a"]
    stage.providers["team-a"].fail(faults.auth(message=f"<img src=x onerror=\"document.title='owned'\"> bad key {key}"))
    stage.ask()
    page.locator("#failures summary").click()
    playwright.expect(page.locator(".said")).to_contain_text("<img src=x")
    assert page.locator("#failures img").count() == 0
    assert "owned" not in page.title()
    assert key not in page.content()
