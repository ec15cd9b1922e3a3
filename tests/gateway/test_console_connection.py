"""The console's connection: what the page says and does when it is lost, when the session ends, and while nobody looks at it."""

import re
import time

import pytest
from console_kit import ADMIN_KEY, Stage, console

from sparekey.lab.simulator import Simulator, faults

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
expect = playwright.expect
NOW = time.time()
HIDE = """
let away = false;
Object.defineProperty(document, "hidden", { get: () => away });
window.look = (here) => { away = !here; document.dispatchEvent(new Event("visibilitychange")); };
"""


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as started:
        yield started


@pytest.fixture
def stage(simulator, request):
    return Stage(simulator, f"{request.node.name}-")


@pytest.fixture
def page(browser):
    """A page whose time passes as the test says."""
    opened = browser.new_page()
    opened.clock.install(time=NOW)
    opened.clock.pause_at(NOW + 60)
    opened.add_init_script(HIDE)
    yield opened
    opened.close()


def show(page, url):
    page.goto(f"{url}/console")
    page.wait_for_selector(".card .figure")
    expect(page.locator("body")).to_have_class("live")


def next_try(page):
    """How many seconds the page says that it waits."""
    return int(re.search(r"in (\d+) s", page.locator("#retry-words").text_content())[1])


def test_a_lost_connection_is_said_and_looked_for_with_growing_pauses(page, stage):
    """The page says that its figures are old, lets no countdown run on them, waits longer each time, and goes on by itself."""
    stage.providers["team-a"].fail(faults.quota(retry_after=300))
    stage.ask()
    with console(stage) as url:
        show(page, url)
    expect(page.locator("#banner")).to_contain_text("No connection to the gateway. What you see is from ")
    expect(page.locator("#link-words")).to_have_text("Not connected")
    frozen = page.locator("[data-id=team-a] time").text_content()
    waits = []
    for _ in range(4):
        waits.append(next_try(page))
        with page.expect_event("requestfailed"):
            page.clock.run_for(waits[-1] * 1000)
        expect(page.locator("#retry-words")).to_contain_text("Next try")
    assert [low <= wait <= high for wait, (low, high) in zip(waits, [(1, 2), (1, 3), (3, 5), (6, 10)], strict=True)] == [True] * 4
    assert page.locator("[data-id=team-a] time").text_content() == frozen
    with console(stage, port=int(url.rpartition(":")[2])):
        page.clock.run_for(20_000)
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator("body")).to_have_class("live")
        page.clock.run_for(3000)
        expect(page.locator("[data-id=team-a] time")).not_to_have_text(frozen)


def test_one_need_not_wait(page, stage):
    """A button tries at once."""
    with console(stage) as url:
        show(page, url)
    expect(page.locator("#try-now")).to_be_visible()
    with console(stage, port=int(url.rpartition(":")[2])):
        page.locator("#try-now").click()
        expect(page.locator("body")).to_have_class("live")


def test_silence_is_a_lost_connection_too(page, stage):
    """What is open and says nothing for 25 s (a cable that was pulled) is no connection."""
    with console(stage) as url:
        show(page, url)
        page.clock.run_for(26_000)
        expect(page.locator("#banner")).to_contain_text("It has gone silent.")
        page.clock.run_for(2000)
        expect(page.locator("body")).to_have_class("live")


def test_an_ended_session_leads_to_the_login_and_back(page, simulator):
    """After twelve hours the page that is open asks for the key, and then shows the chain that it had shown."""
    passed = [0.0]
    stage = Stage(simulator, "session-", clock=lambda: time.time() + passed[0])
    with console(stage, key=ADMIN_KEY) as url:
        page.goto(f"{url}/console")
        page.fill("#key", ADMIN_KEY)
        page.keyboard.press("Enter")
        page.locator("nav button", has_text="embedding").click()
        expect(page.locator("[aria-current=true]")).to_contain_text("embedding")
        expect(page.locator("body")).to_have_class("live")
        passed[0] = 13 * 3600.0
        stage.ask()
        expect(page.locator("#banner")).to_be_visible()
        page.clock.run_for(2000)
        expect(page.locator("[role=status]")).to_have_text("Your session has ended. Log in to go on where you were.")
        page.fill("#key", ADMIN_KEY)
        page.keyboard.press("Enter")
        expect(page.locator("[aria-current=true]")).to_contain_text("embedding")
        assert page.url == f"{url}/console#embedding"


def test_a_tab_in_the_background_rests(page, stage):
    """After 20 s it listens no more and draws nothing; a glance a minute keeps its title true; looked at again, it is live at once."""
    asked = []
    with console(stage) as url:
        show(page, url)
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        page.evaluate("look(false)")
        with page.expect_response("**/state"):
            page.clock.run_for(20_000)
        stage.providers["team-a"].fail(faults.auth())
        stage.ask()
        page.clock.run_for(55_000)
        with page.expect_response("**/state"):
            page.clock.run_for(10_000)
        expect(page).to_have_title(re.compile(r"^! chat: team-b"))  # a function that is waited for would be eval, which the page forbids
        assert page.locator("#headline").text_content() == "team-a serves"
        assert asked == ["state", "state"]
        page.evaluate("look(true)")
        expect(page.locator("#headline")).to_have_text("team-b serves in place of team-a")
        expect(page.locator("body")).to_have_class("live")
        page.clock.run_for(1000)
        expect(page.locator("[data-id=team-a] time")).to_be_visible()
