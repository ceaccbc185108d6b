"""The final search: it finds what is left, in every form, and does not see what is not there."""

from __future__ import annotations

import random
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.charset import python_encoding
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset

from benchmarks.planting import people, plant, visits
from dicom_export.deidentify import Identifiers
from dicom_export.deidentify.final_search import Residue, Search
from dicom_export.deidentify.key import Key
from tests.support.deidentified import a_study, small_radiograph, to_bytes
from tests.support.seeds import chosen_seed

PERSON = {"MUÑOZ IBÁÑEZ MARÍA JOSÉ"}


def search(**known: object) -> Search:
    return Search.of(Identifiers(**known))  # type: ignore[arg-type]


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Muñoz", "MUNOZ", "munoz,", "Paciente: muñoz maria", "IBAÑEZ", "ibanez^x", "(Ibáñez)",
        "MARI\u0301A MUN\u0303OZ", "maria   jose", "José, María", "JOSE_MARIA",
    ],
)  # fmt: skip
def test_a_name_is_found_whatever_its_case_accents_and_order(text: str) -> None:
    found = search(patients=PERSON)
    assert found.in_report(f"Tórax sin alteraciones. {text} firma.") == {Residue.NAME}
    assert found.in_header(f"\0\x08LO\0{text}\0".encode()) == {Residue.NAME}
    assert found.in_document(f'{{"a": ["{text}"]}}'.encode()) == {Residue.NAME}


@pytest.mark.parametrize(
    ("person", "text"),
    [
        ("COSTA DOLORES", "Dolores torácicos; arco costal y costa izquierda íntegros."),
        ("PAZ LUZ", "Se observa luz aérea. En paz."),
        ("CAMPOS PILAR", "Campos pulmonares claros; pilar diafragmático derecho."),
        ("BLANCO ROSA", "Imagen blanca; blanco."),
        ("LEON ANA", "Camaleones y mañanas."),
        ("DE LA CRUZ", "de la cruz roja"),
        ("M", "m"),
        ("PA AP", "RX PA AP y LATERAL"),
    ],
)
def test_words_of_radiology_that_are_names_alone_are_no_hit(person: str, text: str) -> None:
    assert search(patients={person}).in_report(text) == set()


@pytest.mark.parametrize(
    ("person", "text"),
    [
        ("COSTA DOLORES", "La paciente Dolores Costa refiere"),
        ("COSTA DOLORES", "COSTA, DOLORES"),
        ("CAMPOS PILAR", "Pilar de los Campos"),
        ("LEON ANA", "Leon"),
    ],
)
def test_two_words_of_a_name_side_by_side_are_a_hit_however_ordinary(
    person: str, text: str
) -> None:
    assert search(patients={person}).in_report(text) == {Residue.NAME}


@pytest.mark.parametrize("path", get_charset_files("*.dcm"), ids=lambda path: path.split("/")[-1])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_names_of_every_character_set_are_found_in_it_and_in_utf_8(path: str) -> None:
    dataset = dcmread(path)
    if "PatientName" not in dataset:
        dataset = dataset.RequestedProcedureCodeSequence[0]
    raw = dataset.get_item("PatientName").value
    known = Identifiers()
    known.learn_file(dcmread(path))
    found = Search.of(known)
    name = str(dataset.PatientName)
    if not raw.strip() or len(name) < 4:
        return
    as_it_stands = b"\x10\0\x10\0PN" + len(raw).to_bytes(2, "little") + raw
    assert Residue.NAME in found.in_header(as_it_stands)
    assert Residue.NAME in found.in_header(b"\0" + name.encode() + b"\0")
    assert Residue.NAME in found.in_report(f"Informe de {name.replace('^', ' ')}.")


@pytest.mark.parametrize("declared", ["ISO_IR 100", "ISO_IR 192", None, "ISO_IR 6", "NONSENSE"])
@pytest.mark.parametrize("actual", ["latin-1", "utf-8"])
def test_a_character_set_that_is_wrongly_declared_hides_no_name(
    declared: str | None, actual: str
) -> None:
    dataset = small_radiograph()
    dataset.PatientName = "QQQQQQQQQQ"
    if declared:
        dataset.SpecificCharacterSet = declared if declared != "NONSENSE" else "ISO_IR 100"
    name = "MUÑOZ^X".encode(actual)
    content = to_bytes(dataset).replace(b"QQQQQQQQQQ", name.ljust(10))
    if declared == "NONSENSE":
        content = content.replace(b"ISO_IR 100", b"ISO_IR 999")
    known = Identifiers()
    known.learn_file(dcmread(BytesIO(content)))
    found = Search.of(known)
    assert found.in_report("Sra. Muñoz") == {Residue.NAME}
    assert found.in_header(b"\0" + name) == {Residue.NAME}


# Numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("4.123.456-7", "CI 4.123.456-7"),
        ("4.123.456-7", "CI 41234567"),
        ("41234567", "CI: 4.123.456-7."),
        ("41234567", "4 123 456/7"),
        ("41234567", "DS 0.41234567"),
        ("HC123456", "hc 123456"),
        ("HC123456", "HC-123456"),
        ("12345", "HC 12345."),
        ("A1234", "nota A1234"),
        ("+598 99 123 456", "tel. +598 99 123 456"),
        ("+598 99 123 456", "59899123456"),
        ("6f1c6c55-66d8-4f22-9c3f-0f2a7b3b2d11", "id 6f1c6c55-66d8-4f22-9c3f-0f2a7b3b2d11"),
    ],
)
def test_a_number_is_found_however_it_is_parted(code: str, text: str) -> None:
    assert search(codes={code}).in_report(text) == {Residue.NUMBER}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("123456", "1234567"),
        ("123456", "0.123456"),
        ("148000", "0.148000"),
        ("1234", "año 1234"),
        ("12", "T12"),
        ("L4", "L4-L5"),
        ("12345", "123 45678"),
    ],
)
def test_a_part_of_a_number_is_another_number(code: str, text: str) -> None:
    assert search(codes={code}).in_report(text) == set()


def test_five_digits_in_a_header_are_a_window_or_an_exposure() -> None:
    found = search(codes={"15000"})
    assert found.in_header(b"(\0P\x10DS\x06\x0015000 ") == set()
    assert found.in_report("HC 15000") == {Residue.NUMBER}


# Dates, places, UIDs ------------------------------------------------------------------------------

DAY = date(1950, 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "19500102", "1950-01-02", "1950/1/2", "02/01/1950", "2/1/1950", "02-01-1950", "02.01.1950",
        "01/02/1950", "02011950", "2 de enero de 1950", "02 enero 1950", "2 de janeiro de 1950",
        "2 January 1950", "January 2, 1950", "Jan 2nd 1950", "2-ene-1950", "02/01/50", "2 ENE 50",
        "19500102153000.000000", "1950-01-02T10:00:00",
    ],
)  # fmt: skip
def test_a_date_is_found_in_every_form(text: str) -> None:
    found = search(dates={DAY})
    assert found.in_report(f"Nacida el {text}.") == {Residue.DATE}
    assert found.in_header(b"DA\x08\0" + text.encode() + b"\x10\0") == {Residue.DATE}


@pytest.mark.parametrize("text", ["1950", "02/01", "119500102", "1950-02-03", "2.1 x 1950 mm"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert search(dates={DAY}).in_report(text) == set()


def test_a_moved_date_that_falls_on_a_known_one_is_ours() -> None:
    found = search(dates={DAY})
    assert found.in_header(b"DA\x08\x0019500102", made={"19500102"}) == set()


def test_places_and_uids() -> None:
    found = search(
        places={"Clínica del Valle - Sede 1", "Hospital", "RX"}, uids={"1.2.840.99999.17.4"}
    )
    assert found.in_report("CLINICA DEL VALLE, sede 1") == {Residue.PLACE}
    assert found.in_report("hospital; RX del valle") == set()
    assert found.in_header(b"UI1.2.840.99999.17.4\0") == {Residue.UID}
    assert found.in_header(b"UI1.2.840.10008.1.2.1\0") == set()


# Pixels -------------------------------------------------------------------------------------------


def test_text_in_pixels_is_found_wherever_it_lies() -> None:
    noise = random.Random(chosen_seed()).randbytes(1_000_000)
    found = search(
        patients={"MONTEVERDI CLAUDIO"},
        codes={"HC1234567", "11111111"},
        dates={DAY},
        uids={"1.2.840.99999.17.4"},
    )
    assert found.in_pixels(BytesIO(noise), 0) == set()
    window = 256 * 1024
    for place in (0, window - 5, window - 1024, 600_000, len(noise) - 10):
        for text, kind in (
            (b"MonteVerdi", Residue.NAME),
            (b"HC1234567 ", Residue.NUMBER),
            (b" 19500102 ", Residue.DATE),
            (b"1.2.840.99999.17.4", Residue.UID),
        ):
            with_text = noise[:place] + text + noise[place + len(text) :]
            assert found.in_pixels(BytesIO(with_text), 0) == {kind}, (place, text)
            assert found.in_pixels(BytesIO(with_text), place + 3) == set()


def test_a_flat_or_bright_picture_is_no_text() -> None:
    found = search(patients={"MARIA AAAAAAAAAA"}, codes={"11111111"}, dates={DAY})
    for grey in (b"A", b"1", b"\x7f\x00", b"ab"):
        assert found.in_pixels(BytesIO(grey * 100_000), 0) == set()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_every_planted_file_is_caught_as_it_came(seed: int) -> None:
    (visit,) = visits(seed, people(seed, 1), 1)
    planted = plant("file", to_bytes(small_radiograph()), visit, seed, leaves=5)
    known = Identifiers()
    known.learn_rows(a_study(patient_id=visit.person.patient_id))
    known.learn_file(dcmread(BytesIO(planted.content)))
    found = Search.of(known).in_header(planted.content)
    assert found == set(Residue)


# Gathering ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_parsed", [False, True])
def test_identifiers_are_gathered_at_every_depth_and_shown_nowhere(is_parsed: bool) -> None:
    dataset = small_radiograph()
    holder: Dataset = dataset
    for keyword in ("RequestAttributesSequence", "ReferencedStudySequence", "ViewCodeSequence"):
        setattr(holder, keyword, [Dataset()])
        holder = holder[keyword].value[0]
    holder.OtherPatientNames = "HIDALGO^DEEP"
    holder.PhysiciansOfRecord = "CHIEF"
    holder.AdmissionID = "DEEP77777"
    holder.InstitutionName = "Deep House Institute"
    holder.ReferencedSOPInstanceUID = "1.2.3.4.5.6.7.8.9"
    holder.AdmittingDate = "19991231"
    dataset.private_block(0x0009, "ACME", create=True).add_new(1, "PN", "PRIVATE^NAME")
    read = dcmread(BytesIO(to_bytes(dataset)))
    if is_parsed:
        assert list(read.iterall())
    known = Identifiers()
    known.learn_file(read)
    assert "HIDALGO DEEP" in known.patients
    assert "CHIEF" in known.staff
    assert "DEEP77777" in known.codes
    assert "Deep House Institute" in known.places
    assert "1.2.3.4.5.6.7.8.9" in known.uids
    assert date(1999, 12, 31) in known.dates
    assert not any("1.2.840.10008" in uid for uid in known.uids)
    assert not any("PRIVATE" in person for person in known.staff | known.patients)
    for shown in (repr(known), repr(Search.of(known))):
        assert "HIDALGO" not in shown.upper()
        assert "77777" not in shown


def test_the_encodings_are_pydicoms() -> None:
    """Every character set that pydicom knows is one that names are looked for in."""
    for name, encoding in python_encoding.items():
        dataset = Dataset()
        dataset.SpecificCharacterSet = name or "ISO_IR 6"
        "GARCIA".encode(encoding)


def test_nothing_of_ours_is_ever_taken_for_a_number() -> None:
    """A hash may hold any digits: what was made is taken out before the search."""
    key = Key(b"k" * 32)
    uid = key.uid("1.2.3")
    digits = uid[5:].lstrip("0")
    found = search(codes={digits[3:12], uid[5:]})
    assert found.in_header(uid.encode(), made={uid}) == set()
