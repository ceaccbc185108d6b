"""The memory that one file takes: ``python -m benchmarks.deidentification_peak FILE``.

Prints the kilobytes by which the peak of this process grows while the file is de-identified and
searched. The budget of memory for files is 0: all content goes through temporary files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dicom_export.blobs import Blob, Budget, Workspace
from dicom_export.deidentify import Identifiers, Key
from dicom_export.deidentify.basic import deidentify_file
from dicom_export.deidentify.final_search import Search
from dicom_export.dicom_file import read


def main(path: Path) -> None:
    """Measure one file."""
    key = Key(b"the key of this benchmark, made for nothing else")
    with path.open("rb") as file, Workspace(Budget(0)) as workspace:
        source = read(Blob(file, path.stat().st_size, ""), workspace)
        before = _peak_kilobytes()
        made = deidentify_file(source, key, key.subject("o", "p", "s"), workspace)
        search = Search.of(Identifiers(patients={"GARCIA MARIA"}))
        found = search.in_pixels(made.blob.open(), made.pixels_at)
        sys.stdout.write(f"{_peak_kilobytes() - before}\n")
    sys.exit(1 if found else 0)


def _peak_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
