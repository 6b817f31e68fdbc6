"""What a report shows of a simulation: isotherms and the zone's band on an axial cut, and thermocouples over time."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from BoneAblationPlannerLib.case import PlanningResult, TemperatureFields
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Thermocouple
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.scene.temperature import BAND, levels
from BoneAblationPlannerLib.views.annotate import Sheet, bytes_of
from BoneAblationPlannerLib.views.curves import Line, drawn
from BoneAblationPlannerLib.views.finishing import LegendItem, finished
from BoneAblationPlannerLib.views.picture import Picture

_BONE_HU = (-450.0, 1150.0)
_LINE_PIXELS = 3
_CURVE_COLOURS: tuple[Colour, ...] = (
    (0.0, 0.45, 0.7), (0.84, 0.37, 0.0), (0.0, 0.62, 0.45), (0.8, 0.47, 0.65), (0.34, 0.71, 0.91), (0.5, 0.5, 0.5),
)  # fmt: skip


def temperature_pictures(result: PlanningResult, folder: Path, size: tuple[int, int]) -> list[Picture]:
    """Pictures of what was simulated; none without a simulation."""
    simulation, fields = result.plan.simulation, result.temperatures
    pictures = []
    if fields is not None:
        path = folder / "temperature-map.png"
        isotherm_picture(result, fields, size).save(path, compress_level=3)
        caption = (
            "Axial, through the lesion's centre: the lines that temperatures reached at any time, and the simulated "
            "zone with the ends of its plausible range. Patient's right is on the left."
        )
        pictures.append(Picture(path, "Simulated temperatures", caption, None, "temperature"))
    if simulation is not None and simulation.thermocouples:
        path = folder / "temperature-thermocouples.png"
        curve_picture(simulation.thermocouples, size).save(path, compress_level=3)
        caption = "Temperature over time at the points that were named."
        pictures.append(Picture(path, "Thermocouples", caption, None, "temperature"))
    return pictures


def isotherm_picture(result: PlanningResult, fields: TemperatureFields, size: tuple[int, int]) -> Image.Image:
    """The CT around the simulated block with lines of temperature, zone and lesion on it."""
    cold = result.plan.zone.model == "ice"
    points, mm_per_pixel = _axial_points(fields.grid, np.array(result.plan.lesion.centroid_ras_mm), size)
    ct = result.anatomy.ct
    low, high = _BONE_HU
    grey = np.clip((_sampled(ct.hu, ct.grid, points, -1000.0, 1) - low) / (high - low), 0, 1) * 255
    sheet = Sheet(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2))
    pixels = np.array(sheet.image)
    legend = []
    extreme = fields.coldest_celsius if cold else fields.hottest_celsius
    temperatures = _sampled(extreme, fields.grid, points, 37.0, 1)
    for row in levels()["cold" if cold else "heat"]:
        inside = temperatures <= row["celsius"] if cold else temperatures >= row["celsius"]
        _outline(pixels, inside, tuple(row["colour"]))
        legend.append(LegendItem(f"{row['celsius']:g} C reached", tuple(row["colour"]), filled=True))
    band = zip(BAND.values(), (fields.small_zone, fields.large_zone), strict=True)
    masks = [(title, colour, zone, fields.grid) for (title, colour), zone in band if zone is not None]
    masks.append(("Simulated zone", ROLE_COLOURS["zone"], result.zone, ct.grid))
    masks.append(("Lesion", ROLE_COLOURS["lesion"], result.anatomy.lesion, ct.grid))
    for title, colour, mask, grid in masks:
        _outline(pixels, _sampled(mask, grid, points, 0.0, 1) >= 0.5, colour)
        legend.append(LegendItem(title, colour, filled=True))
    sheet = Sheet(pixels)
    sheet.orientation(np.array([-1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    sheet.scale_bar(mm_per_pixel)
    return finished(sheet, "Simulated temperatures, axial", legend)


def curve_picture(wires: Sequence[Thermocouple], size: tuple[int, int]) -> Image.Image:
    """Temperatures over time on a page of the pictures' size."""
    lines = [
        Line(wire.name, np.asarray(wire.times_s) / 60, np.asarray(wire.celsius), colour, 4)
        for wire, colour in zip(wires, cycle(_CURVE_COLOURS), strict=False)
    ]
    shown = min(w.lowest_celsius for w in wires) - 1, max(w.highest_celsius for w in wires) + 1
    return drawn(lines, "Temperature, degrees C", "minutes", "g", size, shown)


def _axial_points(
    grid: Grid, centre_ras_mm: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float64], float]:
    """RAS points (rows, columns, 3) of an axial cut that shows the whole block, and the size of a pixel."""
    corners = grid.ras_from_ijk([[i, j, k] for i in (0, grid.shape[2]) for j in (0, grid.shape[1])
                                 for k in (0, grid.shape[0])])  # fmt: skip
    middle, extent = (corners.min(axis=0) + corners.max(axis=0)) / 2, np.ptp(corners, axis=0)
    mm_per_pixel = float(max(extent[0] / size[0], extent[1] / size[1]))
    columns = (np.arange(size[0]) - (size[0] - 1) / 2) * mm_per_pixel
    rows = (np.arange(size[1]) - (size[1] - 1) / 2) * mm_per_pixel
    r, a = np.meshgrid(middle[0] - columns, middle[1] - rows)
    return np.stack([r, a, np.full_like(r, centre_ras_mm[2])], axis=-1), mm_per_pixel


def _sampled(
    values: NDArray, grid: Grid, points: NDArray[np.float64], outside: float, order: int
) -> NDArray[np.float64]:
    """Values (rows, columns) at RAS points (rows, columns, 3)."""
    kji = grid.ijk_from_ras(points.reshape(-1, 3)).T[::-1]
    region = tuple(
        slice(max(0, int(np.floor(c.min())) - 1), max(1, min(n, int(np.ceil(c.max())) + 2)))
        for c, n in zip(kji, grid.shape, strict=True)
    )
    local = np.asarray(values[region], dtype=np.float32)
    starts = np.array([[s.start] for s in region])
    found = ndimage.map_coordinates(local, kji - starts, order=order, mode="constant", cval=outside)
    return np.asarray(found, dtype=np.float64).reshape(points.shape[:2])


def _outline(pixels: NDArray[np.uint8], inside: NDArray[np.bool_], colour: Colour) -> None:
    """Draw the edge of a mask."""
    edge = inside & ~ndimage.binary_erosion(inside, iterations=_LINE_PIXELS, border_value=1)
    pixels[edge] = bytes_of(colour)
