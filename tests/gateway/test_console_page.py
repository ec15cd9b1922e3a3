"""The console in a real Chromium: it shows what is, and does what it is told."""

import dataclasses

import pytest
from console_kit import KEYS, Stage, console

from sparekey.core.events import AttemptFailed, AttemptSucceeded, ContentStarted, Switched
from sparekey.lab.simulator import Simulator, faults
from sparekey.types import Attempt, ErrorClass, Failure, Outcome

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
expect = playwright.expect
HOSTILE = "<img src=x onerror=\"document.title='owned'\">{in}'"
FAINT = """() => {  // texts whose contrast with what is behind them is below 4.5:1 (WCAG 2 AA)
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const found = channels(getComputedStyle(node).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
  };
  const faint = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !node.checkVisibility() || node.closest(".hidden, .skip, option, :disabled")) continue;
    const ink = getComputedStyle(node)[node.closest("svg") ? "fill" : "color"];
    const [a, b] = [light(channels(ink)), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(`${node.className}: ${texts.currentNode.data} ${(a + 0.05) / (b + 0.05)}`);
  }
  return faint;
}"""

MOTION = "[...document.querySelectorAll('*')].map((n) => getComputedStyle(n)).map((s) => `${s.transitionDuration} ${s.animationName}`)"


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as started:
        yield started


@pytest.fixture
def stage(simulator, request):
    return Stage(simulator, f"{request.node.name}-")


def open_page(browser, url, **how):
    opened = browser.new_page(**how)
    opened.goto(f"{url}/console")
    opened.wait_for_selector(".card .figure")
    return opened


@pytest.fixture
def page(browser, stage):
    with console(stage) as url:
        opened = open_page(browser, url)
        yield opened
        opened.close()


def test_a_failover_is_shown_as_it_happens(page, stage):
    """Headline, cause, what comes next with a countdown that moves, who is behind, the switch as a line; what failed is explained."""
    expect(page.locator("#headline")).to_have_text("team-a serves")
    stage.providers["team-a"].fail(faults.quota(retry_after=300))
    stage.ask()
    expect(page.locator("#headline")).to_have_text("team-b serves in place of team-a")
    expect(page.locator("#spoken")).to_have_text("team-b serves in place of team-a. team-a: its account has no balance left.")
    expect(page.locator("#next")).to_contain_text("One request tries team-a in ")
    expect(page.locator("#reserve")).to_have_text("If team-b fails, elsewhere takes over.")
    expect(page.locator("#steps svg")).to_have_attribute("aria-label", "Active credential in the last 5 min 30 s, 1 switch; now team-b")
    countdown = page.locator("[data-id=team-a] time")
    before = countdown.text_content()
    expect(countdown).not_to_have_text(before)
    for where in ("#failures", "[data-id=team-a]"):
        page.locator(f"{where} summary").click()
        expect(page.locator(f"{where} .explained")).to_contain_text("Top up the account's balance.")
        expect(page.locator(f"{where} .steps")).to_contain_text("decided")
    stage.providers["team-b"].fail(faults.rate_limit(retry_after=30), times=1)
    stage.ask()
    expect(page.locator("#timeline")).to_contain_text("team-b (gpt-4.1-mini) parked for 30 s: rate limited")


def test_an_action_by_keyboard_is_confirmed_first(page, stage):
    """Enter opens the dialog, Escape closes it and changes nothing; confirmed, the credential is held, and the page says so."""
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
    expect(page.locator("[data-id=team-a] .pill")).to_have_text("Held")
    expect(page.locator("#told-words")).to_have_text("team-a is held until it is released: it gets no traffic.")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Actions for team-a"
    assert stage.chat.status().credentials[0].held


def test_the_keyboard_reaches_everything_and_is_seen(page, stage):
    """Tab goes through the page in the order in which it is read, and each stop has an outline."""
    stage.providers["team-a"].fail(faults.auth())
    stage.ask()
    expect(page.locator("#failures summary")).to_be_visible()
    stops = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                "(node => [node.getAttribute('aria-label') ?? node.innerText, getComputedStyle(node).outlineStyle])(document.activeElement)"
            )
        )
    names = [name.split("\n")[0] for name, _ in stops]
    assert names[:5] == ["Skip to the chain", "chat", "embedding", "Test all", "Inject a fault"]
    assert names[5].startswith("explain the failure of")
    assert names[6:9] == ["Actions for team-a", "Actions for team-b", "Actions for elsewhere"]
    assert {outline for _, outline in stops[:10]} == {"solid"}


def test_an_action_that_fails_says_so(page, stage):
    """What the gateway answers, and that it did not answer, stand in the dialog; nothing is closed."""
    page.locator("[data-id=elsewhere] button").click()
    page.locator("[data-action=hold]").click()
    stage.watched["chat"] = stage.watch(["team-a", "team-b"], "gpt-4.1-mini")
    page.locator("#dialog .primary").click()
    expect(page.locator("#dialog-wrong")).to_contain_text("It was not done: the chain has no credential of this id")
    page.route("**/hold", lambda route: route.abort())
    page.locator("#dialog .primary").click()
    expect(page.locator("#dialog-wrong")).to_contain_text("The gateway did not answer.")


def test_what_the_simulator_can_do_is_injected(page, stage):
    """A fault is chosen and confirmed; the next request meets it, the timeline tells who did it, and a test of all finds it."""
    page.locator("#fault").click()
    page.locator("#fault-name").select_option("key refused")
    page.locator("#dialog .primary").click()
    expect(page.locator("#told-words")).to_have_text("The simulated provider of team-a is now: key refused.")
    expect(page.locator("#timeline")).to_contain_text("A person injected “key refused” into team-a")
    page.locator("#test-all").click()
    page.locator("#dialog .primary").click()
    expect(page.locator(".results .bad")).to_contain_text("team-a Its key is not valid.")
    expect(page.locator(".results .good")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("#timeline")).to_contain_text("Test of team-a: its key is not valid.")
    expect(page.locator("#timeline")).to_contain_text("Test of team-b: it answers, after ")


def test_a_dead_chain_looks_dead_from_every_chain(page, stage):
    """The last credential fails between its parks: headline, card, list and title say so, also while another chain is looked at."""
    for name, fault in (("team-a", faults.quota(retry_after=3600)), ("team-b", faults.auth()), ("elsewhere", faults.overloaded())):
        stage.providers[name].fail(fault)
    stage.ask(4)
    expect(page.locator("#headline")).to_have_text("Requests fail")
    expect(page.locator("#detail")).to_contain_text("The last 4 requests failed")
    expect(page.locator("#hero")).to_have_class("down")
    expect(page.locator("[data-id=elsewhere] .pill")).to_have_text("Failing")
    expect(page.locator(".pill.serving")).to_have_count(0)
    page.locator("[data-chain=embedding]").click()
    expect(page.locator("#headline")).to_have_text("team-b serves")
    expect(page.locator("[data-chain=chat]")).to_have_class("down")
    expect(page.locator("[data-chain=chat]")).to_contain_text("requests fail")
    assert page.title() == "✗ chat: Requests fail · sparekey"


def test_a_page_without_a_key_offers_nothing_to_do(page, stage):
    """Before real providers, a gateway without an admin key: no button acts, and the page says what to set."""
    expect(page.locator("#test-all")).to_be_visible()
    stage.watched["chat"] = dataclasses.replace(stage.watched["chat"], simulated={})
    stage.said["read_only"] = True
    expect(page.locator("#read-only")).to_be_visible()
    expect(page.locator("#read-only")).to_have_text("Read-only: set gateway.admin_key to act here.")
    assert page.locator("main button:visible").all_text_contents() == []
    page.locator("[data-chain=embedding]").click()
    expect(page.locator("[data-id=team-b] button")).to_be_visible()


def test_a_slow_credential_does_not_look_like_a_quick_one(page, stage):
    """8 s to first content beside 10 ms: a word at its name, its figure, and a line that stands high where the other lies on the ground."""
    stats = stage.watched["chat"].stats
    for name, after in (("team-a", 8.0), ("team-b", 0.01)):
        stats(ContentStarted(name, after=after))
        stats(AttemptSucceeded(name, attempt=Attempt(name, Outcome.SUCCEEDED, duration=after + 0.1)))
    expect(page.locator("#headline")).to_have_text("team-a serves, slowly")
    expect(page.locator("#chains .level").first).to_have_text("slow")
    expect(page.locator("[data-id=team-a] .slowly")).to_be_visible()
    expect(page.locator("[data-id=team-b] .slowly")).to_be_hidden()
    heights = [float(page.locator(f"[data-id={i}] .spark").last.get_attribute("d").split()[1].split("h")[0]) for i in ("team-a", "team-b")]
    assert heights[0] < 5
    assert heights[1] > 19


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_and_everything_can_be_read(browser, simulator, scheme):
    """At 360 px nothing is wider than the screen, however long the names; every text has its contrast, in dialogs and on old figures too.

    And for those who ask for it nothing turns or fades.
    """
    long = {"team-b-" + "of-the-vision-labelling-team-" * 3: "sim-key-0000001", "y" * 90: "sim-key-0000002", "z": "sim-key-0000003"}
    stage = Stage(simulator, f"long-{scheme}-", keys=long)
    stage.watched["a-chain-with-a-long-name-for-the-back-office-of-the-branch"] = stage.watched["chat"]
    first, second, third = long
    stage.providers[first].fail(faults.auth(message="You can find your key at https://example.com/" + "path/" * 90))
    with console(stage) as url:
        page = open_page(browser, url, viewport={"width": 360, "height": 740}, color_scheme=scheme, reduced_motion="reduce")
        page.request.post(f"{url}/admin/api/chains/chat/credentials/{third}/hold", data={})
        stage.ask(3)
        expect(page.locator("#headline")).to_have_text(f"{second} serves in place of {first}")
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor")
            == {"light": "rgb(246, 246, 243)", "dark": "rgb(18, 21, 24)"}[scheme]
        )
        assert page.evaluate(FAINT) == []
        assert set(page.evaluate(MOTION)) == {"0s none"}
        page.locator(".card button").first.click()
        assert page.evaluate(FAINT) == []
        page.keyboard.press("Escape")
    expect(page.locator("#banner")).to_be_visible()
    assert page.evaluate(FAINT) == []
    page.close()


def test_texts_of_others_stay_texts_and_keys_stay_out(browser, simulator):
    """Markup in a provider's message and in an id is shown, not run; nothing is asked of elsewhere; the key that is repeated is nowhere."""
    keys = {HOSTILE: KEYS["team-a"], "team-b": KEYS["team-b"]}
    stage = Stage(simulator, "hostile-", keys=keys)
    stage.providers[HOSTILE].fail(faults.auth(message=f"<img src=x onerror=\"document.title='owned'\"> bad key {KEYS['team-a']}"))
    with console(stage) as url:
        page, asked, broken = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: broken.append(message.text))
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(f"{url}/console")
        page.wait_for_selector(".card .figure")
        stage.ask()
        expect(page.locator("#headline")).to_have_text(f"team-b serves in place of {HOSTILE}")
        expect(page.locator("#next")).to_contain_text(f"One request tries {HOSTILE} in ")
        page.locator("#failures summary").click()
        expect(page.locator("#failures .said")).to_contain_text("<img src=x")
        page.locator(".card button").first.click()
        expect(page.locator("#dialog-title")).to_have_text(HOSTILE)
        page.locator("[data-action=test]").click()
        page.locator("#dialog .primary").click()
        expect(page.locator(".results .bad")).to_contain_text(HOSTILE)
        assert page.locator("main img, dialog img").count() == 0
        assert page.title().startswith("! chat: team-b serves")
        assert KEYS["team-a"] not in page.content()
        assert not broken
        assert {one.startswith(f"{url}/") for one in asked} == {True}
        page.close()


@pytest.mark.slow
def test_a_page_that_is_open_for_long_does_not_grow(page, stage):
    """After five hundred switches more and as many different failures it is no larger than before."""
    stats = stage.watched["chat"].stats
    failure = Failure(ErrorClass.AUTH, "invalid_key", status=401, message="no")

    def happen(times, name):
        for number in range(times):
            stats(Switched("team-a", "team-b", failback=False))
            stats(AttemptFailed("team-a", dataclasses.replace(failure, message=f"{name} {number}"), call=number))
        stats(Switched("team-a", name, failback=False))
        expect(page.locator("#timeline li").first).to_contain_text(f"{name} took over")
        return page.evaluate("document.querySelectorAll('*').length")

    happen(220, "first")
    for which in ("moments", "failures"):
        page.locator(f"#more-{which}").click()
    assert page.locator("#timeline li").count() == 200
    assert page.locator("#failures > li").count() == 50
    before = happen(220, "second")
    assert happen(500, "third") == before
