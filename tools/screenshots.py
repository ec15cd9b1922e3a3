"""Take the pictures of docs/console.md: `python tools/screenshots.py docs`. Needs Chromium.

They show the console over simulated providers, with an hour of made-up traffic.
"""

import random
import sys
import time
from pathlib import Path

import httpx2
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "gateway"))
from console_kit import BROWSER, FLAGS, Stage, console

from sparekey.classify import classify_response
from sparekey.core import manual
from sparekey.core.events import AttemptFailed, AttemptSucceeded, ContentStarted
from sparekey.lab.simulator import Simulator, faults
from sparekey.types import Attempt, Outcome, Usage

DICE = random.Random(7)
SHOTS = {
    "console-light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "console-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "console-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}


class Past:
    """A clock for statistics that starts in the past and is moved forward to now."""

    def __init__(self):
        self.behind = 0.0

    def __call__(self):
        return time.time() - self.behind


def play(stage, past):
    """Make an hour of traffic; the first account runs out of quota at the end."""
    stats = stage.watched["chat"].stats
    limited = classify_response(429, {"retry-after": "20"}, '{"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}')
    busy = classify_response(503, {}, '{"error": {"message": "The engine is currently overloaded", "type": "server_error"}}')
    for second in range(3600, 0, -1):
        past.behind = second + 5
        for _ in range(DICE.choice([0, 1, 1, 2])):
            serve(stats, "team-a" if second > 185 else "team-b", DICE.lognormvariate(0.1 if second > 185 else 0.45, 0.25))
        if second % 700 == 3:
            stats(AttemptFailed("team-a", limited, second, 1, Attempt("team-a", Outcome.FAILED, limited, 0.12)))
        if second % 1100 == 7:
            stats(AttemptFailed("team-a", busy, second, 1, Attempt("team-a", Outcome.FAILED, busy, 0.4)))
    past.behind = 184
    stage.providers["team-a"].fail(faults.quota(retry_after=437))
    stage.ask()
    past.behind = 0.0
    stage.chat.transact(manual.hold, 2, stage.chat.clock() + 1800, stage.chat.clock())
    stage.providers["elsewhere"].fail(faults.auth())


def die(stage):
    """Let requests fail: two keys are dead, the last credential is overloaded.

    A person tests them all.
    """
    for name, fault in (("team-a", faults.quota(retry_after=3600)), ("team-b", faults.auth()), ("elsewhere", faults.overloaded())):
        stage.providers[name].fail(fault)
    stage.ask(16)


def serve(stats, name, duration):
    usage = Usage(DICE.randint(300, 2400), DICE.randint(80, 700))
    stats(ContentStarted(name, after=duration * DICE.uniform(0.2, 0.35)))
    stats(AttemptSucceeded(name, attempt=Attempt(name, Outcome.SUCCEEDED, duration=duration, usage=usage)))


def main(folder):
    past = Past()
    with Simulator() as simulator, sync_playwright() as playwright:
        stage = Stage(simulator, clock=past)
        play(stage, past)
        dead = Stage(simulator, "dead-")
        die(dead)
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        with console(stage) as url:
            for name, options in SHOTS.items():
                shoot(browser, url, folder / f"{name}.png", options)
        with console(dead) as url:
            httpx2.post(f"{url}/admin/api/chains/chat/test", json={})
            shoot(browser, url, folder / "console-down.png", SHOTS["console-light"])
        browser.close()


def shoot(browser, url, path, options):
    page = browser.new_page(**options)
    page.goto(f"{url}/console")
    page.wait_for_selector(".card .figure")
    page.wait_for_timeout(300)
    page.screenshot(path=path, full_page=True)
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
    page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
