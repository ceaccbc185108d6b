"""What holds for every report: measurements stay, a second run changes nothing, time is bounded."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from datetime import date
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.report_corpus import write
from benchmarks.scrub_score import scrubber_for
from dicom_export.deidentify.reports import Directory, KnownIdentifiers, Person, Scrubber
from dicom_export.deidentify.reports.folding import PLACEHOLDER, fold_with_offsets

KNOWN = KnownIdentifiers(
    patient_names=("COSTA BLANCO^MARIA DOLORES", "Etcheverry, María"),
    birth_dates=(date(1950, 3, 3),),
    study_dates=(date(2018, 3, 3),),
    ids=("A1234567", "4.512.345-6", "RX19-0045123", "12/3456"),
    phrases=("Av. Italia 2345",),
    doctors=(Person("Pilar Campos", "DOCTOR-ABCD1234"), Person("Luz Vértiz")),
)
DIRECTORY = Directory(
    [
        Person(name)
        for name in ("Rosa Cruz", "Franco Torres", "Clara Paz", "Ana Leve", "Gil Delgado")
    ],
    ["Clínica del Valle", "Sede Central"],
)
SCRUBBER = Scrubber(KNOWN, DIRECTORY, shift_days=-700)


# ---- What must stay

decimals = st.one_of(
    st.integers(0, 400).map(str),
    st.builds("{}{}{}".format, st.integers(0, 99), st.sampled_from(",."), st.integers(0, 99)),
)
units = st.sampled_from(
    ["mm", "cm", " mm", " cm", " m", " ml", " cc", " kg", " mg", "%", " %", " kV", " mAs", " Fr",
     " French",
     " HU", " UH", " lpm", " bpm", " mmHg", "°", " °C", " cm2", " cm3", " mm²", " mSv",
     " Gy·cm²", " meses",
     " months", " dias", " días", " semanas", " weeks", " horas", " h", " min", " s"]
)  # fmt: skip
sizes = st.one_of(
    st.builds("{}{}".format, decimals, units),
    st.builds("{} x {}{}".format, decimals, decimals, units),
    st.builds("{} x {} x {}{}".format, decimals, decimals, decimals, units),
    st.builds("{}x{}{}".format, decimals, decimals, units),
    st.builds("{}/{}/{} mm".format, *[st.integers(1, 99)] * 3),
    st.builds("{}-{}{}".format, st.integers(1, 48), st.integers(2, 72), units),
    st.builds("{} a {}{}".format, st.integers(1, 48), st.integers(2, 72), units),
    st.builds("{}.{:03d}/mm3".format, st.integers(1, 400), st.integers(0, 999)),
)
levels = st.builds("{}{}".format, st.sampled_from("CTDLS"), st.integers(1, 12))
vertebrae = st.one_of(
    levels,
    st.builds("{}-{}".format, levels, levels),
    st.builds("{}, {} y {}".format, levels, levels, levels),
    st.builds("{}-{}-{}".format, levels, levels, levels),
    st.builds("{}/{}".format, levels, levels),
)
ordinals = st.builds(
    "{}{}".format, st.integers(1, 12), st.sampled_from(["°", "º", "ª", ".º", "a", "o", "th", ""])
)
ribs = st.one_of(
    st.builds(
        "{} {}".format, ordinals, st.sampled_from(["costilla", "arco costal", "costela", "rib"])
    ),
    st.builds(
        "{}-{}-{} {}".format, *[st.integers(1, 12)] * 3, st.sampled_from(["costillas", "ribs"])
    ),
    st.builds("costillas {}-{}-{}".format, *[st.integers(1, 12)] * 3),
    st.builds("ribs {}, {} and {}".format, *[st.integers(1, 12)] * 3),
    st.builds("arcos costales {} a {}".format, *[st.integers(1, 12)] * 2),
    st.builds("costelas {} e {}".format, *[st.integers(1, 12)] * 2),
)
scores = st.one_of(
    st.builds("BI-RADS {}{}".format, st.integers(0, 6), st.sampled_from(["", "A", "B", "C"])),
    st.builds("Lung-RADS {}{}".format, st.integers(0, 4), st.sampled_from(["", "A", "X"])),
    st.builds("EVA {}/10".format, st.integers(0, 10)),
    st.builds("Glasgow {}/15".format, st.integers(3, 15)),
    st.builds("Kellgren {}".format, st.integers(0, 4)),
    st.builds("índice cardiotorácico 0,{:02d}".format, st.integers(0, 99)),
    st.builds("relación {}:{}".format, st.integers(1, 9), st.integers(1, 9)),
    st.builds("T{}N{}M{}".format, st.integers(0, 4), st.integers(0, 3), st.integers(0, 1)),
    st.builds("grado {}".format, st.sampled_from(["I", "II", "III", "2", "3"])),
)
views = st.sampled_from(
    ["PA y lateral", "AP/lateral", "PA e perfil", "vista lateral", "lateral view",
     "perfil izquierdo",
     "2 views", "dos proyecciones", "2 incidências", "rayo horizontal", "oblicua derecha 45°",
     "1/3 medio", "2/3 inferiores", "ventana 1500/-600", "matriz 2048 x 2500", "imagen 3/5",
     "TA 120/80", "PA 130/85 mmHg", "serie 2", "cateter de 7 Fr", "tornillo de 6,5 x 45 mm",
     "6-12 meses", "48-72 h", "SARS-CoV-2", "COVID-19", "J18.9"]
)  # fmt: skip
measured = st.one_of(sizes, vertebrae, ribs, scores, views)

# ---- What must go, and what stands around it

identifying = st.sampled_from(
    ["María Dolores Costa Blanco", "COSTA BLANCO, MARIA DOLORES", "Dr. Pilar Campos",
     "03/03/2018", "3-3-18",
     "3 de marzo de 2018", "March 3, 2018", "099 123 456", "A1234567", "HC: 45.123",
     "ana@example.org",
     "4.512.345-6", "Sra. Etcheverry", "Av. Italia 2345", "Clínica del Valle", "92 años",
     "CRM 12345-SP"]
)  # fmt: skip
filler = st.sampled_from(
    ["Nódulo de ", "fractura de ", "mide ", "hasta ", "en ", "se observa ", "Control: ", "y ",
     "con ", "a ",
     "Hallazgos: ", "", "sin ", "de ", "previo ", "desde ", "el ", "del ", "em ", "on "]
)  # fmt: skip
ending = st.sampled_from([". ", ", ", "; ", "\n", " ", ") ", " (", ".\n- "])


@given(
    st.lists(st.tuples(filler, st.one_of(measured, identifying), ending), min_size=1, max_size=8)
)
@settings(max_examples=200, deadline=None)
def test_no_measurement_is_ever_touched(parts: list[tuple[str, str, str]]) -> None:
    known = set(_identifying_values())
    # Full stops part the pieces: "L4" and "/ 03" side by side would be something else.
    text = "".join(f"{before}{what}. \n" for before, what, _ in parts)
    scrubbed = SCRUBBER.scrub(text).text
    for line, (before, what, _) in zip(scrubbed.split("\n"), parts, strict=False):
        if what not in known:
            assert what in line, (before, what, line)


@given(st.lists(st.tuples(filler, measured), min_size=2, max_size=6), ending)
@settings(max_examples=150, deadline=None)
def test_measurements_in_one_sentence_are_never_touched(
    parts: list[tuple[str, str]], end: str
) -> None:
    text = ", ".join(f"{before}{what}" for before, what in parts) + end
    assert SCRUBBER.scrub(text).text == text


def _identifying_values() -> tuple[str, ...]:
    return tuple(identifying.elements)  # type: ignore[attr-defined]


# ---- Idempotence and determinism

pieces = st.one_of(
    filler,
    measured,
    identifying,
    ending,
    st.text(max_size=12),
    st.sampled_from(
        ["Dr. ", "Paciente: ", "Costa", "Blanco ", "J. ", "de la ", "[DATE]",
         "[DOCTOR-ABCD1234]", "[", "]",
         "firmado por ", "12", "/", "-", ".", "a1", "\u200b", "\u0301", "\u00a0", "madre, ", "MD\n"]
    ),
)  # fmt: skip


@pytest.mark.slow
@given(st.lists(pieces, max_size=25).map("".join))
@settings(max_examples=250, deadline=None)
@example("Dr. Costa Juan Pérez\nMédico")
@example("11[DATE]/12")
def test_what_was_scrubbed_is_scrubbed_no_further(text: str) -> None:
    once = SCRUBBER.scrub(text)
    again = SCRUBBER.scrub(once.text)
    assert again.text == once.text
    assert not again.counts


@given(st.lists(pieces, max_size=25).map("".join))
@settings(max_examples=150, deadline=None)
def test_spans_and_counts_tell_what_was_replaced(text: str) -> None:
    scrubbed = SCRUBBER.scrub(text)
    kept, done = [], 0
    for span in scrubbed.spans:
        assert done <= span.start < span.end <= len(text)
        kept.append(text[done : span.start])
        done = span.end
    kept.append(text[done:])
    rebuilt = re.compile(r"\[[A-Z0-9 +-]+\]".join(map(re.escape, kept)))
    assert rebuilt.fullmatch(scrubbed.text)
    assert sum(scrubbed.counts.values()) == len(scrubbed.spans)


@pytest.mark.parametrize("number", range(9))
def test_the_corpus_is_scrubbed_once_and_for_all(number: int) -> None:
    for name in ("known", "set_1", "set_2", "set_3", "set_4"):
        report = write(11, number, name)
        once = scrubber_for(report).scrub(report.text).text
        assert scrubber_for(report).scrub(once).text == once


@pytest.mark.slow
def test_another_interpreter_gives_the_same_text() -> None:
    script = (
        "import hashlib\n"
        "from benchmarks.report_corpus import generate\n"
        "from benchmarks.scrub_score import scrubber_for\n"
        "texts = [scrubber_for(report).scrub(report.text).text for report in generate(3, 3)]\n"
        "print(hashlib.sha256(repr(texts).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


# ---- Unicode

NAMED = "Paciente: María Dolores Costa Blanco, HC A1234567, 03/03/2018. Campos pulmonares libres."


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_composed_and_decomposed_letters_are_the_same(form: str) -> None:
    scrubbed = SCRUBBER.scrub(unicodedata.normalize(form, NAMED)).text
    assert scrubbed == "Paciente: [PATIENT], HC [ID], [DATE 2016-04-02]. Campos pulmonares libres."


@pytest.mark.parametrize("invisible", ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"])
def test_invisible_characters_hide_nothing(invisible: str) -> None:
    hidden = invisible.join(NAMED)
    scrubbed = SCRUBBER.scrub(hidden).text.replace(invisible, "")
    assert scrubbed == "Paciente: [PATIENT], HC [ID], [DATE 2016-04-02]. Campos pulmonares libres."


@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u202f", "\u3000", "  "])
def test_blanks_of_every_kind_are_blanks(blank: str) -> None:
    scrubbed = SCRUBBER.scrub(NAMED.replace(" ", blank)).text
    assert PLACEHOLDER.findall(scrubbed) == ["[PATIENT]", "[ID]", "[DATE 2016-04-02]"]
    assert "Costa" not in scrubbed


def test_letters_that_look_alike_are_the_same() -> None:
    # The C, o, s, a of "Costa" and the A of the number are Cyrillic.
    scrubbed = SCRUBBER.scrub("Sra. \u0421\u043e\u0455t\u0430 Blanco, HC \u04101234567").text
    assert scrubbed == "Sra. [PATIENT], HC [ID]"


def test_full_width_and_foreign_digits_are_digits() -> None:
    assert (
        SCRUBBER.scrub("el \uff10\uff13/\uff10\uff13/\uff12\uff10\uff11\uff19").text == "el [DATE]"
    )
    assert SCRUBBER.scrub("HC A\u0661\u0662\u0663\u0664\u0665\u0666\u0667").text == "HC [ID]"


def test_raised_digits_make_no_number() -> None:
    assert SCRUBBER.scrub("área de 12³ y 10⁶ mm²; 1½ cm").text == "área de 12³ y 10⁶ mm²; 1½ cm"


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_folding_leads_every_place_back(text: str) -> None:
    folded = fold_with_offsets(text)
    assert len(folded.text) == len(folded.origin)
    assert list(folded.origin) == sorted(folded.origin)
    for place in range(len(folded.text)):
        start, end = folded.back(place, place + 1)
        assert 0 <= start < end <= len(text)


# ---- Time

REPEATED = (
    "Dr. ", "1/", "a@", "12.", "Paciente: A ", "a", "A", "1", " ", "\n", "1 2 ", "Costa, ",
    "de la ", "J. ",
    "calle a ", "tel 1", "hc 1", "12345678 ", "3 de marzo de ", "lunes, 3 ", "x1 ", "[",
    "[DATE] ", "http://a",
    "1,", "(1) ", "+1 ", "Maria ", "Firmado y ", "\u0301", "\u200b", "\u00e9 ", "mm 1x", "l1,",
    "costillas 1-",
    "dos mil y ", "A B C ", "o'", "domicilio: a ", "Hospital San ", "ID: 1.", "a1", "Juan, MD\n",
    "nombre:\n",
    # Long runs of digits and of capitals, thousands of names and of titles.
    "12345678901234567890", "NEUMONIATORAX", "7", "ZZYZX ", "Dr. Dra. ", "Zzyzx, ", "Ana Ruiz\n",
    "PEREZ, JUAN. ", "MARIA PEREZ\n", "Maria Perez ", "la paciente ", "Firmado por y ", "G A R ",
    # The beginnings of patterns that have an end.
    "mil novecientos ", "uno de ", "lunes 3 de ", "3 de m", "2018-", "01.01.", "1.2.", "12-", "+5",
    "(011) ", "(", "costillas aaaa ", "grado de la clase ", "1 a 2 ", "1x1", "l4-", "av. aaaa ",
    "12 oak tree ", "cp 1", "a.a@", "www.", "crm-", "historia clinica n\u00b0", "a1-b2-", "1234-",
    "vive en ", "localidad:a", "noventa y ", "x1234 ", "de Chagas ", "[DOCTOR-", "Clinic ", "\t",
)  # fmt: skip

SHORT, LONG = 2_000, 16_000
TRIES = 5


def measured_seconds(act: Callable[[], object]) -> float:
    """Of this thread alone, and without the collector, which walks through the whole suite."""
    gc.disable()
    try:
        started = time.thread_time()
        act()
        return time.thread_time() - started
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_megabyte_takes_seconds() -> None:
    """Of reports one behind the other, in one line: the lines of a report bound nothing."""
    report = write(5, 0)
    text = (report.text.replace("\n", " ") + " ") * (1_000_000 // len(report.text) + 1)
    assert len(text) >= 1_000_000
    scrubber = scrubber_for(report)
    assert measured_seconds(lambda: scrubber.scrub(text)) < 60


@pytest.mark.slow
@pytest.mark.parametrize("piece", REPEATED)
def test_no_repetition_takes_more_than_its_share(piece: str) -> None:
    scrubber = scrubber_for(write(5, 0))

    def times() -> tuple[float, float]:
        short, long = ((piece * (length // len(piece) + 1))[:length] for length in (SHORT, LONG))
        return (
            measured_seconds(lambda: scrubber.scrub(short)),
            measured_seconds(lambda: scrubber.scrub(long)),
        )

    # Eight times the length; sixty-four times the time if it were quadratic. What disturbs a
    # measurement makes it longer, never shorter.
    tried = (times() for _ in range(TRIES))
    assert any(long < 16 * short + 0.05 for short, long in tried)


@pytest.mark.slow
def test_a_study_costs_the_same_however_many_people_work_there() -> None:
    letters = "bcdfghjklmnpqrstvwxz"
    staff = [Person(f"Zulma Quij{''.join(end)}") for end in product(letters, repeat=3)]
    assert len(staff) == 8_000
    directory = Directory(staff)
    # What disturbs a measurement makes it longer, never shorter.
    assert min(measured_seconds(lambda: Scrubber(KNOWN, directory)) for _ in range(TRIES)) < 0.05
    scrubber = Scrubber(KNOWN, directory)
    assert scrubber.scrub("vista por Zulma Quijwkt").text == "vista por [DOCTOR]"


# ---- Silence


def test_nothing_shows_a_value() -> None:
    scrubbed = SCRUBBER.scrub(NAMED)
    shown = f"{KNOWN!r} {KNOWN.doctors[0]!r} {scrubbed!r} {SCRUBBER!r} {DIRECTORY!r}"
    for value in ("Costa", "COSTA", "A1234567", "Pilar", "1950", "2018", "Italia"):
        assert value not in shown


def test_a_pseudonym_has_a_form_that_is_known_again() -> None:
    with pytest.raises(ValueError, match="DOCTOR-"):
        Person("Ana Ruiz", "Ana Ruiz")
