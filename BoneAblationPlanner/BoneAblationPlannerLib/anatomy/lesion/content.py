"""Whether what an outline holds can be tumour at all: normal bone is marrow with fat, fine bone between, or cortex.

A lytic lesion has soft tissue where fat was, a mixed one soft tissue beside dense bone, a dense one fills the marrow
but stays below cortex. What holds none of these may be normal bone, whatever its outline.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.plan import LesionKind
from BoneAblationPlannerLib.sourced import SourcedNumbers

CONTENT = SourcedNumbers(__package__, "content.json")


def content_check(hu: NDArray[np.floating], kind: LesionKind) -> str | None:
    """A sentence on what speaks for normal bone, or None.

    Parameters
    ----------
    hu : (N,)
        Densities inside the outline, blurred by about a millimetre so that noise is no fat.
    kind : str
    """
    if kind == "sclerotic":
        mean = float(hu.mean())
        if mean > CONTENT["bone_island_mean_hu"]:
            return f"{mean:.0f} HU on average, as cortex or a bone island: check that it is a lesion"
        return None
    low = float(np.quantile(hu, CONTENT["least_share"]))
    if low < CONTENT["fat_below_hu"]:
        return f"a tenth of the outline is below {low:.0f} HU, as fat in normal marrow: check that it is a lesion"
    if low > CONTENT["soft_below_hu"]:
        return "the outline holds the densities of normal bone and no soft tissue: check that it is a lesion"
    return None
