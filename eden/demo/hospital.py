"""A generated group of five radiology organizations: rows of the source database's ten tables.

`generate` is a pure function of its arguments. Ids, names and moments come from the seed; what the
group holds does not: which study fails which criterion, and how many studies every doctor has
signed, are written down in the tables below, so that every seed gives the same story. The moments
lie before `EPOCH`, never near the clock of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any
from unicodedata import normalize
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from eden.demo.radiograph import FULL_SIZE, SMALL_SIZE, View, file_size, image_files
from eden.demo.reports import ReportFacts, language_of, patient_of, write_report

EPOCH = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
"""No generated moment is later."""

Json = dict[str, Any]


# --------------------------------------------------------------------------------------------
# Rows: one class per table, its fields named and ordered like the table's columns
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """A row of pacs_organizations."""

    id: UUID
    slug: str
    name: str
    country: str | None
    time_zone: str
    is_demo: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BodyPartRow:
    """A row of pacs_body_part."""

    id: UUID
    identifier: str
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class FacilityRow:
    """A row of pacs_facilities."""

    id: UUID
    organization_id: UUID
    name: str
    identifier: str | None
    city: str | None
    address: Json | None
    is_active: bool
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ModalityRow:
    """A row of pacs_modalities: one machine."""

    id: UUID
    organization_id: UUID
    facility_id: UUID | None
    identifier: str
    name: str
    ae_title: str | None
    manufacturer: str | None
    is_active: bool
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PractitionerRow:
    """A row of pacs_practitioners."""

    id: UUID
    organization_id: UUID
    first_name: str
    last_name: str
    license_number: str | None
    specialty: str | None
    email: str | None
    is_active: bool
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TechnicianRow:
    """A row of pacs_technicians."""

    id: UUID
    organization_id: UUID
    facility_id: UUID | None
    first_name: str
    last_name: str
    is_active: bool
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A row of pacs_studies."""

    id: UUID
    organization_id: UUID
    facility_id: UUID | None
    modality_id: UUID | None
    body_part_id: UUID | None
    technician_id: UUID | None
    referring_practitioner_id: UUID | None
    patient_id: UUID | None
    study_instance_uid: str
    accession_number: str | None
    dicom_description: str | None
    status: str
    priority: str | None
    migrated: bool
    tags: tuple[str, ...] | None
    attributes: Json | None
    performed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A row of pacs_series."""

    id: UUID
    study_id: UUID
    series_instance_uid: str
    series_number: int | None
    modality: str | None
    description: str | None
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A row of pacs_images. `file_size` is that of the file `write_archive` writes, in bytes."""

    id: UUID
    series_id: UUID
    sop_instance_uid: str
    instance_number: int | None
    file_path: str | None
    file_size: int | None
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row of pacs_reports."""

    id: UUID
    study_id: UUID
    signed_by_id: UUID | None
    status: str
    is_active: bool
    deleted: bool
    content: str | None
    signed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Hospital:
    """The whole source database, table by table in an order that satisfies the foreign keys."""

    organizations: tuple[OrganizationRow, ...]
    body_parts: tuple[BodyPartRow, ...]
    facilities: tuple[FacilityRow, ...]
    modalities: tuple[ModalityRow, ...]
    practitioners: tuple[PractitionerRow, ...]
    technicians: tuple[TechnicianRow, ...]
    studies: tuple[StudyRow, ...]
    series: tuple[SeriesRow, ...]
    images: tuple[ImageRow, ...]
    reports: tuple[ReportRow, ...]
    picture_size: int
    """Rows, and columns, of every picture in the archive."""
    views: Mapping[UUID, View]
    """What each image shows, by image id; the database does not say."""


_TABLES: tuple[tuple[str, str, type[Any]], ...] = (
    ("organizations", "pacs_organizations", OrganizationRow),
    ("body_parts", "pacs_body_part", BodyPartRow),
    ("facilities", "pacs_facilities", FacilityRow),
    ("modalities", "pacs_modalities", ModalityRow),
    ("practitioners", "pacs_practitioners", PractitionerRow),
    ("technicians", "pacs_technicians", TechnicianRow),
    ("studies", "pacs_studies", StudyRow),
    ("series", "pacs_series", SeriesRow),
    ("images", "pacs_images", ImageRow),
    ("reports", "pacs_reports", ReportRow),
)


# --------------------------------------------------------------------------------------------
# The story: who there is
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Organization:
    key: str
    slug: str
    name: str
    country: str
    time_zone: str
    sites: tuple[tuple[str, str], ...]
    """(name, city) of each facility; the machines stand in the first."""
    machines: tuple[str, ...]
    manufacturer: str
    technicians: tuple[tuple[str, str], ...]
    is_demo: bool = False
    is_active: bool = True


_ORGANIZATIONS = (
    _Organization(
        "valle", "clinica-del-valle", "Clínica del Valle", "UY", "America/Montevideo",
        (("Sede Central", "Montevideo"), ("Policlínica Este", "Maldonado")),
        ("CR", "DX", "PX", "CT", "MR", "US"), "Ferrolux Imaging",
        (("Nahuel", "Bentancor"), ("Elisa", "Goyeneche")),
    ),
    _Organization(
        "dor", "clínica-d'or", "Clínica D'Or", "BR", "America/Sao_Paulo",
        (("Unidade Jardins", "São Paulo"), ("Unidade Praia", "Florianópolis")),
        ("CR", "DX", "PX", "CT", "US"), "Radionorte S.A.",
        (("Edson", "Pimentel"), ("Ângela", "Queiroz")),
    ),
    _Organization(
        "north", "northside-imaging", "Northside Imaging", "US", "America/Chicago",
        (("Main Street", "Springfield"),),
        ("CR", "DX", "CT", "MR"), "Halden Medical",
        (("Dorothy", "Mayhew"),),
    ),
    _Organization(
        "telmo", "san-telmo-rx", "San Telmo RX", "AR", "America/Argentina/Buenos_Aires",
        (("Consultorios San Telmo", "Buenos Aires"),),
        ("CR", "DX", "CT"), "Ferrolux Imaging",
        (("Ramiro", "Lezcano"),),
        is_active=False,
    ),
    _Organization(
        "demo", "demo", "Hospital de demostración", "CL", "America/Santiago",
        (("Sala de muestra", "Santiago"),),
        ("CR", "DX"), "Radionorte S.A.",
        (("Prueba", "Técnica"),),
        is_demo=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Doctor:
    key: str
    organization: str
    title: str
    first_name: str
    last_name: str
    signs_for: tuple[str, ...]
    """Organizations of the studies this doctor alone signs, in turn."""
    alone: int
    """Chest studies signed by this doctor and no other, in CR and DX, not migrated."""
    is_active: bool = True
    deleted: bool = False


# Totals of distinct signed chest studies, with what `_shared_cases` and `_counted_cases` add:
# etcheverry 12, berrondo 10, vasconcellos 8, hollowell 7, zubillaga 5, thackeray 4, figueiredo 4,
# iturralde 3, ugarteche 2. The two with 4 take ranks 6 and 7: the window ends between them.
_DOCTORS = (
    _Doctor("etcheverry", "valle", "Dr.", "Gonzalo", "Etcheverry", ("valle", "valle", "dor"), 11),
    _Doctor("berrondo", "valle", "Dra.", "Lucía", "Berrondo", ("valle", "valle", "telmo"), 7),
    _Doctor("vasconcellos", "dor", "Dr.", "Thiago", "Vasconcellos", ("dor", "dor", "valle"), 6),
    _Doctor("hollowell", "north", "Dr.", "Margaret", "Hollowell", ("north",), 4),
    _Doctor("zubillaga", "valle", "Dr.", "Ignacio", "Zubillaga", ("valle", "telmo"), 4),
    _Doctor("figueiredo", "dor", "Dra.", "Beatriz", "Figueiredo", ("dor",), 3),
    _Doctor("thackeray", "north", "Dr.", "Edwin", "Thackeray", ("north", "north", "valle"), 4),
    _Doctor("iturralde", "telmo", "Dra.", "Florencia", "Iturralde", ("telmo",), 3),
    _Doctor(
        "ugarteche", "valle", "Dr.", "Nicanor", "Ugarteche", ("valle",), 2,
        is_active=False, deleted=True,
    ),
    _Doctor("sarmento", "dor", "Dr.", "Otávio", "Sarmento", ("dor",), 0),
    _Doctor("quintanilla", "demo", "Dra.", "Amparo", "Quintanilla", ("demo",), 0),
)  # fmt: skip
_REFERRING = "ugarteche"
_TIED = ("thackeray", "figueiredo")
"""Equal totals: the first is given the smaller id, and so the better rank, for every seed."""


def _decomposed(text: str) -> str:
    """Return text with accents as combining marks, as some modalities send it."""
    return normalize("NFD", text)


_BODY_PARTS: dict[str, tuple[str, str]] = {
    # Chest by identifier and name, by name alone, by identifier alone.
    "chest": ("CHEST", "Chest PA"),
    "torax": ("TORAX", "Tórax"),
    "thorax": ("THORAX", "THORAX, bedside"),
    "peito": ("PEITO", "Peito"),
    "by_name": ("RX-014", "TÓRAX ÓSEO"),
    "by_name_decomposed": ("RX-015", _decomposed("Tórax, 2 incidências")),
    "by_name_pecho": ("RX-021", "Pecho, frente y perfil"),
    "by_identifier": ("CHESTPORT", "Portátil"),
    # Not chest.
    "knee": ("KNEE", "Knee"),
    "abdomen": ("ABDOMEN", "Abdomen"),
    "hand": ("MAO", "Mão"),
    "skull": ("SKULL", "Cráneo"),
    "spine": ("LSPINE", "Columna lumbar"),
    # Says nothing: the description decides.
    "other": ("OTHER", "Otros"),
}

_CHEST_PARTS = ("chest", "torax", "thorax", "peito")

_Way = tuple[str | None, str | None]
"""Body part, and dicom_description, of a study."""

_CHEST_WAYS: dict[str, tuple[_Way, ...]] = {
    "es": (
        ("chest", None),
        ("torax", "RX TÓRAX PA Y LATERAL"),
        ("other", "RX TÓRAX PA Y LATERAL"),
        ("by_name", "RX FRENTE Y PERFIL"),
        (None, _decomposed("Rx de Tórax frente")),
        ("by_identifier", None),
        ("by_name_pecho", ""),
    ),
    "pt": (
        ("torax", "RAIO-X DO TÓRAX PA"),
        ("peito", None),
        ("other", _decomposed("RADIOGRAFIA DE TÓRAX")),
        ("by_name_decomposed", "PA E PERFIL"),
        (None, "rx peito pa/perfil"),
    ),
    "en": (
        ("chest", "XR CHEST 2 VIEWS"),
        ("thorax", None),
        ("other", "Chest PA and lateral"),
        ("by_identifier", "PORTABLE"),
    ),
}


# --------------------------------------------------------------------------------------------
# The story: what was done
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Report:
    doctor: str | None
    status: str = "SIGNED"
    is_active: bool = True
    deleted: bool = False
    has_text: bool = True


@dataclass(frozen=True, slots=True)
class _Case:
    """One study of the story. `way` None: the next chest way of the organization's language."""

    organization: str
    modality: str | None
    reports: tuple[_Report, ...]
    views: tuple[View, ...] = ("PA",)
    way: _Way | None = None
    migrated: bool = False
    stored: bool = True
    """False: the images' file_path is NULL."""
    has_patient: bool = True
    status: str = "REPORTED"
    twist: str | None = None
    """An oddity of the images: see `_twisted`."""


def _signed(*doctors: str) -> tuple[_Report, ...]:
    return tuple(_Report(doctor) for doctor in doctors)


def _cases() -> tuple[_Case, ...]:
    """Return every study of the group."""
    return (
        *_alone_cases(),
        *_shared_cases(),
        *_counted_cases(),
        *_wrong_modality_cases(),
        *_not_chest_cases(),
        *_unsigned_cases(),
        *_demo_cases(),
        *_everyday_cases(),
    )


_BOTH: tuple[View, ...] = ("PA", "LL")
_RANKED = ("berrondo", "vasconcellos", "hollowell", "zubillaga", "thackeray")

# (doctor, number of the study among those the doctor signs alone): what is special about it.
_SPECIAL: dict[tuple[str, int], _Case] = {
    # A version replaced by a later one.
    ("berrondo", 1): _Case(
        "valle", "DX", (_Report("berrondo", is_active=False), _Report("berrondo")), _BOTH
    ),
    ("berrondo", 3): _Case("valle", "CR", _signed("berrondo"), _BOTH, twist="repeated-number"),
    ("berrondo", 4): _Case("valle", "CR", _signed("berrondo"), has_patient=False),
    # Two valid reports by one doctor: one study in the doctor's total, two files in the export.
    ("vasconcellos", 0): _Case("dor", "DX", _signed("vasconcellos", "vasconcellos"), _BOTH),
    ("vasconcellos", 2): _Case("valle", "DX", _signed("vasconcellos"), twist="no-number"),
    ("vasconcellos", 3): _Case("dor", "CR", _signed("vasconcellos"), _BOTH, twist="deleted-image"),
    # A draft by the doctor of rank 1 beside the signed report.
    ("hollowell", 0): _Case(
        "north", "DX", (_Report("hollowell"), _Report("etcheverry", status="DRAFT")), _BOTH
    ),
    ("hollowell", 2): _Case("north", "CR", _signed("hollowell"), _BOTH, twist="deleted-series"),
    # Signed by rank 1, drafted by rank 3: the report that is signed is not by a doctor wanted.
    ("etcheverry", 0): _Case(
        "valle", "DX", (_Report("etcheverry"), _Report("vasconcellos", status="DRAFT"))
    ),
}


def _alone_cases() -> Iterator[_Case]:
    """Chest studies in CR and DX signed by one doctor."""
    for doctor in _DOCTORS:
        for number in range(doctor.alone):
            special = _SPECIAL.get((doctor.key, number))
            if special is not None:
                yield special
                continue
            ranked = doctor.key in _RANKED
            yield _Case(
                doctor.signs_for[number % len(doctor.signs_for)],
                "DX" if number % 3 else "CR",
                _signed(doctor.key),
                views=_BOTH if ranked and number % 2 == 0 else ("PA",),
                # Old pictures of a doctor whose studies are not exported are on tape.
                stored=ranked or number < 4,
                status="DELIVERED" if number % 4 == 3 else "REPORTED",
            )


def _shared_cases() -> Iterator[_Case]:
    """Chest studies signed by two doctors: rank 1 and 3, 2 and 4, 4 and 7."""
    yield _Case("valle", "CR", _signed("etcheverry", "vasconcellos"), _BOTH)
    yield _Case("north", "DX", _signed("hollowell", "berrondo"), _BOTH)
    yield _Case("north", "CR", _signed("figueiredo", "hollowell"))


def _counted_cases() -> Iterator[_Case]:
    """Chest studies that count for the rank but are not eligible: migrated, or PX."""
    yield _Case("valle", "CR", _signed("berrondo"), migrated=True)
    yield _Case("dor", "DX", _signed("vasconcellos"), migrated=True)
    yield _Case("north", "CR", _signed("hollowell"), migrated=True)
    yield _Case("valle", "PX", _signed("berrondo"), stored=False)
    yield _Case("dor", "PX", _signed("zubillaga"), stored=False)


def _wrong_modality_cases() -> Iterator[_Case]:
    """Signed chest studies of other modalities: criterion 1 alone fails."""
    reports = _signed("vasconcellos")
    yield _Case("valle", "CT", _signed("berrondo"), way=("chest", "TC TÓRAX"), stored=False)
    yield _Case("dor", "CT", reports, way=("torax", "TC de tórax"), stored=False)
    yield _Case("dor", "US", reports, way=("peito", None), stored=False)
    yield _Case("north", "MR", _signed("hollowell"), way=("chest", None), stored=False)
    yield _Case("valle", None, _signed("zubillaga"), way=("torax", None), stored=False)


def _not_chest_cases() -> Iterator[_Case]:
    """Signed CR and DX studies of other body parts: criterion 2 alone fails."""
    yield _Case("valle", "CR", _signed("berrondo"), way=("knee", "RODILLA DERECHA"), stored=False)
    yield _Case("dor", "DX", _signed("vasconcellos"), way=("hand", "MÃO ESQ"), stored=False)
    yield _Case("north", "CR", _signed("hollowell"), way=("abdomen", None), stored=False)
    yield _Case("telmo", "DX", _signed("zubillaga"), way=("spine", "COLUMNA L/S"), stored=False)
    yield _Case("valle", "DX", _signed("thackeray"), way=(None, None), stored=False)
    yield _Case("dor", "CR", _signed("zubillaga"), way=("other", "T0RAX?"), stored=False)


def _unsigned_cases() -> Iterator[_Case]:
    """Chest studies without a valid signed report: criterion 3 fails, and 4 with it."""
    yield _Case("valle", "DX", (_Report("berrondo", status="DRAFT"),), status="ACQUIRED")
    yield _Case("valle", "CR", (_Report("berrondo", status="PENDING"),), status="ACQUIRED")
    yield _Case("dor", "CR", (_Report("vasconcellos", is_active=False),))
    yield _Case("dor", "DX", (_Report("vasconcellos", deleted=True),))
    yield _Case("north", "CR", (_Report("hollowell", status="CANCELLED"),))
    yield _Case("telmo", "DX", (_Report(None),))
    yield _Case("valle", "CR", (), status="ACQUIRED")


def _demo_cases() -> Iterator[_Case]:
    """Studies of the demo organization; counted, they would lift their doctor to rank 2."""
    for _ in range(3):
        yield _Case("demo", "DX", _signed("vasconcellos"))
    yield _Case("demo", "CR", _signed("quintanilla"))
    yield _Case("demo", "CR", _signed("quintanilla"), migrated=True)


def _everyday_cases() -> Iterator[_Case]:
    """The rest of a hospital's day: nothing here is chest, or nothing has been done yet."""
    for modality, way in (
        ("CR", ("knee", "JOELHO AP/P")),
        ("CR", ("hand", None)),
        ("DX", ("abdomen", "ABDOME AGUDO")),
        ("US", ("abdomen", "US ABDOME TOTAL")),
        ("CT", ("skull", "TC CRÂNIO")),
    ):
        yield _Case("dor", modality, _signed("sarmento"), way=way, stored=False)
    yield _Case("valle", "MR", _signed("etcheverry"), way=("skull", "RM CRÁNEO"), stored=False)
    draft = (_Report(None, status="DRAFT", has_text=False),)
    yield _Case("north", "CT", draft, way=("abdomen", None), stored=False, status="ACQUIRED")
    yield _Case("valle", "DX", (), views=(), status="SCHEDULED")
    yield _Case("telmo", "CR", (), views=(), status="CANCELLED")


# --------------------------------------------------------------------------------------------
# From the story to rows
# --------------------------------------------------------------------------------------------


def generate(seed: int = 7, *, archive: Path, small: bool = False) -> Hospital:
    """Return the hospital group of `seed`, with its image files to lie below `archive`.

    Nothing is read or written. `archive` must be absolute; `small` makes the pictures 256 instead
    of 2048 pixels square. Equal arguments give equal hospitals; ids and texts depend on the seed
    alone.
    """
    if not archive.is_absolute():
        raise ValueError("the archive's path must be absolute")
    world = _World.of(seed, archive)
    studies: list[_StudyRows] = []
    turns: dict[str, int] = {}
    for number, case in enumerate(_cases()):
        turn = turns.setdefault(case.organization, 0)
        if case.way is None:
            turns[case.organization] = turn + 1
        studies.append(_study_rows(world, number, case, turn))
    hospital = Hospital(
        organizations=tuple(world.organizations.values()),
        body_parts=tuple(world.body_parts.values()),
        facilities=tuple(row for rows in world.facilities.values() for row in rows),
        modalities=tuple(world.modalities.values()),
        practitioners=tuple(world.practitioners.values()),
        technicians=tuple(row for rows in world.technicians.values() for row in rows),
        studies=tuple(rows.study for rows in studies),
        series=tuple(row for rows in studies for row in rows.series),
        images=tuple(row for rows in studies for row in rows.images),
        reports=tuple(row for rows in studies for row in rows.reports),
        picture_size=SMALL_SIZE if small else FULL_SIZE,
        views={image_id: view for rows in studies for image_id, view in rows.views.items()},
    )
    sizes = {file.image_id: file_size(file.attributes) for file in image_files(hospital)}
    images = tuple(replace(image, file_size=sizes.get(image.id)) for image in hospital.images)
    return replace(hospital, images=images)


@dataclass(frozen=True, slots=True)
class _World:
    """What studies refer to, by the story's keys."""

    seed: int
    archive: Path
    organizations: dict[str, OrganizationRow]
    body_parts: dict[str, BodyPartRow]
    facilities: dict[str, tuple[FacilityRow, ...]]
    modalities: dict[tuple[str, str], ModalityRow]
    practitioners: dict[str, PractitionerRow]
    technicians: dict[str, tuple[TechnicianRow, ...]]

    @classmethod
    def of(cls, seed: int, archive: Path) -> _World:
        organizations = {one.key: _organization_row(seed, one) for one in _ORGANIZATIONS}
        facilities = {
            one.key: _facility_rows(seed, one, organizations[one.key].id) for one in _ORGANIZATIONS
        }
        return cls(
            seed=seed,
            archive=archive,
            organizations=organizations,
            body_parts=_body_part_rows(seed),
            facilities=facilities,
            modalities={
                (one.key, code): _modality_row(seed, one, code, facilities[one.key][0])
                for one in _ORGANIZATIONS
                for code in one.machines
            },
            practitioners=_practitioner_rows(seed, organizations),
            technicians={
                one.key: _technician_rows(seed, one, facilities[one.key][0])
                for one in _ORGANIZATIONS
            },
        )

    def id(self, *parts: object) -> UUID:
        """Return the id of what `parts` name."""
        return _uuid(self.seed, *parts)

    def rng(self, *parts: object) -> Random:
        """Return a generator of its own for what `parts` name."""
        return Random(f"{self.seed}/{parts}")


def _uuid(seed: int, *parts: object) -> UUID:
    """Return a random-looking uuid: keyed by name, so that one row more moves no other's id."""
    return UUID(bytes=sha256(f"{seed}/{parts}".encode()).digest()[:16], version=4)


def _uid(identifier: UUID) -> str:
    """Return the DICOM UID made from a uuid (PS3.5 B.2)."""
    return f"2.25.{identifier.int}"


# Bulk updates of the application: every row one of them touched has its moment to the microsecond.
_BULK_UPDATES = tuple(
    EPOCH - timedelta(days=days, microseconds=311_719 * days)
    for days in (700, 420, 365, 270, 180, 90, 60, 30, 14, 7, 2)
)
_FOUNDED = EPOCH - timedelta(days=1200, seconds=41, microseconds=5)


def _after(moment: datetime) -> datetime:
    """Return the moment of the first bulk update after `moment`."""
    return min((bulk for bulk in _BULK_UPDATES if bulk > moment), default=EPOCH)


def _organization_row(seed: int, one: _Organization) -> OrganizationRow:
    return OrganizationRow(
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


def _body_part_rows(seed: int) -> dict[str, BodyPartRow]:
    return {
        key: BodyPartRow(_uuid(seed, "body part", key), identifier, name, _FOUNDED, _FOUNDED)
        for key, (identifier, name) in _BODY_PARTS.items()
    }


def _facility_rows(seed: int, one: _Organization, organization_id: UUID) -> tuple[FacilityRow, ...]:
    return tuple(
        FacilityRow(
            id=_uuid(seed, "facility", one.key, number),
            organization_id=organization_id,
            name=name,
            identifier=f"{one.key.upper()}-{number + 1}",
            city=city,
            address={
                "street": f"Calle {120 + 31 * number}",
                "city": city,
                "country": one.country,
                "geo": {"floors": [0, number + 1], "parking": number == 0},
                "phone": None,
            }
            if number == 0
            else None,
            is_active=one.is_active,
            deleted=False,
            created_at=_FOUNDED,
            updated_at=_BULK_UPDATES[0],
        )
        for number, (name, city) in enumerate(one.sites)
    )


_MACHINE_NAMES = {
    "CR": "Chasis CR",
    "DX": "Sala digital 1",
    "PX": "Panorámico",
    "CT": "Tomógrafo 64",
    "MR": "Resonador 1.5T",
    "US": "Ecógrafo",
}


def _modality_row(seed: int, one: _Organization, code: str, facility: FacilityRow) -> ModalityRow:
    return ModalityRow(
        id=_uuid(seed, "modality", one.key, code),
        organization_id=facility.organization_id,
        facility_id=facility.id,
        identifier=code,
        name=_MACHINE_NAMES[code],
        ae_title=f"{one.key.upper()}_{code}1",
        manufacturer=one.manufacturer,
        is_active=True,
        deleted=False,
        created_at=_FOUNDED,
        updated_at=_BULK_UPDATES[1],
    )


def _practitioner_rows(
    seed: int, organizations: dict[str, OrganizationRow]
) -> dict[str, PractitionerRow]:
    ids = {doctor.key: _uuid(seed, "practitioner", doctor.key) for doctor in _DOCTORS}
    ids.update(zip(_TIED, sorted(ids[key] for key in _TIED), strict=True))
    return {
        doctor.key: PractitionerRow(
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
        for number, doctor in enumerate(_DOCTORS)
    }


def _technician_rows(
    seed: int, one: _Organization, facility: FacilityRow
) -> tuple[TechnicianRow, ...]:
    return tuple(
        TechnicianRow(
            id=_uuid(seed, "technician", one.key, number),
            organization_id=facility.organization_id,
            facility_id=facility.id,
            first_name=first_name,
            last_name=last_name,
            is_active=True,
            deleted=False,
            created_at=_FOUNDED,
            updated_at=_BULK_UPDATES[1],
        )
        for number, (first_name, last_name) in enumerate(one.technicians)
    )


@dataclass(frozen=True, slots=True)
class _StudyRows:
    study: StudyRow
    series: tuple[SeriesRow, ...]
    images: tuple[ImageRow, ...]
    reports: tuple[ReportRow, ...]
    views: dict[UUID, View]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One case of the story with the study row made of it."""

    world: _World
    number: int
    case: _Case
    study: StudyRow


def _study_rows(world: _World, number: int, case: _Case, turn: int) -> _StudyRows:
    """Return one study with all that hangs from it."""
    entry = _Entry(world, number, case, _study_row(world, number, case, turn))
    pictures = _pictures(entry)
    return _StudyRows(
        study=entry.study,
        series=tuple({series.id: series for series, _, _ in pictures}.values()),
        images=tuple(image for _, image, _ in pictures),
        reports=tuple(_report_row(entry, version) for version in range(len(case.reports))),
        views={image.id: view for _, image, view in pictures},
    )


def _study_row(world: _World, number: int, case: _Case, turn: int) -> StudyRow:
    organization = world.organizations[case.organization]
    ways = _CHEST_WAYS[language_of(organization.country)]
    body_part, description = case.way or ways[turn % len(ways)]
    rng = world.rng("study", number)
    performed = EPOCH - timedelta(
        days=rng.randrange(4, 500), seconds=rng.randrange(86_400), microseconds=rng.randrange(10**6)
    )
    created = performed + timedelta(minutes=rng.randrange(2, 30))
    study_id = world.id("study", number)
    # Two thirds of the studies share a patient with another one of their organization.
    patient = world.id("patient", case.organization, rng.randrange(12))
    return StudyRow(
        id=study_id,
        organization_id=organization.id,
        facility_id=rng.choice(world.facilities[case.organization]).id,
        modality_id=world.modalities[case.organization, case.modality].id
        if case.modality
        else None,
        body_part_id=world.body_parts[body_part].id if body_part else None,
        technician_id=rng.choice(world.technicians[case.organization]).id,
        referring_practitioner_id=world.practitioners[_REFERRING].id if number % 3 == 0 else None,
        patient_id=patient if case.has_patient else None,
        study_instance_uid=_uid(study_id),
        accession_number=f"{case.organization.upper()}{performed:%y%m}{number:04d}",
        dicom_description=description,
        status=case.status,
        priority=rng.choice(("ROUTINE", "URGENT", None)),
        migrated=case.migrated,
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


_Picture = tuple[SeriesRow, ImageRow, View]


def _pictures(entry: _Entry) -> list[_Picture]:
    """Return every image of a study with its series: CR puts all in one, DX each in its own."""
    pictures: list[_Picture] = []
    for position, view in enumerate(entry.case.views):
        number, instance = (1, position + 1) if entry.case.modality == "CR" else (position + 1, 1)
        series = _series_row(entry, number, view)
        pictures.append((series, _image_row(entry, series, position, instance), view))
    return _twisted(entry, pictures)


def _series_row(entry: _Entry, series_number: int, view: View) -> SeriesRow:
    series_id = entry.world.id("series", entry.number, series_number)
    return SeriesRow(
        id=series_id,
        study_id=entry.study.id,
        series_instance_uid=_uid(series_id),
        series_number=series_number,
        modality=entry.case.modality,
        description=None if entry.case.modality == "CR" else view,
        deleted=False,
        created_at=entry.study.created_at,
        updated_at=entry.study.updated_at,
    )


def _image_row(entry: _Entry, series: SeriesRow, position: int, instance_number: int) -> ImageRow:
    image_id = entry.world.id("image", entry.number, position)
    folder = entry.world.archive / f"{series.created_at:%Y/%m}" / str(series.study_id)
    return ImageRow(
        id=image_id,
        series_id=series.id,
        sop_instance_uid=_uid(image_id),
        instance_number=instance_number,
        file_path=str(folder / f"{image_id}.dcm") if entry.case.stored else None,
        file_size=None,
        deleted=False,
        created_at=series.created_at,
        updated_at=series.updated_at,
    )


def _twisted(entry: _Entry, pictures: list[_Picture]) -> list[_Picture]:
    """Return the pictures with the case's oddity."""
    twist = entry.case.twist
    if twist is None:
        return pictures
    series, first, view = pictures[0]
    if twist == "no-number":
        return [(series, replace(first, instance_number=None), view), *pictures[1:]]
    if twist == "repeated-number":
        return [
            (of, replace(image, instance_number=first.instance_number), shows)
            for of, image, shows in pictures
        ]
    if twist == "deleted-image":
        # One whose file is still there, one whose file is gone.
        kept = replace(_image_row(entry, series, 8, 3), deleted=True)
        gone = replace(_image_row(entry, series, 9, 4), deleted=True, file_path=None)
        return [*pictures, (series, kept, "PA"), (series, gone, "LL")]
    if twist == "deleted-series":
        dead = replace(_series_row(entry, 9, "PA"), deleted=True)
        return [*pictures, (dead, _image_row(entry, dead, 9, 1), "PA")]
    raise ValueError(f"unknown twist {twist}")


def _report_row(entry: _Entry, version: int) -> ReportRow:
    report, study = entry.case.reports[version], entry.study
    rng = entry.world.rng("report", entry.number, version)
    written = (study.performed_at or study.created_at) + timedelta(
        hours=1 + 5 * version, minutes=rng.randrange(300), microseconds=rng.randrange(10**6)
    )
    signed_at = written + timedelta(minutes=20) if report.status == "SIGNED" else None
    doctors = entry.world.practitioners
    return ReportRow(
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
    doctor = _doctor(case.reports[version].doctor or _DOCTORS[0].key)
    sites = {row.id: row.name for row in world.facilities[case.organization]}
    body_parts = {row.id: row.name for row in world.body_parts.values()}
    facts = ReportFacts(
        patient=patient_of(study.patient_id or study.id, language),
        subject="chest" if case.way is None or case.way[0] in _CHEST_PARTS else "other",
        examination=study.dicom_description
        or (body_parts[study.body_part_id] if study.body_part_id else "RX"),
        organization=organization.name,
        facility=sites[study.facility_id] if study.facility_id else "",
        accession_number=study.accession_number or "",
        performed_at=study.performed_at or study.created_at,
        signed_at=signed_at,
        signer=_called(doctor),
        license_number=world.practitioners[doctor.key].license_number or "",
        referring=_called(_doctor(_REFERRING)) if study.referring_practitioner_id else None,
    )
    html = (entry.number + version) % 3 == 1
    return write_report(f"{world.seed}/{entry.number}/{version}", language, facts, html=html)


def _doctor(key: str) -> _Doctor:
    return next(doctor for doctor in _DOCTORS if doctor.key == key)


def _called(doctor: _Doctor) -> str:
    return f"{doctor.title} {doctor.first_name} {doctor.last_name}"


# --------------------------------------------------------------------------------------------
# Into a database
# --------------------------------------------------------------------------------------------


def load(hospital: Hospital, connection: psycopg.Connection[Any]) -> None:
    """Create the source's tables in the connection's current schema and fill them.

    All or nothing, in one transaction (a savepoint, where the caller has one open). Where the
    tables exist, psycopg.errors.DuplicateTable is raised.
    """
    ddl = files("eden.demo").joinpath("source_schema.sql").read_bytes()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(ddl)
        for attribute, table, row_type in _TABLES:
            columns = tuple(field.name for field in fields(row_type))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with cursor.copy(statement) as copy:
                for row in getattr(hospital, attribute):
                    copy.write_row([_for_copy(getattr(row, column)) for column in columns])


def _for_copy(value: object) -> object:
    """Return a field as psycopg writes it: jsonb and text[] have no plain Python equivalent."""
    if isinstance(value, dict):
        return Jsonb(value)
    if isinstance(value, tuple):
        return list(value)
    return value


def already_loaded(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the source's tables are there: `load` leaves either all of them full or none."""
    with connection.transaction():
        row = connection.execute("SELECT to_regclass('pacs_reports') IS NOT NULL").fetchone()
    return bool(row and row[0])
