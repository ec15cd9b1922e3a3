"""Every row of the drill, and those of the catalogue that it does not play, with the reason."""

from __future__ import annotations

from typing import Final

from sparekey.drill import concurrency, credentials, embeddings, sharing, streams

ROWS: Final = (*streams.ROWS, *credentials.ROWS, *concurrency.ROWS, *sharing.ROWS, *embeddings.ROWS)
"""The rows, in the order of the catalogue."""

NOT_RUN: Final = {"M11": "needs the gateway, which reloads its configuration"}
"""Rows that are not played, and why."""
