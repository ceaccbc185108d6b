"""From the story to rows: `generate` makes the hospital group of a seed.

Ids, texts and moments come from the seed; the story does not. No moment is later than `EPOCH`, and
none depends on the clock of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from uuid import UUID

from eden.demo.dicom_files import file_size, image_files
from eden.demo.hospital import Hospital, Row, new_row
from eden.demo.radiograph import FULL_SIZE, SMALL_SIZE, View
from eden.demo.reports import ReportFacts, language_of, patient_of, write_report
from eden.demo.story import (
    BODY_PARTS,
    CHEST_PARTS,
    CHEST_WAYS,
    DOCTORS,
    ORGANIZATIONS,
    REFERRING,
    TIED,
    Case,
    Organization,
    Way,
    cases,
)

EPOCH = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
"""No generated moment is later."""

# Bulk updates of the application: all rows of one share its moment, to the microsecond.
_BULK_UPDATES = tuple(
    EPOCH - timedelta(days=days, microseconds=311_719 * days)
    for days in (700, 420, 365, 270, 180, 90, 60, 30, 14, 7, 2)
)
_FOUNDED = EPOCH - timedelta(days=1200, seconds=41, microseconds=5)
_MACHINE_NAMES = {
    "CR": "Chasis CR",
    "DX": "Sala digital 1",
    "PX": "Panorámico",
    "CT": "Tomógrafo 64",
    "MR": "Resonador 1.5T",
    "US": "Ecógrafo",
}
_DOCTORS = {doctor.key: doctor for doctor in DOCTORS}


def generate(seed: int = 7, *, archive: Path, small: bool = False) -> Hospital:
    """Return the hospital group of `seed`; the paths of its image files lie below `archive`.

    Nothing is written, and no picture is drawn. With `small`, pictures are of 256 x 256 pixels
    instead of 2048 x 2048. Equal arguments give equal hospitals; ids and texts depend on the seed
    alone.

    Raises:
        ValueError: `archive` is not absolute.
    """
    if not archive.is_absolute():
        raise ValueError("the archive's path must be absolute")
    world = _World.of(seed, archive)
    studies = _studies(world)
    hospital = Hospital(
        organizations=tuple(world.organizations.values()),
        body_parts=tuple(world.body_parts.values()),
        facilities=tuple(one for sites in world.facilities.values() for one in sites),
        modalities=tuple(world.modalities.values()),
        practitioners=tuple(world.practitioners.values()),
        technicians=tuple(one for team in world.technicians.values() for one in team),
        studies=tuple(one.study for one in studies),
        # A series stands with each of its pictures.
        series=tuple({p.series.id: p.series for one in studies for p in one.pictures}.values()),
        images=tuple(picture.image for one in studies for picture in one.pictures),
        reports=tuple(report for one in studies for report in one.reports),
        picture_size=SMALL_SIZE if small else FULL_SIZE,
        views={picture.image.id: picture.view for one in studies for picture in one.pictures},
    )
    sizes = {file.image_id: file_size(file.header) for file in image_files(hospital)}
    images = tuple(replace(image, file_size=sizes.get(image.id)) for image in hospital.images)
    return replace(hospital, images=images)


# --------------------------------------------------------------------------------------------
# What studies refer to
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _World:
    """The rows that studies refer to, by the keys of the story."""

    seed: int
    archive: Path
    organizations: dict[str, Row]
    body_parts: dict[str, Row]
    facilities: dict[str, tuple[Row, ...]]
    modalities: dict[tuple[str, str], Row]
    practitioners: dict[str, Row]
    technicians: dict[str, tuple[Row, ...]]

    @classmethod
    def of(cls, seed: int, archive: Path) -> _World:
        organizations = {one.key: _organization(seed, one) for one in ORGANIZATIONS}
        facilities = {
            one.key: _facilities(seed, one, organizations[one.key].id) for one in ORGANIZATIONS
        }
        return cls(
            seed=seed,
            archive=archive,
            organizations=organizations,
            body_parts=_body_parts(seed),
            facilities=facilities,
            modalities={
                (one.key, code): _modality(seed, one, code, facilities[one.key][0])
                for one in ORGANIZATIONS
                for code in one.machines
            },
            practitioners=_practitioners(seed, organizations),
            technicians={
                one.key: _technicians(seed, one, facilities[one.key][0]) for one in ORGANIZATIONS
            },
        )

    def id(self, *parts: object) -> UUID:
        """Return the id of the thing that `parts` name."""
        return _uuid(self.seed, *parts)

    def rng(self, *parts: object) -> Random:
        """Return a generator of its own for the thing that `parts` name."""
        return Random(f"{self.seed}/{parts}")


def _uuid(seed: int, *parts: object) -> UUID:
    """Return an id that depends on the name alone: a new row changes no other row's id."""
    return UUID(bytes=sha256(f"{seed}/{parts}".encode()).digest()[:16], version=4)


def _uid(identifier: UUID) -> str:
    """Return the DICOM UID made from a uuid (PS3.5, B.2)."""
    return f"2.25.{identifier.int}"


def _after(moment: datetime) -> datetime:
    """Return the moment of the first bulk update after `moment`."""
    return min((bulk for bulk in _BULK_UPDATES if bulk > moment), default=EPOCH)


def _organization(seed: int, one: Organization) -> Row:
    return new_row(
        "pacs_organizations",
        id=_uuid(seed, "organization", one.key),
        slug=one.slug,
        name=one.name,
        country=one.country,
        time_zone=one.time_zone,
        is_demo=one.is_demo,
        is_active=one.is_active,
        created_at=_FOUNDED,
        updated_at=_BULK_UPDATES[0] if one.is_active else _BULK_UPDATES[5],
    )


def _body_parts(seed: int) -> dict[str, Row]:
    return {
        key: new_row(
            "pacs_body_part",
            id=_uuid(seed, "body part", key),
            identifier=identifier,
            name=name,
            created_at=_FOUNDED,
            updated_at=_FOUNDED,
        )
        for key, (identifier, name) in BODY_PARTS.items()
    }


def _facilities(seed: int, one: Organization, organization_id: UUID) -> tuple[Row, ...]:
    return tuple(
        new_row(
            "pacs_facilities",
            id=_uuid(seed, "facility", one.key, number),
            organization_id=organization_id,
            name=name,
            identifier=f"{one.key.upper()}-{number + 1}",
            city=city,
            address=_address(one, city) if number == 0 else None,
            is_active=one.is_active,
            created_at=_FOUNDED,
            updated_at=_BULK_UPDATES[0],
        )
        for number, (name, city) in enumerate(one.sites)
    )


def _address(one: Organization, city: str) -> dict[str, object]:
    return {
        "street": "Calle 120",
        "city": city,
        "country": one.country,
        "geo": {"floors": [0, 1], "parking": True},
        "phone": None,
    }


def _modality(seed: int, one: Organization, code: str, facility: Row) -> Row:
    return new_row(
        "pacs_modalities",
        id=_uuid(seed, "modality", one.key, code),
        organization_id=facility.organization_id,
        facility_id=facility.id,
        identifier=code,
        name=_MACHINE_NAMES[code],
        ae_title=f"{one.key.upper()}_{code}1",
        manufacturer=one.manufacturer,
        created_at=_FOUNDED,
        updated_at=_BULK_UPDATES[1],
    )


def _practitioners(seed: int, organizations: dict[str, Row]) -> dict[str, Row]:
    ids = {doctor.key: _uuid(seed, "practitioner", doctor.key) for doctor in DOCTORS}
    ids.update(zip(TIED, sorted(ids[key] for key in TIED), strict=True))
    return {
        doctor.key: new_row(
            "pacs_practitioners",
            id=ids[doctor.key],
            organization_id=organizations[doctor.organization].id,
            first_name=doctor.first_name,
            last_name=doctor.last_name,
            license_number=f"MP {41_000 + 137 * number}",
            specialty="Imagenología" if number % 2 else None,
            email=f"{doctor.key}@example.org",
            is_active=doctor.is_active,
            deleted=doctor.deleted,
            created_at=_FOUNDED,
            updated_at=_BULK_UPDATES[number % 3],
        )
        for number, doctor in enumerate(DOCTORS)
    }


def _technicians(seed: int, one: Organization, facility: Row) -> tuple[Row, ...]:
    return tuple(
        new_row(
            "pacs_technicians",
            id=_uuid(seed, "technician", one.key, number),
            organization_id=facility.organization_id,
            facility_id=facility.id,
            first_name=first_name,
            last_name=last_name,
            created_at=_FOUNDED,
            updated_at=_BULK_UPDATES[1],
        )
        for number, (first_name, last_name) in enumerate(one.technicians)
    )


# --------------------------------------------------------------------------------------------
# Studies
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Picture:
    series: Row
    image: Row
    view: View


@dataclass(frozen=True, slots=True)
class _Study:
    """One case of the story with its rows."""

    study: Row
    pictures: tuple[_Picture, ...]
    reports: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One case of the story with its study row."""

    world: _World
    number: int
    case: Case
    study: Row


def _studies(world: _World) -> list[_Study]:
    turns = dict.fromkeys(world.organizations, 0)
    studies = []
    for number, case in enumerate(cases()):
        way = case.way
        if way is None:
            ways = CHEST_WAYS[language_of(world.organizations[case.organization].country)]
            way = ways[turns[case.organization] % len(ways)]
            turns[case.organization] += 1
        entry = _Entry(world, number, case, _study_row(world, number, case, way))
        reports = tuple(_report_row(entry, version) for version in range(len(case.reports)))
        studies.append(_Study(entry.study, _pictures(entry), reports))
    return studies


def _study_row(world: _World, number: int, case: Case, way: Way) -> Row:
    body_part, description = way
    rng = world.rng("study", number)
    performed = EPOCH - timedelta(
        days=rng.randrange(4, 500), seconds=rng.randrange(86_400), microseconds=rng.randrange(10**6)
    )
    created = performed + timedelta(minutes=rng.randrange(2, 30))
    study_id = world.id("study", number)
    # Two thirds of the studies share a patient with another one of their organization.
    patient = world.id("patient", case.organization, rng.randrange(12))
    modality = world.modalities[case.organization, case.modality] if case.modality else None
    return new_row(
        "pacs_studies",
        id=study_id,
        organization_id=world.organizations[case.organization].id,
        facility_id=rng.choice(world.facilities[case.organization]).id,
        modality_id=modality.id if modality else None,
        body_part_id=world.body_parts[body_part].id if body_part else None,
        technician_id=rng.choice(world.technicians[case.organization]).id,
        referring_practitioner_id=world.practitioners[REFERRING].id if number % 3 == 0 else None,
        patient_id=patient if case.has_patient else None,
        study_instance_uid=_uid(study_id),
        accession_number=f"{case.organization.upper()}{performed:%y%m}{number:04d}",
        dicom_description=description,
        status=case.status,
        priority=rng.choice(("ROUTINE", "URGENT", None)),
        migrated=case.migrated,
        # Values that a careless copy loses: NULL, empty, quotes, commas, braces, nesting.
        tags=rng.choice((None, (), ("urgencia",), ("control", 'dicho "así"', "a,b {c}"))),
        attributes=rng.choice(
            (
                None,
                {},
                {"room": 2, "portable": False, "note": "traído por emergencia"},
                {"dose": {"dap": 1.25, "unit": "dGy.cm2"}, "retakes": [], "origin": None},
            )
        ),
        performed_at=None if case.status in ("SCHEDULED", "CANCELLED") else performed,
        created_at=created,
        updated_at=_after(created) if rng.random() < 0.6 else created + timedelta(hours=3),
    )


def _pictures(entry: _Entry) -> tuple[_Picture, ...]:
    """Return every image of a study. CR puts all in one series, DX each in its own."""
    pictures = []
    for position, view in enumerate(entry.case.views):
        number, instance = (1, position + 1) if entry.case.modality == "CR" else (position + 1, 1)
        series = _series_row(entry, number, view)
        pictures.append(_Picture(series, _image_row(entry, series, position, instance), view))
    return tuple(_twisted(entry, pictures)) if entry.case.twist else tuple(pictures)


def _twisted(entry: _Entry, pictures: list[_Picture]) -> list[_Picture]:
    """Return the pictures with the oddity that the case names."""
    first, rest = pictures[0], pictures[1:]
    match entry.case.twist:
        case "no-number":
            return [_numbered(first, None), *rest]
        case "repeated-number":
            return [_numbered(picture, first.image.instance_number) for picture in pictures]
        case "deleted-image":
            # One file is still there, the other is gone.
            kept = replace(_image_row(entry, first.series, 8, 3), deleted=True)
            gone = replace(_image_row(entry, first.series, 9, 4), deleted=True, file_path=None)
            deleted = [_Picture(first.series, kept, "PA"), _Picture(first.series, gone, "LL")]
            return [*pictures, *deleted]
        case "deleted-series":
            series = replace(_series_row(entry, 9, "PA"), deleted=True)
            return [*pictures, _Picture(series, _image_row(entry, series, 9, 1), "PA")]
        case unknown:
            raise ValueError(f"unknown twist {unknown}")


def _numbered(picture: _Picture, instance_number: int | None) -> _Picture:
    return replace(picture, image=replace(picture.image, instance_number=instance_number))


def _series_row(entry: _Entry, series_number: int, view: View) -> Row:
    series_id = entry.world.id("series", entry.number, series_number)
    return new_row(
        "pacs_series",
        id=series_id,
        study_id=entry.study.id,
        series_instance_uid=_uid(series_id),
        series_number=series_number,
        modality=entry.case.modality,
        description=None if entry.case.modality == "CR" else view,
        created_at=entry.study.created_at,
        updated_at=entry.study.updated_at,
    )


def _image_row(entry: _Entry, series: Row, position: int, instance_number: int) -> Row:
    image_id = entry.world.id("image", entry.number, position)
    folder = entry.world.archive / f"{series.created_at:%Y/%m}" / str(series.study_id)
    return new_row(
        "pacs_images",
        id=image_id,
        series_id=series.id,
        sop_instance_uid=_uid(image_id),
        instance_number=instance_number,
        file_path=str(folder / f"{image_id}.dcm") if entry.case.stored else None,
        created_at=series.created_at,
        updated_at=series.updated_at,
    )


# --------------------------------------------------------------------------------------------
# Reports
# --------------------------------------------------------------------------------------------


def _report_row(entry: _Entry, version: int) -> Row:
    report, study = entry.case.reports[version], entry.study
    rng = entry.world.rng("report", entry.number, version)
    written = (study.performed_at or study.created_at) + timedelta(
        hours=1 + 5 * version, minutes=rng.randrange(300), microseconds=rng.randrange(10**6)
    )
    signed_at = written + timedelta(minutes=20) if report.status == "SIGNED" else None
    doctors = entry.world.practitioners
    return new_row(
        "pacs_reports",
        id=entry.world.id("report", entry.number, version),
        study_id=study.id,
        signed_by_id=doctors[report.doctor].id if report.doctor else None,
        status=report.status,
        is_active=report.is_active,
        deleted=report.deleted,
        content=_content(entry, version, signed_at or written) if report.has_text else None,
        signed_at=signed_at,
        created_at=written,
        updated_at=_after(written) if rng.random() < 0.6 else signed_at or written,
    )


def _content(entry: _Entry, version: int, signed_at: datetime) -> str:
    world, study, case = entry.world, entry.study, entry.case
    organization = world.organizations[case.organization]
    language = language_of(organization.country)
    doctor = _DOCTORS[case.reports[version].doctor or DOCTORS[0].key]
    sites = {site.id: site.name for site in world.facilities[case.organization]}
    body_parts = {part.id: part.name for part in world.body_parts.values()}
    facts = ReportFacts(
        patient=patient_of(study.patient_id or study.id, language),
        subject="chest" if case.way is None or case.way[0] in CHEST_PARTS else "other",
        examination=study.dicom_description or body_parts.get(study.body_part_id, "RX"),
        organization=organization.name,
        facility=sites[study.facility_id],
        accession_number=study.accession_number,
        performed_at=study.performed_at or study.created_at,
        signed_at=signed_at,
        signer=doctor.titled_name,
        license_number=world.practitioners[doctor.key].license_number,
        referring=_DOCTORS[REFERRING].titled_name if study.referring_practitioner_id else None,
    )
    html = (entry.number + version) % 3 == 1
    return write_report(f"{world.seed}/{entry.number}/{version}", language, facts, html=html)
