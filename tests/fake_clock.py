"""A clock for tests: time passes when they say so."""


class FakeClock:
    """Seconds that pass when a test says so; its `sleep` and `asleep` pass them at once and remember how many."""

    def __init__(self, now=1000.0):
        self.now = now
        self.slept = []

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds):
        self.sleep(seconds)
