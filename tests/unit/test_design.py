"""Comments cite the design by section: each citation leads to a section of ``docs/design.md``."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import pytest

from eden.paths import PROJECT_ROOT

CITATION = re.compile(r"design, sections? ([0-9][^):;.]*)")
QUOTED = re.compile(r'(?:section )?(\d+)(?: and (\d+))?(?:,? "([^"]+)")?')
SECTION = re.compile(r"^## (\d+)\. .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Citation:
    place: str
    section: int
    title: str | None

    def __str__(self) -> str:
        return f"{self.place}: section {self.section} {self.title or ''}"


def sections() -> dict[int, str]:
    text = (PROJECT_ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    return {int(match[1]): match[0] for match in SECTION.finditer(text)}


def citations_in(place: str, text: str) -> list[Citation]:
    # A comment or a docstring may break its lines within a citation.
    flat = re.sub(r"\s*\n[ \t]*(#|--)?[ \t]*", " ", text)
    return [
        Citation(place, int(number), parts[3])
        for match in CITATION.finditer(flat)
        for parts in QUOTED.finditer(match[1])
        for number in parts.groups()[:2]
        if number
    ]


def citations() -> list[Citation]:
    done = subprocess.run(
        ["git", "grep", "-lE", "design,( |$)", "--", "*.py", "*.sql", "*.yml", "*.csv", "*.md"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        citation
        for name in done.stdout.split()
        if name not in ("docs/design.md", "docs/style.md", "tests/unit/test_design.py")
        for citation in citations_in(name, (PROJECT_ROOT / name).read_text(encoding="utf-8"))
    ]


def leads_nowhere(citation: Citation) -> bool:
    text = sections().get(citation.section)
    return text is None or (citation.title is not None and f"**{citation.title}" not in text)


def test_every_citation_of_the_design_leads_to_its_section() -> None:
    found = citations()
    assert len(found) > 50
    assert [str(each) for each in found if leads_nowhere(each)] == []


def test_the_sections_are_numbered_in_order() -> None:
    assert list(sections()) == list(range(1, 14))


@pytest.mark.parametrize(
    "text",
    [
        "(design, section 14)",
        '(design, section 3, "No such title")',
        "(design,\n    section 99)",
        "(design, sections 5 and 77)",
        '(design, section 4 "Eligible", section 15 "Ledger")',
    ],
)
def test_a_citation_that_leads_nowhere_is_noticed(text: str) -> None:
    assert any(leads_nowhere(each) for each in citations_in("here", text))
