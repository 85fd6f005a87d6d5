"""A service over a library of colours in processes of its own: `python -m tests.service.standalone`."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from fastapi import FastAPI

from tests.service.colours import ColourLibrary
from vasari.api.service import server
from vasari.api.service.app import create_app
from vasari.api.service.logs import configure_logs
from vasari.api.service.server import serve
from vasari.api.service.settings import ServiceSettings


def make(settings: ServiceSettings, listening: Sequence[socket.socket] = ()) -> FastAPI:
    """The application of one process."""
    configure_logs(json_lines=True)
    if "VASARI_TEST_LAST_LOOK" in os.environ:
        vars(server)["LAST_LOOK"] = float(os.environ["VASARI_TEST_LAST_LOOK"])
    return create_app(lambda: ColourLibrary.open(create=True), settings, listening=listening)


if __name__ == "__main__":
    serve(ServiceSettings(json_logs=True), make)
