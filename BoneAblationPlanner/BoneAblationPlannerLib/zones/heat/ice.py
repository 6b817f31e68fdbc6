"""Freezing and thawing: heat content of tissue that turns to ice, explicit and never unstable.

    d(heat content)/dt = div(k(T) grad T) + perfusion (body - T), perfusion only where nothing froze

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
from BoneAblationPlannerLib.zones.heat.freezing import Freezing
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.tissue_map import FREE

LONGEST_STEP_S = 2.0
ICE_MARGIN_CELSIUS = 2.0
"""Tissue this near to freezing takes the short steps."""
ICE_MARGIN_VOXELS = 2
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
        self._rest = np.float32(PHYSICS["body_celsius"] - law.from_celsius)
        self.above = np.full(free.shape, self._rest, dtype=np.float32)
        self._other, self._coldest = self.above.copy(), self.above.copy()
        self._width = np.float32(law.width_kelvin)
        self._grow = np.float32(law.ice_per_kelvin)
        self._scratch = (self.above.copy(), self.above.copy())
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
            step_s = min(left_s, self._long_s)
            if left_s < 2 * self._long_s:
                step_s = left_s if left_s <= self._long_s else left_s / 2
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
            _long_step(self.above, self._other, *state, np.float32(step_s), box)
            self.voxel_steps += _voxels(box)
        else:
            refreshed = np.array(icy if self._icy is None else _union(icy, self._icy))
            _secant_faces(*self._unfrozen, *self._more, *self._faces, self.above, self._width, self._grow, refreshed)
            limits = np.full(self.above.shape[0], np.inf, dtype=np.float32)
            _stable_steps(*self._faces, self._per_heat, self._least_ratio, limits, np.array(icy))
            count, short_s = steps_for(step_s, min(float(limits.min()) * STABLE_SHARE, step_s), "freezing")
            _long_step(self.above, self._other, *state, np.float32(step_s), box)
            _short_steps(self.above, self._other, *self._scratch, *state, np.float32(short_s), count,
                         *_pulled(shafts, goal, short_s), np.array(icy))  # fmt: skip
            self.voxel_steps += _voxels(box) + count * _voxels(np.array(icy))
        self._icy = icy
        self.above, self._other = self._other, self.above
        _note_coldest(self.above, self._coldest, box)

    def _ice_box(self, shafts: Sequence[Shaft]) -> Box | None:
        """Around what is frozen, near to it, or held by a shaft; None where nothing is."""
        assert self._box is not None  # set by `advance`
        cold = np.float32(self._rest - ICE_MARGIN_CELSIUS)
        found = bounding_box(self.above, self._rest, cold, np.array(self._box))
        for shaft in shafts:
            low, high = shaft.voxels_kji.min(axis=0) + 1, shaft.voxels_kji.max(axis=0) + 2
            own = np.stack([low, high], axis=1).ravel()
            found = own if found[1] == 0 else np.array(_union(found, own))
        return None if found[1] == 0 else grown(found, ICE_MARGIN_VOXELS, self.above.shape)

    def _first_box(self, shafts: Sequence[Shaft]) -> Box:
        active = np.abs(self.above - self._rest)
        for shaft in shafts:
            active[tuple(shaft.voxels_kji.T + 1)] = 1
        found = bounding_box(active, np.float32(0), np.float32(AT_REST_CELSIUS), np.array(whole_box(active.shape)))
        return grown(found, ICE_MARGIN_VOXELS + 2, active.shape)


def _union(a: Sequence[int], b: Sequence[int]) -> Box:
    low, high = np.minimum(a, b), np.maximum(a, b)
    return (int(low[0]), int(high[1]), int(low[2]), int(high[3]), int(low[4]), int(high[5]))


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


@kernel
def _secant(unfrozen, more, here, there, width, grow):  # type: ignore[no-untyped-def]
    """Mean conductance between two temperatures: difference of the potentials over that of the temperatures."""
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    warm, cold = max(here, there), min(here, there)
    if cold >= zero:
        return unfrozen
    gap = max(warm - cold, np.float32(1e-3))
    cold = warm - gap
    a, b = min(max(-warm, zero), width), min(max(-cold, zero), width)
    c, d = max(-warm - width, zero), max(-cold - width, zero)
    potential = half / width * (b + a) * (b - a) + (d - c) * (one + half * grow * (d + c))
    return unfrozen + more * potential / gap


@parallel_kernel
def _secant_faces(uk, uj, ui, mk, mj, mi, gk, gj, gi, above, width, grow, box):  # type: ignore[no-untyped-def]
    one = np.uint64(1)
    for plane in prange(box[0] - 1, box[1]):
        k = np.uint64(plane)
        for j in range(np.uint64(box[2] - 1), np.uint64(box[3])):
            for i in range(np.uint64(box[4] - 1), np.uint64(box[5])):
                t = above[k, j, i]
                gk[k, j, i] = _secant(uk[k, j, i], mk[k, j, i], t, above[k + one, j, i], width, grow)
                gj[k, j, i] = _secant(uj[k, j, i], mj[k, j, i], t, above[k, j + one, i], width, grow)
                gi[k, j, i] = _secant(ui[k, j, i], mi[k, j, i], t, above[k, j, i + one], width, grow)


@parallel_kernel
def _stable_steps(gk, gj, gi, per_heat, least_ratio, limits, box):  # type: ignore[no-untyped-def]
    """Largest stable step of each plane; the smallest heat capacity that a voxel can have counts."""
    one = np.uint64(1)
    for plane in prange(box[0], box[1]):
        k = np.uint64(plane)
        fastest = np.float32(1e-9)
        for j in range(np.uint64(box[2]), np.uint64(box[3])):
            for i in range(np.uint64(box[4]), np.uint64(box[5])):
                leaving = (gk[k, j, i] + gk[k - one, j, i] + gj[k, j, i] + gj[k, j - one, i] + gi[k, j, i]
                           + gi[k, j, i - one])  # fmt: skip
                fastest = max(fastest, leaving * per_heat[k, j, i] / least_ratio[k, j, i])
        limits[k] = np.float32(1) / fastest


@kernel
def _plane(now, then, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width, step_s, k,
           box):  # type: ignore[no-untyped-def]  # fmt: skip
    """Heat contents are over the unfrozen heat capacity: degrees."""
    one, zero = np.uint64(1), np.float32(0)
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
            flow += perfusion[k, j, i] * (rest - t if t > zero else zero)
            freezing, frozen = freezing_ratio[k, j, i], frozen_ratio[k, j, i]
            content = max(t, zero) + freezing * min(max(t, -width), zero) + frozen * min(t + width, zero)
            content += step_s * per_heat[k, j, i] * flow
            range_heat = freezing * width
            then[k, j, i] = (
                max(content, zero)
                + min(max(content, -range_heat), zero) / freezing
                + min(content + range_heat, zero) / frozen
            )


@parallel_kernel
def _long_step(now, then, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width, step_s,
               box):  # type: ignore[no-untyped-def]  # fmt: skip
    for k in prange(box[0], box[1]):
        _plane(now, then, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width, step_s,
               np.uint64(k), box)  # fmt: skip


@kernel
def _blend_plane(now, then, made, share, k, whole_plane, box):  # type: ignore[no-untyped-def]
    """Neighbours of the box in one plane, on their way from now to then."""
    for j in range(box[2] - 1, box[3] + 1):
        edge = whole_plane or j == box[2] - 1 or j == box[3]
        step = 1 if edge else box[5] - box[4] + 1
        for i in range(box[4] - 1, box[5] + 1, step):
            made[k, j, i] = now[k, j, i] + share * (then[k, j, i] - now[k, j, i])


@parallel_kernel
def _short_steps(now, then, first, second, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width,
                 step_s, steps, voxels, share, goal, box):  # type: ignore[no-untyped-def]  # fmt: skip
    """Replace the inside of the box in ``then`` by what short steps make of ``now``."""
    for k in prange(box[0], box[1]):
        first[k, box[2] : box[3], box[4] : box[5]] = now[k, box[2] : box[3], box[4] : box[5]]
    for step in range(steps):
        passed = np.float32(step / steps)
        for plane in prange(box[0] - 1, box[1] + 1):
            outer = plane in (box[0] - 1, box[1])
            if step % 2 == 0:
                _blend_plane(now, then, first, passed, plane, outer, box)
            else:
                _blend_plane(now, then, second, passed, plane, outer, box)
        for k in prange(box[0], box[1]):
            if step % 2 == 0:
                _plane(first, second, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width,
                       step_s, np.uint64(k), box)  # fmt: skip
            else:
                _plane(second, first, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width,
                       step_s, np.uint64(k), box)  # fmt: skip
        for n in range(voxels.shape[0]):
            k, j, i = voxels[n, 0], voxels[n, 1], voxels[n, 2]
            if step % 2 == 0:
                second[k, j, i] += share[n] * (goal[n] - second[k, j, i])
            else:
                first[k, j, i] += share[n] * (goal[n] - first[k, j, i])
    for k in prange(box[0], box[1]):
        if steps % 2 == 0:
            then[k, box[2] : box[3], box[4] : box[5]] = first[k, box[2] : box[3], box[4] : box[5]]
        else:
            then[k, box[2] : box[3], box[4] : box[5]] = second[k, box[2] : box[3], box[4] : box[5]]


@parallel_kernel
def _note_coldest(above, coldest, box):  # type: ignore[no-untyped-def]
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                coldest[k, j, i] = min(coldest[k, j, i], above[k, j, i])
