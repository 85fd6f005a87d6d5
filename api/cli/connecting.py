"""The connection of commands to a running service: `--server URL`, with `--key` or `VASARI_KEY`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vasari.api.client.client import Client
from vasari.api.client.connection import ServiceError


@contextmanager
def connected(server: str, key: str | None) -> Iterator[Client]:
    """A service; where it does not take the key (HTTP 401), the error tells how a command is given one."""
    with Client(server, key) as client:
        try:
            yield client
        except ServiceError as error:
            if error.status != 401:
                raise
            words = "this service asks for a key" if error.kind == "no-key" else str(error)
            raise ServiceError(f"{words}: give one with --key, or as VASARI_KEY", 401, error.kind) from error
