"""What sparekey adds to one successful call, over a direct call of the same no-op instance.

It measures blocking calls in CPU time of this process, and takes the best of several rounds; on a
noisy machine the difference between neighbours still holds. The goal is under 10 microseconds a
call.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from timeit import repeat
from typing import TYPE_CHECKING

from sparekey import Chain, Credential, EmbedResult, Failover, FailoverEmbedder, MultiCredentialVLM, Policy, VLMResponse
from sparekey.types import ErrorClass, Failure, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS, ROUNDS, GOAL = 20_000, 7, 10.0


class NoVLM:
    """A chat instance that answers at once."""

    provider, model, api_base = "noop", "noop", None
    answer = VLMResponse("ok")

    def get_completion(self, prompt: str = "", **_: object) -> VLMResponse:  # noqa: ARG002 - the face of a real one
        return self.answer


class NoEmbedder:
    """An embedder that answers at once."""

    is_dense, is_sparse, is_hybrid = True, False, False
    provider, model_name = "noop", "noop"
    result = EmbedResult(dense_vector=[0.0, 1.0])

    def embed(self, content: str, is_query: bool = False) -> EmbedResult:  # noqa: ARG002 - as above
        return self.result

    def get_dimension(self) -> int:
        return 2


def microseconds(call: Callable[[], object]) -> float:
    return min(repeat(call, number=CALLS, repeat=ROUNDS, timer=time.process_time)) / CALLS * 1e6


def measured() -> list[tuple[str, float, float]]:
    """Return rows of (what, direct, through sparekey), in microseconds a call."""
    vlm, embedder = NoVLM(), NoEmbedder()
    ids = [f"c{i}" for i in range(3)]
    multi, failover = MultiCredentialVLM([vlm] * 3, ids), FailoverEmbedder([embedder] * 3, ids)
    plain = Failover(Chain([Credential(i) for i in ids]))
    return [
        (
            "Failover.call",
            microseconds(lambda: vlm.get_completion("x")),
            microseconds(lambda: plain.call(lambda _: vlm.get_completion("x"))),
        ),
        ("MultiCredentialVLM", microseconds(lambda: vlm.get_completion("x")), microseconds(lambda: multi.get_completion("x"))),
        ("FailoverEmbedder", microseconds(lambda: embedder.embed("x")), microseconds(lambda: failover.embed("x"))),
        ("… after a failover", microseconds(lambda: vlm.get_completion("x")), microseconds(_after_failover(vlm, ids))),
    ]


def _after_failover(vlm: NoVLM, ids: list[str]) -> Callable[[], object]:
    """Return a call that the second credential serves, while the first is parked for ten minutes.

    There is no goal for it; the figure is only watched.
    """
    dead = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL)
    chain = Chain([Credential(i) for i in ids], Policy(failback_request_count=10**9), classify=lambda _: dead)
    failover = Failover(chain)

    def attempt(credential: Credential) -> object:
        if credential.id == "c0":
            raise RuntimeError
        return vlm.get_completion("x")

    failover.call(attempt)
    return lambda: failover.call(attempt)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    logging.getLogger("sparekey").setLevel(logging.ERROR)
    rows = measured()
    if parser.parse_args().json:
        print(json.dumps([{"what": w, "direct_us": d, "sparekey_us": s, "cost_us": s - d} for w, d, s in rows], indent=2))
    else:
        print(f"{'one successful call, sync':<28}{'direct':>10}{'sparekey':>10}{'cost':>10}   goal < {GOAL:.0f} us")
        for what, direct, through in rows:
            cost = through - direct
            verdict = "" if what.startswith("…") else "met" if cost < GOAL else "missed"
            print(f"{what:<28}{direct:>7.2f} us{through:>7.2f} us{cost:>7.2f} us   {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
