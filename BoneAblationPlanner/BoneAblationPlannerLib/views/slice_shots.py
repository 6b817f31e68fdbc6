"""Which slices the report shows: around the lesion, along each needle, along cement needles and screws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import Plan, Probe
from BoneAblationPlannerLib.views import planes, stabilisation
from BoneAblationPlannerLib.views.annotate import Frame
from BoneAblationPlannerLib.views.finishing import SIZE
from BoneAblationPlannerLib.views.picture import PictureKind
from BoneAblationPlannerLib.views.planes import Plane
from BoneAblationPlannerLib.views.sampling import sample_points, sampled

FIELD_OF_VIEW_MM = 200.0
_ACROSS_MM = 100.0


@dataclass(frozen=True, eq=False)
class SliceShot:
    """A plane with what is said of its picture."""

    name: str
    kind: PictureKind
    title: str
    caption: str
    plane: Plane
    field_of_view_mm: float
    probe: str | None = None


def slice_shots(result: PlanningResult) -> list[SliceShot]:
    """All slices in the report's order."""
    plan = result.plan
    shots = [*_overview_shots(result), *(s for n, p in enumerate(plan.probes, 1) for s in _probe_shots(n, p))]
    shots += [_instrument_shot(n, i) for n, i in enumerate(stabilisation.instruments(plan), start=1)]
    return shots + _across_screws_shot(plan)


def _overview_shots(result: PlanningResult) -> list[SliceShot]:
    centre = np.array(result.plan.lesion.centroid_ras_mm)
    r, a, s = centre
    whole = _body_plane(result, centre)
    convention = "Patient's right is on the left of the picture."
    return [
        SliceShot(
            "overview-1-context",
            "context",
            f"Axial, whole section, S {s:.1f} mm",
            f"Axial section through the lesion's centre. {convention}",
            whole,
            _width_mm(result, whole),
        ),
        SliceShot(
            "overview-2-axial",
            "axial",
            f"Axial through the lesion, S {s:.1f} mm",
            f"Axial, centred on the lesion. {convention}",
            planes.axial(centre),
            FIELD_OF_VIEW_MM,
        ),
        SliceShot(
            "overview-3-coronal",
            "coronal",
            f"Coronal through the lesion, A {a:.1f} mm",
            f"Coronal, centred on the lesion. {convention}",
            planes.coronal(centre),
            FIELD_OF_VIEW_MM,
        ),
        SliceShot(
            "overview-4-sagittal",
            "sagittal",
            f"Sagittal through the lesion, R {r:.1f} mm",
            "Sagittal, centred on the lesion. Anterior is on the left of the picture.",
            planes.sagittal(centre),
            FIELD_OF_VIEW_MM,
        ),
    ]


def _probe_shots(number: int, probe: Probe) -> list[SliceShot]:
    entry, tip = np.array(probe.entry_ras_mm), np.array(probe.tip_ras_mm)
    d = unit_vector(tip - entry)
    middle = (entry + tip) / 2
    field = max(FIELD_OF_VIEW_MM, 1.4 * probe.depth_mm)
    centre = tip + float((np.array(probe.zone_centre_ras_mm) - tip) @ d) * d
    barrel = planes.down_the_barrel(centre, d)
    prefix = f"probe-{number:02d}"
    ticks = "Solid in this plane, else dashed; ring: skin entry; ticks every 10 mm from the tip."
    return [
        SliceShot(
            f"{prefix}-1-along",
            "along",
            f"{probe.name}: slice along the needle, nearest to axial",
            f"Holds {probe.name}, nearest to axial. {ticks}",
            planes.along_needle(middle, d),
            field,
            probe.name,
        ),
        SliceShot(
            f"{prefix}-2-across",
            "across",
            f"{probe.name}: slice along the needle, upright to the first",
            f"Holds {probe.name}, perpendicular to the picture before. {ticks}",
            planes.across_needle(middle, d),
            field,
            probe.name,
        ),
        SliceShot(
            f"{prefix}-3-barrel",
            "barrel",
            f"{probe.name}: down the barrel, at the zone's centre",
            f"Perpendicular to {probe.name} at the centre of its zone, seen from the hub: "
            f"{planes.letter(-barrel.right)} is on the left of the picture.",
            barrel,
            FIELD_OF_VIEW_MM / 2,
            probe.name,
        ),
    ]


def _instrument_shot(number: int, instrument: stabilisation.Instrument) -> SliceShot:
    return SliceShot(
        f"stabilisation-{number:02d}",
        "stabilisation",
        f"{instrument.name}: slice along it, nearest to axial",
        f"Holds {instrument.name}. Solid in this plane, else dashed; ring: entry; ticks every 10 mm from the tip.",
        instrument.plane,
        max(FIELD_OF_VIEW_MM, 1.3 * instrument.length_mm),
    )


def _across_screws_shot(plan: Plan) -> list[SliceShot]:
    plane = stabilisation.across_screws(plan)
    if plane is None:
        return []
    first = plan.screws[0].name
    caption = f"Perpendicular to {first}, seen from its head: where screws lie to each other and to the cortex."
    return [SliceShot("stabilisation-across", "stabilisation", f"Across {first}", caption, plane, _ACROSS_MM)]


def _body_plane(result: PlanningResult, centre: NDArray[np.float64]) -> Plane:
    """Axial through a point, centred on the body's section there."""
    section = _body_section(result, planes.axial(centre))
    if len(section) == 0:
        return planes.axial(centre)
    middle = (section.min(axis=0) + section.max(axis=0)) / 2
    return planes.axial([middle[0], middle[1], centre[2]])


def _width_mm(result: PlanningResult, plane: Plane) -> float:
    """Field of view that shows the whole section of the body."""
    section = _body_section(result, plane)
    if len(section) == 0:
        return 2 * FIELD_OF_VIEW_MM
    right, up = (section.max(axis=0) - section.min(axis=0))[:2]
    return max(1.1 * float(right), 1.1 * float(up) * SIZE[0] / SIZE[1], FIELD_OF_VIEW_MM)


def _body_section(result: PlanningResult, plane: Plane) -> NDArray[np.float64]:
    frame = Frame(plane, 1000.0, SIZE)
    points = sample_points(frame)
    return points[sampled(result.anatomy.body, result.anatomy.ct.grid, points)]
