"""Freezing and thawing: heat content of tissue that turns to ice, explicit and never unstable.

    d(heat content)/dt = div(k(T) grad T) + perfusion (body - T) x (T over freezing) / (body over freezing)

Ice conducts so well that its stable step is several times shorter than that of warm tissue. So a box around the ice
takes several short steps in each long one of the rest, with its neighbours moving evenly from the old to the new
temperature. Some times in each long step every face there gets the conductance that Kirchhoff's transformation gives
between its two temperatures. Probes are lists of voxels drawn to a shaft temperature. The ice ball is where half of the
water is frozen, not where a temperature crosses zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.zones.heat.conduction import (
    REST,
    STABLE_SHARE,
    Boundary,
    Box,
    as_box,
    bounding_box,
    box_voxels,
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
from BoneAblationPlannerLib.zones.heat.ice_kernels import IcyTissue, Law, WarmTissue, long_step
from BoneAblationPlannerLib.zones.heat.icy_block import IcyBlock, Shaft, StableSteps, pull_of, short_steps
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.tissue_map import FREE

__all__ = ["Ice", "Shaft"]

LONGEST_STEP_S = 2.0
ICE_MARGIN_CELSIUS = 2.0
"""Tissue this near to freezing takes the short steps."""
ICE_MARGIN_VOXELS = 2
SPARE_VOXELS = 1
"""Room for ice to grow before its box is made anew."""
LARGEST_SPARE = 1.3
"""Volume of the box, over that of a new one, from which it is made anew as ice melts."""
AT_REST_CELSIUS = 1e-2
STEPS_PER_LOOK = 4
"""How often what has cooled is looked for, to widen the box that is worked on."""


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
        self._freezing = freezing = self.freezing or Freezing.of(self.medium)
        medium, spacing = self.medium, self.medium.grid.spacing_kji_mm
        skin = PHYSICS["skin_transfer_w_m2k"]
        unfrozen = face_conductances(freezing.conductivity, medium.held, spacing, skin, self.boundary)
        frozen = face_conductances(freezing.frozen_conductivity, medium.held, spacing, skin, self.boundary)
        free = padded((medium.held == FREE).astype(np.float32), 0)
        self._tissue = tissue = IcyTissue(
            *unfrozen,
            frozen[0] - unfrozen[0],
            frozen[1] - unfrozen[1],
            frozen[2] - unfrozen[2],
            free / padded(freezing.heat),
            padded(freezing.range_heat / (np.float32(freezing.width_kelvin) * freezing.heat)),
            padded(freezing.frozen_heat / freezing.heat),
            padded(medium.perfusion, 0),
        )
        self._warm = WarmTissue(*unfrozen, tissue.per_heat, tissue.perfusion)
        self._law = Law(
            np.float32(medium.rest_celsius - freezing.from_celsius),
            np.float32(freezing.width_kelvin),
            np.float32(freezing.ice_per_kelvin),
        )
        self.above = np.full(free.shape, self._law.rest, dtype=np.float32)
        self._other, self._coldest = self.above.copy(), self.above.copy()
        stable = stable_step_s(padded(freezing.heat), unfrozen, free > 0)
        self._long_s = min(stable * STABLE_SHARE, LONGEST_STEP_S, self.largest_step_s)
        self._stable = StableSteps.of(tissue, self._law)
        self._boxes_known = False
        self._box: Box | None = None
        self._ice: Box | None = None
        self._block: IcyBlock | None = None
        self._lowest, self._until_look = float(self._law.rest), 0

    @property
    def temperature_celsius(self) -> Array:
        """(k, j, i) float32."""
        return inner(self.above) + np.float32(self._freezing.from_celsius)

    @property
    def coldest_celsius(self) -> Array:
        """(k, j, i) float32, since the start or since `begin_freeze`."""
        return inner(self._coldest) + np.float32(self._freezing.from_celsius)

    @property
    def frozen_fraction(self) -> Array:
        """Share of water that is ice, (k, j, i)."""
        return self._freezing.frozen_fraction(self.temperature_celsius)

    def begin_freeze(self) -> None:
        """Forget how cold it has been."""
        self._coldest[...] = self.above

    def put_temperature(self, celsius: NDArray | float) -> None:
        """Set temperatures (k, j, i)."""
        inner(self.above)[...] = np.asarray(celsius, dtype=np.float32) - np.float32(self._freezing.from_celsius)
        self._other[...] = self._coldest[...] = self.above
        self._boxes_known = False

    def advance(self, duration_s: float, shafts: Sequence[Shaft] = (), celsius: Sequence[float] = ()) -> None:
        """Move on in time with each shaft at a temperature."""
        count, step_s = steps_for(duration_s, self._long_s, "freezing")
        goals = [t - self._freezing.from_celsius for t in celsius]
        if not self._boxes_known:
            self._find_boxes()
        for _ in range(count):
            self._step(step_s, shafts, goals)

    def heat_content_j(self) -> float:
        """Heat of the whole block over the start of freezing."""
        volume = float(np.prod(self.medium.grid.spacing_kji_mm)) * 1e-9
        celsius = inner(self.above).astype(np.float64) + self._freezing.from_celsius
        return float(self._freezing.heat_content(celsius).sum() * volume)

    def _step(self, step_s: float, shafts: Sequence[Shaft], goals: Sequence[float]) -> None:
        """One long step of everything, short ones around ice and shafts."""
        block = self._block_around(shafts)
        box = self._box = self._wide_box(block)
        if box is None:
            return
        long_step(self.above, self._other, self._coldest, self._warm, self._law.rest, np.float32(step_s), np.array(box))
        self.voxel_steps += box_voxels(box)
        if block is not None:
            self._lowest = min([self._lowest, *goals])
            steps = short_steps(step_s, self._stable.largest_s(self._lowest))
            pull = pull_of(shafts, goals, float(steps.seconds), block.box)
            self._ice = block.advance(self.above, self._other, self._coldest, self._warm, self._law, steps, pull,
                                      self._cold)  # fmt: skip
            self.voxel_steps += (steps.groups * steps.per_group - 1) * box_voxels(block.box)
        self.above, self._other = self._other, self.above

    @property
    def _cold(self) -> np.float32:
        """Degrees under rest from which tissue takes short steps."""
        return np.float32(self._law.rest - ICE_MARGIN_CELSIUS)

    def _block_around(self, shafts: Sequence[Shaft]) -> IcyBlock | None:
        """Box with what is frozen, near to it, or held by a shaft; None where nothing is."""
        boxes = [*([self._ice] if self._ice is not None else []), *(shaft.box for shaft in shafts)]
        if not boxes:
            self._block = None
            return None
        shape = self.above.shape
        wanted = grown(reduce(union, boxes), ICE_MARGIN_VOXELS, shape)
        roomy = grown(wanted, SPARE_VOXELS, shape)
        block = self._block
        if (
            block is None
            or union(block.box, wanted) != block.box
            or box_voxels(block.box) > LARGEST_SPARE * box_voxels(roomy)
        ):
            self._block = IcyBlock(roomy, self._tissue)
        return self._block

    def _wide_box(self, block: IcyBlock | None) -> Box | None:
        """Planes and rows that heat or cold has reached, with those that it reaches until the next look."""
        box = self._box
        if self._until_look == 0:
            self._until_look = STEPS_PER_LOOK
            if box is not None:
                box = widened(box, self.above, float(self._law.rest), AT_REST_CELSIUS, STEPS_PER_LOOK)
            if block is not None:
                self._lowest = float(self.above[block.inside].min())
        self._until_look -= 1
        if block is None:
            return box
        reached = grown(block.box, STEPS_PER_LOOK + 1, self.above.shape)
        return reached if box is None else union(box, reached)

    def _find_boxes(self) -> None:
        """What is not at rest with what it reaches until the next look, what is near to freezing, and the coldest."""
        whole = np.array(whole_box(self.above.shape))
        active = bounding_box(self.above, self._law.rest, np.float32(AT_REST_CELSIUS), whole)
        cold = bounding_box(self.above, self._law.rest, self._cold, whole)
        self._box = grown(active, STEPS_PER_LOOK + 1, self.above.shape) if active[1] else None
        self._ice = as_box(cold)
        self._lowest = float(self.above.min())
        self._until_look = STEPS_PER_LOOK
        self._boxes_known = True
