"""The box around ice: its tissue in small dense arrays, which short steps find near, and how short those must be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import threads
from BoneAblationPlannerLib.zones.heat.conduction import STABLE_SHARE, Box, as_box, hull, stable_step_s
from BoneAblationPlannerLib.zones.heat.ice_kernels import IcyTissue, Law, Pull, ShortSteps, WarmTissue
from BoneAblationPlannerLib.zones.heat.icy_kernels import icy_steps
from BoneAblationPlannerLib.zones.heat.medium import Array

LONGEST_GROUP_S = 0.6
"""Faces in the box follow the temperature this often; the front lags behind by about this: 0.06 mm against a wall."""
MOST_STEPS_A_GROUP = 8
"""Slabs that run side by side repeat one plane a step of each other's work."""


@dataclass(frozen=True, eq=False)
class Shaft:
    """Active part of a cold probe: voxels (N, 3) in k, j, i of the medium and how fast each follows, 1/s."""

    voxels_kji: NDArray[np.int64]
    rate_per_s: NDArray[np.float64]

    @cached_property
    def box(self) -> Box:
        """Around its voxels, in padded indices."""
        low, high = self.voxels_kji.min(axis=0) + 1, self.voxels_kji.max(axis=0) + 2
        return (int(low[0]), int(high[0]), int(low[1]), int(high[1]), int(low[2]), int(high[2]))


@dataclass(frozen=True)
class StableSteps:
    """Largest explicit steps (s) by the conductance of unfrozen tissue and by what ice adds to it.

    The first of each pair where nothing is colder than the freezing range, the second where anything may be: ice has
    little heat capacity.
    """

    unfrozen_s: tuple[float, float]
    added_s: tuple[float, float]
    law: Law

    @classmethod
    def of(cls, tissue: IcyTissue, law: Law) -> "StableSteps":
        """Of all tissue that changes temperature."""
        free = tissue.per_heat > 0
        heat = 1 / np.where(free, tissue.per_heat, np.float32(1))
        freezing = np.asarray(heat * np.minimum(tissue.freezing_ratio, 1), dtype=np.float32)
        least = np.minimum(freezing, np.asarray(heat * tissue.frozen_ratio, dtype=np.float32))
        unfrozen = (tissue.face_k, tissue.face_j, tissue.face_i)
        added = (tissue.more_k, tissue.more_j, tissue.more_i)
        return cls(
            (stable_step_s(freezing, unfrozen, free), stable_step_s(least, unfrozen, free)),
            (stable_step_s(freezing, added, free), stable_step_s(least, added, free)),
            law,
        )

    def largest_s(self, coldest: float) -> float:
        """Where nothing becomes colder than that (over the start of freezing)."""
        below = -coldest - float(self.law.width)
        icy = 0 if below <= 0 else 1
        share = max(0.0, -coldest / float(self.law.width)) if below <= 0 else 1 + float(self.law.grow) * below
        return STABLE_SHARE / (1 / self.unfrozen_s[icy] + share / self.added_s[icy])


@dataclass(eq=False)
class IcyBlock:
    """Tissue of a box and of its rim, and room to work in.

    Parameters
    ----------
    box : Box
        In padded indices.
    whole : IcyTissue
        Of the medium, padded.
    """

    box: Box
    whole: IcyTissue
    tissue: IcyTissue = field(init=False)

    def __post_init__(self) -> None:
        k0, k1, j0, j1, i0, i1 = self.box
        around = (slice(k0 - 1, k1 + 1), slice(j0 - 1, j1 + 1), slice(i0 - 1, i1 + 1))
        dense = IcyTissue(*(np.ascontiguousarray(a[around]) for a in self.whole))
        held = np.zeros_like(dense.per_heat)
        held[1:-1, 1:-1, 1:-1] = dense.per_heat[1:-1, 1:-1, 1:-1]
        self.tissue = dense._replace(per_heat=held)
        self._total = np.zeros_like(held)
        self._between = np.zeros((2, *self.whole.per_heat.shape), dtype=np.float32)
        self._extents = np.zeros((self.whole.per_heat.shape[0], 5), dtype=np.int64)
        slabs = max(1, min(threads(), (k1 - k0) // (2 * MOST_STEPS_A_GROUP)))
        self._own = np.zeros((slabs, 5, *held.shape), dtype=np.float32)

    @property
    def inside(self) -> tuple[slice, slice, slice]:
        """The box in padded arrays."""
        k0, k1, j0, j1, i0, i1 = self.box
        return slice(k0, k1), slice(j0, j1), slice(i0, i1)

    def advance(
        self, now: Array, then: Array, coldest: Array, warm: WarmTissue, law: Law, steps: ShortSteps, pull: Pull,
        cold: np.float32,
    ) -> Box | None:  # fmt: skip
        """Take the short steps of a long one (see `icy_steps`); returns a box around what is ``cold`` after it."""
        box = np.array(self.box)
        icy_steps(now, then, coldest, self._between, self._own, self._total, warm, self.tissue, law, steps, pull,
                  cold, box, self._extents)  # fmt: skip
        return as_box(hull(self._extents, box))


def short_steps(step_s: float, largest_s: float) -> ShortSteps:
    """Equal short steps of a long one, in groups of the same number."""
    least = int(np.ceil(step_s / largest_s - 1e-9))
    groups = max(1, int(np.ceil(step_s / LONGEST_GROUP_S - 1e-9)), -(-least // MOST_STEPS_A_GROUP))
    per_group = max(1, -(-least // groups))
    return ShortSteps(np.float32(step_s / (groups * per_group)), per_group, groups)


def pull_of(shafts: Sequence[Shaft], goals: Sequence[float], step_s: float, box: Box) -> Pull:
    """Voxels of all shafts in indices of the box with its rim, their share of the way to it per step, and the goal."""
    voxels = [np.zeros((0, 3), dtype=np.int64), *(s.voxels_kji + 2 - np.array(box[::2]) for s in shafts)]
    share = [np.zeros(0), *(1 - np.exp(-step_s * s.rate_per_s) for s in shafts)]
    goal = [np.zeros(0), *(np.full(len(s.voxels_kji), g) for s, g in zip(shafts, goals, strict=True))]
    return Pull(
        np.concatenate(voxels), np.concatenate(share).astype(np.float32), np.concatenate(goal).astype(np.float32)
    )
