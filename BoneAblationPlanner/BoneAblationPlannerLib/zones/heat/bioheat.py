"""Heating: Pennes' equation with properties that follow the temperature, explicit and never unstable.

    heat dT/dt = div(k grad T) + q - perfusion (T - body) - exchange (T - coolant)

Pennes, J Appl Physiol 1948. Temperatures are kept as excess over the body's, because perfusion and metabolism balance
there: what is simulated is what the procedure adds. Flow is explicit, exchange with blood and coolant implicit. Only a
box around what has warmed is worked on. Every few steps dose, boiling and the properties are brought up to date:
boiling water holds 100 degrees until its heat is paid (the heat integration method, Rolph and Bathe 1982), perfusion
stops with damage.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.zones.heat.conduction import (
    REST,
    STABLE_SHARE,
    Boundary,
    Box,
    bounding_box,
    face_conductances,
    grown,
    inner,
    padded,
    stable_step_s,
    steps_for,
    whole_box,
    widened,
)
from BoneAblationPlannerLib.zones.heat.damage import HEAT_RATES
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.tissue_map import FREE

Array = NDArray[np.float32]
STEPS_PER_UPDATE = 4
AT_REST_CELSIUS = 1e-3
"""Voxels that warmed by less do not widen the box."""


@dataclass(eq=False)
class Heating:
    """A block of tissue while it is heated.

    Parameters
    ----------
    medium : Medium
    boundary : REST or INSULATED
    changing : bool
        Whether conductivity, perfusion and boiling follow temperature and damage.
    largest_step_s : float
        Upper limit of the time step besides the stable one.

    Attributes
    ----------
    excess : (K + 2, J + 2, I + 2) float32
        Temperature over the body's, with rim. `peak`, `cem43_min`, `damage` (Arrhenius integral) and `vapour` (J/m3
        spent on boiling) are padded alike.
    source : W/m3, set by the caller for the next `advance`; `exchange` : W/m3/K and `coolant_celsius` likewise.
    """

    medium: Medium
    boundary: Boundary = REST
    changing: bool = True
    largest_step_s: float = np.inf
    coolant_celsius: float = 0.0
    excess: Array = field(init=False)
    source: Array = field(init=False)
    exchange: Array = field(init=False)
    peak: Array = field(init=False)
    cem43_min: Array = field(init=False)
    damage: Array = field(init=False)
    vapour: Array = field(init=False)
    voxel_steps: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        medium = self.medium
        self._free = padded((medium.held == FREE).astype(np.uint8), 0)
        self._heat, self._perfusion = padded(medium.heat), padded(medium.perfusion)
        self._boilable = padded(medium.water * np.float32(PHYSICS["vapour_j_kg"]))
        self._base = face_conductances(
            medium.conductivity,
            medium.held,
            medium.grid.spacing_kji_mm,
            PHYSICS["skin_transfer_w_m2k"],
            self.boundary,
        )
        self._faces = tuple(f.copy() for f in self._base) if self.changing else self._base
        shape = self._heat.shape
        blank = (np.zeros(shape, dtype=np.float32) for _ in range(7))
        self.excess, self.source, self.exchange, self.peak, self.cem43_min, self.damage, self.vapour = blank
        self._other = np.zeros(shape, dtype=np.float32)
        self._keep, self._gain, self._push = (np.zeros(shape, dtype=np.float32) for _ in range(3))
        rise = PHYSICS["conductivity_per_kelvin"] if self.changing else 0.0
        hottest = PHYSICS["boiling_celsius"] - PHYSICS["body_celsius"]
        stable = stable_step_s(self._heat, self._base, self._free.astype(bool)) / (1 + rise * hottest)
        self._step_s = min(stable * STABLE_SHARE, self.largest_step_s)
        self._rise, self._hottest = np.float32(rise), np.float32(hottest)
        self._box: Box | None = None

    @property
    def temperature_celsius(self) -> Array:
        """(k, j, i) float32."""
        return inner(self.excess) + np.float32(PHYSICS["body_celsius"])

    def put(self, name: str, values: NDArray) -> None:
        """Set `source`, `exchange` or `excess` from an array (k, j, i) without rim."""
        inner(getattr(self, name))[...] = values
        self._box = None

    def advance(self, duration_s: float) -> None:
        """Move on in time with the present source and exchange."""
        count, step_s = steps_for(duration_s, self._step_s, "heating")
        if self._box is None:
            self._box = self._first_box()
        coolant = np.float32(self.coolant_celsius - PHYSICS["body_celsius"])
        body = np.float32(PHYSICS["body_celsius"])
        for start in range(0, count, STEPS_PER_UPDATE):
            steps = min(STEPS_PER_UPDATE, count - start)
            box = self._box
            if self.changing:
                _warm_faces(*self._base, *self._faces, self.excess, self._rise, self._hottest, np.array(box))
            _coefficients(self._free, self._heat, self._perfusion, self.damage, self.source, self.exchange, coolant,
                          np.float32(step_s), self.changing, self._keep, self._gain, self._push,
                          np.array(box))  # fmt: skip
            if _sweeps(self.excess, self._other, *self._faces, self._keep, self._gain, self._push, steps,
                       np.array(box)) % 2:  # fmt: skip
                self.excess, self._other = self._other, self.excess
            if self.changing:
                _boil(self.excess, self.vapour, self._boilable, self._heat, self._hottest, np.array(box))
            _dose(self.excess, body, step_s * steps, HEAT_RATES.row, self.peak, self.cem43_min, self.damage,
                  np.array(box))  # fmt: skip
            self.voxel_steps += steps * (box[1] - box[0]) * (box[3] - box[2]) * (box[5] - box[4])
            self._box = widened(box, self.excess, 0.0, AT_REST_CELSIUS, STEPS_PER_UPDATE)

    def stored_j(self) -> float:
        """Heat over rest in the whole block, boiling included."""
        volume = float(np.prod(self.medium.grid.spacing_kji_mm)) * 1e-9
        heat = inner(self._heat).astype(np.float64) * inner(self.excess) + inner(self.vapour)
        return float(heat.sum() * volume)

    def _first_box(self) -> Box:
        active = np.maximum(np.abs(self.source), np.maximum(self.exchange, np.abs(self.excess)))
        nothing, whole = np.float32(0), np.array(whole_box(active.shape))
        return grown(bounding_box(active, nothing, nothing, whole), STEPS_PER_UPDATE + 1, active.shape)


@kernel
def _plane(now, then, gk, gj, gi, keep, gain, push, k, box):  # type: ignore[no-untyped-def]
    one = np.uint64(1)  # signed indices would stop vectorisation
    for j in range(np.uint64(box[2]), np.uint64(box[3])):
        for i in range(np.uint64(box[4]), np.uint64(box[5])):
            t = now[k, j, i]
            flow = (
                gk[k, j, i] * (now[k + one, j, i] - t)
                + gk[k - one, j, i] * (now[k - one, j, i] - t)
                + gj[k, j, i] * (now[k, j + one, i] - t)
                + gj[k, j - one, i] * (now[k, j - one, i] - t)
                + gi[k, j, i] * (now[k, j, i + one] - t)
                + gi[k, j, i - one] * (now[k, j, i - one] - t)
            )
            then[k, j, i] = keep[k, j, i] * t + gain[k, j, i] * flow + push[k, j, i]


@parallel_kernel
def _sweeps(now, then, gk, gj, gi, keep, gain, push, steps, box):  # type: ignore[no-untyped-def]
    """Some steps, from one array to the other and back; returns how many."""
    for step in range(steps):
        for k in prange(box[0], box[1]):
            if step % 2 == 0:
                _plane(now, then, gk, gj, gi, keep, gain, push, np.uint64(k), box)
            else:
                _plane(then, now, gk, gj, gi, keep, gain, push, np.uint64(k), box)
    return steps


@parallel_kernel
def _coefficients(free, heat, perfusion, damage, source, exchange, coolant, step_s, changing,
                  keep, gain, push, box):  # type: ignore[no-untyped-def]  # fmt: skip
    """Step of one voxel as keep T + gain flow + push; exchange is implicit, so it never limits the step."""
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                if not free[k, j, i]:
                    keep[k, j, i], gain[k, j, i], push[k, j, i] = 1, 0, 0
                    continue
                blood = perfusion[k, j, i]
                if changing and damage[k, j, i] > np.float32(0):
                    blood *= np.float32(np.exp(-damage[k, j, i]))
                rate = step_s / heat[k, j, i]
                whole = np.float32(1) / (np.float32(1) + rate * (blood + exchange[k, j, i]))
                keep[k, j, i], gain[k, j, i] = whole, rate * whole
                push[k, j, i] = rate * whole * (source[k, j, i] + exchange[k, j, i] * coolant)


@parallel_kernel
def _warm_faces(base_k, base_j, base_i, gk, gj, gi, excess, rise, hottest, box):  # type: ignore[no-untyped-def]
    half, zero, one = np.float32(0.5) * rise, np.float32(0), np.uint64(1)
    for plane in prange(box[0] - 1, box[1]):
        k = np.uint64(plane)
        for j in range(np.uint64(box[2] - 1), np.uint64(box[3])):
            for i in range(np.uint64(box[4] - 1), np.uint64(box[5])):
                t = min(max(excess[k, j, i], zero), hottest)
                above = min(max(excess[k + one, j, i], zero), hottest)
                beside = min(max(excess[k, j + one, i], zero), hottest)
                after = min(max(excess[k, j, i + one], zero), hottest)
                gk[k, j, i] = base_k[k, j, i] * (np.float32(1) + half * (t + above))
                gj[k, j, i] = base_j[k, j, i] * (np.float32(1) + half * (t + beside))
                gi[k, j, i] = base_i[k, j, i] * (np.float32(1) + half * (t + after))


@parallel_kernel
def _boil(excess, vapour, boilable, heat, hottest, box):  # type: ignore[no-untyped-def]
    """Heat beyond boiling goes into vapour until the water is gone, and comes back from it below."""
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                over = (excess[k, j, i] - hottest) * heat[k, j, i]
                if over > 0 or vapour[k, j, i] > 0:
                    moved = min(max(over, -vapour[k, j, i]), boilable[k, j, i] - vapour[k, j, i])
                    vapour[k, j, i] += moved
                    excess[k, j, i] -= moved / heat[k, j, i]


@parallel_kernel
def _dose(excess, body, seconds, rates, peak, cem43_min, damage, box):  # type: ignore[no-untyped-def]
    """Add an interval's dose; rates: counted from (C), frequency factor (1/s), activation over gas constant (K)."""
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                t = excess[k, j, i]
                peak[k, j, i] = max(peak[k, j, i], t)
                celsius = np.float64(t + body)
                if celsius > rates[0]:
                    over = celsius - 43.0
                    cem43_min[k, j, i] += seconds / 60 * 2.0 ** (over if over >= 0 else 2 * over)
                    damage[k, j, i] += seconds * rates[1] * np.exp(-rates[2] / (celsius + 273.15))
