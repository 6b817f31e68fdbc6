"""Freezing and thawing: heat content of tissue that turns to ice, explicit and never unstable.

    d(heat content)/dt = div(k(T) grad T) + perfusion (body - T) x (T over freezing) / (body over freezing)

Ice conducts so well that its stable step is several times shorter than that of warm tissue. So a box around the ice
takes several short steps in each long one of the rest, with its neighbours moving evenly from the old to the new
temperature. At each long step every face there gets the conductance that Kirchhoff's transformation gives between its
two temperatures. Probes are lists of voxels drawn to a shaft temperature. The ice ball is where half of the water is
frozen, not where a temperature crosses zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
from BoneAblationPlannerLib.zones.heat.freezing import Freezing
from BoneAblationPlannerLib.zones.heat.ice_kernels import (
    long_step,
    secant_faces,
    short_steps,
    stable_steps,
)
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.tissue_map import FREE

LONGEST_STEP_S = 2.0
LONGEST_STEP_WITH_ICE_S = 0.5
"""The front lags behind its conductances by about this; 0.06 mm against a fixed wall."""
ICE_MARGIN_CELSIUS = 2.0
"""Tissue this near to freezing takes the short steps."""
ICE_MARGIN_VOXELS = 2
_NOTHING = np.zeros(6, dtype=np.int64)
AT_REST_CELSIUS = 1e-2


@dataclass(frozen=True, eq=False)
class Shaft:
    """Active part of a cold probe: voxels (N, 3) in k, j, i of the medium and how fast each follows, 1/s."""

    voxels_kji: NDArray[np.int64]
    rate_per_s: NDArray[np.float64]


@dataclass(eq=False)
class Ice:
    """A block of tissue while probes freeze and thaw it.

    Parameters
    ----------
    medium : Medium
    freezing : Freezing, optional
        From the medium by default.
    boundary : REST or INSULATED
    largest_step_s : float
        Upper limit of the time step besides the stable one.

    Attributes
    ----------
    above : (K + 2, J + 2, I + 2) float32
        Temperature over the start of freezing, with rim; small near the front, so that float32 resolves it.
    voxel_steps : int
        Work done so far.
    """

    medium: Medium
    freezing: Freezing | None = None
    boundary: Boundary = REST
    largest_step_s: float = np.inf
    above: Array = field(init=False)
    voxel_steps: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._law = law = self.freezing or Freezing.of(self.medium)
        medium, spacing = self.medium, self.medium.grid.spacing_kji_mm
        skin = PHYSICS["skin_transfer_w_m2k"]
        self._unfrozen = face_conductances(law.conductivity, medium.held, spacing, skin, self.boundary)
        frozen = face_conductances(law.frozen_conductivity, medium.held, spacing, skin, self.boundary)
        self._more = tuple(f - u for f, u in zip(frozen, self._unfrozen, strict=True))
        self._faces = tuple(f.copy() for f in self._unfrozen)
        free = padded((medium.held == FREE).astype(np.float32), 0)
        self._per_heat = free / padded(law.heat)
        self._freezing_ratio = padded(law.range_heat / (np.float32(law.width_kelvin) * law.heat))
        self._frozen_ratio = padded(law.frozen_heat / law.heat)
        self._least_ratio = np.minimum(np.minimum(self._freezing_ratio, self._frozen_ratio), 1)
        self._perfusion = padded(medium.perfusion, 0)
        self._rest = np.float32(medium.rest_celsius - law.from_celsius)
        self.above = np.full(free.shape, self._rest, dtype=np.float32)
        self._other, self._coldest = self.above.copy(), self.above.copy()
        self._width = np.float32(law.width_kelvin)
        self._grow = np.float32(law.ice_per_kelvin)
        self._scratch = (self.above.copy(), self.above.copy(), self.above.copy())
        stable = stable_step_s(padded(law.heat), self._unfrozen, free > 0)
        self._long_s = min(stable * STABLE_SHARE, LONGEST_STEP_S, self.largest_step_s)
        self._box: Box | None = None
        self._icy: Box | None = None

    @property
    def temperature_celsius(self) -> Array:
        """(k, j, i) float32."""
        return inner(self.above) + np.float32(self._law.from_celsius)

    @property
    def coldest_celsius(self) -> Array:
        """(k, j, i) float32, since the start or since `begin_freeze`."""
        return inner(self._coldest) + np.float32(self._law.from_celsius)

    @property
    def frozen_fraction(self) -> Array:
        """Share of water that is ice, (k, j, i)."""
        return self._law.frozen_fraction(self.temperature_celsius)

    def begin_freeze(self) -> None:
        """Forget how cold it has been."""
        self._coldest[...] = self.above

    def put_temperature(self, celsius: NDArray | float) -> None:
        """Set temperatures (k, j, i)."""
        inner(self.above)[...] = np.asarray(celsius, dtype=np.float32) - np.float32(self._law.from_celsius)
        self._other[...] = self._coldest[...] = self.above
        self._box = None

    def advance(self, duration_s: float, shafts: Sequence[Shaft] = (), celsius: Sequence[float] = ()) -> None:
        """Move on in time with each shaft at a temperature."""
        steps_for(duration_s, duration_s, "freezing")
        goal = [t - self._law.from_celsius for t in celsius]
        if self._box is None:
            self._box = self._first_box(shafts)
        left_s = duration_s
        while left_s > 0:
            longest_s = min(self._long_s, LONGEST_STEP_WITH_ICE_S) if shafts or self._icy else self._long_s
            step_s = longest_s if left_s >= 2 * longest_s else left_s / np.ceil(left_s / longest_s - 1e-9)
            self._step(step_s, shafts, goal)
            left_s = 0.0 if left_s - step_s < 1e-9 * duration_s else left_s - step_s
            self._box = widened(self._box, self.above, float(self._rest), AT_REST_CELSIUS, 1)

    def heat_content_j(self) -> float:
        """Heat of the whole block over the start of freezing."""
        volume = float(np.prod(self.medium.grid.spacing_kji_mm)) * 1e-9
        celsius = inner(self.above).astype(np.float64) + self._law.from_celsius
        return float(self._law.heat_content(celsius).sum() * volume)

    def _step(self, step_s: float, shafts: Sequence[Shaft], goal: Sequence[float]) -> None:
        """One long step of everything, short ones around ice and shafts."""
        assert self._box is not None  # set by `advance`
        box, icy = np.array(self._box), self._ice_box(shafts)
        state = (*self._faces, self._per_heat, self._freezing_ratio, self._frozen_ratio, self._perfusion, self._rest,
                 self._width)  # fmt: skip
        if icy is None:
            long_step(self.above, self._other, self._coldest, *state, np.float32(step_s), box, _NOTHING)  # type: ignore[call-arg]
            self.voxel_steps += _voxels(box)
        else:
            refreshed = np.array(icy if self._icy is None else union(icy, self._icy), dtype=np.int64)
            secant_faces(*self._unfrozen, *self._more, *self._faces, self.above, self._width, self._grow, refreshed)  # type: ignore[call-arg]
            limits = np.full(self.above.shape[0], np.inf, dtype=np.float32)
            apart = np.array(icy, dtype=np.int64)
            stable_steps(*self._faces, self._per_heat, self._least_ratio, limits, apart)  # type: ignore[call-arg]
            count, short_s = steps_for(step_s, min(float(limits.min()) * STABLE_SHARE, step_s), "freezing")
            long_step(self.above, self._other, self._coldest, *state, np.float32(step_s), box, apart)  # type: ignore[call-arg]
            short_steps(self.above, self._other, self._coldest, *self._scratch, *state, np.float32(short_s), count,  # type: ignore[call-arg]
                         *_pulled(shafts, goal, short_s), apart)  # fmt: skip
            self.voxel_steps += _voxels(box) - _voxels(apart) + count * _voxels(apart)
        self._icy = icy
        self.above, self._other = self._other, self.above

    def _ice_box(self, shafts: Sequence[Shaft]) -> Box | None:
        """Around what is frozen, near to it, or held by a shaft; None where nothing is."""
        assert self._box is not None  # set by `advance`
        cold = np.float32(self._rest - ICE_MARGIN_CELSIUS)
        found = bounding_box(self.above, self._rest, cold, np.array(self._box))
        for shaft in shafts:
            low, high = shaft.voxels_kji.min(axis=0) + 1, shaft.voxels_kji.max(axis=0) + 2
            own = np.stack([low, high], axis=1).ravel()
            found = own if found[1] == 0 else np.array(union(found, own), dtype=np.int64)
        return None if found[1] == 0 else grown(found, ICE_MARGIN_VOXELS, self.above.shape)

    def _first_box(self, shafts: Sequence[Shaft]) -> Box:
        active = np.abs(self.above - self._rest)
        for shaft in shafts:
            active[tuple(shaft.voxels_kji.T + 1)] = 1
        found = bounding_box(active, np.float32(0), np.float32(AT_REST_CELSIUS), np.array(whole_box(active.shape)))
        return grown(found, ICE_MARGIN_VOXELS + 2, active.shape)


def _voxels(box: NDArray[np.int64]) -> int:
    return int(np.prod(box[1::2] - box[::2]))


def _pulled(
    shafts: Sequence[Shaft], goals: Sequence[float], step_s: float
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Voxels of all shafts in padded indices, their share of the way to the shaft per step, and the goal."""
    voxels = [s.voxels_kji + 1 for s in shafts]
    share = [1 - np.exp(-step_s * s.rate_per_s) for s in shafts]
    goal = [np.full(len(s.voxels_kji), goal) for s, goal in zip(shafts, goals, strict=True)]
    if not voxels:
        return np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32)
    return np.concatenate(voxels), np.concatenate(share).astype(np.float32), np.concatenate(goal).astype(np.float32)
