"""A screw corridor that was found, or was not."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from CementTrajectoryLib.screws.definitions import NUMBERS, Published
from CementTrajectoryLib.screws.search import StraightLine

CorridorSide = Literal["left", "right", "both"]


@dataclass(frozen=True, eq=False)
class Corridor:
    """The widest straight cylinder of a corridor.

    Parameters
    ----------
    name : str
    side : str
        ``both`` for a corridor from hip to hip.
    entry_ras_mm, exit_ras_mm : (3,)
        On the bone's surface; the exit of a blind corridor lies inside bone.
    clearance_mm : float
        Smallest distance of the axis to the bone's surface, in from both ends by `trims_mm`; half the diameter.
    bones : tuple of str
    published : tuple of Published
        Sizes to compare with.
    of_set : str
        Screws of one set are alike; empty for a screw of its own.
    inside_cortex_mm : float or None
        Diameter of the widest cylinder that stays inside the cortex; None where that was not measured.
    """

    name: str
    side: CorridorSide
    entry_ras_mm: NDArray[np.float64]
    exit_ras_mm: NDArray[np.float64]
    clearance_mm: float
    trims_mm: tuple[float, float]
    bones: tuple[str, ...]
    published: tuple[Published, ...] = ()
    of_set: str = ""
    inside_cortex_mm: float | None = None

    @property
    def title(self) -> str:
        """Name and side."""
        return self.name if self.side == "both" else f"{self.name}, {self.side}"

    @property
    def diameter_mm(self) -> float:
        """Diameter of the widest cylinder."""
        return 2 * self.clearance_mm

    @property
    def length_mm(self) -> float:
        """From entry to exit."""
        return float(np.linalg.norm(self.exit_ras_mm - self.entry_ras_mm))


@dataclass(frozen=True)
class MissingCorridor:
    """A corridor that was looked for and is not there; `widest_mm` is the diameter of the best cylinder, if any."""

    name: str
    side: CorridorSide
    reason: str
    widest_mm: float | None

    @property
    def title(self) -> str:
        """Name and side."""
        return self.name if self.side == "both" else f"{self.name}, {self.side}"


def corridor_of(
    name: str, side: CorridorSide, line: StraightLine | None, bones: tuple[str, ...], published: tuple[Published, ...]
) -> Corridor | MissingCorridor:
    """The widest line of a search as a corridor, if it is wide enough for the thinnest screw."""
    if line is None or line.clearance_mm <= 0:
        return MissingCorridor(name, side, "not found: no straight line stays in bone", None)
    widest = 2 * line.clearance_mm
    if widest < NUMBERS["smallest_diameter_mm"]:
        return MissingCorridor(name, side, f"not found: widest is {widest:.1f} mm", round(widest, 1))
    return Corridor(
        name, side, line.entry_ras_mm, line.exit_ras_mm, line.clearance_mm, line.trims_mm, bones, published
    )  # fmt: skip
