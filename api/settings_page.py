"""docs/settings.md, made from the settings: `python -m vasari.api.settings_page` writes it, a test compares it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.settings import MEBIBYTE, PREFIX, Settings, default_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_HEAD = f"""# Settings

Made from the settings by `python -m vasari.api.settings_page`; do not edit.

By environment, prefix `{PREFIX}`, such as `{PREFIX}DEVICE=cpu`; set but empty is not set. Yes and no are written 1,
true, yes, on, or 0, false, no, off; lists are JSON: `{PREFIX}ROOTS='["/photos"]'`. Options of commands come first. What
cannot be used is refused, all mistakes at once.
"""


def page() -> str:
    """The page."""
    own = {one.name for one in fields(Settings)}
    service = [one for one in fields(ServiceSettings) if one.name not in own]
    return "\n".join(
        [
            _HEAD,
            "## Of the library: every command, and the service\n",
            *_table(fields(Settings)),
            "\n## Of the service\n",
            *_table(service),
            "",
        ]
    )


def _table(settings: Any) -> Iterator[str]:
    yield "| setting | default | |"
    yield "|---|---|---|"
    for one in settings:
        yield f"| `{one.name.upper()}` | {_default(one)} | {one.metadata['about']} |"


def _default(one: Field[Any]) -> str:
    value = default_of(one)
    if one.metadata["unset"]:
        return str(one.metadata["unset"])
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if one.name.endswith("bytes"):
        mebibytes = value // MEBIBYTE
        return f"{mebibytes // 1024} GiB" if mebibytes % 1024 == 0 else f"{mebibytes} MiB"
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if _counts(one) else str(value)


def _counts(one: Field[Any]) -> bool:
    return isinstance(default_of(one), int) and one.name != "port"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
