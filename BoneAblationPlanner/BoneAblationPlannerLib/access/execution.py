"""What the operator dials in on the scanner, the C-arm and the table for a path that is planned in the patient's frame.

Everything is for a patient who lies head first. The room's vertical is away from the table that he lies on, and
"sideways" is the side on which a supine patient has his left, as consoles count it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.access.angles import axial_angle_deg, towards_table
from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import POSITIONS, Point, Position
from BoneAblationPlannerLib.sourced import SourcedNumbers

ORGANS_MOVE = (
    "when the patient is turned, bowel, bladder, nerves and skin move against the bone: angles for another position "
    "hold for the bone alone; scan again before the first needle"
)
REACH = SourcedNumbers("BoneAblationPlannerLib.access", "reach.json")
"""How far gantries and C-arms usually go."""
_CRANIAL = np.array([0.0, 0.0, 1.0])
_NO_DIRECTION = 1e-6
_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))


@dataclass(frozen=True)
class CArm:
    """Angles of a C-arm as its console shows them, degrees.

    `lao_deg` is the detector towards the patient's left from the vertical (RAO is negative), `cranial_deg` towards
    the head (caudal is negative): the DICOM positioner primary and secondary angle of a supine patient.
    """

    lao_deg: float
    cranial_deg: float

    @property
    def words(self) -> str:
        """For instance ``RAO 30°, CRAN 10°``, and whether that is out of the usual reach."""
        return f"{self._angles}{'' if self.is_usual else ' (beyond the usual reach)'}"

    @property
    def is_usual(self) -> bool:
        """Whether C-arms usually go there."""
        limits = REACH["c_arm_sideways_deg"], REACH["c_arm_craniocaudal_deg"]
        return abs(self.lao_deg) <= limits[0] and abs(self.cranial_deg) <= limits[1]

    @property
    def _angles(self) -> str:
        side = f"{'LAO' if self.lao_deg >= 0 else 'RAO'} {abs(self.lao_deg):.0f}°"
        return f"{side}, {'CRAN' if self.cranial_deg >= 0 else 'CAUD'} {abs(self.cranial_deg):.0f}°"


@dataclass(frozen=True)
class Execution:
    """One path in one position of the patient.

    `gantry_tilt_deg` brings the whole needle into one slice, positive with the gantry's top towards the feet; None
    where no tilt does. `along` looks down the needle, `across` sees its whole length.
    """

    position: Position
    axial_angle_deg: float
    above_horizontal_deg: float
    gantry_tilt_deg: float | None
    along: CArm
    across: CArm

    @property
    def tilt_is_usual(self) -> bool:
        """Whether gantries usually tilt so far; not where no tilt holds the needle."""
        return self.gantry_tilt_deg is not None and abs(self.gantry_tilt_deg) <= REACH["gantry_tilt_deg"]


def execution(entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike, position: Position) -> Execution:
    """All angles of a path; raises ValueError for a path without length."""
    direction = unit_vector(np.subtract(tip_ras_mm, entry_ras_mm))
    return Execution(
        position=position,
        axial_angle_deg=axial_angle_deg(entry_ras_mm, tip_ras_mm, position),
        above_horizontal_deg=_above_horizontal_deg(direction, position),
        gantry_tilt_deg=gantry_tilt_deg(direction, position),
        along=c_arm_along(direction, position),
        across=c_arm_across(direction, position),
    )


def in_other_positions(entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike, position: Position) -> list[Execution]:
    """The same path in the bone with the patient turned; see `ORGANS_MOVE`."""
    return [execution(entry_ras_mm, tip_ras_mm, other) for other in POSITIONS if other != position]


def gantry_tilt_deg(direction: NDArray[np.float64], position: Position) -> float | None:
    """Tilt of the gantry about the room's sideways axis that brings a direction (3,) into the slice, -90..90.

    A slice tilted by t holds directions with cranial = tan(t) * downward. None for a needle that rises or sinks not
    at all and yet leaves the axial plane.
    """
    down, cranial = -float(direction @ _up(position)), float(direction @ _CRANIAL)
    if abs(down) < _NO_DIRECTION:
        return 0.0 if abs(cranial) < _NO_DIRECTION else None
    return float(np.degrees(np.arctan(cranial / down)))


def c_arm_along(direction: NDArray[np.float64], position: Position) -> CArm:
    """The view down a needle, with the detector on the side away from the table."""
    towards_detector = direction if direction @ _up(position) > 0 else -direction
    return _c_arm(towards_detector, position)


def c_arm_across(direction: NDArray[np.float64], position: Position) -> CArm:
    """The view at right angles to a needle that is nearest to the vertical; sideways for a vertical needle.

    Where a C-arm does not usually reach that one, the view that leans neither to the head nor to the feet.
    """
    up = _up(position)
    rest = up - (up @ direction) * direction
    if np.linalg.norm(rest) < _NO_DIRECTION:
        rest = _sideways(position)
    nearest = _c_arm(unit_vector(rest), position)
    level = np.cross(direction, _CRANIAL)
    if nearest.is_usual or np.linalg.norm(level) < _NO_DIRECTION:
        return nearest
    return _c_arm(unit_vector(level if level @ up >= 0 else -level), position)


def in_words(point_ras_mm: Point) -> str:
    """A point as scanners show it: ``R 34.0, P 12.5, S 101.0`` mm, sides instead of signs."""
    parts = [f"{_LETTERS[a][0 if c >= 0 else 1]} {abs(c):.1f}" for a, c in enumerate(point_ras_mm)]
    return ", ".join(parts)


def _above_horizontal_deg(direction: NDArray[np.float64], position: Position) -> float:
    """How far above the horizontal the needle comes from, -90..90."""
    return float(np.degrees(np.arcsin(np.clip(-(direction @ _up(position)), -1.0, 1.0))))


def _c_arm(towards_detector: NDArray[np.float64], position: Position) -> CArm:
    up, sideways = float(towards_detector @ _up(position)), float(towards_detector @ _sideways(position))
    lao = 0.0 if np.hypot(up, sideways) < _NO_DIRECTION else float(np.degrees(np.arctan2(sideways, up)))
    return CArm(lao, float(np.degrees(np.arcsin(np.clip(towards_detector @ _CRANIAL, -1.0, 1.0)))))


def _up(position: Position) -> NDArray[np.float64]:
    return -towards_table(position)


def _sideways(position: Position) -> NDArray[np.float64]:
    """The room's side on which a supine patient has his left."""
    return np.cross(_CRANIAL, _up(position))
