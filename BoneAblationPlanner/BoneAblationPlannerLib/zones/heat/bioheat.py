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

from BoneAblationPlannerLib.zones.heat.bioheat_kernels import boil, coefficients, dose, sweeps, warm_faces
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
    union,
    whole_box,
    widened,
)
from BoneAblationPlannerLib.zones.heat.damage import heat_rates
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
        hottest = PHYSICS["boiling_celsius"] - medium.rest_celsius
        stable = stable_step_s(self._heat, self._base, self._free.astype(bool)) / (1 + rise * hottest)
        self._step_s = min(stable * STABLE_SHARE, self.largest_step_s)
        self._rise, self._hottest = np.float32(rise), np.float32(hottest)
        self._box: Box | None = None

    @property
    def temperature_celsius(self) -> Array:
        """(k, j, i) float32."""
        return inner(self.excess) + np.float32(self.medium.rest_celsius)

    def inner(self, name: str) -> Array:
        """A field (k, j, i) without rim, as a view."""
        return inner(getattr(self, name))

    def put_source(self, watts_m3: NDArray | float) -> None:
        """Set the heat that is put in, W/m3 (k, j, i)."""
        inner(self.source)[...] = watts_m3
        self._include(self.source)

    def put_exchange(self, watts_m3k: NDArray | float) -> None:
        """Set the exchange with the coolant, W/m3/K (k, j, i)."""
        inner(self.exchange)[...] = watts_m3k
        self._include(self.exchange)

    def put_excess(self, kelvin: NDArray | float) -> None:
        """Set temperatures over rest (k, j, i)."""
        inner(self.excess)[...] = kelvin
        self._include(self.excess)

    def advance(self, duration_s: float) -> None:
        """Move on in time with the present source and exchange."""
        count, step_s = steps_for(duration_s, self._step_s, "heating")
        if self._box is None:
            return
        coolant = np.float32(self.coolant_celsius - self.medium.rest_celsius)
        body = np.float32(self.medium.rest_celsius)
        for start in range(0, count, STEPS_PER_UPDATE):
            steps = min(STEPS_PER_UPDATE, count - start)
            box = self._box
            if self.changing:
                warm_faces(*self._base, *self._faces, self.excess, self._rise, self._hottest, np.array(box))  # type: ignore[call-arg]
            coefficients(self._free, self._heat, self._perfusion, self.damage, self.source, self.exchange, coolant,
                          np.float32(step_s), self.changing, self._keep, self._gain, self._push,
                          np.array(box))  # fmt: skip
            if sweeps(self.excess, self._other, *self._faces, self._keep, self._gain, self._push, steps,  # type: ignore[call-arg]
                       np.array(box)) % 2:  # fmt: skip
                self.excess, self._other = self._other, self.excess
            if self.changing:
                boil(self.excess, self.vapour, self._boilable, self._heat, self._hottest, np.array(box))
            dose(self.excess, body, step_s * steps, heat_rates(), self.peak, self.cem43_min, self.damage,
                  np.array(box))  # fmt: skip
            self.voxel_steps += steps * (box[1] - box[0]) * (box[3] - box[2]) * (box[5] - box[4])
            self._box = widened(box, self.excess, 0.0, AT_REST_CELSIUS, STEPS_PER_UPDATE)

    @property
    def dry_share(self) -> Array:
        """Share of its water that each voxel has lost as vapour, (k, j, i)."""
        return np.clip(inner(self.vapour) / np.maximum(inner(self._boilable), 1), 0, 1)

    def stored_j(self) -> float:
        """Heat over rest in the whole block, boiling included."""
        volume = float(np.prod(self.medium.grid.spacing_kji_mm)) * 1e-9
        heat = inner(self._heat).astype(np.float64) * inner(self.excess) + inner(self.vapour)
        return float(heat.sum() * volume)

    def _include(self, active: Array) -> None:
        """Widen the box to where something happens."""
        nothing = np.float32(0)
        found = bounding_box(active, nothing, nothing, np.array(whole_box(active.shape)))
        if found[1]:
            box = grown(found, STEPS_PER_UPDATE + 1, active.shape)
            self._box = box if self._box is None else union(box, self._box)
