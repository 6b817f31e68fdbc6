"""The usual hip bone: where its bone lies in a hip bone's own coordinates (see `hip_frame`)."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class UsualHip:
    """Places (N, 3) in own coordinates, their shares (N,) of the volume, the usual spread (3,) in mm.

    `volume_per_spread` is the volume of a hip bone over the product of its spreads. `axes` (3, 3) are those of a right
    hip bone in a patient who lies straight, in RAS. `head` (3,) is where the middle of the socket's ball lies, in own
    coordinates.
    """

    places: NDArray[np.float64]
    share: NDArray[np.float64]
    spread_mm: NDArray[np.float64]
    volume_per_spread: float
    axes: NDArray[np.float64]
    head: NDArray[np.float64]


@cache
def usual_hip() -> UsualHip:
    """The hip bone of ``hip_shape.json``."""
    text = files("BoneAblationPlannerLib.anatomy").joinpath("hip_shape.json").read_text(encoding="utf-8")
    document = json.loads(text)
    cells = np.array(document["cells"], dtype=np.float64)
    return UsualHip(
        places=cells[:, :3],
        share=cells[:, 3] / cells[:, 3].sum(),
        spread_mm=np.array(document["spread_mm"]),
        volume_per_spread=float(document["volume_per_spread"]),
        axes=np.array(document["axes"]),
        head=np.array(document["head"]),
    )
