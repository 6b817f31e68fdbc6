"""The patient's body, the skin that a needle may enter through, and gas inside.

Where the image was cropped the body goes on beyond its faces: a face is never skin and never an entry.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.field_of_view import unscanned
from BoneAblationPlannerLib.anatomy.room_air import room_air
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import subdivide
from BoneAblationPlannerLib.morphology import dilate, erode, large_components, opened, with_neighbours

AIR_BELOW_HU = -400
"""Halfway between air and skin or fat; keeps blankets and foam out."""
TABLE_SHELL_MM = 4.0
"""Half the thickness below which something dense outside is table, cable or tube, not patient."""
SMALLEST_BODY_SHARE = 0.03
"""Arms beside the trunk count as patient: a needle must not pass through them."""
LIMB_HALF_MM = 12.0
"""Smaller things that survive the opening (connectors, pads, pillows' zips) are thinner than any limb."""
COARSE_MM = 2.0
"""Table and tubes are told from the patient on every second or third voxel, up to this spacing."""
LIGHTEST_TISSUE_HU = -200
"""Fat is denser, also at low tube voltage; what is lighter and thick is no tissue."""
COVER_FROM_MM = 4.5
SMALLEST_COVER_ML = 5.0
METAL_ABOVE_HU = 2200
MOST_METAL = 0.3


@dataclass(frozen=True, eq=False)
class Body:
    """Masks on the CT's grid: `inside` (body with its gas), `gas` inside the body, `outside` (air seen around it).

    What lies outside a round field of view is none of them: nothing was seen there.
    """

    inside: NDArray[np.bool_]
    gas: NDArray[np.bool_]
    outside: NDArray[np.bool_]

    @property
    def skin(self) -> NDArray[np.bool_]:
        """Body voxels that share a face with air outside; faces of the image do not count."""
        return self.inside & with_neighbours(self.outside)


def find_body(ct: CtVolume) -> Body:
    """Separate the patient from air, table and blankets.

    Raises
    ------
    InputError
        If nothing in the image looks like a body, or most of it is metal.
    """
    unseen = unscanned(ct)
    tissue = (ct.hu > AIR_BELOW_HU) & ~unseen
    patient = _patient(ct, tissue)
    if unseen.any():
        # What is thin only because the field of view cuts it is patient; as air it would lead along the cut.
        rim = dilate(unseen, TABLE_SHELL_MM, ct.grid.spacing_kji_mm) & tissue
        steps = int(np.ceil(2 * TABLE_SHELL_MM / ct.grid.spacing_kji_mm.min()))
        patient |= ndimage.binary_dilation(patient, iterations=steps, mask=rim)
    # Beyond the field of view the body may go on: there the padding neither is air nor lets air through.
    outside = room_air(ct, patient, unseen)
    inside = ~(outside | unseen)
    metal = float((ct.hu[inside] > METAL_ABOVE_HU).mean())
    if metal > MOST_METAL:
        raise InputError(
            f"{ct.source}: {metal:.0%} of the body is metal (above {METAL_ABOVE_HU} HU); expected a CT of a patient"
        )
    return Body(inside, inside & (ct.hu <= AIR_BELOW_HU), outside)


def _covers(smooth_hu: NDArray[np.int16], tissue: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Thick layers lighter than any tissue: dense blankets and pads, down to the skin that they lie on."""
    solid = opened(tissue & (smooth_hu > LIGHTEST_TISSUE_HU), TABLE_SHELL_MM, spacing)
    if not solid.any():
        return np.zeros_like(tissue)
    # Smoothing and opening take the outermost voxels and corners of the patient: these are near to solid tissue.
    thick = tissue & ~dilate(solid, COVER_FROM_MM, spacing)
    thick = large_components(thick, SMALLEST_COVER_ML / float(np.prod(spacing) / 1000))
    if not thick.any():
        return thick
    skin_mm = float(spacing.max()) + 0.5
    return dilate(thick, COVER_FROM_MM + skin_mm, spacing) & tissue & ~dilate(solid, skin_mm, spacing)


def _patient(ct: CtVolume, tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tissue without what is thin (table, leads, tubes) or small, found on a coarser grid."""
    factors = tuple(max(1, int(COARSE_MM / mm)) for mm in ct.grid.spacing_kji_mm)
    spacing = ct.grid.spacing_kji_mm * factors
    steps = tuple(slice(None, None, f) for f in factors)
    sampled = np.ascontiguousarray(tissue[steps])
    sampled &= ~_covers(ndimage.uniform_filter(ct.hu[steps], 3), sampled, spacing)
    coarse = opened(sampled, TABLE_SHELL_MM, spacing)
    labels, count = ndimage.label(coarse)
    if count == 0:
        raise InputError(f"{ct.source}: no body in the image (nothing dense is thicker than {2 * TABLE_SHELL_MM:g} mm)")
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = sizes >= SMALLEST_BODY_SHARE * sizes.max()
    thick = np.unique(labels[erode(coarse, LIMB_HALF_MM, spacing)]) if count > 1 else np.array([1])
    keep &= np.isin(np.arange(count + 1), [*thick, int(sizes.argmax())])
    kept = with_neighbours(keep[labels]) if max(factors) > 1 else keep[labels]
    fine = subdivide(kept, (factors[0], factors[1], factors[2]))
    return tissue & fine[: tissue.shape[0], : tissue.shape[1], : tissue.shape[2]]
