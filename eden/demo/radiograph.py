"""Generated chest radiographs, and the DICOM files of a generated hospital's archive.

The pictures are drawn, not learned: sums of smooth shapes that stand for the thickness of tissue
the beam has crossed. They look like a chest radiograph at a glance and show no pathology.

Everything is a function of its arguments: no clock, no global random state. Smooth structures are
drawn on a grid of at most 512 pixels and doubled up to full size; noise is added there. (numpy's
exp and sqrt may differ in the last bit between kinds of processor, so files are byte-identical from
run to run on one machine, and all but a few grey levels elsewhere. Headers and sizes never differ.)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import normalize
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from eden.demo.reports import Patient, language_of, patient_of

if TYPE_CHECKING:
    from eden.demo.hospital import (
        Hospital,
        ImageRow,
        ModalityRow,
        PractitionerRow,
        SeriesRow,
        StudyRow,
        TechnicianRow,
    )

View = Literal["PA", "LL"]
"""Postero-anterior, or left lateral: the DICOM codes of View Position (0018,5101)."""

Photometric = Literal["MONOCHROME1", "MONOCHROME2"]
Modality = Literal["CR", "DX"]

Field = NDArray[np.floating[Any]]
"""Numbers over the picture, float32: numpy keeps it beside Python's floats."""
Picture = NDArray[np.uint16]

BITS_STORED = 12
MAXIMUM = (1 << BITS_STORED) - 1
FULL_SIZE = 2048
SMALL_SIZE = 256

_COARSE = 512
_PIXEL_DATA_ELEMENT_HEADER = 12  # tag 4, VR 'OW' 2, reserved 2, length 4 bytes
_IMPLEMENTATION_CLASS_UID = UID("2.25.151870352117349526838246118046374183945")


# --------------------------------------------------------------------------------------------
# Pictures
# --------------------------------------------------------------------------------------------


def render(seed: int, rows: int, columns: int, view: View) -> Picture:
    """Return a chest radiograph as a MONOCHROME2 picture (bone bright, air dark).

    The result has shape (rows, columns), dtype uint16 and values 0 to 4095 (12 bits stored). The
    same arguments give the same pixels. An 'L' or 'R' lead marker is part of the picture.
    """
    if rows < 64 or columns < 64:
        raise ValueError("a radiograph has at least 64 rows and 64 columns")
    rng = np.random.Generator(np.random.PCG64(seed))
    doublings = 0
    while max(rows, columns) > _COARSE << doublings:
        doublings += 1
    grid = _Grid.of(-(-rows >> doublings), -(-columns >> doublings))
    tissue = _frontal(grid, rng) if view == "PA" else _lateral(grid, rng)
    # Whole sixteenths of a grey level: such last bits seldom survive the rounding.
    smooth: Field = np.round(_expose(tissue, grid, rng) * (16 * MAXIMUM)) / 16
    for _ in range(doublings):
        smooth = _double(smooth)
    picture = np.ascontiguousarray(smooth[:rows, :columns])
    _add_noise(picture, rng)
    _stamp_marker(picture, "L" if rng.random() < 0.6 else "R", view)
    return np.clip(picture, 0, MAXIMUM).astype(np.uint16)


def as_photometric(picture: Picture, photometric: Photometric) -> Picture:
    """Return a MONOCHROME2 picture's stored values under `photometric`."""
    return picture if photometric == "MONOCHROME2" else (MAXIMUM - picture).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Pixel centres: x from -1 (left) to 1 as a row, y from -1 (top) to 1 as a column."""

    x: Field
    y: Field

    @classmethod
    def of(cls, rows: int, columns: int) -> _Grid:
        return cls(
            x=((np.arange(columns, dtype=np.float32) + 0.5) * (2 / columns) - 1)[None, :],
            y=((np.arange(rows, dtype=np.float32) + 0.5) * (2 / rows) - 1)[:, None],
        )


def _step(value: Field, width: float) -> Field:
    """Return 0 where value is well below zero, 1 well above, smooth over about `width`."""
    scaled = np.clip(value / width, -1, 1)
    result: Field = 0.5 + scaled * (0.75 - 0.25 * scaled * scaled)
    return result


def _dome(value: Field) -> Field:
    """Return the chord through a ball: sqrt(1 - value) inside (value < 1), 0 outside."""
    return np.sqrt(np.maximum(1 - value, 0))


def _squared(value: Field) -> Field:
    result: Field = value * value
    return result


def _bump(value: Field, width: float) -> Field:
    """Return a bell of height 1 and half-width about `width` around value = 0."""
    scaled = value / width
    result: Field = np.exp(-scaled * scaled)
    return result


def _double(field: Field) -> Field:
    """Return the field at twice its rows and columns, smooth (quadratic subdivision)."""
    rows, columns = field.shape
    near, far = field * 0.75, field * 0.25
    tall = np.empty((rows * 2, columns), dtype=np.float32)
    np.add(near[1:], far[:-1], out=tall[2::2])
    np.add(near[:-1], far[1:], out=tall[1:-1:2])
    tall[0], tall[-1] = field[0], field[-1]
    near, far = tall * 0.75, tall * 0.25
    wide = np.empty((rows * 2, columns * 2), dtype=np.float32)
    np.add(near[:, 1:], far[:, :-1], out=wide[:, 2::2])
    np.add(near[:, :-1], far[:, 1:], out=wide[:, 1:-1:2])
    wide[:, 0], wide[:, -1] = tall[:, 0], tall[:, -1]
    return wide


def _clouds(rng: np.random.Generator, grid: _Grid, cells: int) -> Field:
    """Return slow random variation, about -1 to 1, with `cells` knots along each side."""
    field = rng.random((cells, cells), dtype=np.float32) * 2 - 1
    rows, columns = grid.y.shape[0], grid.x.shape[1]
    while field.shape[0] < max(rows, columns):
        field = _double(field)
    return field[:rows, :columns]


def _expose(tissue: Field, grid: _Grid, rng: np.random.Generator) -> Field:
    """Return brightness 0 to 1 for tissue thickness, with the tube's uneven field."""
    brightness = 1 - np.exp(-1.05 * np.maximum(tissue, 0))
    radius = grid.x * grid.x + grid.y * grid.y
    tilt = rng.uniform(-0.03, 0.03)
    brightness *= 1 - 0.10 * radius + tilt * grid.x
    edge = 0.985
    collimated = _step(edge - np.abs(grid.x), 0.012) * _step(edge - np.abs(grid.y), 0.012)
    result: Field = 0.02 + brightness * (0.15 + 0.85 * collimated)
    return result


def _add_noise(picture: Field, rng: np.random.Generator) -> None:
    """Add quantum noise in place: more where less of the beam came through, the bright parts."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise *= 14 + picture * 0.006
    picture += noise


def _frontal(grid: _Grid, rng: np.random.Generator) -> Field:
    """Return tissue thickness of a postero-anterior chest; image left is the patient's right."""
    patient = _Frontal.draw(rng)
    placed = _Grid(x=(grid.x - patient.shift) / patient.breadth, y=grid.y / 1.02)
    right, left = (_lung(placed, side, patient) for side in (-1, 1))
    lungs: Field = np.maximum(right, left)
    heart = _heart(placed, patient)
    middle = _mediastinum(placed)
    air = lungs * (1 - heart) * (1 - middle)
    soft = _torso(placed) * (1 + 0.06 * _clouds(rng, grid, 5))
    belly = _belly(placed, patient)
    tissue: Field = soft * (1 + 0.30 * belly) - 0.80 * air * np.minimum(soft, 1)
    tissue += 0.34 * heart * (1 - 0.75 * belly)
    tissue += 0.34 * middle * (1 - 0.5 * heart)
    tissue += _spine(placed) + _vessels(placed, rng, lungs * (1 - 0.8 * heart))
    tissue += _ribs(placed, rng, patient) + _shoulder_girdle(placed, patient)
    tissue -= _airways(placed) + _stomach_bubble(placed, patient)
    tissue += 0.05 * lungs * _clouds(rng, grid, 24)
    return tissue


@dataclass(frozen=True, slots=True)
class _Frontal:
    """What differs from one frontal picture to the next; lengths in half picture widths."""

    shift: float
    breadth: float
    heart_width: float
    diaphragm: float
    rib_spacing: float
    rib_phase: float
    clavicle: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Frontal:
        return cls(
            shift=rng.uniform(-0.03, 0.03),
            breadth=rng.uniform(0.96, 1.06),
            heart_width=rng.uniform(0.94, 1.14),
            diaphragm=rng.uniform(0.44, 0.56),
            rib_spacing=rng.uniform(0.150, 0.170),
            rib_phase=rng.uniform(0.0, 1.0),
            clavicle=rng.uniform(-0.03, 0.03),
        )


def _torso(grid: _Grid) -> Field:
    """Thickness of the trunk, the neck and the shoulders."""
    y = grid.y
    shoulder = _step(y + 0.80, 0.16)
    waist = 0.16 * _step(y + 0.30, 0.42)
    half_width = 0.25 + 0.85 * shoulder - waist
    trunk: Field = _dome(_squared(grid.x / half_width)) ** 0.7
    return 1.05 * trunk * (0.80 + 0.12 * y)


def _cage(y: Field) -> Field:
    """Half the width of the rib cage at height y, narrow at the apices."""
    descent: Field = np.clip((y + 0.80) / 1.2, 0, 1)
    return 0.30 + 0.47 * np.sqrt(descent)


def _lung(grid: _Grid, side: int, patient: _Frontal) -> Field:
    """Air of one lung, 0 to 1; side -1 is image left. Its floor is the diaphragm's dome."""
    x = grid.x * side
    outer, inner = _cage(grid.y) * 0.965, 0.03
    depth = _dome(_squared((x * 2 - outer - inner) / (outer - inner)))
    walls = _step(outer - x, 0.020) * _step(x - inner, 0.02)
    roof = -0.74 + 0.52 * _squared((x - 0.27) / 0.30)
    floor = patient.diaphragm + (0.05 if side > 0 else 0.0)
    dome = floor + 0.22 * _squared((x - 0.33) / 0.38)
    air = 0.55 + 0.45 * depth
    return air * walls * _step(grid.y - roof, 0.035) * _step(dome - grid.y, 0.022)


def _belly(grid: _Grid, patient: _Frontal) -> Field:
    """What lies below the diaphragm, 0 to 1: liver on image left, spleen on image right."""
    x = np.abs(grid.x)
    dome = patient.diaphragm + 0.22 * _squared((x - 0.33) / 0.38)
    return _step(grid.y - dome, 0.10) * (0.9 - 0.15 * grid.x)


def _heart(grid: _Grid, patient: _Frontal) -> Field:
    """The heart's shadow, 0 to 1: its apex points to image right, below."""
    width = patient.heart_width
    x, y = (grid.x - 0.10) / width, grid.y - 0.29
    along = (x * 0.80 + y * 0.60) / 0.36
    across = (-x * 0.60 + y * 0.80) / 0.30
    radius = _squared(along) + _squared(across)
    ventricles = _step(1 - radius, 0.20) * (0.62 + 0.38 * _dome(radius))
    trunk = _squared((grid.x - 0.055) / 0.155) + _squared((grid.y + 0.01) / 0.22)
    shadow: Field = np.maximum(ventricles, 0.62 * _step(1 - trunk, 0.45))
    return shadow


def _mediastinum(grid: _Grid) -> Field:
    """Great vessels between the lungs, with the aortic knob on image right."""
    flare = 0.105 + 0.05 * np.abs(grid.y + 0.30)
    band = _step(flare - np.abs(grid.x - 0.012), 0.040)
    band = band * _step(grid.y + 0.95, 0.30)
    knob_radius = _squared((grid.x - 0.095) / 0.085) + _squared((grid.y + 0.22) / 0.105)
    knob = 0.8 * _step(1 - knob_radius, 0.45)
    shadow: Field = np.maximum(band, knob) * 0.85
    return shadow


def _spine(grid: _Grid) -> Field:
    """Vertebral bodies with darker discs between them, and their spinous processes."""
    column = _step(0.078 - np.abs(grid.x), 0.022)
    phase = grid.y / 0.128
    gap = _bump(phase - np.round(phase), 0.14)
    process = _bump(grid.x, 0.012) * _bump(phase - np.floor(phase) - 0.5, 0.16)
    return column * (0.19 - 0.075 * gap) + 0.07 * process


def _airways(grid: _Grid) -> Field:
    """The trachea's column of air and the two main bronchi, as thickness to take away."""
    trachea = _step(0.040 - np.abs(grid.x + 0.004), 0.020)
    trachea = trachea * _step(-0.14 - grid.y, 0.05)
    below = grid.y + 0.14
    bronchi = _bump(np.abs(grid.x) - below * 0.95, 0.030) * _step(below, 0.03)
    return 0.30 * trachea + 0.14 * bronchi * _step(0.06 - grid.y, 0.05)


def _stomach_bubble(grid: _Grid, patient: _Frontal) -> Field:
    """Gas under the dome on image right, as thickness to take away."""
    x = (grid.x - 0.36) / 0.13
    y = (grid.y - (patient.diaphragm + 0.16)) / 0.065
    return 0.28 * _step(1 - x * x - y * y, 0.45)


def _ribs(grid: _Grid, rng: np.random.Generator, patient: _Frontal) -> Field:
    """Both halves of the ribs: a tilted ring seen from the front is an ellipse.

    The posterior halves arch above the ring's level, the anterior ones hang below it and fade
    towards the sternum, where they are cartilage.
    """
    across = _squared(np.clip(grid.x / _cage(grid.y), -1.5, 1.5))
    bow = _dome(across)
    level = grid.y + 0.012 * _clouds(rng, grid, 4)
    inside = _step(0.985 - across, 0.03) * _step(grid.y + 0.70, 0.08)
    spacing = patient.rib_spacing
    back = (level + 0.155 * bow) / spacing + patient.rib_phase
    front = (level - 0.260 * bow) / spacing + patient.rib_phase
    reach = _step(0.72 - grid.y, 0.20)
    posterior = _rib_profile(back, 0.27) * _step(np.abs(grid.x) - 0.07, 0.03)
    anterior = _rib_profile(front, 0.33) * _step(np.abs(grid.x) - 0.30, 0.16)
    anterior = anterior * _step(0.45 - grid.y, 0.15)
    wall = 1 + 0.3 * across * across * across
    return inside * reach * wall * (0.125 * posterior + 0.070 * anterior)


def _rib_profile(phase: Field, half_width: float) -> Field:
    """Cross-section of a periodic bone: a flat body with brighter, cortical edges."""
    offset = np.abs(phase - np.round(phase))
    body = _step(half_width - offset, 0.05)
    rim = _bump(offset - (half_width - 0.045), 0.035)
    return 0.72 * body + 0.40 * rim


def _shoulder_girdle(grid: _Grid, patient: _Frontal) -> Field:
    """Clavicles, the scapulae's inner borders and the heads of the humeri."""
    x = np.abs(grid.x)
    line = (-0.575 + patient.clavicle) - 0.20 * x - 0.030 * np.sin(5.5 * x)
    off = np.abs(grid.y - line)
    thick = 0.030 + 0.012 * _bump(x - 0.08, 0.10)
    shaft = _step(thick - off, 0.010) * 0.75 + _bump(off - thick, 0.008) * 0.35
    clavicle = shaft * _step(x - 0.06, 0.015) * _step(0.84 - x, 0.03)
    border = 0.64 + 0.13 * (grid.y + 0.5)
    blade = _step(x - border, 0.012) * _step(0.16 - (grid.y + x * 0.12), 0.06)
    blade = blade * _step(grid.y + 0.55, 0.10) * _step(0.98 - x, 0.06)
    head = (_squared(x - 0.97) + _squared(grid.y + 0.60)) / 0.024
    humerus = _step(1 - head, 0.40)
    return 0.22 * clavicle + 0.085 * blade + 0.25 * humerus


def _vessels(grid: _Grid, rng: np.random.Generator, where: Field) -> Field:
    """Hila and the vessels that branch from them, thinner and fainter outwards."""
    drawn = np.zeros(where.shape, dtype=np.float32)
    for side in (-1.0, 1.0):
        root = (side * 0.155, 0.02 if side < 0 else -0.02)
        hilum = _squared((grid.x - root[0]) / 0.060) + _squared((grid.y - root[1]) / 0.10)
        drawn += 0.20 * np.exp(-hilum)
        for angle in np.linspace(-1.25, 1.45, 9):
            turned = float(angle) + rng.uniform(-0.12, 0.12)
            _branch(drawn, grid, rng, _Vessel(root[0], root[1], turned, side, 0.18, 0.016), 4)
    return drawn * (0.25 + 0.75 * where)


@dataclass(frozen=True, slots=True)
class _Vessel:
    """Where a vessel starts, where it goes and how thick it is."""

    x: float
    y: float
    angle: float
    side: float
    length: float
    width: float


def _branch(
    drawn: Field, grid: _Grid, rng: np.random.Generator, vessel: _Vessel, depth: int
) -> None:
    """Draw one vessel and, from its end, its two branches."""
    end_x = vessel.x + vessel.side * vessel.length * float(np.cos(vessel.angle))
    end_y = vessel.y + vessel.length * float(np.sin(vessel.angle))
    start, end = (vessel.x, vessel.y), (end_x, end_y)
    _segment(drawn, grid, start, end, vessel.width, 8.0 * vessel.width)
    if depth == 0:
        return
    for turn in (rng.uniform(0.12, 0.5), -rng.uniform(0.12, 0.5)):
        onward = replace(
            vessel,
            x=end_x,
            y=end_y,
            angle=vessel.angle + turn,
            length=vessel.length * rng.uniform(0.66, 0.9),
            width=vessel.width * 0.74,
        )
        _branch(drawn, grid, rng, onward, depth - 1)


def _segment(
    drawn: Field,
    grid: _Grid,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float,
    height: float,
) -> None:
    """Raise `drawn` to a soft line from start to end, touching only the box around it."""
    reach = 2.5 * width
    columns = _span(grid.x[0], min(start[0], end[0]) - reach, max(start[0], end[0]) + reach)
    rows = _span(grid.y[:, 0], min(start[1], end[1]) - reach, max(start[1], end[1]) + reach)
    x, y = grid.x[:, columns] - start[0], grid.y[rows] - start[1]
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    square = along_x * along_x + along_y * along_y
    t = np.clip((x * along_x + y * along_y) / square, 0, 1)
    distance = _squared(x - t * along_x) + _squared(y - t * along_y)
    line = height * np.exp(distance * (-1 / (width * width)))
    box = drawn[rows, columns]
    np.maximum(box, line, out=box)


def _span(axis: Field, low: float, high: float) -> slice:
    """Return the indices of a sorted axis between low and high."""
    return slice(int(np.searchsorted(axis, low)), int(np.searchsorted(axis, high)))


def _lateral(grid: _Grid, rng: np.random.Generator) -> Field:
    """Return tissue thickness of a left lateral chest: the patient faces image left."""
    shift, depth = rng.uniform(-0.04, 0.04), rng.uniform(0.94, 1.08)
    floor = rng.uniform(0.50, 0.62)
    placed = _Grid(x=(grid.x - shift) / depth, y=grid.y / 1.02)
    soft = _side_torso(placed) * (1 + 0.06 * _clouds(rng, grid, 5))
    lungs = _side_lungs(placed, floor)
    heart = _side_heart(placed)
    air = lungs * (1 - 0.85 * heart)
    tissue = soft - 0.78 * air * np.minimum(soft, 1)
    tissue += 0.22 * _side_belly(placed, floor)
    tissue += _side_spine(placed) + _sternum(placed) + _side_ribs(placed, rng)
    tissue += _side_vessels(placed, rng, lungs * (1 - heart)) + _raised_arms(placed)
    tissue += 0.05 * lungs * _clouds(rng, grid, 24)
    return tissue


def _front_edge(y: Field) -> Field:
    """Return x of the sternum's inner face at height y."""
    bulge = 0.14 * (1 - _squared((y - 0.25) / 0.9))
    return -0.38 - bulge - 0.06 * y


def _back_edge(y: Field) -> Field:
    """Return x of the vertebral bodies' front face at height y: the thoracic kyphosis."""
    return 0.44 - 0.22 * _squared((y - 0.05) / 0.9)


def _side_torso(grid: _Grid) -> Field:
    front, back = _front_edge(grid.y) - 0.15, _back_edge(grid.y) + 0.30
    centre, half_width = (front + back) / 2, (back - front) / 2
    trunk: Field = _dome(_squared((grid.x - centre) / half_width)) ** 0.6
    return trunk * (1.02 + 0.20 * grid.y)


def _side_lungs(grid: _Grid, floor: float) -> Field:
    front = _step(grid.x - _front_edge(grid.y), 0.035)
    back = _step(_back_edge(grid.y) + 0.13 - grid.x, 0.06)
    roof = -0.70 + 1.3 * _squared(grid.x - 0.08)
    apex = _step(grid.y - roof, 0.09)
    domes = [
        _step(level - grid.y, 0.022)
        for level in (_side_dome(grid, floor), _side_dome(grid, floor + 0.07))
    ]
    return front * back * apex * (0.55 * domes[0] + 0.45 * domes[1])


def _side_dome(grid: _Grid, floor: float) -> Field:
    """Return y of a diaphragm seen from the side: highest in front, deep gutter behind."""
    ahead = grid.x + 0.14
    slope = np.where(ahead > 0, 0.85, 0.50).astype(np.float32)
    return floor - 0.14 + slope * _squared(ahead)


def _side_belly(grid: _Grid, floor: float) -> Field:
    return _step(grid.y - _side_dome(grid, floor), 0.12) * _side_torso(grid)


def _side_heart(grid: _Grid) -> Field:
    """Heart against the sternum, 0 to 1, and the aortic arch, open downwards, above it."""
    x, y = grid.x + 0.24, grid.y - 0.27
    along = (x * 0.50 - y * 0.86) / 0.38
    across = (x * 0.86 + y * 0.50) / 0.26
    radius = _squared(along) + _squared(across)
    right, down = grid.x - 0.08, grid.y + 0.16
    arch = _bump(np.sqrt(_squared(right) + _squared(down)) - 0.14, 0.055)
    arch = arch * _step(0.02 - down, 0.12)
    shadow: Field = np.maximum(0.85 * _step(1 - radius, 0.42), 0.28 * arch)
    return shadow


def _side_spine(grid: _Grid) -> Field:
    """Vertebral bodies as blocks along the kyphosis, with end plates, then their arches."""
    off = grid.x - _back_edge(grid.y)
    column = _step(off, 0.020) * _step(0.155 - off, 0.020)
    phase = grid.y / 0.135 + off * 1.2
    gap = np.abs(phase - np.round(phase))
    plates = _bump(gap - 0.13, 0.045)
    walls = _bump(off - 0.012, 0.010) + _bump(off - 0.145, 0.010)
    bodies = 0.20 - 0.12 * _bump(gap, 0.10)
    arches = _bump(off - 0.21, 0.035) * _bump(gap - 0.5, 0.22)
    fade = 0.75 + 0.35 * _step(-0.45 - grid.y, 0.3)
    edges = 0.07 * plates + 0.05 * walls
    return fade * (column * (bodies + edges) + 0.11 * arches)


def _sternum(grid: _Grid) -> Field:
    off = grid.x - _front_edge(grid.y) + 0.035
    plate = _bump(off, 0.026) * _step(grid.y + 0.42, 0.05)
    return 0.26 * plate * _step(0.42 - grid.y, 0.06)


def _side_ribs(grid: _Grid, rng: np.random.Generator) -> Field:
    """Ribs of both sides, running forwards and down; the far side's a little larger."""
    off = (_back_edge(grid.y) + 0.20) - grid.x
    reach = _step(off, 0.06) * _step(grid.x - _front_edge(grid.y) - 0.10, 0.30)
    reach = reach * _step(grid.y + 0.62, 0.12) * _step(0.80 - grid.y, 0.2)
    run = np.maximum(off, 0)
    total = np.zeros(grid.y.shape[:1] + grid.x.shape[1:], dtype=np.float32)
    for spacing, strength in ((0.150, 0.075), (0.165, 0.055)):
        fall = 0.42 * run + 0.25 * run * run
        phase = (grid.y - fall) / spacing + rng.random()
        total += strength * _rib_profile(phase, 0.25)
    return total * reach * (1 - 0.55 * _step(run - 0.35, 0.4))


def _side_vessels(grid: _Grid, rng: np.random.Generator, where: Field) -> Field:
    """The hilum in the middle of the picture, its vessels, and the trachea above it."""
    drawn = np.zeros(where.shape, dtype=np.float32)
    hilum = _squared((grid.x - 0.03) / 0.085) + _squared((grid.y - 0.02) / 0.10)
    drawn += 0.26 * np.exp(-hilum)
    for side in (-1.0, 1.0):
        for angle in np.linspace(-1.2, 1.35, 7):
            turned = float(angle) + rng.uniform(-0.15, 0.15)
            _branch(drawn, grid, rng, _Vessel(0.03, 0.0, turned, side, 0.15, 0.015), 4)
    line = 0.02 + 0.16 * (grid.y + 0.05)
    trachea = _step(0.042 - np.abs(grid.x - line), 0.02)
    trachea = trachea * _step(-0.04 - grid.y, 0.06)
    return drawn * where - 0.16 * trachea


def _raised_arms(grid: _Grid) -> Field:
    """Soft tissue of the arms, held up and forward, across the upper corners."""
    over = -0.62 - grid.y - 0.35 * np.abs(grid.x + 0.05)
    return 0.55 * _step(over, 0.22) * _dome(_squared(grid.x / 0.85))


_LETTERS: dict[str, tuple[str, ...]] = {
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
}


def _stamp_marker(picture: Field, letter: str, view: View) -> None:
    """Stamp the technician's lead letter in place, on the patient's own side of the picture."""
    rows, columns = picture.shape
    unit = max(1, min(rows, columns) // 160)
    shape = np.array([[mark == "#" for mark in line] for line in _LETTERS[letter]])
    stamp = np.kron(shape, np.ones((unit, unit), dtype=bool))
    top = rows // 14
    on_right = view == "LL" or letter == "L"
    left = columns - columns // 12 - stamp.shape[1] if on_right else columns // 12
    box = picture[top : top + stamp.shape[0], left : left + stamp.shape[1]]
    box[stamp] = 0.97 * MAXIMUM


# --------------------------------------------------------------------------------------------
# Files
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the header of one generated CR or DX file says. UIDs are those of the database."""

    modality: Modality
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    patient: Patient
    view: View
    photometric: Photometric
    rows: int
    columns: int
    performed_at: datetime
    accession_number: str
    study_description: str
    series_number: int | None
    instance_number: int | None
    institution: str
    station: str
    manufacturer: str
    operator: str
    """Person names here are DICOM's: 'FAMILY^GIVEN'; empty where nobody is known."""
    referring: str
    reader: str


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file of the archive: where it lies, what is drawn in it, what its header says."""

    image_id: UUID
    path: Path
    seed: int
    attributes: Attributes


def file_size(attributes: Attributes) -> int:
    """Return the bytes of the file `write_dicom` writes for these attributes."""
    header = BytesIO()
    dcmwrite(header, _header(attributes), enforce_file_format=True)
    pixels = attributes.rows * attributes.columns * 2
    return len(header.getbuffer()) + _PIXEL_DATA_ELEMENT_HEADER + pixels


def write_dicom(path: Path, picture: Picture, attributes: Attributes) -> None:
    """Write one CR, or DX for presentation, file: Explicit VR Little Endian, uncompressed.

    `picture` is MONOCHROME2, uint16, of attributes.rows x attributes.columns; it is stored as
    attributes.photometric says. The file appears whole or not at all, with its folders.
    """
    if picture.shape != (attributes.rows, attributes.columns) or picture.dtype != np.uint16:
        raise ValueError(
            f"a picture of {attributes.rows} x {attributes.columns} uint16 was promised, "
            f"this one is {picture.shape} {picture.dtype}"
        )
    dataset = _header(attributes)
    stored = as_photometric(picture, attributes.photometric)
    dataset.add_new("PixelData", "OW", stored.astype("<u2").tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        dcmwrite(partial, dataset, enforce_file_format=True)
        partial.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            partial.unlink()
        raise


def _header(attributes: Attributes) -> Dataset:
    """Return the file's data set without pixels, with its file meta information."""
    dataset = Dataset()
    dataset.file_meta = _file_meta(attributes)
    # Two habits of real archives: old readers say Latin-1, digital rooms say UTF-8.
    dataset.SpecificCharacterSet = "ISO_IR 100" if attributes.modality == "CR" else "ISO_IR 192"
    _describe_patient(dataset, attributes)
    _describe_study(dataset, attributes)
    _describe_equipment(dataset, attributes)
    _describe_exposure(dataset, attributes)
    _describe_pixels(dataset, attributes)
    if attributes.modality == "DX":
        _describe_digital_xray(dataset, attributes)
    return dataset


def _sop_class(attributes: Attributes) -> UID:
    if attributes.modality == "CR":
        return ComputedRadiographyImageStorage
    return DigitalXRayImageStorageForPresentation


def _file_meta(attributes: Attributes) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _sop_class(attributes)
    meta.MediaStorageSOPInstanceUID = UID(attributes.sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # Fixed, so that another release of pydicom writes the same bytes.
    meta.ImplementationClassUID = _IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = "EDEN_DEMO_1"
    meta.SourceApplicationEntityTitle = attributes.station[:16]
    return meta


def _describe_patient(dataset: Dataset, attributes: Attributes) -> None:
    patient = attributes.patient
    dataset.PatientName = patient.dicom_name
    dataset.PatientID = patient.record_number
    dataset.PatientBirthDate = f"{patient.birth_date:%Y%m%d}"
    dataset.PatientSex = patient.sex
    dataset.PatientAge = f"{patient.age_at(attributes.performed_at.date()):03d}Y"


def _describe_study(dataset: Dataset, attributes: Attributes) -> None:
    day = f"{attributes.performed_at:%Y%m%d}"
    time = f"{attributes.performed_at:%H%M%S.%f}"
    dataset.SOPClassUID = _sop_class(attributes)
    dataset.SOPInstanceUID = attributes.sop_instance_uid
    dataset.StudyInstanceUID = attributes.study_instance_uid
    dataset.SeriesInstanceUID = attributes.series_instance_uid
    for part in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{part}Date", day)
        setattr(dataset, f"{part}Time", time)
    dataset.TimezoneOffsetFromUTC = "+0000"
    dataset.AccessionNumber = attributes.accession_number[:16]
    dataset.StudyID = attributes.accession_number[-4:]
    dataset.StudyDescription = attributes.study_description[:64]
    dataset.SeriesDescription = "TORAX PA" if attributes.view == "PA" else "TORAX PERFIL"
    dataset.SeriesNumber = attributes.series_number
    dataset.InstanceNumber = attributes.instance_number
    dataset.ReferringPhysicianName = attributes.referring
    dataset.NameOfPhysiciansReadingStudy = attributes.reader
    dataset.OperatorsName = attributes.operator
    dataset.Modality = attributes.modality


def _describe_equipment(dataset: Dataset, attributes: Attributes) -> None:
    dataset.Manufacturer = attributes.manufacturer
    dataset.ManufacturerModelName = f"Torso {attributes.modality} 300"
    dataset.InstitutionName = attributes.institution[:64]
    dataset.StationName = attributes.station[:16]
    dataset.DeviceSerialNumber = f"SN{_number(attributes.station, 10**6):06d}"
    dataset.SoftwareVersions = "4.2.1"
    # Vendors repeat the patient in private elements: de-identification has something to find.
    private = dataset.private_block(0x0029, "EDEN DEMO CONSOLE", create=True)
    private.add_new(0x10, "LO", attributes.patient.full_name)
    private.add_new(0x11, "DS", "1.25")


def _describe_exposure(dataset: Dataset, attributes: Attributes) -> None:
    lateral = attributes.view == "LL"
    varied = _number(attributes.sop_instance_uid, 5)
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = attributes.view
    dataset.PatientOrientation = ["P", "F"] if lateral else ["L", "F"]
    dataset.KVP = 120 + varied
    dataset.DistanceSourceToDetector = 1800
    dataset.ExposureTime = (18 if lateral else 8) + varied
    dataset.XRayTubeCurrent = 320
    dataset.Exposure = (6 if lateral else 3) + varied // 2
    dataset.Grid = ["FOCUSED", "RECIPROCATING"]
    spacing = f"{430 / attributes.columns:.4f}"  # millimetres: a detector 43 cm wide
    dataset.ImagerPixelSpacing = [spacing, spacing]
    if attributes.modality == "CR":
        dataset.PlateType = "STANDARD"
        dataset.Laterality = ""


def _describe_pixels(dataset: Dataset, attributes: Attributes) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = attributes.photometric
    dataset.Rows = attributes.rows
    dataset.Columns = attributes.columns
    dataset.BitsAllocated = 16
    dataset.BitsStored = BITS_STORED
    dataset.HighBit = BITS_STORED - 1
    dataset.PixelRepresentation = 0
    dataset.WindowCenter = 1900
    dataset.WindowWidth = 3700
    if attributes.photometric == "MONOCHROME1":
        dataset.WindowCenter = MAXIMUM - 1900
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"


def _describe_digital_xray(dataset: Dataset, attributes: Attributes) -> None:
    """Add what the DX modules ask for beyond CR."""
    inverse = attributes.photometric == "MONOCHROME1"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if inverse else -1
    dataset.RescaleIntercept = 0
    dataset.RescaleSlope = 1
    dataset.RescaleType = "US"
    dataset.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    dataset.DetectorType = "SCINTILLATOR"
    dataset.ImageLaterality = "U"
    dataset.AcquisitionContextSequence = []
    dataset.AnatomicRegionSequence = [_code("816094009", "Chest")]
    lateral = attributes.view == "LL"
    code = ("399173006", "left lateral") if lateral else ("272479007", "postero-anterior")
    dataset.ViewCodeSequence = [_code(*code)]


def _code(value: str, meaning: str) -> Dataset:
    """Return one item of a code sequence, in SNOMED CT."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item


def _number(text: str, below: int) -> int:
    """Return a number that depends on the text alone (hash() differs from run to run)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % below


# --------------------------------------------------------------------------------------------
# The archive
# --------------------------------------------------------------------------------------------


def image_files(hospital: Hospital) -> tuple[ImageFile, ...]:
    """Return every file the hospital's images name; images whose file_path is NULL have none."""
    lookup = _Lookup.of(hospital)
    return tuple(
        ImageFile(
            image_id=image.id,
            path=Path(image.file_path),
            seed=_number(image.sop_instance_uid, 2**63),
            attributes=lookup.attributes(image),
        )
        for image in hospital.images
        if image.file_path is not None
    )


@dataclass(frozen=True, slots=True)
class _Lookup:
    hospital: Hospital
    series: dict[UUID, SeriesRow]
    studies: dict[UUID, StudyRow]
    modalities: dict[UUID, ModalityRow]
    people: dict[UUID, str]
    places: dict[UUID, str]
    countries: dict[UUID, str | None]
    body_parts: dict[UUID, str]
    readers: dict[UUID, str]

    @classmethod
    def of(cls, hospital: Hospital) -> _Lookup:
        names = {one.id: one.name for one in hospital.organizations}
        staff: tuple[PractitionerRow | TechnicianRow, ...] = (
            *hospital.practitioners,
            *hospital.technicians,
        )
        people = {one.id: f"{one.last_name}^{one.first_name}" for one in staff}
        return cls(
            hospital=hospital,
            series={one.id: one for one in hospital.series},
            studies={one.id: one for one in hospital.studies},
            modalities={one.id: one for one in hospital.modalities},
            people=people,
            places={
                one.id: f"{names[one.organization_id]} - {one.name}" for one in hospital.facilities
            },
            countries={one.id: one.country for one in hospital.organizations},
            body_parts={one.id: one.name for one in hospital.body_parts},
            readers={
                one.study_id: people[one.signed_by_id]
                for one in hospital.reports
                if one.signed_by_id is not None
            },
        )

    def attributes(self, image: ImageRow) -> Attributes:
        """Return the header of an image's file, agreeing with every row it hangs from."""
        series = self.series[image.series_id]
        study = self.studies[series.study_id]
        if study.modality_id is None or study.facility_id is None or study.technician_id is None:
            raise ValueError(f"study {study.id} has files but no machine, place or technician")
        machine = self.modalities[study.modality_id]
        described = study.dicom_description or self._body_part(study)
        return Attributes(
            modality=_modality(machine),
            study_instance_uid=study.study_instance_uid,
            series_instance_uid=series.series_instance_uid,
            sop_instance_uid=image.sop_instance_uid,
            patient=patient_of(
                study.patient_id or study.id, language_of(self.countries[study.organization_id])
            ),
            view=self.hospital.views[image.id],
            # About one machine's console in five stores film-like, inverted values.
            photometric=("MONOCHROME1" if _number(str(study.id), 5) == 0 else "MONOCHROME2"),
            rows=self.hospital.picture_size,
            columns=self.hospital.picture_size,
            performed_at=study.performed_at or study.created_at,
            accession_number=study.accession_number or "",
            # Latin-1 has no combining marks.
            study_description=normalize("NFC", described),
            series_number=series.series_number,
            instance_number=image.instance_number,
            institution=self.places[study.facility_id],
            station=machine.ae_title or "",
            manufacturer=machine.manufacturer or "",
            operator=self.people[study.technician_id],
            referring=self._referring(study),
            reader=self.readers.get(study.id, ""),
        )

    def _body_part(self, study: StudyRow) -> str:
        return self.body_parts[study.body_part_id] if study.body_part_id else ""

    def _referring(self, study: StudyRow) -> str:
        one = study.referring_practitioner_id
        return self.people[one] if one else ""


def _modality(machine: ModalityRow) -> Modality:
    if machine.identifier == "CR":
        return "CR"
    if machine.identifier == "DX":
        return "DX"
    raise ValueError(f"no files are generated for modality {machine.identifier}")


def write_archive(
    hospital: Hospital,
    *,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write every file the hospital's images name, and return how many were written now.

    A file that exists with the size its row gives is taken as done, so an interrupted run can be
    repeated. `on_progress(done, total)` is called in this process, once at the start and after
    every file. `workers` processes share the work; 1 does it in this one.
    """
    if workers < 1:
        raise ValueError("at least one worker is needed")
    sizes = {image.id: image.file_size for image in hospital.images}
    every = image_files(hospital)
    missing = [file for file in every if _size_of(file.path) != sizes[file.image_id]]
    done = len(every) - len(missing)
    if on_progress:
        on_progress(done, len(every))
    for _ in _written(missing, workers):
        done += 1
        if on_progress:
            on_progress(done, len(every))
    return len(missing)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _written(missing: list[ImageFile], workers: int) -> Iterator[None]:
    """Write the files, giving back control after each."""
    if workers == 1 or len(missing) < 2:
        for file in missing:
            _write(file)
            yield
        return
    # Not fork: the calling process may have threads (a progress bar, a server).
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        for future in as_completed([pool.submit(_write, file) for file in missing]):
            future.result()
            yield
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write(file: ImageFile) -> None:
    attributes = file.attributes
    picture = render(file.seed, attributes.rows, attributes.columns, attributes.view)
    write_dicom(file.path, picture, attributes)
