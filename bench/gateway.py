"""What the gateway costs: requests a second and latency beside nginx, and memory with 2,000 streams.

    python bench/gateway.py [--nginx PATH] [--seconds 5] [--streams 2000] [--save FILE]

nginx plays the upstream with a fixed chat completion of 2 kB, and is also the plain reverse proxy
to compare with. This process makes the load over raw sockets. The proxy under test is pinned to one
core, everything else to the other. CPU time a request is shown too, because it is the steadier
figure on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

PROXY_CORE, OTHER_CORE = 0, 1
BODY = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "lorem ipsum " * 160}]}).encode()
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "lorem ipsum " * 150}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 300, "total_tokens": 700},
    }
)
COMMON = """
daemon off; master_process off; worker_processes 1; pid {home}/{name}.pid; error_log {home}/error.log;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 1000000000;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
"""
UPSTREAM = COMMON + "server {{ listen 127.0.0.1:{port}; default_type application/json; location / {{ return 200 '{answer}'; }} }} }}"
REVERSE = COMMON + (
    "upstream up {{ server 127.0.0.1:{up}; keepalive 128; keepalive_requests 1000000000; }}"
    " server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1;"
    ' proxy_set_header Connection ""; }} }} }}'
)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def nginx(program, home, name, text, core, **values):
    port = free_port()
    file = Path(home) / f"{name}.conf"
    file.write_text(text.format(home=home, name=name, port=port, **values))
    process = subprocess.Popen([program, "-c", str(file), "-p", home, "-e", f"{home}/error.log"], preexec_fn=pinned(core))  # noqa: PLW1509 - there are no threads here
    wait_for(port)
    return process, port


def gateway(home, upstream, *, keys=2, quick=True, log=False):
    port = free_port()
    rows = "".join(
        f'[[vlm.credentials]]\nid = "c{i}"\napi_key = "sk-bench-{i}-0000000000"\napi_base = "http://127.0.0.1:{upstream}/v1"\n'
        for i in range(keys)
    )
    file = Path(home) / "sparekey.toml"
    text = f'[vlm]\nprovider = "openai"\nmodel = "gpt-4o-mini"\n{rows}\n[gateway]\nport = {port}\naccess_log = {str(log).lower()}\n'
    text += f"quick = {str(quick).lower()}\n"
    text += f'store = "sqlite:///{home}/state.db"\n'  # what it does by default, in a place of its own
    file.write_text(text)
    command = [sys.executable, "-m", "sparekey", "serve", "--config", str(file)]
    process = subprocess.Popen(command, preexec_fn=pinned(PROXY_CORE), stderr=subprocess.DEVNULL)  # noqa: PLW1509 - as above
    wait_for(port)
    return process, port


def wait_for(port, seconds=20):
    for _ in range(int(seconds * 20)):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1])


class Client(asyncio.Protocol):
    """Sends one request again and again, as fast as it is answered or every `interval` seconds."""

    def __init__(self, request, until, times, done, interval=None):
        self.request, self.until, self.times, self.done, self.interval = request, until, times, done, interval
        self.got = bytearray()
        self.began = None

    def connection_made(self, transport):
        self.transport = transport
        if self.interval is None:
            self.send()
        else:
            self.began = time.perf_counter() + random.random() * self.interval
            self.in_time()

    def send(self):
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def in_time(self):
        """Send when the request is due.

        The answer's time counts from then, so that a late sender is not spared.
        """
        asyncio.get_running_loop().call_later(max(0.0, self.began - time.perf_counter()), self.transport.write, self.request)

    def data_received(self, data):
        self.got += data
        head = self.got.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self.got.lower().find(b"content-length: ", 0, head)
        length = int(self.got[at + 16 : self.got.find(b"\r", at)])
        if len(self.got) < head + 4 + length:
            return
        assert self.got.startswith(b"HTTP/1.1 200"), bytes(self.got[:200])
        self.times.append(time.perf_counter() - self.began)
        self.got.clear()
        if self.interval is not None and time.perf_counter() < self.until:
            self.began += self.interval
            self.in_time()
        elif time.perf_counter() < self.until:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)


SDK = (
    *("Accept: application/json", "Accept-Encoding: gzip, deflate", "Connection: keep-alive", "User-Agent: OpenAI/Python 2.9.0"),
    *("X-Stainless-Lang: python", "X-Stainless-Package-Version: 2.9.0", "X-Stainless-OS: Linux", "X-Stainless-Arch: x64"),
    *("X-Stainless-Runtime: CPython", "X-Stainless-Runtime-Version: 3.11.7", "X-Stainless-Async: false"),
    *("x-stainless-retry-count: 0", "x-stainless-read-timeout: 600"),
)
"""The headers that OpenAI's SDK sends besides the four of the plain request."""


async def load(port, seconds, connections=64, interval=None, headers=()):
    loop = asyncio.get_running_loop()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n" % port
    head += b"".join(line.encode() + b"\r\n" for line in headers)
    request = head + b"Authorization: Bearer x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    times, until = [], time.perf_counter() + seconds
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Client(request, until, times, end, interval), "127.0.0.1", port)
    await asyncio.gather(*ends)
    return times


def measured(name, process, port, seconds, headers=()):
    uvloop.run(load(port, 1, headers=headers))
    before, began = cpu(process.pid), time.perf_counter()
    times = sorted(uvloop.run(load(port, seconds, headers=headers)))
    took, used = time.perf_counter() - began, cpu(process.pid) - before
    rate, p50, p99 = len(times) / took, times[len(times) // 2], times[len(times) * 99 // 100]
    cost = used / len(times)
    print(f"{name:10} {rate:8.0f} requests/s  p50 {p50 * 1e3:6.2f} ms  p99 {p99 * 1e3:6.2f} ms  {cost * 1e6:6.1f} us CPU a request")
    return rate, p99, cost


def steadily(port, rate, seconds, connections=64):
    """Return the 99th percentile of latency in seconds, at `rate` requests a second."""
    times = sorted(uvloop.run(load(port, seconds, connections, connections / rate)))
    return times[len(times) * 99 // 100]


async def slow_stream(reader, writer, stop):
    """Serve streams slowly, until told to end them."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    event = b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"lorem "}}]}\n\n'
    while not stop.is_set():
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await asyncio.sleep(1)
    last = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
    await writer.drain()
    writer.close()


async def streams(home, number):
    """Open `number` streams through the gateway.

    Return kB for each stream, and how many ended whole.
    """
    stop = asyncio.Event()
    server = await asyncio.start_server(lambda r, w: slow_stream(r, w, stop), "127.0.0.1", 0, backlog=4096)
    process, port = gateway(home, server.sockets[0].getsockname()[1])
    try:
        warm = [await opened(port) for _ in range(20)]
        await asyncio.sleep(2)
        before, opened_ones = rss(process.pid), []
        for start in range(0, number, 100):
            opened_ones += await asyncio.gather(*[opened(port) for _ in range(min(100, number - start))])
        await asyncio.sleep(3)
        grown = rss(process.pid) - before
        stop.set()
        ends = await asyncio.gather(*[finished(reader, writer) for reader, writer in warm + opened_ones])
        return grown / number, sum(ends)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)
        server.close()


async def opened(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"model": "chat", "stream": true, "messages": []}'
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await reader.readuntil(b"data: ")
    return reader, writer


async def finished(reader, writer):
    rest = await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 60)
    writer.close()
    return b"[DONE]" in rest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nginx", default=shutil.which("nginx"))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--save", type=Path, help="a file that gets the figures as a line of JSON more")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory() as home:
        if given.nginx:
            beside_nginx(given, home)
        else:
            print("no nginx here (apt-get install nginx, or --nginx PATH): requests/s not measured")
        if given.streams:
            a_stream, whole = asyncio.run(streams(home, given.streams))
            print(f"{given.streams} streams: {a_stream:.1f} kB a stream, {whole} of {given.streams + 20} whole   (goal: under 40 kB, all)")


def beside_nginx(given, home):
    upstream, up = nginx(given.nginx, home, "upstream", UPSTREAM, OTHER_CORE, answer=ANSWER)
    reverse, plain = nginx(given.nginx, home, "reverse", REVERSE, PROXY_CORE, up=up)
    quick, quick_port = gateway(home, up, log=True)
    engine, engine_port = gateway(home, up, quick=False, log=True)
    found = {"python": sys.version.split()[0], "at": time.strftime("%Y-%m-%d")}
    try:
        time.sleep(1)
        print(f"idle: {rss(quick.pid) / 1024:.0f} MB resident   (goal: under 90 MB)")
        for kind, headers in (("plain", ()), ("sdk", SDK)):
            rate, p99, cost = measured("nginx", reverse, plain, given.seconds, headers)
            for name, process, port in (("quick", quick, quick_port), ("engine", engine, engine_port)):
                other_rate, other_p99, other_cost = measured(name, process, port, given.seconds, headers)
                share = cost / other_cost
                found[f"{name}_{kind}"] = {"of_nginx": round(share, 3), "us": round(other_cost * 1e6, 1), "nginx_us": round(cost * 1e6, 1)}
                told = f"{other_rate / rate:.3f} by requests/s, {share:.3f} by CPU; p99 {other_p99 / p99:.1f} times"
                print(f"{name} of nginx, {kind} headers: {told}")
                if (name, kind) == ("quick", "plain"):
                    offered = other_rate * 0.4  # what both have time for: with all that each can take, a queue is measured
        one, other = steadily(plain, offered, given.seconds), steadily(quick_port, offered, given.seconds)
        found["p99_times"] = round(other / one, 2)
        told = f"p99 nginx {one * 1e3:.2f} ms, gateway {other * 1e3:.2f} ms, {other / one:.1f} times"
        print(f"{offered:.0f} requests/s offered to each: {told}")
        print("(goal: 0.40 of nginx by CPU with Debian's Python, 0.35 with an unoptimised one; p99 at most 1.5 times)")
        if given.save:
            with given.save.open("a") as file:
                file.write(json.dumps(found) + "\n")
    finally:
        for process in (quick, engine, reverse, upstream):
            process.send_signal(signal.SIGTERM)
            process.wait(40)


if __name__ == "__main__":
    main()
