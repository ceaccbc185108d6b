"""The story of the generated hospital group: who works there, and which studies were done.

It is the same for every seed: which study fails which criterion, and how many studies each doctor
has signed, is fixed here. `eden.demo.generate` makes rows of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

from eden.demo.radiograph import View

# --------------------------------------------------------------------------------------------
# Who works there
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization with its facilities, machines and technicians."""

    key: str
    slug: str
    name: str
    country: str
    time_zone: str
    sites: tuple[tuple[str, str], ...]
    """(name, city) of each facility; the machines stand in the first."""
    machines: tuple[str, ...]
    """DICOM modality codes, one machine each."""
    manufacturer: str
    technicians: tuple[tuple[str, str], ...]
    """(first name, last name)."""
    is_demo: bool = False
    is_active: bool = True


ORGANIZATIONS = (
    Organization(
        "valle", "clinica-del-valle", "Clínica del Valle", "UY", "America/Montevideo",
        (("Sede Central", "Montevideo"), ("Policlínica Este", "Maldonado")),
        ("CR", "DX", "PX", "CT", "MR", "US"), "Ferrolux Imaging",
        (("Nahuel", "Bentancor"), ("Elisa", "Goyeneche")),
    ),
    Organization(
        "dor", "clínica-d'or", "Clínica D'Or", "BR", "America/Sao_Paulo",
        (("Unidade Jardins", "São Paulo"), ("Unidade Praia", "Florianópolis")),
        ("CR", "DX", "PX", "CT", "US"), "Radionorte S.A.",
        (("Edson", "Pimentel"), ("Ângela", "Queiroz")),
    ),
    Organization(
        "north", "northside-imaging", "Northside Imaging", "US", "America/Chicago",
        (("Main Street", "Springfield"),),
        ("CR", "DX", "CT", "MR"), "Halden Medical",
        (("Dorothy", "Mayhew"),),
    ),
    Organization(
        "telmo", "san-telmo-rx", "San Telmo RX", "AR", "America/Argentina/Buenos_Aires",
        (("Consultorios San Telmo", "Buenos Aires"),),
        ("CR", "DX", "CT"), "Ferrolux Imaging",
        (("Ramiro", "Lezcano"),),
        is_active=False,
    ),
    Organization(
        "demo", "demo", "Hospital de demostración", "CL", "America/Santiago",
        (("Sala de muestra", "Santiago"),),
        ("CR", "DX"), "Radionorte S.A.",
        (("Prueba", "Técnica"),),
        is_demo=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doctor:
    """A radiologist."""

    key: str
    organization: str
    title: str
    first_name: str
    last_name: str
    signs_for: tuple[str, ...]
    """Organizations of the studies that this doctor alone signs, in turn."""
    alone: int
    """Chest studies signed by this doctor and no other, in CR and DX, not migrated."""
    is_active: bool = True
    deleted: bool = False

    @property
    def titled_name(self) -> str:
        """Title and name: 'Dra. Lucía Berrondo'."""
        return f"{self.title} {self.first_name} {self.last_name}"


# Distinct signed chest studies, including those of `_shared_cases` and `_counted_cases`:
# etcheverry 12, berrondo 10, vasconcellos 8, hollowell 7, zubillaga 5, thackeray 4, figueiredo 4,
# iturralde 3, ugarteche 2. The two with 4 take ranks 6 and 7: the rank window ends between them.
DOCTORS = (
    Doctor("etcheverry", "valle", "Dr.", "Gonzalo", "Etcheverry", ("valle", "valle", "dor"), 11),
    Doctor("berrondo", "valle", "Dra.", "Lucía", "Berrondo", ("valle", "valle", "telmo"), 7),
    Doctor("vasconcellos", "dor", "Dr.", "Thiago", "Vasconcellos", ("dor", "dor", "valle"), 6),
    Doctor("hollowell", "north", "Dr.", "Margaret", "Hollowell", ("north",), 4),
    Doctor("zubillaga", "valle", "Dr.", "Ignacio", "Zubillaga", ("valle", "telmo"), 4),
    Doctor("figueiredo", "dor", "Dra.", "Beatriz", "Figueiredo", ("dor",), 3),
    Doctor("thackeray", "north", "Dr.", "Edwin", "Thackeray", ("north", "north", "valle"), 4),
    Doctor("iturralde", "telmo", "Dra.", "Florencia", "Iturralde", ("telmo",), 3),
    Doctor(
        "ugarteche", "valle", "Dr.", "Nicanor", "Ugarteche", ("valle",), 2,
        is_active=False, deleted=True,
    ),
    Doctor("sarmento", "dor", "Dr.", "Otávio", "Sarmento", ("dor",), 0),
    Doctor("quintanilla", "demo", "Dra.", "Amparo", "Quintanilla", ("demo",), 0),
)  # fmt: skip
REFERRING = "ugarteche"
"""The doctor who refers patients."""
TIED = ("thackeray", "figueiredo")
"""Equal totals: the first gets the smaller id, and so the better rank, for every seed."""


def _decomposed(text: str) -> str:
    """Return text with accents as combining marks: some modalities send it so."""
    return normalize("NFD", text)


# (identifier, name) by key.
BODY_PARTS: dict[str, tuple[str, str]] = {
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
    # Undecided: the description of the study decides.
    "other": ("OTHER", "Otros"),
}

CHEST_PARTS = ("chest", "torax", "thorax", "peito")

Way = tuple[str | None, str | None]
"""Body part and dicom_description of a study."""

# The ways to write that a study shows the chest, by language.
CHEST_WAYS: dict[str, tuple[Way, ...]] = {
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
# Which studies were done
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """One version of a study's report."""

    doctor: str | None
    """Key of the signer; None: signed_by_id is NULL."""
    status: str = "SIGNED"
    is_active: bool = True
    deleted: bool = False
    has_text: bool = True
    """False: content is NULL."""


@dataclass(frozen=True, slots=True)
class Case:
    """One study."""

    organization: str
    modality: str | None
    reports: tuple[Report, ...]
    views: tuple[View, ...] = ("PA",)
    way: Way | None = None
    """None: the next of the organization's language in `CHEST_WAYS`."""
    migrated: bool = False
    stored: bool = True
    """False: file_path of the images is NULL."""
    has_patient: bool = True
    status: str = "REPORTED"
    twist: str | None = None
    """An oddity of the images: see `eden.demo.generate`."""


def _signed(*doctors: str) -> tuple[Report, ...]:
    return tuple(Report(doctor) for doctor in doctors)


def cases() -> tuple[Case, ...]:
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

# Exceptions in `_alone_cases`, by doctor and number of the study.
_SPECIAL: dict[tuple[str, int], Case] = {
    # A version replaced by a later one.
    ("berrondo", 1): Case(
        "valle", "DX", (Report("berrondo", is_active=False), Report("berrondo")), _BOTH
    ),
    ("berrondo", 3): Case("valle", "CR", _signed("berrondo"), _BOTH, twist="repeated-number"),
    ("berrondo", 4): Case("valle", "CR", _signed("berrondo"), has_patient=False),
    # Two valid reports by one doctor: one study in the doctor's total, two files in the export.
    ("vasconcellos", 0): Case("dor", "DX", _signed("vasconcellos", "vasconcellos"), _BOTH),
    ("vasconcellos", 2): Case("valle", "DX", _signed("vasconcellos"), twist="no-number"),
    ("vasconcellos", 3): Case("dor", "CR", _signed("vasconcellos"), _BOTH, twist="deleted-image"),
    # A draft by the doctor of rank 1 beside the signed report.
    ("hollowell", 0): Case(
        "north", "DX", (Report("hollowell"), Report("etcheverry", status="DRAFT")), _BOTH
    ),
    ("hollowell", 2): Case("north", "CR", _signed("hollowell"), _BOTH, twist="deleted-series"),
    # Signed by rank 1, drafted by rank 3: no signed report is by a doctor of the rank window.
    ("etcheverry", 0): Case(
        "valle", "DX", (Report("etcheverry"), Report("vasconcellos", status="DRAFT"))
    ),
}


def _alone_cases() -> Iterator[Case]:
    """Chest studies in CR and DX signed by one doctor."""
    for doctor in DOCTORS:
        for number in range(doctor.alone):
            special = _SPECIAL.get((doctor.key, number))
            if special is not None:
                yield special
                continue
            ranked = doctor.key in _RANKED
            yield Case(
                doctor.signs_for[number % len(doctor.signs_for)],
                "DX" if number % 3 else "CR",
                _signed(doctor.key),
                views=_BOTH if ranked and number % 2 == 0 else ("PA",),
                # A few files are enough of a doctor whose studies are not exported.
                stored=ranked or number < 4,
                status="DELIVERED" if number % 4 == 3 else "REPORTED",
            )


def _shared_cases() -> Iterator[Case]:
    """Chest studies signed by two doctors: rank 1 and 3, 2 and 4, 4 and 7."""
    yield Case("valle", "CR", _signed("etcheverry", "vasconcellos"), _BOTH)
    yield Case("north", "DX", _signed("hollowell", "berrondo"), _BOTH)
    yield Case("north", "CR", _signed("figueiredo", "hollowell"))


def _counted_cases() -> Iterator[Case]:
    """Chest studies that count for the rank but are not eligible: migrated, or PX."""
    yield Case("valle", "CR", _signed("berrondo"), migrated=True)
    yield Case("dor", "DX", _signed("vasconcellos"), migrated=True)
    yield Case("north", "CR", _signed("hollowell"), migrated=True)
    yield Case("valle", "PX", _signed("berrondo"), stored=False)
    yield Case("dor", "PX", _signed("zubillaga"), stored=False)


def _wrong_modality_cases() -> Iterator[Case]:
    """Signed chest studies of other modalities: only criterion 1 fails."""
    reports = _signed("vasconcellos")
    yield Case("valle", "CT", _signed("berrondo"), way=("chest", "TC TÓRAX"), stored=False)
    yield Case("dor", "CT", reports, way=("torax", "TC de tórax"), stored=False)
    yield Case("dor", "US", reports, way=("peito", None), stored=False)
    yield Case("north", "MR", _signed("hollowell"), way=("chest", None), stored=False)
    yield Case("valle", None, _signed("zubillaga"), way=("torax", None), stored=False)


def _not_chest_cases() -> Iterator[Case]:
    """Signed CR and DX studies of other body parts: only criterion 2 fails."""
    yield Case("valle", "CR", _signed("berrondo"), way=("knee", "RODILLA DERECHA"), stored=False)
    yield Case("dor", "DX", _signed("vasconcellos"), way=("hand", "MÃO ESQ"), stored=False)
    yield Case("north", "CR", _signed("hollowell"), way=("abdomen", None), stored=False)
    yield Case("telmo", "DX", _signed("zubillaga"), way=("spine", "COLUMNA L/S"), stored=False)
    yield Case("valle", "DX", _signed("thackeray"), way=(None, None), stored=False)
    yield Case("dor", "CR", _signed("zubillaga"), way=("other", "T0RAX?"), stored=False)


def _unsigned_cases() -> Iterator[Case]:
    """Chest studies without a valid signed report: criteria 3 and 4 fail."""
    yield Case("valle", "DX", (Report("berrondo", status="DRAFT"),), status="ACQUIRED")
    yield Case("valle", "CR", (Report("berrondo", status="PENDING"),), status="ACQUIRED")
    yield Case("dor", "CR", (Report("vasconcellos", is_active=False),))
    yield Case("dor", "DX", (Report("vasconcellos", deleted=True),))
    yield Case("north", "CR", (Report("hollowell", status="CANCELLED"),))
    yield Case("telmo", "DX", (Report(None),))
    yield Case("valle", "CR", (), status="ACQUIRED")


def _demo_cases() -> Iterator[Case]:
    """Studies of the demo organization; if they counted, their doctor would move to rank 2."""
    for _ in range(3):
        yield Case("demo", "DX", _signed("vasconcellos"))
    yield Case("demo", "CR", _signed("quintanilla"))
    yield Case("demo", "CR", _signed("quintanilla"), migrated=True)


def _everyday_cases() -> Iterator[Case]:
    """Studies that are not of the chest, or that have not been done yet."""
    for modality, way in (
        ("CR", ("knee", "JOELHO AP/P")),
        ("CR", ("hand", None)),
        ("DX", ("abdomen", "ABDOME AGUDO")),
        ("US", ("abdomen", "US ABDOME TOTAL")),
        ("CT", ("skull", "TC CRÂNIO")),
    ):
        yield Case("dor", modality, _signed("sarmento"), way=way, stored=False)
    yield Case("valle", "MR", _signed("etcheverry"), way=("skull", "RM CRÁNEO"), stored=False)
    draft = (Report(None, status="DRAFT", has_text=False),)
    yield Case("north", "CT", draft, way=("abdomen", None), stored=False, status="ACQUIRED")
    yield Case("valle", "DX", (), views=(), status="SCHEDULED")
    yield Case("telmo", "CR", (), views=(), status="CANCELLED")
