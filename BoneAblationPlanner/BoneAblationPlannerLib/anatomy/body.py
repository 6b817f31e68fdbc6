"""The patient's body, the skin that a needle may enter through, and gas inside.

Where the image was cropped the body goes on beyond its faces: a face is never skin and never an entry.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.morphology import large_components, opened

AIR_BELOW_HU = -400
"""Halfway between air and skin or fat; keeps blankets and foam out."""
OPEN_AIR_BELOW_HU = -960
"""Air around a patient reaches this once noise is averaged out; aerated lung does not."""
OPEN_AIR_SHARE = 0.05
"""Share of an outside region that must be open air; the rest may be mattress, foam and blankets."""
TABLE_SHELL_MM = 4.0
"""Half the thickness below which something dense outside is table, cable or tube, not patient."""
SMALLEST_BODY_SHARE = 0.15
SMALLEST_OUTSIDE_ML = 50.0


@dataclass(frozen=True, eq=False)
class Body:
    """Masks on the CT's grid: `inside` (body with its gas), `gas` inside the body, `outside` (air seen around it)."""

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
        If nothing in the image looks like a body.
    """
    spacing = ct.grid.spacing_kji_mm
    tissue = ct.hu > AIR_BELOW_HU
    patient = opened(tissue, TABLE_SHELL_MM, spacing)
    labels, count = ndimage.label(patient)
    if count == 0:
        raise InputError(f"{ct.source}: no body in the image (nothing dense is thicker than {2 * TABLE_SHELL_MM:g} mm)")
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    patient = large_components(patient, SMALLEST_BODY_SHARE * sizes.max())
    outside = _outside(ct, ~patient)
    inside = ~outside
    return Body(inside, inside & (ct.hu <= AIR_BELOW_HU), outside)


def _outside(ct: CtVolume, not_patient: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of all that is not patient, the parts that are open air: large, at a side face of the image, partly open air.

    Lung or bowel gas that a cropped image cuts open also reaches a face; it is told apart by its density or size.
    """
    labels, count = ndimage.label(not_patient)
    outside = np.zeros(count + 1, dtype=bool)
    smooth_hu = ndimage.uniform_filter(ct.hu, 3)
    at_faces = set()
    for face in (labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        at_faces.update(np.unique(face).tolist())
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(labels)
    for label in at_faces - {0}:
        box = boxes[label - 1]
        if sizes[label] * ct.grid.voxel_ml < SMALLEST_OUTSIDE_ML or not _reaches_side(box, labels.shape):
            continue
        values = smooth_hu[box][labels[box] == label]
        outside[label] = bool(np.mean(values < OPEN_AIR_BELOW_HU) >= OPEN_AIR_SHARE)
    return outside[labels]


def _reaches_side(box: tuple[slice, slice, slice], shape: tuple[int, ...]) -> bool:
    """Whether a component touches a face other than the first and last slice."""
    return any(box[axis].start == 0 or box[axis].stop == shape[axis] for axis in (1, 2))
