"""The what-if: needles and margin as the reviewer has them now, with undo. Holds no node and measures nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from BoneAblationPlannerLib.devices.catalogue import Device, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Point
from BoneAblationPlannerLib.reevaluation import find_program, placement

LARGEST_MARGIN_MM = 30.0
LONGEST_MOVE_MM = 1000.0
_STEPS_KEPT = 200


@dataclass(frozen=True)
class Proposal:
    """One state of the what-if."""

    placements: tuple[Placement, ...]
    margin_mm: float


class Draft:
    """The stored plan's needles, and every change since."""

    def __init__(self, placements: Sequence[Placement], margin_mm: float, devices: tuple[Device, ...]) -> None:
        self.stored = Proposal(tuple(placements), margin_mm)
        self.now = self.stored
        self.devices = devices
        self._step_begins = True
        self._undo: list[Proposal] = []
        self._redo: list[Proposal] = []

    @property
    def changed(self) -> bool:
        """Whether anything differs from the stored plan."""
        return self.now != self.stored

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to make again."""
        return bool(self._redo)

    def move(self, number: int, entry_ras_mm: Point, tip_ras_mm: Point) -> None:
        """Put a needle elsewhere; raises InputError for a needle that does not exist or has no length."""
        old = self._placement(number)
        new = placement(old.name, old.device.id, old.program.id, entry_ras_mm, tip_ras_mm, self.devices)
        if not all(abs(c) < LONGEST_MOVE_MM * 10 for c in (*new.entry_ras_mm, *new.tip_ras_mm)):
            raise InputError(f"{old.name}: moved out of any scan; expected points in mm")
        self._replace(number, new)

    def set_device(self, number: int, device_id: str, program_id: str | None) -> None:
        """Take another device or program; a device's first program where the one asked for is not its own."""
        old = self._placement(number)
        device = find_device(device_id, self.devices)
        known = {p.id for p in device.programs}
        program = find_program(device, program_id if program_id in known else device.programs[0].id)
        self._replace(number, replace(old, device=device, program=program))

    def set_margin(self, margin_mm: float) -> None:
        """Ask for another margin around the lesion."""
        if not 0 <= margin_mm <= LARGEST_MARGIN_MM:
            raise InputError(f"margin: {margin_mm:g} mm; expected 0 to {LARGEST_MARGIN_MM:g}")
        self._change(replace(self.now, margin_mm=margin_mm))

    def begin(self) -> None:
        """The next changes, until this is called again, count as one step of undo."""
        self._step_begins = True

    def undo(self) -> None:
        """Take the last step back."""
        if self._undo:
            self._redo.append(self.now)
            self.now = self._undo.pop()

    def redo(self) -> None:
        """Make the step again that was taken back."""
        if self._redo:
            self._undo.append(self.now)
            self.now = self._redo.pop()

    def discard(self) -> None:
        """Back to the stored plan; can be undone."""
        self.begin()
        self._change(self.stored)

    def keep_as_stored(self, saved: Proposal) -> None:
        """A state was saved: later changes are compared with it."""
        self.now = self.stored = saved
        self._undo, self._redo = [], []

    def _placement(self, number: int) -> Placement:
        if not 0 <= number < len(self.now.placements):
            raise InputError(f"needle {number + 1}: no such needle; the plan has {len(self.now.placements)}")
        return self.now.placements[number]

    def _replace(self, number: int, new: Placement) -> None:
        every = self.now.placements
        self._change(replace(self.now, placements=(*every[:number], new, *every[number + 1 :])))

    def _change(self, new: Proposal) -> None:
        if new == self.now:
            return
        if self._step_begins or not self._undo:
            self._undo = [*self._undo[-_STEPS_KEPT:], self.now]
        self._step_begins, self._redo = False, []
        self.now = new
