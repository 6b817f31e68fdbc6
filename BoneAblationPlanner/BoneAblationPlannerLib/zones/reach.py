"""How far zones reach in one patient, as factors on the axes of the chart's spheroids."""

from dataclasses import dataclass

from BoneAblationPlannerLib.zones.spheroid import Spheroid


@dataclass(frozen=True)
class ZoneScale:
    """Factors on a zone's axes across and along the needle; its centre stays."""

    across: float = 1.0
    along: float = 1.0

    def of(self, zone: Spheroid) -> Spheroid:
        """The zone with its axes scaled."""
        return Spheroid(zone.centre_ras_mm, zone.axis, zone.across_mm * self.across, zone.along_mm * self.along)


AS_CHARTED = ZoneScale()


@dataclass(frozen=True)
class Reach:
    """What zones cover and what they may injure here, against the chart.

    A zone is never taken to cover more than the chart says, nor to keep further away from structures.

    Raises
    ------
    ValueError
        If a factor of `covers` is not above 0 and at most 1, or one of `injures` is below 1.
    """

    covers: ZoneScale = AS_CHARTED
    injures: ZoneScale = AS_CHARTED

    def __post_init__(self) -> None:
        if not (0 < self.covers.across <= 1 and 0 < self.covers.along <= 1):
            raise ValueError(f"covers: {self.covers}; expected factors above 0 and at most 1")
        if self.injures.across < 1 or self.injures.along < 1:
            raise ValueError(f"injures: {self.injures}; expected factors of 1 or more")


BY_THE_CHART = Reach()
