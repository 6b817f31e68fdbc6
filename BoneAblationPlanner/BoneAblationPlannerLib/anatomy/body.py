"""The patient's body, the skin that a needle may enter through, and gas inside.

Where the image was cropped the body goes on beyond its faces: a face is never skin and never an entry.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import subdivide
from BoneAblationPlannerLib.morphology import dilate, erode, large_components, opened

AIR_BELOW_HU = -400
"""Halfway between air and skin or fat; keeps blankets and foam out."""
OPEN_AIR_BELOW_HU = -960
"""Air around a patient reaches this once noise is averaged out; aerated lung does not."""
OPEN_AIR_SHARE = 0.05
"""Share of an outside region that must be open air; the rest may be mattress, foam and blankets."""
TABLE_SHELL_MM = 4.0
"""Half the thickness below which something dense outside is table, cable or tube, not patient."""
SMALLEST_BODY_SHARE = 0.03
"""Arms beside the trunk count as patient: a needle must not pass through them."""
LIMB_HALF_MM = 12.0
"""Smaller things that survive the opening (connectors, pads, pillows' zips) are thinner than any limb."""
COARSE_MM = 2.0
"""Table and tubes are told from the patient on every second or third voxel, up to this spacing."""
UNSCANNED_BELOW_HU = -1100
"""Below air: padding around a round field of view."""
FIELD_RIM_MM = 2.0
"""Voxels this near to the padding may be blends of it with what was scanned."""
CLIPPED_SHARE, TRUNCATED_SHARE = 0.5, 0.02
METAL_ABOVE_HU = 2200
MOST_METAL = 0.3
SMALLEST_OUTSIDE_ML = 50.0
SMALLEST_PADDING_ML = 5.0


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
        return self.inside & ndimage.binary_dilation(self.outside)


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
    # Beyond the field of view the body may go on: there the padding neither is air nor lets air through.
    outside = _outside(ct, ~(patient | unseen), unseen)
    inside = ~(outside | unseen)
    metal = float((ct.hu[inside] > METAL_ABOVE_HU).mean())
    if metal > MOST_METAL:
        raise InputError(
            f"{ct.source}: {metal:.0%} of the body is metal (above {METAL_ABOVE_HU} HU); expected a CT of a patient"
        )
    return Body(inside, inside & (ct.hu <= AIR_BELOW_HU), outside)


def unscanned(ct: CtVolume) -> NDArray[np.bool_]:
    """Padding outside a round field of view: values below air, or one constant value outside the inscribed circle."""
    padding = large_components(ct.hu < UNSCANNED_BELOW_HU, SMALLEST_PADDING_ML / ct.grid.voxel_ml)
    if _is_padded(ct, _outside_circle(ct, float(ct.grid.spacing_ijk_mm[:2].max()))):
        padding |= _outside_circle(ct, 0.0)
    rim = FIELD_RIM_MM + float(ct.grid.spacing_ijk_mm[:2].max())
    return dilate(padding, rim, ct.grid.spacing_kji_mm) if padding.any() else padding


def _is_padded(ct: CtVolume, circle: NDArray[np.bool_]) -> bool:
    """Whether one constant value fills all that lies outside the circle, and the scan shows up right inside it.

    Air that the scanner cut off at one value is constant too, but goes on inside; a body that ends at the circle does
    not.
    """
    corner = int(ct.hu[0, 0, 0])
    if corner > OPEN_AIR_BELOW_HU or not circle.any() or np.mean(ct.hu[:, circle] == corner) < 0.999:
        return False
    rim = ndimage.binary_dilation(circle, iterations=3) & ~circle
    values = ct.hu[:, rim]
    return bool(np.mean(values == corner) < CLIPPED_SHARE or np.mean(values > AIR_BELOW_HU) > TRUNCATED_SHARE)


def _outside_circle(ct: CtVolume, slack_mm: float) -> NDArray[np.bool_]:
    """Pixels (j, i) of a slice that lie outside the circle that is inscribed in it, by more than a slack."""
    _, rows, columns = ct.grid.shape
    column_mm, row_mm, _ = ct.grid.spacing_ijk_mm
    j = (np.arange(rows) - (rows - 1) / 2) * row_mm
    i = (np.arange(columns) - (columns - 1) / 2) * column_mm
    radius = min(rows * row_mm, columns * column_mm) / 2
    return np.asarray(np.hypot(j[:, None], i[None, :]) > radius + slack_mm)


def _patient(ct: CtVolume, tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tissue without what is thin (table, leads, tubes) or small, found on a coarser grid."""
    factors = tuple(max(1, int(COARSE_MM / mm)) for mm in ct.grid.spacing_kji_mm)
    spacing = ct.grid.spacing_kji_mm * factors
    coarse = opened(np.ascontiguousarray(tissue[tuple(slice(None, None, f) for f in factors)]), TABLE_SHELL_MM, spacing)
    labels, count = ndimage.label(coarse)
    if count == 0:
        raise InputError(f"{ct.source}: no body in the image (nothing dense is thicker than {2 * TABLE_SHELL_MM:g} mm)")
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = sizes >= SMALLEST_BODY_SHARE * sizes.max()
    thick = np.unique(labels[erode(coarse, LIMB_HALF_MM, spacing)]) if count > 1 else np.array([1])
    keep &= np.isin(np.arange(count + 1), [*thick, int(sizes.argmax())])
    kept = ndimage.binary_dilation(keep[labels]) if max(factors) > 1 else keep[labels]
    fine = subdivide(kept, (factors[0], factors[1], factors[2]))
    return tissue & fine[: tissue.shape[0], : tissue.shape[1], : tissue.shape[2]]


def _outside(ct: CtVolume, not_patient: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of all that is not patient, the parts that are open air: large, at a side of what was scanned, partly open air.

    Lung or bowel gas that a cropped image cuts open also reaches a face; it is told apart by its density or size.
    """
    labels, count = ndimage.label(not_patient)
    outside = np.zeros(count + 1, dtype=bool)
    smooth_hu = ndimage.uniform_filter(ct.hu, 3)
    at_faces = set()
    for face in (labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        at_faces.update(np.unique(face).tolist())
    at_field = set(np.unique(labels[ndimage.binary_dilation(unseen)]).tolist()) if unseen.any() else set()
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(labels)
    for label in (at_faces | at_field) - {0}:
        box = boxes[label - 1]
        if sizes[label] * ct.grid.voxel_ml < SMALLEST_OUTSIDE_ML:
            continue
        if label not in at_field and not _reaches_side(box, labels.shape):
            continue
        values = smooth_hu[box][labels[box] == label]
        outside[label] = bool(np.mean(values < OPEN_AIR_BELOW_HU) >= OPEN_AIR_SHARE)
    return outside[labels]


def _reaches_side(box: tuple[slice, slice, slice], shape: tuple[int, ...]) -> bool:
    """Whether a component touches a face other than the first and last slice."""
    return any(box[axis].start == 0 or box[axis].stop == shape[axis] for axis in (1, 2))
