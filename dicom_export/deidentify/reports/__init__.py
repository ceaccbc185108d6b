"""Report scrubbing in Spanish, Portuguese and English (design, section 6). Plain Python.

``Scrubber(known, directory).scrub(text)`` returns the text without names, numbers, dates, contacts.
``README.md`` names the rooms. ``RULES_VERSION`` covers the rules and the word lists.
"""

from dicom_export.deidentify.reports.lexicon import has_meaning, is_administrative
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
    "has_meaning",
    "is_administrative",
]
