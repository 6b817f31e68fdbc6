"""How hot cement makes what lies around it as it sets.

The heat of setting is put into the cement's place among the patient's tissues and followed by the engine of the
ablation: blood that carries heat away, dense bone that conducts it, air that does not. Cement at body temperature from
the start, and all of its heat within a short time, err towards too hot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.bioheat import Heating
from BoneAblationPlannerLib.zones.heat.effects import limits
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.tissue_map import map_tissues, simulation_grid
from CementTrajectoryLib.cement.defaults import DEFAULTS
from CementTrajectoryLib.cement.filling import Fill

VOXEL_MM = 1.0
PADDING_MM = 20.0
"""Heat goes 13 mm in the time that is simulated."""
COOLING_S = 180.0
KINDS = ("joint", "nerve")
BESIDE_MM = (1.0, 2.0)
"""Bone beside cement is what lies this far from it."""
_MM3_PER_ML, _MM3_PER_M3 = 1e3, 1e9


@dataclass(frozen=True, eq=False)
class Setting:
    """Cement that has set and cooled for three minutes.

    Parameters
    ----------
    grid : Grid
        Of cubic voxels along the CT's axes, around the cement.
    share : (k, j, i) float32
        Of every voxel that is cement.
    heating : Heating
        The tissue, with what its voxels went through.
    """

    grid: Grid
    share: NDArray[np.float32]
    heating: Heating

    @property
    def hottest_celsius(self) -> NDArray[np.float32]:
        """The highest temperature (k, j, i) that was ever reached."""
        return self.heating.inner("peak") + np.float32(self.heating.medium.rest_celsius)

    @property
    def beside_celsius(self) -> float:
        """The highest temperature of tissue close beside the cement."""
        away = distance_mm(self.share >= 0.5, self.grid.spacing_kji_mm)
        return float(self.hottest_celsius[(away >= BESIDE_MM[0]) & (away <= BESIDE_MM[1])].max())

    def hottest_in(self, structure: Structure, ct_grid: Grid) -> float | None:
        """The highest temperature in a structure beside the cement; None where it lies outside the block."""
        corners = self.grid.ras_from_ijk(np.array([(0, 0, 0), self.grid.shape[::-1]]) - [[0.0], [1.0]])
        box = ct_grid.region_around(corners, 0.0)
        points = ct_grid.crop(box).ras_of_mask(structure.mask[box])
        kji = np.rint(self.grid.ijk_from_ras(points)).astype(np.intp)[:, ::-1]
        kji = kji[((kji >= 0) & (kji < np.array(self.grid.shape))).all(axis=1)]
        outside_cement = self.share[tuple(kji.T)] < 0.5
        found = self.hottest_celsius[tuple(kji[outside_cement].T)]
        return float(found.max()) if found.size else None


def simulate_setting(anatomy: Anatomy, fill: Fill, volume_ml: float) -> Setting | None:
    """Let a volume of a simulated fill set in the patient's tissues; None where no voxel is mostly cement."""
    in_ct = fill.share(volume_ml)
    if not (in_ct >= 0.5).any():
        return None
    grid = simulation_grid(anatomy.ct.grid, fill.grid.ras_of_mask(in_ct > 0), PADDING_MM, VOXEL_MM)
    share = _nearest(in_ct, fill.grid, grid)
    tissues = map_tissues(anatomy, grid)
    tissues.paint(share >= 0.5, "cement")
    heating = Heating(Medium.of(tissues))
    heat_j_m3 = DEFAULTS["setting_heat_j_ml"] * _MM3_PER_M3 / _MM3_PER_ML
    heating.put_source(share * np.float32(heat_j_m3 / DEFAULTS["setting_s"]))
    heating.advance(DEFAULTS["setting_s"])
    heating.put_source(0.0)
    heating.advance(COOLING_S)
    return Setting(grid, share, heating)


def heat_cautions(anatomy: Anatomy, fill: Fill, stop_ml: float, structures: Sequence[Structure]) -> list[str]:
    """Joints and nerves that setting cement makes too hot, and cement so thick that it harms the bone around it."""
    setting = simulate_setting(anatomy, fill, stop_ml)
    if setting is None:
        return []
    too_hot = _too_hot(setting, [s for s in structures if s.kind in KINDS], anatomy.ct.grid)
    thickness_mm = _thickness_mm(fill, stop_ml)
    if not too_hot and thickness_mm <= DEFAULTS["exotherm_thickness_mm"]:
        return []
    what = ", ".join(too_hot) if too_hot else "no known joint or nerve gets hotter than it stands"
    return [
        f"cement up to {thickness_mm:.0f} mm thick heats what lies around it as it sets, up to "
        f"{setting.beside_celsius:.0f} degrees C beside it in a simulation that errs towards hot: {what}"
    ]


def _too_hot(setting: Setting, structures: Sequence[Structure], ct_grid: Grid) -> list[str]:
    """The structures beyond their limit, the hottest first."""
    found = []
    for structure in structures:
        hottest = setting.hottest_in(structure, ct_grid)
        limit = limits()[structure.kind].hottest_celsius
        if hottest is not None and hottest > limit:
            found.append((hottest, f"{structure.name} ({structure.kind}) up to {hottest:.0f} C, it stands {limit:g} C"))
    return [words for _, words in sorted(found, reverse=True)]


def _thickness_mm(fill: Fill, volume_ml: float) -> float:
    """Diameter of the largest ball within the cement."""
    body = np.pad(fill.share(volume_ml) >= 0.5, 1)
    return 2 * float(distance_mm(~body, fill.grid.spacing_kji_mm).max())


def _nearest(values: NDArray[np.float32], grid: Grid, wanted: Grid) -> NDArray[np.float32]:
    """Values of a grid's nearest voxels on another one, 0 beyond it."""
    points = wanted.ras_of_mask(np.ones(wanted.shape, dtype=bool))
    kji = np.rint(grid.ijk_from_ras(points)).astype(np.intp)[:, ::-1]
    inside = ((kji >= 0) & (kji < np.array(grid.shape))).all(axis=1)
    found = np.zeros(len(kji), dtype=np.float32)
    found[inside] = values[tuple(kji[inside].T)]
    return found.reshape(wanted.shape)
