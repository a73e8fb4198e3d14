"""The brokers: kombu's transports, each with one thing it does not do for us.

In the embedded set-up kombu opens a message under its final name and then writes it; a worker that looks in
between takes half a message, fails to read it and ends. Here a message gets its name when it is complete.

With Redis it makes a client for every message and every confirmation; making one takes longer than asking.
Here a channel has one, of which several threads may use a connection each.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import filesystem, redis


class Channel(filesystem.Channel):
    """Reads as kombu does; writes beside the place and renames, which a file system does at once."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Put a message at the end of the queue. Raises ChannelError where the folder cannot be written."""
        # The time of day, not that since the machine started: messages outlive a restart in their order.
        place = Path(self.data_folder_out) / f"{time.time_ns():020}_{uuid4()}.{queue}.msg"
        _appear(place, json.dumps(payload))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Two processes that start together would both make the table, and one would read it empty."""
        table: Path = self._exchange_file(exchange)  # type: ignore[no-untyped-call]
        if not table.exists():
            self.control_folder.mkdir(parents=True, exist_ok=True)
            _appear(table, "[]", replace=False)
        super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]


def _appear(place: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that has all its content from the moment it is there."""
    unfinished = place.with_name(f"{place.name}.{uuid4()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        if replace:
            unfinished.replace(place)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(unfinished, place)
            unfinished.unlink()
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise ChannelError(f"Cannot write {place}: {error}") from error


class Transport(filesystem.Transport):
    """What ``filesystem://`` stands for here."""

    Channel = Channel


class RedisChannel(redis.Channel):
    """Asks through one client as long as the pool of connections is the same."""

    _client_kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._client_kept is None or self._client_kept.connection_pool is not self.pool:
            self._client_kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._client_kept


class RedisTransport(redis.Transport):
    """What ``redis://`` stands for here."""

    Channel = RedisChannel
