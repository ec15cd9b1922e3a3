"""What two and four workers give and cost on this machine, as ratios to one, in one run.

    python bench/workers.py [--nginx PATH] [--seconds 3] [--rounds 3]

nginx plays the upstream with a fixed chat completion of 2 kB, this process makes the load, and both
share the cores with the gateway: on two cores a second worker gets what they leave. CPU time a
request counts all processes of a gateway, and is the steady figure on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from gateway import ANSWER, UPSTREAM, cpu, free_port, load, nginx, wait_for

OTHER_CORE = 1


def started(home, upstream, workers):
    """Start a gateway; return its process and port."""
    port, folder = free_port(), Path(home) / str(workers)
    folder.mkdir()
    (folder / "sparekey.toml").write_text(
        '[vlm]\nprovider = "openai"\nmodel = "gpt-4o-mini"\n'
        + "".join(
            f'[[vlm.credentials]]\nid = "c{i}"\napi_key = "sk-bench-{i}-0000000000"\napi_base = "http://127.0.0.1:{upstream}/v1"\n'
            for i in range(2)
        )
        + f'[gateway]\nport = {port}\nworkers = {workers}\nstore = "sqlite:///{folder}/state.db"\n'
    )
    command = [sys.executable, "-m", "sparekey", "serve", "--config", str(folder / "sparekey.toml")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(port)
    return process, port


def family(pid):
    """The process and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def memory(pids):
    """Their memory in MB; what they share counts once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return total / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nginx", default=shutil.which("nginx") or "/usr/sbin/nginx")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not Path(given.nginx).exists():
        raise SystemExit("no nginx here (apt-get install nginx, or --nginx PATH)")
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as home:
        upstream, up = nginx(given.nginx, home, "upstream", UPSTREAM, OTHER_CORE, answer=ANSWER)
        os.sched_setaffinity(upstream.pid, cores)
        running = {number: started(home, up, number) for number in (1, 2, 4)}
        try:
            time.sleep(3)
            found = {number: [] for number in running}
            for round_ in range(given.rounds + 1):
                for number, (process, port) in running.items():
                    pids = family(process.pid)
                    before, began = sum(map(cpu, pids)), time.perf_counter()
                    times = sorted(uvloop.run(load(port, given.seconds)))
                    took, used = time.perf_counter() - began, sum(map(cpu, pids)) - before
                    if round_:  # the first one warms up
                        found[number].append((len(times) / took, used / len(times), times[len(times) * 99 // 100]))
            print(f"{len(cores)} cores, load average {os.getloadavg()[0]:.1f}, {given.rounds} rounds of {given.seconds:.0f} s, medians")
            one = [statistics.median(column) for column in zip(*found[1], strict=True)]
            for number, rounds in found.items():
                rate, cost, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
                told = f"{rate:6.0f} requests/s ({rate / one[0]:.2f})  {cost * 1e6:5.0f} us CPU a request ({cost / one[1]:.2f})"
                size = memory(family(running[number][0].pid))
                print(f"{number} workers  {told}  p99 {p99 * 1e3:.1f} ms ({p99 / one[2]:.2f})  {size:.0f} MB")
        finally:
            for process, _ in running.values():
                process.send_signal(signal.SIGTERM)
            for process, _ in running.values():
                process.wait(60)
            upstream.terminate()
            upstream.wait()


if __name__ == "__main__":
    main()
