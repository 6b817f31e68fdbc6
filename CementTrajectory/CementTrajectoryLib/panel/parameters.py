"""What the panel remembers in the scene, and what a person chooses from its lists."""

import enum
from typing import Annotated

from slicer import vtkMRMLTextNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


class NeedleGauge(enum.Enum):
    """Gauges of cement needles."""

    AUTO = None
    G11 = 11
    G10 = 10
    G12 = 12
    G13 = 13

    def label(self) -> str:
        """Text in the panel."""
        return _("Usual for the site") if self.value is None else _("{gauge} G").format(gauge=self.value)


class NeedleCount(enum.Enum):
    """How many cement needles."""

    AUTO = None
    ONE = 1
    TWO = 2
    THREE = 3

    def label(self) -> str:
        """Text in the panel."""
        return _("As few as do") if self.value is None else str(self.value)


class ViscosityChoice(enum.Enum):
    """How thick the cement is when it goes in."""

    MEDIUM = "medium"
    LOW = "low"
    HIGH = "high"

    def label(self) -> str:
        """Text in the panel."""
        return {"MEDIUM": _("Medium"), "LOW": _("Low"), "HIGH": _("High")}[self.name]


class PainChoice(enum.Enum):
    """Mirels' points for pain."""

    NOT_ASKED = None
    MILD = 1
    MODERATE = 2
    FUNCTIONAL = 3

    def label(self) -> str:
        """Text in the panel."""
        return {
            "NOT_ASKED": _("Not asked yet"),
            "MILD": _("Mild (1)"),
            "MODERATE": _("Moderate (2)"),
            "FUNCTIONAL": _("When used (3)"),
        }[self.name]


@parameterNodeWrapper
class CementTrajectoryParameters:
    """Parameters of the panel.

    `fillingPercent` 0, and `pullBackTimes`, `pullBackMm` and `screwClearanceMm` below 0, are the defaults with their
    sources. `corridors` is JSON, a list
    of titles, where the user chose corridors; empty for those near the lesion.
    """

    plan: vtkMRMLTextNode
    gauge: NeedleGauge
    fillingPercent: Annotated[float, WithinRange(0, 100)] = 0.0
    viscosity: ViscosityChoice
    needleCount: NeedleCount
    pullBackTimes: Annotated[float, WithinRange(-1, 6)] = -1.0
    pullBackMm: Annotated[float, WithinRange(-1, 15)] = -1.0
    screwClearanceMm: Annotated[float, WithinRange(-1, 10)] = -1.0
    corridors: str
    pain: PainChoice
