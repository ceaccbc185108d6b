"""Report scrubbing in Spanish, Portuguese and English (design, section 6). Plain Python.

``Scrubber(known, directory).scrub(text)`` gives the text without names, numbers, dates, contacts.
What it does is written in ``rules``, what it knows of words in ``lexicon``; both have one version.
"""

from dicom_export.deidentify.reports.rules import RULES_VERSION
from dicom_export.deidentify.reports.scrubber import Directory, Scrubber
from dicom_export.deidentify.reports.types import Kind, KnownIdentifiers, Person, ScrubbedText, Span

__all__ = [
    "RULES_VERSION",
    "Directory",
    "Kind",
    "KnownIdentifiers",
    "Person",
    "ScrubbedText",
    "Scrubber",
    "Span",
]
