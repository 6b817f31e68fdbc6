"""What to report about an outline, however it was made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.breach import BreachMap, breach_map
from BoneAblationPlannerLib.anatomy.lesion.envelope import original_bone
from BoneAblationPlannerLib.anatomy.lesion.figures import diameters_mm, lesion_kind
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import neighbourhood, resampled
from BoneAblationPlannerLib.anatomy.lesion.opposite import opposite_side
from BoneAblationPlannerLib.anatomy.lesion.outline import LesionOutline
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.plan import LesionKind


@dataclass(frozen=True, eq=False)
class LesionReport:
    """Figures of one outline.

    Parameters
    ----------
    kind : str
    volume_ml : float
    diameters_mm : (float, float, float)
        Along the principal axes, longest first.
    breached_fraction, breached_area_mm2 : float
        Of the bone's outer surface over the lesion, see `breach`.
    breach : BreachMap
        Where these defects are.
    soft_tissue_ml : float
        Volume outside the bone as it is estimated to have been.
    confidence : float
        0 to 1.
    checks : tuple of str
        What a person should look at.
    """

    kind: LesionKind
    volume_ml: float
    diameters_mm: tuple[float, float, float]
    breached_fraction: float
    breached_area_mm2: float
    breach: BreachMap
    soft_tissue_ml: float
    confidence: float
    checks: tuple[str, ...]


def describe_outline(ct: CtVolume, bone: NDArray[np.bool_], outline: LesionOutline) -> LesionReport:
    """Measure an outline; `bone` (k, j, i) bool is the filled bone, destroyed parts may be missing."""
    mask, grid = outline.mask, ct.grid
    centre = grid.ras_of_mask(mask).mean(axis=0)
    near = neighbourhood(ct, bone, centre)
    region = grid.region_around(grid.ras_of_mask(mask), 0.0)
    before = original_bone(near, opposite_side(ct, bone, near))
    was_bone = resampled(before.belief, near.grid, grid.crop(region), outside=1.0) > 0.5
    breach = breach_map(ct, mask, bone)
    return LesionReport(
        kind=lesion_kind(ct, mask),
        volume_ml=float(mask.sum() * grid.voxel_ml),
        diameters_mm=diameters_mm(mask, grid),
        breached_fraction=breach.fraction,
        breached_area_mm2=breach.area_mm2,
        breach=breach,
        soft_tissue_ml=float((mask[region] & ~was_bone & ~bone[region]).sum() * grid.voxel_ml),
        confidence=outline.confidence,
        checks=outline.checks,
    )
