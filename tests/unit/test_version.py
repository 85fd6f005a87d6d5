"""One version: of the code, the changelog and the citation."""

from __future__ import annotations

import re
from pathlib import Path

from vasari.retrieval.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_changelog_and_the_citation_name_the_version_of_the_code() -> None:
    """The newest section below [Unreleased] is of this version, and dated."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    newest, date = headings[1]
    assert newest == __version__
    assert date
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_changelog_has_each_section_once_a_version() -> None:
    """Added, Changed, Fixed, Performance, in this order, with no entry twice."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for version in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert sections == [name for name in ("Added", "Changed", "Fixed", "Performance") if name in sections]
        entries = re.findall(r"^- .+", version, re.MULTILINE)
        assert len(entries) == len(set(entries))
