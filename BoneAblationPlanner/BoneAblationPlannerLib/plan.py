"""The plan as it is stored: frozen dataclasses, one JSON document, schema ``bone-plan/1``.

Lengths are mm, volumes ml, angles degrees, points RAS in mm. ``None`` means "not determined" and is shown as such.
"""

import json
import os
import tempfile
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.records import decode, encode

SCHEMA = "bone-plan/1"

Point = tuple[float, float, float]
Position = Literal["supine", "prone", "left-lateral", "right-lateral"]
POSITIONS: tuple[Position, ...] = typing.get_args(Position)
Intent = Literal["curative", "palliative"]
INTENTS: tuple[Intent, ...] = typing.get_args(Intent)
Modality = Literal["rfa", "mwa", "cryo"]
MODALITIES: tuple[Modality, ...] = typing.get_args(Modality)
LesionKind = Literal["lytic", "sclerotic", "mixed"]
Status = Literal["seen", "derived", "unverified", "default"]
ZoneEnd = Literal["nominal", "largest"]
"""A simulated zone with tissue and device as they are tabled, or the largest that is plausible."""


@dataclass(frozen=True)
class Provenance:
    """A clinical number with its unit, where it comes from and how far that can be trusted."""

    name: str
    value: float | str | None
    unit: str
    source: str
    status: Status


@dataclass(frozen=True)
class Software:
    name: str
    version: str


@dataclass(frozen=True)
class GridRecord:
    shape: tuple[int, int, int]
    ijk_to_ras: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class InputRecord:
    ct: str
    grid: GridRecord
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lesion:
    """`cortical_breach_fraction` is the share of the bone's outer surface over the lesion that has no cortex.

    `soft_tissue_ml` lies outside the bone as it is estimated to have been; `confidence`, 0 to 1, is that of a computed
    outline. What needs a CT is None where there is none, the joint where none was found. Unless `joints_known`, one
    that was not found may be nearer than `nearest_joint`; None in plans that did not store it.
    """

    volume_ml: float
    kind: LesionKind | None
    diameters_mm: Point
    centroid_ras_mm: Point
    seed_ras_mm: Point | None
    cortical_breach_fraction: float | None
    bone: str | None
    mean_hu: float | None
    outline: Literal["segmented", "given"]
    checks: tuple[str, ...] = ()
    breached_area_mm2: float | None = None
    soft_tissue_ml: float | None = None
    nearest_joint: str | None = None
    joint_distance_mm: float | None = None
    confidence: float | None = None
    joints_known: bool | None = None


@dataclass(frozen=True)
class Reason:
    rule: str
    source: str
    status: Status


@dataclass(frozen=True)
class RankedModality:
    modality: Modality
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Protection:
    """A proposal to protect a structure that a zone comes near to."""

    structure: str
    kind: str
    zone_mm: float
    measure: str
    source: str
    status: Status


@dataclass(frozen=True)
class Question:
    """Something to ask before the procedure; the plan holds no answer."""

    question: str
    source: str
    status: Status


@dataclass(frozen=True)
class Advice:
    """`modality` is what the plan uses; `chosen_by` tells whether a person or the rules chose it."""

    modality: Modality
    chosen_by: Literal["user", "rules"]
    ranked: tuple[RankedModality, ...]
    warnings: tuple[str, ...] = ()
    protection: tuple[Protection, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Clearance:
    """Free distance from a structure to the needle's shaft and to the zone's edge (negative: inside)."""

    structure: str
    kind: str
    shaft_mm: float
    zone_mm: float
    required_shaft_mm: float
    required_zone_mm: float
    ok: bool


@dataclass(frozen=True)
class Probe:
    """One needle.

    `depth_mm` is skin to tip; angles are those of the path from entry to tip (see `access.angles`); zone axes are full
    axes across, across and along the needle; slices count from 1. The low and high axes are those of a zone that turns
    out smaller or larger by the device's uncertainty.
    """

    name: str
    device: str
    program: str
    entry_ras_mm: Point
    tip_ras_mm: Point
    depth_mm: float
    axial_angle_deg: float
    craniocaudal_angle_deg: float
    cortex_incidence_deg: float | None
    cortices_crossed: int
    bone_path_mm: float
    clearances: tuple[Clearance, ...]
    shaft_length_mm: float
    diameter_mm: float
    zone_centre_ras_mm: Point
    zone_axes_mm: Point
    visible_axes_mm: Point | None = None
    slice_number: int | None = None
    device_name: str = ""
    bones_met: int | None = None
    zone_axes_low_mm: Point | None = None
    zone_axes_high_mm: Point | None = None


@dataclass(frozen=True)
class Zone:
    """`together` is what is published of as many ice probes side by side: for information, nothing is counted on it."""

    model: Literal["chart", "ice", "heat"]
    volume_ml: float
    provenance: tuple[Provenance, ...]
    together: tuple[Provenance, ...] = ()


@dataclass(frozen=True)
class Robust:
    """Figures under sampled placement errors; `p05` is the 5th percentile, `worst` the smallest sample."""

    worst_minimum_margin_mm: float
    p05_minimum_margin_mm: float
    p05_lesion_fraction: float
    samples: int
    lateral_error_mm: float
    depth_error_mm: float


@dataclass(frozen=True)
class Coverage:
    """`uncovered_ml` is lesion, `uncovered_target_ml` lesion + margin; the place is that of the largest part left.

    `small_zone_lesion_fraction` is the lesion covered if every zone is smaller by its device's uncertainty.
    `p05_margin_mm` and `p50_margin_mm` are percentiles of the signed margin over the lesion's surface.
    """

    lesion_fraction: float
    margin_mm: float
    lesion_plus_margin_fraction: float
    minimum_margin_mm: float
    robust: Robust
    uncovered_ml: float
    zone_outside_target_ml: float
    uncovered_target_ml: float = 0.0
    uncovered_place: str | None = None
    small_zone_lesion_fraction: float | None = None
    p05_margin_mm: float | None = None
    p50_margin_mm: float | None = None


@dataclass(frozen=True)
class CheckedStructure:
    """A structure and the distances that were required to it; None in plans that did not store them."""

    name: str
    kind: str
    origin: str
    required_shaft_mm: float | None = None
    required_zone_mm: float | None = None
    zone_may_touch: bool = False


@dataclass(frozen=True)
class IgnoredLabel:
    name: str
    reason: str


@dataclass(frozen=True)
class Structures:
    """`not_checked` lists every kind of critical anatomy that this case does not contain: unknown, never safe.

    `estimated` are expected courses of nerves from bony landmarks: they warn, and are neither checked nor clear.
    `why_not` says in words which structures of a kind were given though it counts as not checked.
    """

    checked: tuple[CheckedStructure, ...]
    not_checked: tuple[str, ...]
    ignored: tuple[IgnoredLabel, ...] = ()
    estimated: tuple[CheckedStructure, ...] = ()
    why_not: tuple[str, ...] = ()


@dataclass(frozen=True)
class Optimiser:
    """`gap` is (bound - objective) / bound for the discretised problem."""

    objective: float
    bound: float
    gap: float
    evaluations: int
    description: str


@dataclass(frozen=True)
class AlternativeProbe:
    """Where a probe of an alternative would lie."""

    device: str
    program: str
    entry_ras_mm: Point
    tip_ras_mm: Point


@dataclass(frozen=True)
class Alternative:
    """Another set of probes, of the same modality, that enters elsewhere; `clearances_ok` if all wanted ones are kept.

    `difference` says in one sentence how it compares with the plan.
    """

    probes: tuple[AlternativeProbe, ...]
    lesion_fraction: float
    p05_lesion_fraction: float
    minimum_margin_mm: float
    clearances_ok: bool
    difference: str

    @property
    def probe_count(self) -> int:
        """How many probes it takes."""
        return len(self.probes)


@dataclass(frozen=True)
class PathClearance:
    """Free distance from a structure to an instrument without a zone, and to its way in from the skin."""

    structure: str
    kind: str
    distance_mm: float
    required_mm: float
    ok: bool


@dataclass(frozen=True)
class CementNeedle:
    """A needle for cement; `volume_ml` is what goes in through it of the advised volume. Listed in order of filling.

    `injects_at_ras_mm` are the places of its tip, deepest first: the needle is pulled back from one to the next.
    `clearances` are those of its own shaft; None in plans that did not measure them.
    """

    name: str
    gauge: int
    entry_ras_mm: Point
    tip_ras_mm: Point
    shares_track_with: str | None
    diameter_mm: float | None = None
    volume_ml: float | None = None
    injects_at_ras_mm: tuple[Point, ...] = ()
    clearances: tuple[PathClearance, ...] | None = None


@dataclass(frozen=True)
class CementLeak:
    """A cortical defect; `at_ml` is the volume at which simulated cement first leaves there, None if it does not."""

    towards: str
    distance_mm: float
    defect_area_mm2: float
    at_ml: float | None = None


@dataclass(frozen=True)
class CementStep:
    """Where simulated cement is once `injected_ml` are in: lesion, bone around it, beyond the bone."""

    injected_ml: float
    lesion_ml: float
    bone_ml: float
    outside_ml: float


@dataclass(frozen=True)
class CementSite:
    """The part of the skeleton that cement goes into, proposed from the bone and the place in it, and what is usual.

    `compared` says how the wanted volume compares with the usual one; None where nothing usual is known.
    """

    name: str
    approach: str | None = None
    usual_ml: tuple[float, float] | None = None
    compared: str = ""


@dataclass(frozen=True)
class Cement:
    """`fill_ml` is the wanted volume, `stop_ml` the advised one: less where a leak comes first.

    `pull_back_after_ml` are the volumes, through all needles, after which they are pulled back to their next places.
    `site` is None where the bone or the place in it could not be told.
    """

    needles: tuple[CementNeedle, ...]
    fill_ml: float
    fill_fraction: float
    leaks: tuple[CementLeak, ...]
    cautions: tuple[str, ...] = ()
    provenance: tuple[Provenance, ...] = ()
    stop_ml: float | None = None
    viscosity: str | None = None
    cavity_ml: float | None = None
    steps: tuple[CementStep, ...] = ()
    pull_back_after_ml: tuple[float, ...] = ()
    site: CementSite | None = None


@dataclass(frozen=True)
class Screw:
    """One screw: entry where its head meets bone, tip where it ends.

    `cortical_clearance_mm` is the least bone around the thread (negative: breach), purchase the bone held beyond the
    lesion towards the tip and before it towards the head (None where the screw does not cross it), `hu_every_5_mm` the
    mean density on and around it from the head on. `skin_entry_ras_mm` is None where the image ends before the skin.
    """

    name: str
    corridor: str
    diameter_mm: float
    length_mm: float
    entry_ras_mm: Point
    tip_ras_mm: Point
    cortical_clearance_mm: float
    purchase_beyond_lesion_mm: float | None
    purchase_before_lesion_mm: float | None = None
    lesion_path_mm: float = 0.0
    screw_type: str = ""
    side_breach_mm: float = 0.0
    tip_breach_mm: float = 0.0
    skin_entry_ras_mm: Point | None = None
    skin_to_bone_mm: float | None = None
    joints_met: tuple[str, ...] = ()
    hu_every_5_mm: tuple[float, ...] = ()
    hu_shares: dict[str, float] = field(default_factory=dict)
    clearances: tuple[PathClearance, ...] = ()
    head_diameter_mm: float | None = None

    @property
    def hu_at_mm(self) -> tuple[float, ...]:
        """How far from the head each of `hu_every_5_mm` is."""
        return tuple(5.0 * n for n in range(len(self.hu_every_5_mm)))


@dataclass(frozen=True)
class ScrewCorridor:
    """A straight way for a screw that was looked for in this patient.

    `diameter_mm` is that of the widest cylinder, also of one that is too narrow to count as found; `inside_cortex_mm`
    of the widest one inside the cortex, None where the CT does not show it. `reason` says why there is none, or why no
    screw is planned in it.
    """

    name: str
    side: str
    found: bool
    diameter_mm: float | None = None
    length_mm: float | None = None
    entry_ras_mm: Point | None = None
    exit_ras_mm: Point | None = None
    near_lesion: bool = False
    reason: str | None = None
    inside_cortex_mm: float | None = None

    @property
    def title(self) -> str:
        """Name and side, as screws carry it."""
        return self.name if self.side == "both" else f"{self.name}, {self.side}"


@dataclass(frozen=True)
class Mirels:
    """Points 1-3 per item; None where the item has to be asked (pain) or cannot be told from the scan.

    `lowest` and `highest` are the totals that the missing items leave possible; None outside long bones, for which the
    score was made. `risk` is what the totals stand for.
    """

    site: int | None = None
    pain: int | None = None
    lesion: int | None = None
    size: int | None = None
    total: int | None = None
    lowest: int | None = None
    highest: int | None = None
    risk: str | None = None


@dataclass(frozen=True)
class SectionRigidity:
    """Axial rigidity EA in N, smaller bending rigidity EI and torsional rigidity GJ in N mm2."""

    EA: float
    EI_min: float
    GJ: float


@dataclass(frozen=True)
class RigidityCurve:
    """Smaller bending rigidity in N mm2 at stations in mm from the bone's upper end."""

    station_mm: tuple[float, ...]
    before_EI_min: tuple[float, ...]
    reference_EI_min: tuple[float, ...]
    after_EI_min: tuple[float, ...]


@dataclass(frozen=True)
class Rigidity:
    """At the bone's weakest section: before and after treatment, and the largest loss against the reference.

    Absolute figures may be off by any factor within `uncertainty_factor`, from the density scale alone. Flat bones are
    no beams: there the method is not validated.
    """

    before: SectionRigidity
    after: SectionRigidity
    reduction_fraction: float
    reference: SectionRigidity | None = None
    reference_kind: str | None = None
    reduction_after_fraction: float | None = None
    weakest_ras_mm: Point | None = None
    weakest_station_mm: float | None = None
    uncertainty_factor: tuple[float, float] | None = None
    validated: bool | None = None
    curve: RigidityCurve | None = None


@dataclass(frozen=True)
class Acetabulum:
    """Proposed class of an acetabular lesion, and how much of each wall the lesion has taken (0 to 1)."""

    harrington: str
    levy: str
    destroyed: dict[str, float]
    source: str


@dataclass(frozen=True)
class Stability:
    mirels: Mirels = field(default_factory=Mirels)
    rigidity: Rigidity | None = None
    acetabulum: Acetabulum | None = None
    cautions: tuple[Reason, ...] = ()
    provenance: tuple[Provenance, ...] = ()


@dataclass(frozen=True)
class Extremes:
    """Extremes of temperature and thermal dose; `ok` is None for kinds of structure without a known limit."""

    coldest_celsius: float
    hottest_celsius: float
    cem43_min: float | None
    ok: bool | None


@dataclass(frozen=True)
class StructureEffect:
    """Extremes in a structure as simulated.

    `at_worst` are those over the plausible range of tissues and of the device's strength; None if not simulated.
    """

    structure: str
    kind: str
    coldest_celsius: float
    hottest_celsius: float
    cem43_min: float | None
    zone_mm: float
    ok: bool | None
    at_worst: Extremes | None = None

    @property
    def may_break(self) -> bool:
        """Whether its limit holds as simulated, but not over the whole plausible range."""
        return self.ok is True and self.at_worst is not None and self.at_worst.ok is False


@dataclass(frozen=True)
class Thermocouple:
    """A point that a person named, read while heat or ice was simulated: temperature and thermal dose over time.

    `times_s`, `celsius` and `cem43_min` (thermal dose so far; empty for ice) are of equal length.
    """

    name: str
    point_ras_mm: Point
    lowest_celsius: float
    highest_celsius: float
    times_s: tuple[float, ...]
    celsius: tuple[float, ...]
    cem43_min: tuple[float, ...] = ()


@dataclass(frozen=True)
class Inserted:
    """Fluid, gas, cement or metal that the simulation took into account, and how much of it."""

    name: str
    tissue: str
    volume_ml: float


@dataclass(frozen=True)
class TriedProgram:
    """A program with the coverage that it reaches and the structures whose limits it breaks."""

    program: str
    minutes: float
    lesion_fraction: float
    broken: tuple[str, ...]


@dataclass(frozen=True)
class ProgramSearch:
    """Search for the shortest program that covers `wanted_fraction` of the lesion and breaks no limit.

    `chosen` is None where none of the device's programs does. Coverage is that of the nominal zone, limits are judged
    at `limits_at`.
    """

    wanted_fraction: float
    chosen: str | None
    tried: tuple[TriedProgram, ...]
    limits_at: ZoneEnd = "nominal"


@dataclass(frozen=True)
class SizeInPatient:
    """Factors on the chart's axes with which its zones agree best with the simulated one.

    `p05_lesion_fraction` is what the chart's zones of that size, never larger than charted, cover of the lesion under
    placement error (5th percentile).
    """

    across: float
    along: float
    p05_lesion_fraction: float


@dataclass(frozen=True)
class PlacementRound:
    """Probes placed for zones of `across` and `along` times the chart's axes, and what their simulated zone does.

    `harmed` counts structures whose limit or wanted distance is not kept. All figures are of the nominal zone, and None
    where there are no such probes or they were not simulated: `reason` says why.
    """

    across: float
    along: float
    probes: int | None = None
    lesion_fraction: float | None = None
    lesion_plus_margin_fraction: float | None = None
    harmed: int | None = None
    size: SizeInPatient | None = None
    reason: str = ""


@dataclass(frozen=True)
class SimulatedPlacement:
    """Probes that were placed again because the simulated zone of the chart's plan left lesion or margin.

    The first of the `rounds` is the chart's plan; `taken` is the place of the plan's own round among them.
    """

    rounds: tuple[PlacementRound, ...]
    taken: int


@dataclass(frozen=True)
class Simulation:
    """Heat or ice in this patient's tissues, and how its zone differs from the chart's.

    `smallest_lesion_fraction` and `largest_ml` are for the ends of what is plausible: perfusion, conductivity, and
    the device's strength.
    `in_turn` says that several probes heated one after the other. Distances of structures to the zone (clearances,
    `zone_mm`) are measured to `distances_to`; coverage and margins are always those of the nominal zone.
    `size` is None in plans that did not measure it, `placement` where probes were not placed again.
    """

    voxel_mm: float
    chart_dice: float
    chart_mean_surface_mm: float
    chart_largest_surface_mm: float
    chart_ml: float
    effects: tuple[StructureEffect, ...]
    smallest_ml: float | None = None
    smallest_lesion_fraction: float | None = None
    largest_ml: float | None = None
    thermocouples: tuple[Thermocouple, ...] = ()
    inserted: tuple[Inserted, ...] = ()
    search: ProgramSearch | None = None
    in_turn: bool = False
    distances_to: ZoneEnd = "nominal"
    size: SizeInPatient | None = None
    placement: SimulatedPlacement | None = None


@dataclass(frozen=True)
class Plan:
    """A complete plan; `to_json` and `from_json` are its only outside forms.

    `case_warnings` are those of the `warnings` that do not depend on where the probes are.
    """

    software: Software
    input: InputRecord
    parameters: dict[str, Any]
    timings_s: dict[str, float]
    position: Position
    lesion: Lesion
    advice: Advice
    probes: tuple[Probe, ...]
    zone: Zone
    coverage: Coverage
    structures: Structures
    optimiser: Optimiser
    cement: Cement | None = None
    screws: tuple[Screw, ...] = ()
    corridors: tuple[ScrewCorridor, ...] = ()
    stability: Stability = field(default_factory=Stability)
    warnings: tuple[str, ...] = ()
    provenance: tuple[Provenance, ...] = ()
    case_warnings: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    simulation: Simulation | None = None
    schema: str = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, contract keys first."""
        return {"schema": self.schema, **{k: v for k, v in encode(self).items() if k != "schema"}}

    @classmethod
    def from_json(cls, document: Any) -> "Plan":
        """Rebuild a plan; raises InputError naming the key that is missing or wrong. Unknown keys are ignored."""
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA:
            raise InputError(f"plan: schema is {schema!r}; expected {SCHEMA!r}")
        return decode(cls, document, "plan")


def write_plan(plan: Plan, path: Path) -> None:
    """Write plan.json whole or not at all."""
    write_atomically(path, json.dumps(plan.to_json(), indent=1, allow_nan=False).encode() + b"\n")


def read_plan(path: Path) -> Plan:
    """Read plan.json; raises InputError with one line for a missing, broken or foreign file."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a plan.json") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); expected a plan.json") from None
    return Plan.from_json(document)


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name in the same folder, then move into place; a crash leaves the old file or none."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
