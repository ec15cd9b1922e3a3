"""Every row of the drill, and those of the catalogue that it does not play, with the reason."""

from __future__ import annotations

from typing import Final

from sparekey.drill import concurrency, credentials, embeddings, streams

ROWS: Final = (*streams.ROWS, *credentials.ROWS, *concurrency.ROWS, *embeddings.ROWS)
"""The rows, in the order of the catalogue."""

_NO_STORE: Final = "needs a store that several processes share; only the memory of one process is there"
NOT_RUN: Final = {"M08": _NO_STORE, "M09": _NO_STORE, "M10": _NO_STORE, "M11": "needs the gateway, which reloads its configuration"}
"""Rows that are not played, and why."""
