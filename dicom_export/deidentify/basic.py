"""DEIDENTIFICATION=basic: PS3.15's Basic Application Level Confidentiality Profile by a keep-list.

``docs/deidentification.md`` says what is promised and what is not; ``files/rules.csv`` lists the
kept attributes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

from dicom_export.blobs import Workspace
from dicom_export.codes import Code
from dicom_export.deidentify.api import DeidentifiedFile, OutgoingImage, ReportScrubber
from dicom_export.deidentify.dates import parse_moment
from dicom_export.deidentify.files import burned_in, header, pixels, write_file
from dicom_export.deidentify.files.rules import RULES_VERSION, TOP_LEVEL, rules
from dicom_export.deidentify.final_search import Residue, Search
from dicom_export.deidentify.identifiers import Identifiers
from dicom_export.deidentify.key import Key, Subject
from dicom_export.dicom_file import DicomFile
from dicom_export.model import EligibleImage, EligibleReport, EligibleStudy

BurnedInPolicy = Literal["exclude", "flag"]

_MODALITY = 0x00080060
_SERIES_NUMBER = 0x00200011


def deidentify_file(
    source: DicomFile, key: Key, subject: Subject, workspace: Workspace
) -> DeidentifiedFile:
    """De-identify one file that has passed its checks.

    Raises:
        SourceFailed: UNSUPPORTED_PIXELS, BAD_FRAMES, TRUNCATED, TOO_LARGE, NO_PIXELS.
    """
    outgoing_pixels = pixels.plan(source)
    cleaned = header.clean(source.dataset, key, subject)
    written = write_file.write(source, cleaned, outgoing_pixels, workspace)
    return DeidentifiedFile(
        blob=written.blob,
        study_instance_uid=str(cleaned.dataset.StudyInstanceUID),
        series_instance_uid=str(cleaned.dataset.SeriesInstanceUID),
        sop_instance_uid=str(cleaned.dataset.SOPInstanceUID),
        tally=cleaned.tally,
        burned_in=burned_in.risks(source.dataset),
        pixels_at=written.pixels_at,
        removed_from_pixels=outgoing_pixels.removed,
        made=cleaned.made | write_file.STATEMENTS,
    )


class Basic:
    """The profile with one key, one policy for burned-in text and one scrubber of reports."""

    mode = "basic"

    def __init__(
        self, key: Key, burned_in_policy: BurnedInPolicy, scrubber: ReportScrubber
    ) -> None:
        self.key = key
        self.burned_in_policy = burned_in_policy
        self.scrubber = scrubber

    @property
    def rules_version(self) -> str:
        """Name the rules for files and those for reports."""
        return f"{RULES_VERSION}/{self.scrubber.version}"

    @property
    def key_id(self) -> str:
        """Name the key."""
        return self.key.key_id

    def begin(self, study: EligibleStudy) -> BasicStudy:
        """Begin a study."""
        return BasicStudy(self, study)


class BasicStudy:
    """One study under the profile."""

    def __init__(self, basic: Basic, study: EligibleStudy) -> None:
        self._basic = basic
        self._study = study
        self._subject = basic.key.subject(study.organization_id, study.patient_id, study.study_id)
        self._known = Identifiers()
        self._known.learn_rows(study)
        self._has_read_file = False
        self._marks: set[str] = set()
        self._ready: Search | None = None

    def disclosed(self) -> EligibleStudy:
        """Return the rows with pseudonyms, moved dates, and typed words of the vocabulary only."""
        study = self._study
        return replace(
            study,
            study_instance_uid=self._uid(study.study_instance_uid),
            accession_number=None,
            patient_id=None,
            dicom_description=header.described(study.dicom_description),
            body_part_identifier=header.described(study.body_part_identifier),
            body_part_name=header.described(study.body_part_name),
            performed_at=self._day(study.performed_at),
            reports=tuple(map(self._disclosed_report, study.reports)),
            images=tuple(map(self._disclosed_image, study.images)),
        )

    def statement(self) -> Mapping[str, str | None]:
        """State the rules, the key's id and the subject's pseudonym."""
        return {
            "mode": self._basic.mode,
            "rules_version": self._basic.rules_version,
            "key_id": self._basic.key_id,
            "burned_in_policy": self._basic.burned_in_policy,
            "subject_id": self._subject.subject_id,
        }

    def may_report(self, *, is_whole: bool) -> bool:
        """Whether a file named the patient (the warehouse does not), or no file will."""
        return bool(self._known.patients) or (self._has_read_file and is_whole)

    def image(self, source: DicomFile, workspace: Workspace) -> OutgoingImage:
        """De-identify a file, or leave it out if its picture may show text."""
        self._known.learn_file(source.dataset)
        self._has_read_file = True
        self._ready = None
        risks = burned_in.risks(source.dataset)
        if risks and self._basic.burned_in_policy == "exclude":
            return OutgoingImage(None, Code.BURNED_IN)
        made = deidentify_file(source, self._basic.key, self._subject, workspace)
        return OutgoingImage(made.blob, warnings=_warnings(made), file=made)

    def report(self, text: str) -> str:
        """Scrub a report."""
        scrubbed = self._basic.scrubber.scrub(text, self._study, self._known, self._subject)
        self._marks |= scrubbed.marks
        return scrubbed.text

    def search_image(self, outgoing: OutgoingImage) -> Collection[Residue]:
        """Search a file's whole header, and the parts of its pixels that can be text."""
        file = outgoing.file
        if file is None:
            raise ValueError("only files that were de-identified can be searched")
        search = self._search()
        stream = file.blob.open()
        found = search.in_header(stream.read(file.pixels_at), made=file.made)
        return found | search.in_pixels(stream, file.pixels_at)

    def search_report(self, text: str) -> Collection[Residue]:
        """Search a report."""
        known = self._known.dates | self._known.birth_dates
        moved = {str(day) for one in known if (day := self._subject.moved(one))}
        return self._search().in_report(text, made=self._marks | moved)

    def search_metadata(self, content: bytes, made: Collection[str]) -> Collection[Residue]:
        """Search ``metadata.json``."""
        disclosed = self.disclosed()
        pseudonyms = [
            self._subject.subject_id,
            self._basic.key_id,
            disclosed.study_instance_uid,
            disclosed.performed_at,
            *(report.signed_at for report in disclosed.reports),
            *(report.practitioner_id for report in disclosed.reports),
            *(image.series_instance_uid for image in disclosed.images),
            *(image.sop_instance_uid for image in disclosed.images),
        ]
        listed = [disclosed.dicom_description, disclosed.body_part_name]
        listed += [disclosed.body_part_identifier]
        listed += [image.series_description for image in disclosed.images]
        own = [text for text in pseudonyms if text]
        own += [text for text in listed if text and len(text) >= header.SHORTEST_LISTED]
        return self._search().in_document(content, made=[*made, *own])

    def _search(self) -> Search:
        if self._ready is None:
            self._ready = Search.of(self._known)
        return self._ready

    def _disclosed_image(self, image: EligibleImage) -> EligibleImage:
        modalities = rules()[TOP_LEVEL][_MODALITY].values
        low, high = rules()[TOP_LEVEL][_SERIES_NUMBER].range
        number = image.series_number
        return replace(
            image,
            series_instance_uid=self._uid(image.series_instance_uid),
            sop_instance_uid=self._uid(image.sop_instance_uid),
            series_number=number if number is not None and low <= number <= high else None,
            series_description=header.described(image.series_description),
            series_modality=image.series_modality if image.series_modality in modalities else None,
            file_path=None,
        )

    def _disclosed_report(self, report: EligibleReport) -> EligibleReport:
        doctor = report.practitioner_id
        return replace(
            report,
            content=None,
            signed_at=self._day(report.signed_at),
            practitioner_id=self._basic.key.doctor(doctor) if doctor else None,
        )

    def _uid(self, original: str | None) -> str | None:
        return self._basic.key.uid(original) if original else None

    def _day(self, moment: str | None) -> str | None:
        """Move the date and drop the time of day; 'infinity' is no date and stays."""
        if moment == "infinity":
            return moment
        day = parse_moment(moment)
        moved = self._subject.moved(day) if day else None
        return moved.isoformat() if moved else None


def _warnings(file: DeidentifiedFile) -> tuple[str, ...]:
    return tuple(f"BURNED_IN_{risk}" for risk in file.burned_in)
