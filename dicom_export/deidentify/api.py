"""The protocols of de-identification, and its results."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dicom_export.blobs import Blob, Workspace
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
    """A de-identified file, and what was done to it. No field identifies the patient."""

    blob: Blob
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    """The new UIDs."""
    tally: Tally
    burned_in: tuple[Risk, ...]
    pixels_at: int
    """Position of the pixel data's value."""
    removed_from_pixels: Mapping[str, int]
    """Removed parts that were no pixels, by name: segments of a frame, bytes after the last one."""
    made: frozenset[str] = field(repr=False)
    """Its pseudonyms, moved dates and words of a dictionary, which the final search passes over."""

    def pixels_sha256(self) -> str:
        """Compute the SHA-256 (hexadecimal) of the pixel data's value from the file."""
        stream = self.blob.open()
        stream.seek(self.pixels_at)
        digest = hashlib.sha256()
        while piece := stream.read(PIECE_BYTES):
            digest.update(piece)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class OutgoingImage:
    """The file of an image that passed its checks, as it may be sent."""

    blob: Blob | None
    """None if it may not be sent; ``code`` says why."""
    code: Code | None = None
    warnings: tuple[str, ...] = ()
    file: DeidentifiedFile | None = None
    """None if the file is sent unchanged."""


class Deidentifier(Protocol):
    """One way to de-identify studies. Used by several threads at once."""

    @property
    def mode(self) -> str:
        """The value of DEIDENTIFICATION that chooses it."""

    @property
    def rules_version(self) -> str:
        """Changes with every change of the output; all studies are then sent again."""

    @property
    def key_id(self) -> str | None:
        """Identifies the key of the pseudonyms without disclosing it; None without a key."""

    def begin(self, study: EligibleStudy) -> StudyDeidentifier:
        """Begin a study."""


class StudyDeidentifier(Protocol):
    """One study's files and reports. Used by one thread: files first, then reports, then searches.

    The searches return the kinds of the study's identifiers that are left in an outgoing object.
    """

    def disclosed(self) -> EligibleStudy:
        """Return the study's rows as ``metadata.json`` may show them, with equal ids and order."""

    def statement(self) -> Mapping[str, str | None]:
        """Return the entry of ``metadata.json`` on how the study was de-identified."""

    def may_report(self, *, is_whole: bool) -> bool:
        """Whether reports may be sent: the files read so far tell whom they may name.

        ``is_whole`` says that no file of the study is still awaited.
        """

    def image(self, source: DicomFile, workspace: Workspace) -> OutgoingImage:
        """Return the file to be sent.

        Raises:
            SourceFailed: the file cannot be de-identified; its code says why.
        """

    def report(self, text: str) -> str:
        """Return the text to be sent."""

    def search_image(self, outgoing: OutgoingImage) -> Collection[Residue]:
        """Search an outgoing file."""

    def search_report(self, text: str) -> Collection[Residue]:
        """Search an outgoing report."""

    def search_metadata(self, content: bytes, made: Collection[str]) -> Collection[Residue]:
        """Search ``metadata.json``; ``made`` are ids and digests, which are passed over."""


@dataclass(frozen=True, slots=True)
class ScrubbedReport:
    """A report without the identifiers of people."""

    text: str = field(repr=False)
    marks: frozenset[str] = field(default=frozenset(), repr=False)
    """The placeholders in it, such as ``[PATIENT]``, which the final search passes over."""


class ReportScrubber(Protocol):
    """Removes the identifiers of people from reports. Used by several threads at once."""

    @property
    def version(self) -> str:
        """Changes with every change of the output."""

    def scrub(
        self, text: str, study: EligibleStudy, known: Identifiers, subject: Subject
    ) -> ScrubbedReport:
        """Remove the identifiers.

        ``known`` are the identifiers in the study's files and rows. A date may stay as
        YYYY-MM-DD, moved by the shift of ``subject``.
        """
