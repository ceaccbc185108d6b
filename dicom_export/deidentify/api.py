"""What a way of de-identifying is, and what it gives."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dicom_export.blobs import Blob, Scratch
from dicom_export.codes import Code
from dicom_export.deidentify.files.burned_in import Risk
from dicom_export.deidentify.files.header import Tally
from dicom_export.deidentify.final_search import Residue
from dicom_export.deidentify.identifiers import Identifiers
from dicom_export.deidentify.key import Subject
from dicom_export.dicom_file import PIECE_BYTES, DicomFile
from dicom_export.model import EligibleStudy


@dataclass(frozen=True, slots=True)
class DeidentifiedFile:
    """A file that may go out, and what was done to it. Nothing here identifies the patient."""

    blob: Blob
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    """The new UIDs."""
    tally: Tally
    burned_in: tuple[Risk, ...]
    pixels_at: int
    """Where the value of the pixel data begins."""
    removed_from_pixels: Mapping[str, int]
    """What was no pixels, by name: segments of compressed frames, bytes after the last frame."""
    made: frozenset[str] = field(repr=False)
    """Texts in it that are pseudonyms, moved dates or words of a dictionary."""

    def pixels_sha256(self) -> str:
        """Reckon the digest (hexadecimal) of the value of the pixel data, read from the file."""
        stream = self.blob.open()
        stream.seek(self.pixels_at)
        digest = hashlib.sha256()
        while piece := stream.read(PIECE_BYTES):
            digest.update(piece)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class OutgoingImage:
    """What becomes of an image that passed its checks."""

    blob: Blob | None
    """None where ``code`` says why it stays here."""
    code: Code | None = None
    warnings: tuple[str, ...] = ()
    file: DeidentifiedFile | None = None
    """None where the file goes out as it came."""


class Deidentifier(Protocol):
    """Turns files and reports into what may be uploaded. Used by several threads at once."""

    @property
    def mode(self) -> str:
        """The value of DEIDENTIFICATION that asks for it."""

    @property
    def rules_version(self) -> str:
        """Changes whenever the same input would give another output: studies are sent anew."""

    @property
    def key_id(self) -> str | None:
        """Names the key of the pseudonyms without giving it away; None where there is none."""

    def begin(self, study: EligibleStudy) -> StudyDeidentifier:
        """Begin a study."""


class StudyDeidentifier(Protocol):
    """One study's files and reports. Used by one thread: files first, then reports, then searches.

    The searches tell what kinds of identifiers of the study are left in what is to go out.
    """

    def disclosed(self) -> EligibleStudy:
        """Give the study's rows as ``metadata.json`` may show them; ids and order are the same."""

    def statement(self) -> Mapping[str, str | None]:
        """Say, for ``metadata.json``, how the study was de-identified."""

    def may_report(self, *, is_whole: bool) -> bool:
        """Whether it is known by now whom reports may name; else they stay here.

        ``is_whole`` says that no file of the study is still to come.
        """

    def image(self, source: DicomFile, scratch: Scratch) -> OutgoingImage:
        """Give the file to be uploaded.

        Raises:
            SourceFailed: the file can't be de-identified; its code says why.
        """

    def report(self, text: str) -> str:
        """Give the text to be uploaded."""

    def search_image(self, outgoing: OutgoingImage) -> Collection[Residue]:
        """Search a file that is to go out."""

    def search_report(self, text: str) -> Collection[Residue]:
        """Search a report that is to go out."""

    def search_metadata(self, content: bytes, made: Collection[str]) -> Collection[Residue]:
        """Search ``metadata.json``; ``made`` are ids and digests of this program's."""


@dataclass(frozen=True, slots=True)
class ScrubbedReport:
    """A report without what identifies people."""

    text: str = field(repr=False)
    marks: frozenset[str] = field(default=frozenset(), repr=False)
    """What stands for what was taken out, as ``[PATIENT]``: no identifier, whatever it says."""


class ReportScrubber(Protocol):
    """Takes out of a report what identifies people. Used by several threads at once."""

    @property
    def version(self) -> str:
        """Changes whenever the same text would come out differently."""

    def scrub(
        self, text: str, study: EligibleStudy, known: Identifiers, subject: Subject
    ) -> ScrubbedReport:
        """Take out the identifiers.

        ``known`` is what the study's files and rows say. A date may stay as ``subject`` moves it,
        written YYYY-MM-DD.
        """
