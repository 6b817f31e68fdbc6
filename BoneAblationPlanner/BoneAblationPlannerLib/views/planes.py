"""Picture planes in RAS: where a slice lies and how it is turned on the screen. Pure geometry.

Pictures follow the radiological convention: the screen's right is the patient's left, or posterior in sagittal views.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.frames import unit_vector

_LEFT, _POSTERIOR = np.array([-1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
_ANTERIOR, _SUPERIOR = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
_SMALL = 0.05
_LETTER_THRESHOLD = 0.3
_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))


@dataclass(frozen=True, eq=False)
class Plane:
    """A picture's plane: its centre and the screen's right and up directions, RAS mm, (3,) unit vectors."""

    centre: NDArray[np.float64]
    right: NDArray[np.float64]
    up: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Perpendicular to the plane."""
        return np.cross(self.right, self.up)

    def to_plane(self, points_ras_mm: ArrayLike) -> NDArray[np.float64]:
        """(N, 3) of right, up and out-of-plane distance in mm from the centre."""
        offsets = np.atleast_2d(np.asarray(points_ras_mm, dtype=np.float64)) - self.centre
        return offsets @ np.column_stack([self.right, self.up, self.normal])

    def slice_to_ras(self) -> NDArray[np.float64]:
        """(4, 4) as a slice node wants it: columns right, up, normal, centre."""
        matrix = np.eye(4)
        matrix[:3, :] = np.column_stack([self.right, self.up, self.normal, self.centre])
        return matrix


def axial(centre: ArrayLike) -> Plane:
    """Seen from the feet, anterior up."""
    return Plane(np.asarray(centre, dtype=np.float64), _LEFT, _ANTERIOR)


def coronal(centre: ArrayLike) -> Plane:
    """Seen from the front, head up."""
    return Plane(np.asarray(centre, dtype=np.float64), _LEFT, _SUPERIOR)


def sagittal(centre: ArrayLike) -> Plane:
    """Seen from the patient's left, head up, anterior on the left."""
    return Plane(np.asarray(centre, dtype=np.float64), _POSTERIOR, _SUPERIOR)


def along_needle(centre: ArrayLike, direction: ArrayLike) -> Plane:
    """The plane that holds the needle and is closest to axial (for a needle along S: closest to coronal)."""
    d = unit_vector(direction)
    return _turned(centre, _first_rejected(d, (_SUPERIOR, _ANTERIOR)))


def across_needle(centre: ArrayLike, direction: ArrayLike) -> Plane:
    """The other plane that holds the needle: perpendicular to `along_needle`."""
    d = unit_vector(direction)
    return _turned(centre, np.cross(d, along_needle(centre, d).normal))


def down_the_barrel(centre: ArrayLike, direction: ArrayLike) -> Plane:
    """Perpendicular to the needle, seen from its hub: the operator's view, with S (or A) up."""
    d = unit_vector(direction)
    up = _first_rejected(d, (_SUPERIOR, _ANTERIOR))
    return Plane(np.asarray(centre, dtype=np.float64), np.cross(d, up), up)


def letter(direction: ArrayLike) -> str:
    """Orientation letters of a direction, strongest first, for instance ``L`` or ``AS``."""
    d = unit_vector(direction)
    order = np.argsort(-np.abs(d), kind="stable")
    return "".join(_LETTERS[a][0 if d[a] > 0 else 1] for a in order if abs(d[a]) > _LETTER_THRESHOLD)


def _turned(centre: ArrayLike, normal: NDArray[np.float64]) -> Plane:
    """A plane turned on the screen as the nearest standard view would be."""
    is_axial = abs(normal[2]) > np.sqrt(0.5)
    up = _first_rejected(normal, (_ANTERIOR, _SUPERIOR) if is_axial else (_SUPERIOR, _ANTERIOR))
    right = np.cross(up, normal)
    towards = _LEFT if abs(right @ _LEFT) > abs(right @ _POSTERIOR) else _POSTERIOR
    return Plane(np.asarray(centre, dtype=np.float64), right if right @ towards >= 0 else -right, up)


def _first_rejected(d: NDArray[np.float64], candidates: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    """Unit part perpendicular to d of the first candidate that is not parallel to d."""
    for candidate in candidates:
        rest = candidate - (candidate @ d) * d
        if np.linalg.norm(rest) > _SMALL:
            return unit_vector(rest)
    raise ValueError("candidates: all parallel to the direction; expected two different ones")
