"""A service over a library of colours in processes of its own: `python -m tests.service.standalone`."""

from __future__ import annotations

from fastapi import FastAPI

from api.service.app import create_app
from api.service.journal import configure_logs
from api.service.server import serve
from api.service.settings import ServiceSettings
from tests.service.colours import ColourLibrary


def make() -> FastAPI:
    """The application of one worker."""
    configure_logs(json_lines=True)
    return create_app(lambda: ColourLibrary.open(create=True), ServiceSettings())


if __name__ == "__main__":
    serve(ServiceSettings(), "tests.service.standalone:make")
