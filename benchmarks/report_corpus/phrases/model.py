"""The parts of which a report is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Pool = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's wording by one hand, but for its traps."""

    titles: Pool
    headings: Pool
    """Several lines that say who was examined; about a quarter of the reports have none."""
    labels: tuple[Pool, Pool, Pool, Pool]
    """History, technique, findings, impression, each in several spellings."""
    history: Pool
    technique: Pool
    comparison: Pool
    findings: Pool
    """Nobody is named here."""
    measured: Pool
    """Numbers that must stay: sizes, vertebrae, ribs, ratios, scores, views, doses."""
    impressions: Pool
    remarks: Pool
    """Calls, copies, relatives, consultations."""
    closings: Pool


@dataclass(frozen=True, slots=True)
class Phrases(Wording):
    """The wording of the first author's hands."""

    traps: Mapping[str, Pool]
    """By a folded name that is a word of radiology too: sentences in which it is no name."""
