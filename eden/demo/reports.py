"""Generated patients, and radiology reports about them in Spanish, Portuguese and English.

Nobody here exists. Reports have the traits of real ones: the names of patient and doctors, record
numbers and dates stand in the heading, within sentences and in the signature; some reports are
plain text, some are HTML from a report editor. `wording.toml` holds the names and the phrases.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from html.entities import codepoint2name
from importlib.resources import files
from random import Random
from typing import Literal, TypedDict
from uuid import UUID

Language = Literal["es", "pt", "en"]
Sex = Literal["F", "M"]
Subject = Literal["chest", "other"]

_LANGUAGE_OF_COUNTRY: dict[str, Language] = {"BR": "pt", "PT": "pt", "US": "en", "GB": "en"}
_ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patient:
    """A generated person. Files and reports of one patient agree on it."""

    given: str
    family: str
    sex: Sex
    birth_date: date
    record_number: str
    """The number of the hospital: Patient ID (0010,0020) in the files."""
    document: str
    """The national number, in the style of the country; its digits are random."""

    @property
    def full_name(self) -> str:
        """Given names, then family name."""
        return f"{self.given} {self.family}"

    @property
    def dicom_name(self) -> str:
        """The name as a DICOM person name (PN)."""
        return f"{self.family.upper()}^{self.given.upper()}"

    def age_at(self, day: date) -> int:
        """Return the age in whole years on `day`."""
        before_birthday = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - before_birthday


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """The facts that a report names."""

    patient: Patient
    subject: Subject
    examination: str
    organization: str
    facility: str
    accession_number: str
    performed_at: datetime
    signed_at: datetime
    signer: str
    """Title and name: 'Dra. Lucía Berrondo'."""
    license_number: str
    referring: str | None


def language_of(country: str | None) -> Language:
    """Return the language of reports of an ISO 3166 country; Spanish if it is not known."""
    return _LANGUAGE_OF_COUNTRY.get(country or "", "es")


def patient_of(subject: UUID, language: Language) -> Patient:
    """Return the person of a patient_id, or of a study's id if its patient_id is NULL."""
    rng = Random(f"patient/{subject}")
    wording = _wordings()[language]
    sex: Sex = rng.choice(("F", "M"))
    return Patient(
        given=rng.choice(wording.given[sex]),
        family=rng.choice(wording.families),
        sex=sex,
        birth_date=date(1931, 1, 1) + timedelta(days=rng.randrange(75 * 365)),
        record_number=f"{rng.choice('ABCDEH')}{rng.randrange(10**6, 10**7)}",
        document=_document(rng, wording.document),
    )


def _document(rng: Random, pattern: str) -> str:
    """Return the pattern with a random digit in place of each #."""
    digits = iter(f"{rng.randrange(10**11):011d}")
    return re.sub("#", lambda _: next(digits), pattern)


class _Reading(TypedDict):
    findings: list[str]
    impression: str


@dataclass(frozen=True, slots=True)
class _Wording:
    """The names and phrases of one language: see wording.toml."""

    families: list[str]
    given: dict[Sex, list[str]]
    honorifics: dict[Sex, str]
    document: str
    no_referring: str
    title: str
    labels: tuple[str, str, str, str]
    heading: list[str]
    history: list[str]
    technique: str
    comparison: list[str]
    normal: list[str]
    chest: list[_Reading]
    other: list[_Reading]
    signature: str


@cache
def _wordings() -> dict[str, _Wording]:
    text = files("eden.demo").joinpath("wording.toml").read_text(encoding="utf-8")
    return {language: _Wording(**table) for language, table in tomllib.loads(text).items()}


def write_report(key: str, language: Language, facts: ReportFacts, *, html: bool) -> str:
    """Return the text of a report. The same key and facts give the same text.

    With `html`, the text is HTML from a report editor: paragraphs, a list, bold labels, `&nbsp;`
    and named entities; otherwise it is plain text whose lines end in a line feed.
    """
    rng = Random(f"report/{key}")
    wording = _wordings()[language]
    fields = _fields(rng, language, facts)
    findings, impression = _reading(rng, wording, facts.subject)
    draft = _Draft(
        title=wording.title,
        labels=wording.labels,
        heading=[line.format(**fields) for line in wording.heading],
        history=rng.choice(wording.history).format(**fields),
        technique=f"{wording.technique} {rng.choice(wording.comparison)}".format(**fields),
        findings=findings,
        impression=impression,
        signature=wording.signature.format(**fields),
    )
    return _as_html(draft) if html else _as_text(draft)


def _reading(rng: Random, wording: _Wording, subject: Subject) -> tuple[list[str], str]:
    """Return findings, with normal ones that do not contradict them, and the impression."""
    if subject == "other":
        found = rng.choice(wording.other)
        return found["findings"], found["impression"]
    found = rng.choice(wording.chest)
    is_clear = found == wording.chest[0]
    usual = rng.sample(wording.normal if is_clear else wording.normal[2:], 3)
    return [*found["findings"], *usual], found["impression"]


@dataclass(frozen=True, slots=True)
class _Draft:
    title: str
    labels: tuple[str, str, str, str]
    heading: list[str]
    history: str
    technique: str
    findings: list[str]
    impression: str
    signature: str


def _fields(rng: Random, language: Language, facts: ReportFacts) -> dict[str, str]:
    patient, wording = facts.patient, _wordings()[language]
    day = facts.performed_at.date()
    return {
        "organization": facts.organization,
        "facility": facts.facility,
        "patient": patient.full_name,
        "family": patient.family,
        "honorific": wording.honorifics[patient.sex],
        "document": patient.document,
        "record": patient.record_number,
        "born": _written(patient.birth_date, language),
        "age": str(patient.age_at(day)),
        "examination": facts.examination,
        "accession": facts.accession_number,
        "performed": _written(day, language),
        "previous": _written(day - timedelta(days=rng.randrange(40, 700)), language),
        "signed": f"{_written(facts.signed_at.date(), language)} {facts.signed_at:%H:%M}",
        "signer": facts.signer,
        "license": facts.license_number,
        "referring": facts.referring or wording.no_referring,
    }


def _written(day: date, language: Language) -> str:
    if language == "en":
        return f"{_ENGLISH_MONTHS[day.month - 1]} {day.day}, {day.year}"
    return f"{day:%d/%m/%Y}"


def _as_text(draft: _Draft) -> str:
    history, technique, findings, impression = draft.labels
    return "\n".join(
        (
            draft.title,
            "",
            *draft.heading,
            "",
            f"{history.upper()}: {draft.history}",
            f"{technique.upper()}: {draft.technique}",
            "",
            f"{findings.upper()}:",
            *(f"- {finding}" for finding in draft.findings),
            "",
            f"{impression.upper()}: {draft.impression}",
            "",
            draft.signature,
            "",
        )
    )


def _as_html(draft: _Draft) -> str:
    history, technique, findings, impression = map(_entities, draft.labels)
    heading = "<br>".join(map(_entities, draft.heading))
    items = "".join(f"<li>{_entities(finding)}</li>" for finding in draft.findings)
    return (
        f"<p><b>{_entities(draft.title)}</b></p>"
        f"<p>{heading}</p>"
        f"<p><b>{history}:</b>&nbsp;{_entities(draft.history)}</p>"
        f"<p><b>{technique}:</b>&nbsp;{_entities(draft.technique)}</p>"
        f"<p><b>{findings}:</b></p><ul>{items}</ul>"
        f"<p><b>{impression}:</b>&nbsp;{_entities(draft.impression)}</p>"
        f"<p>&nbsp;</p><p><i>{_entities(draft.signature)}</i></p>"
    )


def _entities(text: str) -> str:
    """Return text for HTML: accents and marks as named entities, wide gaps as `&nbsp;`."""
    return "".join(
        f"&{codepoint2name[ord(letter)]};" if ord(letter) in codepoint2name else letter
        for letter in text.replace("    ", " \N{NO-BREAK SPACE} ")
    )
