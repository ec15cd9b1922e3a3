"""The tables of rows: all of them, those for the gateway, and those that it cannot play."""

from __future__ import annotations

from typing import Final

from sparekey.lab.drill import (
    amounts,
    blame,
    bounds,
    callers,
    concurrency,
    credentials,
    embeddings,
    hostile,
    intermittent,
    returns,
    sharing,
    silence,
    streams,
)

_OTHERS: Final = tuple(sorted((*blame.ROWS, *bounds.ROWS, *intermittent.ROWS, *returns.ROWS, *silence.ROWS), key=lambda row: row.id))

ROWS: Final = (*streams.ROWS, *credentials.ROWS, *_OTHERS, *concurrency.ROWS, *sharing.ROWS, *embeddings.ROWS)
"""The rows that are played with a chain in this process, in the order of the catalogue."""

_HOSTILE: Final = tuple(sorted((*hostile.ROWS, *amounts.ROWS), key=lambda row: row.id))
_OF_THE_GATEWAY: Final = (*callers.ROTATION, *callers.ROWS, *_HOSTILE)

NOT_RUN: Final = {row.id: "needs the gateway: `sparekey drill --gateway` plays it" for row in _OF_THE_GATEWAY}
"""The rows that need the gateway, and what to run for them."""

_ALL: Final = (
    *streams.ROWS,
    *credentials.ROWS,
    *_OTHERS,
    *concurrency.ROWS,
    *sharing.ROWS,
    *callers.ROTATION,
    *embeddings.ROWS,
    *callers.ROWS,
    *_HOSTILE,
)

EVERY_ROW: Final = tuple(row.every_way() for row in _ALL)
"""Every row, in every mode in which it can be played."""

GATEWAY_ROWS: Final = tuple(row.through_gateway() for row in _ALL if not row.not_through)
"""The rows that are played through the gateway, in the order of the catalogue."""

NOT_THROUGH: Final = {row.id: row.not_through for row in _ALL if row.not_through}
"""The rows that cannot be played through the gateway, and why."""
