"""The servers that are compared, each pinned to one core, and what the system says of a process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROXY_CORE, OTHER_CORE = 0, 1
PROGRAM = (sys.executable, "-m", "sparekey")
COMMON = """
daemon off; master_process off; worker_processes 1; pid {home}/{name}.pid; error_log {home}/error.log;
events {{ worker_connections 8192; }}
http {{ access_log {log}; keepalive_requests 1000000000;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
"""
UPSTREAM = COMMON + (
    "server {{ listen 127.0.0.1:{port}; default_type application/json; location / {{"
    " if ($http_authorization = \"Bearer {dead}\") {{ return 401 '{refusal}'; }}"
    " return 200 '{answer}'; }} }} }}"
)
REVERSE = COMMON + (
    "upstream up {{ server 127.0.0.1:{up}; keepalive 128; keepalive_requests 1000000000; }}"
    " server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_buffering {buffering};"
    ' proxy_set_header Connection ""; }} }} }}'
)
REFUSAL = '{"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}'
DEAD = "sk-dead-0-0000000000"
"""The key that the upstream refuses."""
MASTER = "fgw_0123456789abcdef0123456789abcdef"
"""ferrogw's own key."""
_UNLIMITED = {"RATE_LIMIT_RPS": "10000000", "RATE_LIMIT_BURST": "10000000"}
"""It limits requests a second unless it is told otherwise."""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def wait_for(port, seconds=180):
    for _ in range(int(seconds * 20)):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


def started(line, port, core=PROXY_CORE, **options):
    process = subprocess.Popen(line, preexec_fn=pinned(core), **options)  # noqa: PLW1509 - there are no threads here
    wait_for(port)
    return process


def nginx(program, home, name, text, core, **values):
    """Start nginx with a configuration; its access log goes to a file, as the gateway's goes to a pipe or a file."""
    port = free_port()
    file = Path(home) / f"{name}.conf"
    values = {"log": f"{home}/{name}.log" if text is REVERSE else "off", "dead": DEAD, "refusal": REFUSAL, "buffering": "on", **values}
    file.write_text(text.format(home=home, name=name, port=port, **values))
    return started([program, "-c", str(file), "-p", home, "-e", f"{home}/error.log"], port, core), port


def gateway(home, upstream, *, keys=2, quick=True, log=False, dead=False, name="sparekey", program=PROGRAM):
    """Start the gateway; `dead`: the upstream refuses its first key; `program`: the beginning of its command."""
    port = free_port()
    secrets = [DEAD if dead and not i else f"sk-bench-{i}-0000000000" for i in range(keys)]
    base = f"http://127.0.0.1:{upstream}/v1"
    rows = "".join(f'[[vlm.credentials]]\nid = "c{i}"\napi_key = "{one}"\napi_base = "{base}"\n' for i, one in enumerate(secrets))
    file = Path(home) / f"{name}.toml"
    file.write_text(
        f'[vlm]\nprovider = "openai"\nmodel = "gpt-4o-mini"\n{rows}\n[gateway]\nport = {port}\naccess_log = {str(log).lower()}\n'
        f'quick = {str(quick).lower()}\nstore = "sqlite:///{home}/{name}.db"\n'  # what it does by default, in a place of its own
    )
    with Path(home, f"{name}.log").open("wb") as out:
        return started([*program, "serve", "--config", str(file)], port, stderr=out), port


def ferrogw(program, home, upstream):
    """Start ferrogw (a gateway in Go on the Python package index), in front of the same upstream, with its access log."""
    port = free_port()
    file = Path(home) / "ferro.yaml"
    file.write_text("strategy:\n  mode: fallback\ntargets:\n  - virtual_key: openai\n")
    base = {"OPENAI_API_KEY": "sk-bench-0-0000000000", "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}"}
    environment = {**os.environ, **base, "MASTER_KEY": MASTER, "GATEWAY_CONFIG": str(file), "PORT": str(port), **_UNLIMITED}
    with Path(home, "ferro.log").open("wb") as out:
        return started([program, "serve"], port, stdout=out, stderr=out, env=environment, cwd=home), port


def found_ferrogw():
    """Return the program, if it is installed; `make bench` puts it into .peers/ferrogw."""
    return shutil.which(".peers/ferrogw/bin/ferrogw") or shutil.which("ferrogw")


def stop(*processes):
    for process in processes:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu(pid):
    """Return the seconds of processor time of all threads of a process, to the nanosecond."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def rss(pid):
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1])
