"""The gateway beside LiteLLM's proxy with one worker: same upstream, load and core, in turn.

    python -m venv .peers/litellm-proxy && .peers/litellm-proxy/bin/pip install 'litellm[proxy]==1.106.2'
    python bench/gateway_peers.py --litellm .peers/litellm-proxy/bin/python [--nginx PATH] [--seconds 5]

nginx plays the upstream. The load and the measures are those of bench/gateway.py.
"""

from __future__ import annotations

import argparse
import http
import http.client
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from kit.load import ANSWER, Target, measured
from kit.servers import OTHER_CORE, PROXY_CORE, UPSTREAM, free_port, gateway, nginx, pinned, rss, stop

START_SECONDS = 180
"""Seconds to wait for LiteLLM's proxy, which imports for long before it listens."""


def litellm(python, home, upstream):
    """Start LiteLLM's proxy with one worker, and without a database, a request log or telemetry."""
    port = free_port()
    file = Path(home) / "litellm.yaml"
    file.write_text(
        "model_list:\n"
        "  - model_name: chat\n"
        "    litellm_params:\n"
        "      model: openai/gpt-4o-mini\n"
        f"      api_base: http://127.0.0.1:{upstream}/v1\n"
        "      api_key: sk-bench-0-0000000000\n"
        "litellm_settings: {telemetry: false, set_verbose: false}\n"
        "general_settings: {dangerously_permit_weak_or_unset_master_key: true}\n"  # as ours here: loopback, without client keys
    )
    program = "import sys; from litellm.proxy.proxy_cli import run_server; sys.argv[0] = 'litellm'; sys.exit(run_server())"
    given = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
    with (Path(home) / "litellm.log").open("wb") as log:
        process = subprocess.Popen([python, "-c", program, *given], preexec_fn=pinned(PROXY_CORE), env=environment, stdout=log, stderr=log)  # noqa: PLW1509 - there are no threads here
    return process, port


def wait_until_it_serves(process, port, home):
    for _ in range(START_SECONDS * 2):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/health/liveliness")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.5)
        if process.poll() is not None:
            break
    raise SystemExit("the LiteLLM proxy did not start:\n" + (Path(home) / "litellm.log").read_text()[-2000:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--litellm", default=shutil.which(".peers/litellm-proxy/bin/python"), help="a Python that has litellm[proxy]")
    parser.add_argument("--nginx", default=shutil.which("nginx"))
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    if not given.litellm or not given.nginx:
        print("not measured: it needs nginx (--nginx PATH) and a Python with litellm[proxy] (--litellm PATH); see the head of this file")
        return
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory() as home:
        compare(given, home)


def compare(given, home):
    upstream, up = nginx(given.nginx, home, "upstream", UPSTREAM, OTHER_CORE, answer=ANSWER)
    theirs, their_port = litellm(given.litellm, home, up)
    ours, our_port = gateway(home, up)
    try:
        wait_until_it_serves(theirs, their_port, home)
        print(f"idle: gateway {rss(ours.pid) / 1024:.0f} MB, litellm {rss(theirs.pid) / 1024:.0f} MB resident")
        their_rate, _, their_cost = measured(Target("litellm", theirs.pid, their_port), given.seconds)
        rate, _, cost = measured(Target("gateway", ours.pid, our_port), given.seconds)
        print(
            f"of the LiteLLM proxy: {rate / their_rate:.0f} times by requests/s, {their_cost / cost:.0f} by CPU time   (goal: at least 50)"
        )
    finally:
        stop(ours, theirs, upstream)


if __name__ == "__main__":
    main()
