"""De-identification of DICOM files: ``python -m benchmarks.deidentification``.

Identifiers are planted in generated and in real files, the files are de-identified as an export
does it, and what comes out is held against the answers, action by action, in the manner of the
MIDI-B challenge. Then time and memory. Exits 1 where an answer is missed.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import click
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file

from benchmarks.planting import Action, Planted, Visit, people, plant, visits
from benchmarks.results import Row, spread
from benchmarks.run import Run
from benchmarks.scoring import Score, score
from dicom_export.blobs import Budget, Workspace
from dicom_export.deidentify import (
    Basic,
    Identifiers,
    Key,
    OutgoingImage,
    ScrubbedReport,
    StudyDeidentifier,
    Subject,
)
from dicom_export.deidentify.final_search import Residue, Search
from dicom_export.dicom_file import read
from dicom_export.model import EligibleStudy
from eden.demo.dicom_files import write_archive
from eden.demo.generate import generate

TITLE = "De-identification of DICOM files"
REAL = ("RG1_UNCR.dcm", "RG1_J2KR.dcm", "RG3_UNCR.dcm", "RG3_J2KR.dcm")
"""Real radiographs of 6 to 7 MB, as they are and in lossless JPEG 2000."""
TIMED = REAL[:2]
MEGABYTE = 1 << 20
HUGE_BYTES = 1 << 30
VALIDATOR = "dciodvfy"

KEY = Key(b"the key of this benchmark, made for nothing else")


class NoReports:
    """Stands for the scrubber of reports, which this benchmark has none of."""

    version = "none"

    def scrub(
        self,
        text: str,
        study: EligibleStudy,  # noqa: ARG002
        known: Identifiers,  # noqa: ARG002
        subject: Subject,  # noqa: ARG002
    ) -> ScrubbedReport:
        """Give the text as it is."""
        return ScrubbedReport(text)


@dataclass(frozen=True, slots=True)
class Base:
    """A file that identifiers are planted in."""

    name: str
    content: bytes


def bases() -> list[Base]:
    """Give a generated CR and DX, a tiny real one, and the real ones of full size."""
    real = [Base(name, _real(name)) for name in REAL]
    return [*_generated(), Base("CR1/6154", _tiny().read_bytes()), *real]


def _generated() -> Iterator[Base]:
    with tempfile.TemporaryDirectory() as folder:
        hospital = generate(7, archive=Path(folder), small=True)
        write_archive(hospital, workers=2)
        seen: set[str] = set()
        for path in sorted(Path(folder).rglob("*.dcm")):
            modality = str(dcmread(path, stop_before_pixels=True).Modality)
            if modality not in seen:
                seen.add(modality)
                yield Base(f"generated {modality}", path.read_bytes())


def _tiny() -> Path:
    index = get_testdata_file("DICOMDIR", download=False)
    if not isinstance(index, str):
        raise FileNotFoundError("pydicom's test files")
    return Path(index).parent / "77654033" / "CR1" / "6154"


def _real(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    if not isinstance(path, str):
        raise FileNotFoundError(f"{name} of the package pydicom-data")
    return Path(path).read_bytes()


# Answers ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of all planted files."""

    score: Score
    residues: int
    """Files in which the final search found something after de-identification."""
    caught: int
    """Files in which it found every kind of identifier before."""
    files: int
    complaints: int | None
    """Files that are less conformant than they came; None where nobody could tell."""


def answer(seed: int, studies: int) -> Answered:
    """Plant, de-identify and judge; two files per study, all bases in turns."""
    basic = Basic(KEY, "flag", NoReports())
    found = bases()
    files: list[Planted] = []
    outputs: dict[str, bytes] = {}
    residues = caught = 0
    for number, visit in enumerate(visits(seed, people(seed, 9), studies)):
        session = basic.begin(_study(number, visit))
        for part in range(2):
            base = found[(number + part) % len(found)]
            name = f"{number}/{part} {base.name}"
            file = plant(name, base.content, visit, seed + 2 * number + part)
            files.append(file)
            content, is_clean = _deidentified(session, file.content)
            outputs[name] = content
            residues += not is_clean
            caught += _search_as_it_came(file)
    complaints = _complaints(found) if shutil.which(VALIDATOR) else None
    return Answered(score(files, outputs), residues, caught, len(files), complaints)


def _study(number: int, visit: Visit) -> EligibleStudy:
    return EligibleStudy(
        study_id=str(number),
        organization_id="organization",
        study_instance_uid=visit.study_uid,
        accession_number=visit.accession_number,
        dicom_description=None,
        modality_code="CR",
        body_part_identifier=None,
        body_part_name=None,
        facility_id=None,
        performed_at=None,
        doctor_rank=None,
        fingerprint="",
        reports=(),
        images=(),
        patient_id=visit.person.patient_id,
    )


def _deidentified(session: StudyDeidentifier, content: bytes) -> tuple[bytes, bool]:
    with Workspace(Budget()) as workspace:
        outgoing = session.image(read(workspace.keep(content), workspace), workspace)
        if outgoing.blob is None:
            raise ValueError(f"a planted file was left out: {outgoing.code}")
        return outgoing.blob.open().read(), not session.search_image(outgoing)


def _search_as_it_came(file: Planted) -> bool:
    dataset = dcmread(BytesIO(file.content))
    known = Identifiers()
    known.learn_file(dataset)
    before_pixels = file.content[: len(file.content) - len(dataset.PixelData)]
    return Search.of(known).in_header(before_pixels) == set(Residue)


def _complaints(found: Sequence[Base]) -> int:
    """Count the bases of which dciodvfy has more errors to tell after than before."""
    session = Basic(KEY, "flag", NoReports()).begin(_study(0, visits(1, people(1, 1), 1)[0]))
    worse = 0
    for base in found:
        content, _ = _deidentified(session, base.content)
        worse += bool(_errors(content) - _errors(base.content))
    return worse


def _errors(content: bytes) -> Counter[str]:
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(content)
        file.flush()
        done = subprocess.run(
            [VALIDATOR, file.name], capture_output=True, text=True, errors="replace", check=False
        )
    lines = (done.stdout + done.stderr).splitlines()
    return Counter(line for line in lines if line.startswith("Error"))


def answer_rows(answered: Answered) -> list[Row]:
    """Show the answers, by action, and what the searches say."""
    found = answered.score
    rows = [
        _all_of(f"answers met: {action}", found.met[action], found.asked[action])
        for action in Action
    ]
    files, clean = answered.files, answered.files - answered.residues
    rows.append(_all_of("files in which the final search finds nothing", clean, files))
    what = "files in which it finds each kind of identifier, as they came"
    rows.append(_all_of(what, answered.caught, files))
    what = f"files of which {VALIDATOR} has no more errors to tell than before"
    if answered.complaints is None:
        rows.append(Row(what, f"not available: {VALIDATOR} is not installed", target="100 %"))
    else:
        count = len(bases())
        rows.append(_all_of(what, count - answered.complaints, count))
    return rows


def _all_of(what: str, met: int, asked: int) -> Row:
    return Row(what, f"{met:,} of {asked:,}", f"{100 * met / asked:.2f} %", "100 %", met == asked)


# Time and memory ----------------------------------------------------------------------------------


def time_rows(repeat: int) -> list[Row]:
    """Time one file after the other, beside reading and writing it with pydicom, in turns."""
    rows = []
    for name in TIMED:
        content = _real(name)
        parts = _Parts(content)
        seconds: dict[str, list[float]] = {"copy": [], "image": [], "search": []}
        for _ in range(repeat):
            seconds["copy"].append(_timed(parts.copy))
            seconds["image"].append(_timed(parts.image))
            seconds["search"].append(_timed(parts.search))
        whole = [a + b for a, b in zip(seconds["image"], seconds["search"], strict=True)]
        rates = [len(content) / MEGABYTE / second for second in whole]
        size = f"{name}, {len(content) / MEGABYTE:.1f} MB"
        rows.append(
            Row(
                f"{size}: de-identified and searched",
                f"{_milliseconds(whole)}, {spread(rates, 'MB/s', 0)}",
            )
        )
        for part, what in (("image", "de-identified"), ("search", "searched")):
            rows.append(Row(f"for information: {size}: {what}", _milliseconds(seconds[part])))
        what = f"for information: {size}: read and written by pydicom"
        rows.append(Row(what, _milliseconds(seconds["copy"])))
    return rows


class _Parts:
    """What is timed of one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._workspace = Workspace(Budget())
        self._blob = self._workspace.keep(content)
        self._session = Basic(KEY, "flag", NoReports()).begin(
            _study(0, visits(1, people(1, 1), 1)[0])
        )
        self._outgoing: OutgoingImage | None = None

    def copy(self) -> None:
        buffer = BytesIO()
        dcmwrite(buffer, dcmread(BytesIO(self._content)))

    def image(self) -> None:
        if self._outgoing and self._outgoing.blob:
            self._workspace.release(self._outgoing.blob)
        self._outgoing = self._session.image(read(self._blob, self._workspace), self._workspace)

    def search(self) -> None:
        if self._outgoing:
            self._session.search_image(self._outgoing)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _milliseconds(seconds: Sequence[float]) -> str:
    return spread([1000 * second for second in seconds], "ms")


def memory_row() -> Row:
    """Send a file of a gigabyte of zeros, which take no disk, through a process of its own."""
    dataset = dcmread(_tiny())
    side = int((HUGE_BYTES // 2) ** 0.5)
    dataset.Rows = dataset.Columns = side
    dataset.PixelData = b""
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    size = side * side * 2
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(buffer.getvalue()[:-4] + size.to_bytes(4, "little"))
        file.truncate(file.tell() + size)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.deidentification_peak", file.name],
            capture_output=True,
            text=True,
            check=True,
        )
    megabytes = int(done.stdout) / 1024
    what = f"memory that a file with {size / MEGABYTE:,.0f} MB of pixels takes"
    return Row(what, f"{megabytes:.0f} MB", target="≤ 32 MB", met=megabytes <= 32)


# --------------------------------------------------------------------------------------------------

NOTES = (
    "An answer is one expectation of one place in one file; `benchmarks/planting.py` plants them, "
    "`benchmarks/scoring.py` judges. Removed texts are looked for in all of the outgoing file, in "
    "nine encodings.",
    "Reading and writing with pydicom does nothing else; it takes no SHA-256, which the export "
    "needs of what it sends and which is part of `de-identified`.",
    "Memory is by how much the peak of a process (VmHWM) grows; nothing is kept in memory on "
    "purpose there, as when the memory that an export allows itself is used up.",
)


@click.command()
@click.option("--studies", default=60, show_default=True, help="Planted studies, two files each.")
@click.option("--repeat", default=15, show_default=True, help="Times that each file is timed.")
@click.option("--seed", default=None, type=int, help="Of the planted identifiers; else by chance.")
def main(studies: int, repeat: int, seed: int | None) -> None:
    """De-identification of DICOM files: answers, time, memory."""
    run = Run(TITLE)
    seed = time.time_ns() % 2**32 if seed is None else seed
    run.console.print(f"Planting identifiers, seed {seed}")
    answered = answer(seed, studies)
    for missed in answered.score.missed[:50]:
        run.console.print(f"  missed {missed}", style="red", markup=False)
    run.console.print("Timing")
    rows = [*answer_rows(answered), *time_rows(repeat), memory_row()]
    preamble = (
        f"pydicom {version('pydicom')}, Python "
        f"{platform.python_version()}, one process. {answered.files} files with planted "
        f"identifiers, seed {seed}; {repeat} repetitions in turns; medians, with the smallest and "
        f"the largest in brackets."
    )
    run.finish(rows, preamble, NOTES, write=True)
    sys.exit(0 if all(row.met is not False for row in rows) else 1)


if __name__ == "__main__":
    main()
