"""docs/deploy.md: its numbers fit each other and the code, its metrics exist, and nginx takes what it says."""

import http.client
import json
import re
import shutil
import ssl
import subprocess
import threading

import pytest
import yaml
from gateway_command import free_port
from gateway_play import ADMIN, KEYS, chain, question
from redis_topologies import certificates

from documented import ROOT, blocks
from real_servers import spawned, wait_until
from sparekey.config.gateway import GatewayConfig
from sparekey.gateway.api.app import _HEALTH
from sparekey.lab.simulator import faults
from sparekey.stores.address import StoreAddress

PAGE = ROOT / "docs/deploy.md"
TEXT = PAGE.read_text(encoding="utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
USUAL = {name: field.default for name, field in GatewayConfig.model_fields.items()}
CLIENT_KEY = "spk-search-0123456789abcdef0123456789"
CLIENT = '[[gateway.clients]]\nname = "search"\nkey = "env:SEARCH_KEY"\n'
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def of_kind(kind):
    """The Kubernetes objects of a kind."""
    documents = [one for block in blocks("yaml", pages=[PAGE]) for one in yaml.safe_load_all(block.text)]
    return [one for one in documents if one.get("kind") == kind]


@pytest.fixture(scope="module")
def pod():
    (deployment,) = (one for one in of_kind("Deployment") if one["metadata"]["name"] == "sparekey")
    return deployment["spec"]["template"]


def test_a_pod_has_time_to_drain(pod):
    """Longer than the sleep before it is told to stop, and the time that running requests have."""
    (container,) = pod["spec"]["containers"]
    slept = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["spec"]["terminationGracePeriodSeconds"] >= slept + USUAL["stop_timeout"] + 5
    seconds = container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"]
    assert slept > seconds, "a proxy that asks for itself has noticed"
    for words in (r"^TimeoutStopSec=(\d+)", r"--stop-timeout (\d+)"):
        assert int(re.search(words, TEXT, re.MULTILINE)[1]) > USUAL["stop_timeout"]
    assert f"`gateway.stop_timeout` ({USUAL['stop_timeout']:.0f} s)" in TEXT


def test_probes_ask_for_what_there_is(pod):
    """At the port on which the gateway listens, the process for its life and the gateway for its readiness."""
    (container,) = pod["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {one["path"] for one in probes.values()} <= set(_HEALTH)
    assert (probes["liveness"]["path"], probes["readiness"]["path"]) == ("/healthz", "/readyz")
    assert {one["port"] for one in probes.values()} == {USUAL["port"]} == {one["containerPort"] for one in container["ports"]}
    assert StoreAddress(container["args"][1]).redis


def test_the_objects_are_about_the_same_pods(pod):
    """Service, disruption budget and autoscaler find what the deployment makes."""
    labels = pod["metadata"]["labels"]
    (service,) = (one for one in of_kind("Service") if one["metadata"]["name"] == "sparekey")
    (budget,), (scaler,) = of_kind("PodDisruptionBudget"), of_kind("HorizontalPodAutoscaler")
    assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == USUAL["port"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == "sparekey"
    assert budget["spec"]["minAvailable"] < scaler["spec"]["minReplicas"] <= scaler["spec"]["maxReplicas"]


def test_each_metric_of_the_page_exists(serve, pair):
    """Those that the autoscaler, the rules and the dashboard name, by the names under which they are scraped."""
    running = serve(chain("vlm", pair) + f"\n[gateway]\nport = 0\naccess_log = false\n{ADMIN}")
    text = running.ask("GET", "/metrics")[2].decode()
    known = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    named = {
        SUFFIX.sub("", name)
        for page in (TEXT, (ROOT / "docs/grafana.json").read_text("utf-8"))
        for name in re.findall(r"sparekey_\w+", page)
    }
    assert {"sparekey_gateway_running", "sparekey_gateway_store_away", "sparekey_exhausted_total"} <= named
    assert named <= known


def configured(folder, ports, front):
    """The page's configuration of nginx, with addresses and files of this machine."""
    (block,) = blocks("nginx", pages=[PAGE])
    authority = certificates(folder)[1]
    text = block.text
    for address, port in zip(re.findall(r"\d+\.\d+\.\d+\.\d+:\d+", text), ports, strict=True):
        text = text.replace(address, f"127.0.0.1:{port}")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{front} ssl")
    for file in re.findall(r"/etc/ssl/\S+(?=;)", text):
        text = text.replace(file, str(folder / ("server.key" if file.endswith(".key") else "server.pem")))
    places = " ".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    head = f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\nevents {{}}\n"
    (folder / "nginx.conf").write_text(f"{head}http {{\naccess_log off; {places}\n{text}}}\n")
    return authority


@pytest.fixture
def behind(serve, pair, tmp_path, monkeypatch):
    """Two gateways behind nginx as the page has it, and a function that asks them through it."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian's package nginx-light)")
    monkeypatch.setenv("SEARCH_KEY", CLIENT_KEY)
    text = chain("vlm", pair, keys=KEYS) + f'\n[gateway]\nport = 0\naccess_log = false\nstore = "memory"\n{ADMIN}{CLIENT}'
    gateways, front = [serve(text) for _ in range(2)], free_port()
    authority = configured(tmp_path, [one.port for one in gateways], front)
    trust = ssl.create_default_context(cafile=authority)

    def ask(method="POST", path="/v1/chat/completions", body=None):
        connection = http.client.HTTPSConnection("127.0.0.1", front, context=trust, timeout=20)
        headers = {"authorization": f"Bearer {CLIENT_KEY}", "content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection, connection.getresponse()

    line = [NGINX, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    with spawned(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:

        def answers():
            assert process.poll() is None, process.stderr.read()
            try:
                connection, response = ask("GET", "/readyz")
            except OSError:
                return False
            connection.close()
            return response.status == 200

        assert wait_until(answers)
        yield gateways, ask


def whole(ask, **more):
    connection, response = ask(**more)
    body = response.read()
    connection.close()
    return response.status, body


def test_nginx_passes_on_what_clients_say_and_hides_the_console(behind):
    """The client's key arrives, an answer comes back, and nobody looks in from outside."""
    _, ask = behind
    status, body = whole(ask, body=question())
    assert (status, b"choices" in body) == (200, True)
    for path in ("/console", "/admin/api/state", "/metrics"):
        assert whole(ask, method="GET", path=path)[0] == 403


def test_a_stream_comes_through_nginx_as_it_is_made(behind, pair):
    """Its first events are there while the provider still holds back the rest."""
    _, ask = behind
    pair[0].fail(faults.stall(after=3))
    connection, response = ask(body=question(stream=True))
    assert response.readline().startswith(b"data: {")
    assert pair[0].open_connections
    connection.close()


def test_one_gateway_stops_and_nobody_goes_without_an_answer(behind):
    """The other one gets what it refuses while it drains, and all once it is gone."""
    gateways, ask = behind
    statuses, over = [], threading.Event()

    def load():
        while not over.is_set():
            statuses.append(whole(ask, body=question())[0])

    crowd = [threading.Thread(target=load) for _ in range(3)]
    for thread in crowd:
        thread.start()
    assert wait_until(lambda: len(statuses) > 10)
    gateways[0].stop()
    after = len(statuses)
    assert wait_until(lambda: len(statuses) > after + 10)
    over.set()
    for thread in crowd:
        thread.join(30)
    assert set(statuses) == {200}
