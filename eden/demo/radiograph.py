"""Generated chest radiographs: pictures alone, no files.

A picture is drawn, not learned. It adds up smooth shapes, each the thickness of one tissue that
the beam crosses, and shows what they absorb together: 1 - exp(-mu * thickness). It looks like a
chest radiograph at a glance and shows no pathology.

Every shape is a function of x (a row, -1 at the left to 1 at the right) and y (a column, -1 at the
top to 1 at the bottom), in float32, and of a generator of random numbers, which varies the patient.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

View = Literal["PA", "LL"]
"""Postero-anterior or left lateral: DICOM codes of View Position (0018,5101)."""

Photometric = Literal["MONOCHROME1", "MONOCHROME2"]
Field = NDArray[np.floating[Any]]
Picture = NDArray[np.uint16]
_Points = NDArray[np.complexfloating[Any, Any]]
_Random = np.random.Generator

BITS_STORED = 12
MAXIMUM = (1 << BITS_STORED) - 1
FULL_SIZE = 2048
SMALL_SIZE = 256

_COARSE = 512  # pixels
_LETTERS = {
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
}


def render(seed: int, rows: int, columns: int, view: View) -> Picture:
    """Return a chest radiograph as a MONOCHROME2 picture (bone bright, air dark).

    The result has shape (rows, columns), dtype uint16 and values 0 to 4095 (12 bits stored). A lead
    marker, 'L' or 'R', is part of the picture. The same arguments give the same pixels on one
    machine; another kind of processor may round a few of them by one grey level.

    Raises:
        ValueError: there are fewer than 64 rows or columns.
    """
    if rows < 64 or columns < 64:
        raise ValueError("a radiograph has at least 64 rows and 64 columns")
    rng = np.random.Generator(np.random.PCG64(seed))
    # The body is smooth: at most 512 pixels are drawn, then doubled. Noise has the full size.
    doublings = ((max(rows, columns) - 1) // _COARSE).bit_length()
    x = _centres(-(-columns >> doublings))[None, :]
    y = _centres(-(-rows >> doublings))[:, None]
    tissue = (_frontal if view == "PA" else _lateral)(x, y, rng)
    # Sixteenths of a grey level: differences between processors seldom survive this.
    smooth: Field = np.round(_exposed(tissue, x, y, rng) * (16 * MAXIMUM)) / 16
    for _ in range(doublings):
        smooth = _doubled(smooth)
    picture = np.ascontiguousarray(smooth[:rows, :columns])
    # Quantum noise: stronger where less of the beam arrives, in the bright parts.
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise *= 14 + picture * 0.006
    picture += noise
    _stamp_marker(picture, "L" if rng.random() < 0.6 else "R", view)
    return np.clip(picture, 0, MAXIMUM).astype(np.uint16)


def as_photometric(picture: Picture, photometric: Photometric) -> Picture:
    """Return the stored values of a MONOCHROME2 picture under `photometric`."""
    return picture if photometric == "MONOCHROME2" else (MAXIMUM - picture).astype(np.uint16)


def _exposed(tissue: Field, x: Field, y: Field, rng: _Random) -> Field:
    """Return brightness, 0 to 1: absorption, the tube's uneven field and the collimator."""
    field = 1 - 0.10 * (x * x + y * y) + rng.uniform(-0.03, 0.03) * x
    collimated = _band(x, 0.985, 0.012) * _band(y, 0.985, 0.012)
    absorbed = 1 - np.exp(-1.05 * np.maximum(tissue, 0))
    brightness: Field = 0.02 + absorbed * field * (0.15 + 0.85 * collimated)
    return brightness


def _stamp_marker(picture: Field, letter: str, view: View) -> None:
    """Put the technician's lead letter in place, on the patient's own side of the picture."""
    rows, columns = picture.shape
    unit = max(1, min(rows, columns) // 160)
    marks = np.array([[mark == "#" for mark in line] for line in _LETTERS[letter]])
    stamp = np.kron(marks, np.ones((unit, unit), dtype=bool))
    top, left = rows // 14, columns // 12
    if view == "LL" or letter == "L":
        left = columns - left - stamp.shape[1]
    picture[top : top + stamp.shape[0], left : left + stamp.shape[1]][stamp] = 0.97 * MAXIMUM


# --------------------------------------------------------------------------------------------
# Shapes
# --------------------------------------------------------------------------------------------


def _centres(count: int) -> Field:
    """Return the centres of `count` pixels between -1 and 1."""
    return (np.arange(count, dtype=np.float32) + 0.5) * (2 / count) - 1


def _step(value: Field, width: float) -> Field:
    """Return 0 where value is well below zero, 1 well above, smooth over about `width`."""
    scaled = np.clip(value / width, -1, 1)
    result: Field = 0.5 + scaled * (0.75 - 0.25 * scaled * scaled)
    return result


def _band(offset: Field, half_width: float, softness: float) -> Field:
    """Return 1 within half_width of offset = 0, and 0 outside."""
    return _step(half_width - np.abs(offset), softness)


def _bump(value: Field, width: float) -> Field:
    """Return a bell of height 1 around value = 0."""
    scaled = value / width
    return np.exp(-scaled * scaled)


def _ellipse(x: Field, y: Field, centre: tuple[float, float], radii: tuple[float, float]) -> Field:
    """Return the squared distance from the centre, 1 on the ellipse."""
    result: Field = np.square((x - centre[0]) / radii[0]) + np.square((y - centre[1]) / radii[1])
    return result


def _chord(squared: Field) -> Field:
    """Return the beam's way through a ball at this squared distance: sqrt(1 - squared)."""
    return np.sqrt(np.maximum(1 - squared, 0))


def _from_whole(phase: Field) -> Field:
    """Return the distance to the nearest whole number: a shape of it repeats."""
    return np.abs(phase - np.round(phase))


def _rib(phase: Field, half_width: float) -> Field:
    """Return the profile of a flat bone, with brighter edges, that repeats along `phase`."""
    offset = _from_whole(phase)
    edges = _bump(offset - (half_width - 0.045), 0.035)
    return 0.72 * _step(half_width - offset, 0.05) + 0.40 * edges


def _doubled(field: Field) -> Field:
    """Return the field at twice its rows and columns, smooth (quadratic subdivision)."""
    for _ in range(2):
        near, far = field * 0.75, field * 0.25
        wide = np.empty_like(field, shape=(len(field) * 2, field.shape[1]))
        np.add(near[1:], far[:-1], out=wide[2::2])
        np.add(near[:-1], far[1:], out=wide[1:-1:2])
        wide[0], wide[-1] = field[0], field[-1]
        field = wide.T
    return field


def _clouds(x: Field, y: Field, rng: _Random, cells: int) -> Field:
    """Return slow random variation, about -1 to 1, with `cells` knots along each side."""
    field: Field = rng.random((cells, cells), dtype=np.float32) * 2 - 1
    while len(field) < max(x.size, y.size):
        field = _doubled(field)
    return field[: y.size, : x.size]


def _vessels(
    x: Field, y: Field, rng: _Random, hila: tuple[complex, complex], reach: float
) -> Field:
    """Return the vessels of the left and the right hilum, points x + iy.

    Eight of length `reach` leave each hilum; each divides in two, four times, and gets shorter,
    thinner and fainter.
    """
    drawn = np.zeros((y.size, x.size), dtype=np.float32)
    fan = np.exp(1j * (np.linspace(-1.25, 1.45, 8) + rng.uniform(-0.14, 0.14, (2, 8)))) * reach
    starts, steps = np.repeat(hila, 8), np.concatenate((-fan[0].conj(), fan[1]))
    width = 0.016
    for _ in range(5):
        _draw_tubes(drawn, x, y, starts, steps, width)
        starts = np.repeat(starts + steps, 2)
        turns = rng.uniform(0.12, 0.5, starts.size) * np.tile((1, -1), steps.size)
        steps = np.repeat(steps, 2) * np.exp(1j * turns) * rng.uniform(0.66, 0.9, starts.size)
        width *= 0.74
    return drawn


def _draw_tubes(
    drawn: Field, x: Field, y: Field, starts: _Points, steps: _Points, width: float
) -> None:
    """Raise `drawn` to soft tubes from each start to start + step, in the box around it alone."""
    margin = 2.5 * width
    lefts, rights = _spans(x[0], starts.real, steps.real, margin)
    tops, bottoms = _spans(y[:, 0], starts.imag, steps.imag, margin)
    for n, (start, step) in enumerate(zip(starts.tolist(), steps.tolist(), strict=True)):
        rows, columns = slice(tops[n], bottoms[n]), slice(lefts[n], rights[n])
        across, down = x[:, columns] - start.real, y[rows] - start.imag
        along = np.clip((across * step.real + down * step.imag) * abs(step) ** -2, 0, 1)
        squared = np.square(across - along * step.real) + np.square(down - along * step.imag)
        box = drawn[rows, columns]
        np.maximum(box, 8 * width * np.exp(squared / -(width**2)), out=box)


def _spans(axis: Field, starts: Field, steps: Field, margin: float) -> NDArray[np.intp]:
    """Return the first indices, and the last, of a sorted axis around every start and its end."""
    low = np.minimum(starts, starts + steps) - margin
    high = np.maximum(starts, starts + steps) + margin
    return np.searchsorted(axis, np.stack((low, high)))


# --------------------------------------------------------------------------------------------
# The frontal view: the patient's right is at the left of the picture
# --------------------------------------------------------------------------------------------


def _frontal(x: Field, y: Field, rng: _Random) -> Field:
    """Return the thickness of tissue in a postero-anterior chest."""
    x, y = (x - rng.uniform(-0.03, 0.03)) / rng.uniform(0.96, 1.06), y / 1.02
    floor = rng.uniform(0.44, 0.56)
    away = np.abs(x)
    cage = 0.30 + 0.47 * np.sqrt(np.clip((y + 0.80) / 1.2, 0, 1))
    trunk = 0.25 + 0.85 * _step(y + 0.80, 0.16) - 0.16 * _step(y + 0.30, 0.42)
    soft = (0.84 + 0.126 * y) * _chord(np.square(x / trunk)) ** 0.7
    soft *= 1 + 0.06 * _clouds(x, y, rng, 5)
    diaphragm = floor + 0.22 * np.square((away - 0.33) / 0.38)
    lungs = _frontal_lungs(away, y, 0.965 * cage, diaphragm + 0.05 * _step(x, 0.02))
    belly = _step(y - diaphragm, 0.10) * (0.9 - 0.15 * x)
    heart = _frontal_heart(x, y, rng.uniform(0.94, 1.14))
    vessels = _band(x - 0.012, 0.105 + 0.05 * np.abs(y + 0.30), 0.040) * _step(y + 0.95, 0.30)
    aorta = 0.8 * _step(1 - _ellipse(x, y, (0.095, -0.22), (0.085, 0.105)), 0.45)
    middle = 0.85 * np.maximum(vessels, aorta)
    stomach = _step(1 - _ellipse(x, y, (0.36, floor + 0.16), (0.13, 0.065)), 0.45)
    hila = [_ellipse(x, y, centre, (0.06, 0.1)) for centre in ((-0.155, 0.02), (0.155, -0.02))]
    branches = _vessels(x, y, rng, (-0.155 + 0.02j, 0.155 - 0.02j), 0.18)
    branches += 0.20 * (np.exp(-hila[0]) + np.exp(-hila[1]))
    # Air takes the place of soft tissue, except where heart and great vessels fill the chest.
    tissue = soft * (1 + 0.30 * belly)
    tissue -= 0.80 * lungs * (1 - heart) * (1 - middle) * np.minimum(soft, 1)
    tissue += 0.34 * heart * (1 - 0.75 * belly) + 0.34 * middle * (1 - 0.5 * heart)
    tissue += branches * (0.25 + 0.75 * lungs * (1 - 0.8 * heart))
    tissue += _frontal_bones(x, y, cage, rng)
    tissue -= _airways(x, y) + 0.28 * stomach
    tissue += 0.05 * lungs * _clouds(x, y, rng, 24)
    return tissue


def _frontal_lungs(away: Field, y: Field, outer: Field, diaphragm: Field) -> Field:
    """Return the air of both lungs, 0 to 1, between rib cage, mediastinum and diaphragm."""
    depth = _chord(np.square((2 * away - outer - 0.03) / (outer - 0.03)))
    apex = -0.74 + 0.52 * np.square((away - 0.27) / 0.30)
    walls = _step(outer - away, 0.020) * _step(away - 0.03, 0.020)
    return (0.55 + 0.45 * depth) * walls * _step(y - apex, 0.035) * _step(diaphragm - y, 0.022)


def _frontal_heart(x: Field, y: Field, width: float) -> Field:
    """Return the shadow of the heart, 0 to 1; its apex points down to the right."""
    right, down = (x - 0.10) / width, y - 0.29
    turned = (right * 0.80 + down * 0.60, down * 0.80 - right * 0.60)
    squared = _ellipse(*turned, (0, 0), (0.36, 0.30))
    ventricles = _step(1 - squared, 0.20) * (0.62 + 0.38 * _chord(squared))
    trunk = 0.62 * _step(1 - _ellipse(x, y, (0.055, -0.01), (0.155, 0.22)), 0.45)
    shadow: Field = np.maximum(ventricles, trunk)
    return shadow


def _airways(x: Field, y: Field) -> Field:
    """Return the air of the trachea and of the two main bronchi."""
    trachea = _band(x + 0.004, 0.040, 0.020) * _step(-0.14 - y, 0.05)
    bronchi = _bump(np.abs(x) - 0.95 * (y + 0.14), 0.030) * _step(y + 0.14, 0.03)
    return 0.30 * trachea + 0.14 * bronchi * _step(0.06 - y, 0.05)


def _frontal_bones(x: Field, y: Field, cage: Field, rng: _Random) -> Field:
    """Return the spine, the ribs, the clavicles, the scapulae and the heads of the humeri."""
    away = np.abs(x)
    # Vertebral bodies with darker discs between them, and their spinous processes.
    discs, processes = _from_whole(y / 0.128), _from_whole(y / 0.128 - 0.5)
    bones = _band(x, 0.078, 0.022) * (0.19 - 0.075 * _bump(discs, 0.14))
    bones += 0.07 * _bump(x, 0.012) * _bump(processes, 0.16)
    # A rib is a tilted ring: its back arches above the level of the ring, and its front hangs
    # below, and fades towards the sternum, where it is cartilage.
    across = np.square(np.clip(x / cage, -1.5, 1.5))
    level = y + 0.012 * _clouds(x, y, rng, 4)
    spacing, phase = rng.uniform(0.150, 0.170), rng.random()
    back = _rib((level + 0.155 * _chord(across)) / spacing + phase, 0.27)
    front = _rib((level - 0.260 * _chord(across)) / spacing + phase, 0.33)
    back *= _step(away - 0.07, 0.03)
    front *= _step(away - 0.30, 0.16) * _step(0.45 - y, 0.15)
    inside = _step(0.985 - across, 0.03) * _step(y + 0.70, 0.08) * _step(0.72 - y, 0.20)
    bones += inside * (1 + 0.3 * across**3) * (0.125 * back + 0.070 * front)
    line = y + 0.575 + rng.uniform(-0.03, 0.03) + 0.20 * away + 0.030 * np.sin(5.5 * away)
    edge = np.abs(line) - 0.030 - 0.012 * _bump(away - 0.08, 0.10)
    clavicle = 0.165 * _step(-edge, 0.010) + 0.077 * _bump(edge, 0.008)
    bones += clavicle * _step(away - 0.06, 0.015) * _step(0.84 - away, 0.03)
    scapula = _step(away - 0.705 - 0.13 * y, 0.012) * _step(0.16 - y - 0.12 * away, 0.06)
    bones += 0.085 * scapula * _step(y + 0.55, 0.10) * _step(0.98 - away, 0.06)
    bones += 0.25 * _step(1 - _ellipse(away, y, (0.97, -0.60), (0.155, 0.155)), 0.40)
    return bones


# --------------------------------------------------------------------------------------------
# The lateral view: the patient faces the left of the picture
# --------------------------------------------------------------------------------------------


def _lateral(x: Field, y: Field, rng: _Random) -> Field:
    """Return the thickness of tissue in a left lateral chest."""
    x, y = (x - rng.uniform(-0.04, 0.04)) / rng.uniform(0.94, 1.08), y / 1.02
    # The inner face of the sternum and the front of the vertebrae.
    sternum = x + 0.52 + 0.06 * y - 0.14 * np.square((y - 0.25) / 0.9)
    spine = x - 0.44 + 0.22 * np.square((y - 0.05) / 0.9)
    inner = sternum - spine
    trunk = _chord(np.square((sternum + spine - 0.15) / (inner + 0.45))) ** 0.6
    trunk *= 1.02 + 0.20 * y
    soft = trunk * (1 + 0.06 * _clouds(x, y, rng, 5))
    # Two diaphragms, highest in front of the middle, with a deep gutter behind.
    ahead = np.minimum(x + 0.14, 0), np.maximum(x + 0.14, 0)
    below = y - rng.uniform(0.36, 0.48) - 0.50 * np.square(ahead[0]) - 0.85 * np.square(ahead[1])
    lungs = _step(sternum, 0.035) * _step(0.13 - spine, 0.06)
    lungs *= _step(y + 0.70 - 1.3 * np.square(x - 0.08), 0.09)
    lungs *= 0.55 * _step(-below, 0.022) + 0.45 * _step(0.07 - below, 0.022)
    heart = _lateral_heart(x, y)
    hilum = 0.26 * np.exp(-_ellipse(x, y, (0.03, 0.02), (0.085, 0.10)))
    branches = hilum + _vessels(x, y, rng, (0.03 + 0j, 0.03 + 0j), 0.14)
    trachea = _band(x - 0.028 - 0.16 * y, 0.042, 0.02) * _step(-0.04 - y, 0.06)
    # The raised arms cross the upper corners.
    arms = _step(-0.62 - y - 0.35 * np.abs(x + 0.05), 0.22) * _chord(np.square(x / 0.85))
    tissue: Field = soft - 0.78 * lungs * (1 - 0.85 * heart) * np.minimum(soft, 1)
    tissue += 0.22 * _step(below, 0.12) * trunk
    tissue += _lateral_bones(y, sternum, spine, rng)
    tissue += branches * lungs * (1 - heart) - 0.16 * trachea + 0.55 * arms
    tissue += 0.05 * lungs * _clouds(x, y, rng, 24)
    return tissue


def _lateral_heart(x: Field, y: Field) -> Field:
    """Return the shadow of the heart against the sternum, 0 to 1, and of the aortic arch."""
    right, down = x + 0.24, y - 0.27
    turned = (right * 0.50 - down * 0.86, right * 0.86 + down * 0.50)
    heart = 0.85 * _step(1 - _ellipse(*turned, (0, 0), (0.38, 0.26)), 0.42)
    ring = _bump(np.sqrt(_ellipse(x, y, (0.08, -0.16), (1, 1))) - 0.14, 0.055)
    shadow: Field = np.maximum(heart, 0.28 * ring * _step(-0.14 - y, 0.12))
    return shadow


def _lateral_bones(y: Field, sternum: Field, spine: Field, rng: _Random) -> Field:
    """Return the sternum, the vertebrae and the ribs of both sides."""
    bones = 0.26 * _bump(sternum + 0.035, 0.026) * _step(y + 0.42, 0.05) * _step(0.42 - y, 0.06)
    # Vertebral bodies with end plates and walls, discs between them, arches behind them.
    gap = _from_whole(y / 0.135 + spine * 1.2)
    bodies = 0.20 - 0.12 * _bump(gap, 0.10) + 0.07 * _bump(gap - 0.13, 0.045)
    bodies += 0.05 * (_bump(spine - 0.012, 0.010) + _bump(spine - 0.145, 0.010))
    arches = 0.11 * _bump(spine - 0.21, 0.035) * _bump(gap - 0.5, 0.22)
    column = _step(spine, 0.020) * _step(0.155 - spine, 0.020)
    bones += (0.75 + 0.35 * _step(-0.45 - y, 0.3)) * (column * bodies + arches)
    # Ribs run forwards and down; those of the far side are a little larger.
    run = np.maximum(0.20 - spine, 0)
    inside = _step(0.20 - spine, 0.06) * _step(sternum - 0.10, 0.30)
    inside *= _step(y + 0.62, 0.12) * _step(0.80 - y, 0.2) * (1 - 0.55 * _step(run - 0.35, 0.4))
    for spacing, strength in ((0.150, 0.075), (0.165, 0.055)):
        phase = (y - 0.42 * run - 0.25 * np.square(run)) / spacing + rng.random()
        bones += strength * inside * _rib(phase, 0.25)
    return bones
