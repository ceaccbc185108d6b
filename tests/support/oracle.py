"""What the warehouse must say of a hospital, worked out in plain Python from its rows.

An independent reading of the rules for the doctor rank and for eligible studies: no SQL, no dbt
seed, none of the generator's own bookkeeping. It takes any `Hospital`, also one whose rows a test
has replaced, and is written to be read beside the rules, not to be quick.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from uuid import UUID

from eden.demo.hospital import Hospital, Row

CHEST_TERMS = ("chest", "torax", "thorax", "pecho", "peito")
RANKED_MODALITIES = frozenset({"CR", "DX", "PX"})
ELIGIBLE_MODALITIES = frozenset({"CR", "DX"})
FIRST_RANK, LAST_RANK = 2, 6

CRITERIA = (
    "modality",
    "chest",
    "signed_report",
    "doctor_rank",
    "not_demo",
    "not_migrated",
)
"""Keys of `criteria`, in the order of the rules' numbers 1 to 6."""


@dataclass(frozen=True, slots=True)
class EligibleStudy:
    """An eligible study, and what is exported of it."""

    organization_id: UUID
    doctor_rank: int
    """The best, lowest, rank among the doctors of the exported reports."""
    report_ids: frozenset[UUID]
    image_ids: frozenset[UUID]


def folded(text: str) -> str:
    """Return text decomposed (NFD), without its marks, in lower case."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(one for one in decomposed if not unicodedata.combining(one)).lower()


def mentions_chest(*texts: str | None) -> bool:
    """Tell whether one of the texts contains a chest term."""
    return any(term in folded(text) for text in texts if text for term in CHEST_TERMS)


def is_signed(report: Row) -> bool:
    """Tell whether this is a signed report in the rules' sense."""
    return (
        report.status == "SIGNED"
        and report.is_active
        and not report.deleted
        and report.signed_by_id is not None
    )


def modality_code(hospital: Hospital, study: Row) -> str | None:
    """Return the DICOM code of the study's machine, or None where it is not known."""
    codes = {machine.id: machine.identifier for machine in hospital.modalities}
    return codes.get(study.modality_id) if study.modality_id else None


def is_chest(hospital: Hospital, study: Row) -> bool:
    """Tell whether body part or description say that this is a chest study."""
    parts = {part.id: part for part in hospital.body_parts}
    part = parts[study.body_part_id] if study.body_part_id else None
    return mentions_chest(
        part.name if part else None,
        part.identifier if part else None,
        study.dicom_description,
    )


def is_demo(hospital: Hospital, study: Row) -> bool:
    """Tell whether the study belongs to a demo organization."""
    return any(one.is_demo for one in hospital.organizations if one.id == study.organization_id)


def signed_reports(hospital: Hospital, study: Row) -> list[Row]:
    """Return the study's signed reports."""
    return [one for one in hospital.reports if one.study_id == study.id and is_signed(one)]


def doctor_ranks(hospital: Hospital) -> dict[UUID, tuple[int, int]]:
    """Return (total of distinct signed chest studies, rank) of every doctor who has any."""
    signed: dict[UUID, set[UUID]] = {}
    for study in hospital.studies:
        if is_demo(hospital, study) or not is_chest(hospital, study):
            continue
        if modality_code(hospital, study) not in RANKED_MODALITIES:
            continue
        for report in signed_reports(hospital, study):
            assert report.signed_by_id is not None
            signed.setdefault(report.signed_by_id, set()).add(study.id)
    # PostgreSQL orders uuids by their bytes, as Python orders UUIDs.
    order = sorted(signed, key=lambda doctor: (-len(signed[doctor]), doctor))
    return {doctor: (len(signed[doctor]), rank) for rank, doctor in enumerate(order, start=1)}


def exported_reports(
    hospital: Hospital, study: Row, ranks: dict[UUID, tuple[int, int]]
) -> list[Row]:
    """Return the reports that satisfy criteria 3 and 4 at once."""
    return [
        report
        for report in signed_reports(hospital, study)
        if report.signed_by_id in ranks and FIRST_RANK <= ranks[report.signed_by_id][1] <= LAST_RANK
    ]


def exported_images(hospital: Hospital, study: Row) -> frozenset[UUID]:
    """Return the images that are not deleted, in series that are not deleted."""
    series = {one.id for one in hospital.series if one.study_id == study.id and not one.deleted}
    return frozenset(
        one.id for one in hospital.images if one.series_id in series and not one.deleted
    )


def criteria(hospital: Hospital) -> dict[UUID, dict[str, bool]]:
    """Return the six criteria of every study, by the names in `CRITERIA`.

    Criterion 4 is asked of the signed reports of criterion 3: a study without one fails both.
    """
    ranks = doctor_ranks(hospital)
    return {
        study.id: {
            "modality": modality_code(hospital, study) in ELIGIBLE_MODALITIES,
            "chest": is_chest(hospital, study),
            "signed_report": bool(signed_reports(hospital, study)),
            "doctor_rank": bool(exported_reports(hospital, study, ranks)),
            "not_demo": not is_demo(hospital, study),
            "not_migrated": not study.migrated,
        }
        for study in hospital.studies
    }


def eligible_studies(hospital: Hospital) -> dict[UUID, EligibleStudy]:
    """Return every study that meets all six criteria, with what is exported of it."""
    ranks = doctor_ranks(hospital)
    met = criteria(hospital)
    found = {}
    for study in hospital.studies:
        if not all(met[study.id].values()):
            continue
        reports = exported_reports(hospital, study, ranks)
        found[study.id] = EligibleStudy(
            organization_id=study.organization_id,
            doctor_rank=min(ranks[one.signed_by_id][1] for one in reports if one.signed_by_id),
            report_ids=frozenset(one.id for one in reports),
            image_ids=exported_images(hospital, study),
        )
    return found
