"""A user of OpenViking's server: add a document, wait for its overview, print the result as JSON.

The Python of OpenViking's environment runs it: `python visit.py URL DOCUMENT`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Any

SECONDS = 90.0


def main(url: str, document: str) -> None:
    """Add the document and print the result."""
    from openviking_sdk import SyncHTTPClient  # noqa: PLC0415 - there in OpenViking's environment only

    client: Any = SyncHTTPClient(url=url, timeout=SECONDS)
    client.initialize()
    found: dict[str, Any] = {}
    try:
        added = client.add_resource(path=document, wait=True)
        found["uri"] = uri = added.get("root_uri") or added.get("uri")
        found["errors"] = added.get("errors") or []
        end = time.monotonic() + SECONDS
        while not found.get("overview") and time.monotonic() < end:
            with contextlib.suppress(Exception):
                found["overview"] = client.overview(uri)
            time.sleep(0.5)
        found["abstract"] = client.abstract(uri)
        found["hits"] = len(client.find("spare keys", limit=5).get("resources", ()))
    except Exception as exc:  # noqa: BLE001 - told, whatever it is
        found["error"] = f"{type(exc).__name__}: {exc}"
    finally:
        with contextlib.suppress(Exception):
            client.close()
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
