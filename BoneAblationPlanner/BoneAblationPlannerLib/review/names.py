"""Names of cement needles in the 3D view: lifted off those of probes, whose tracks they share, as the view turns."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.views.labels import Box, overlap

_LETTER, _HEIGHT, _LINE = 7.5, 16.0, 13.0
"""Pixels of a letter across, of a name, and that an empty line below it lifts it by, at the page's size of text."""
_MOST_LINES = 12


class Names:
    """Places the names of `cement` lines; `probes` carry theirs in the middle. `to_display` gives pixels of RAS mm."""

    def __init__(
        self,
        probes: Sequence[Any],
        cement: Sequence[Any],
        to_display: Callable[[NDArray[np.float64]], tuple[float, float]],
    ) -> None:
        self._probes, self._cement, self._to_display = probes, cement, to_display

    def arrange(self) -> None:
        """Lift every name by as many empty lines as it takes to cover no other, as far as there is room."""
        taken = [self._box(_ends(line).mean(axis=0), f"{line.GetName()}: 000.0mm", 0) for line in self._probes]
        for line in self._cement:
            name, entry = line.GetAttribute("BonePlan.Name"), _ends(line)[0]
            boxes = [self._box(entry, name, lines) for lines in range(_MOST_LINES + 1)]
            free = (n for n, box in enumerate(boxes) if not any(overlap(box, other) for other in taken))
            lines = next(free, 0)
            taken.append(boxes[lines])
            label = name + "\n" * lines
            if line.GetNthControlPointLabel(0) != label:
                line.SetNthControlPointLabel(0, label)

    def _box(self, point_ras_mm: NDArray[np.float64], text: str, lines: int) -> Box:
        """A name begins at its point and stands on it; rows of pixels count upwards."""
        x, y = self._to_display(point_ras_mm)
        bottom = y + lines * _LINE
        return x, bottom, x + _LETTER * len(text), bottom + _HEIGHT


def _ends(line: Any) -> NDArray[np.float64]:
    return np.array([line.GetNthControlPointPositionWorld(n) for n in range(2)])
