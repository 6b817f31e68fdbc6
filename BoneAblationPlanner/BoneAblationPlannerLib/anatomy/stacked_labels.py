"""Structures that overlap, in one map of labels: the more critical one is shown, the other is kept beneath it."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.structure_table import IS_BONE, StructureTable, builtin_table
from BoneAblationPlannerLib.regions import Region, bounding_region
from BoneAblationPlannerLib.zones.heat.inserted import limits_no_path

_PAIRS_NAMED = 4
_MOST = np.iinfo(np.uint16).max + 1
_IGNORED, _INSERTED, _BONE, _CRITICAL = 0.0, 1.0, 2.0, 3.0


def weight(name: str, table: StructureTable | None = None) -> float:
    """How much a structure counts where it overlaps another; of two that count as much the smaller one stays.

    What is ignored (muscle, planning targets, pathology) never takes voxels of anything else. Fluid and gas that were
    put in come next, then bones and unknown structures, then critical ones by the distances that are kept from them.
    """
    table = table or builtin_table()
    if limits_no_path(name):
        return _INSERTED
    ignored = table.ignored_reason(name)
    if ignored is not None:
        return _BONE if ignored == IS_BONE else _IGNORED
    kind = table.kind_of(name) or "other"
    rule = table.kinds[kind]
    return _BONE if kind == "other" else _CRITICAL + rule.zone_mm + rule.shaft_mm / 1000


def is_kept_clear_of(name: str, table: StructureTable | None = None) -> bool:
    """Whether needle or zone stay away from a structure: it is neither ignored, nor bone, nor put in."""
    table = table or builtin_table()
    return not limits_no_path(name) and table.ignored_reason(name) is None


class LabelStack:
    """Collects label arrays of one grid (k, j, i), of which later ones may overlap earlier ones.

    `labels` (k, j, i) shows what counts most; `beneath`, None where there is none, structures to keep clear of that it
    hides (of three in one voxel only two).
    """

    def __init__(self, shape: tuple[int, int, int], table: StructureTable | None = None) -> None:
        self.labels: NDArray[np.uint16] = np.zeros(shape, dtype=np.uint16)
        self.beneath: NDArray[np.uint16] | None = None
        self._table = table or builtin_table()
        self._names: dict[int, str] = {}
        self._weights = np.full(_MOST, -1.0)
        self._sizes = np.zeros(_MOST, dtype=np.int64)
        self._kept = np.zeros(_MOST, dtype=np.int64)
        self._shared: Counter[tuple[int, int]] = Counter()

    def add(self, labels: NDArray, names: Mapping[int, str], numbers: Mapping[int, int] | None = None) -> None:
        """Lay labels (k, j, i) over what is there.

        Parameters
        ----------
        labels : (k, j, i) of integers or bool
        names : mapping
            From the values that count to their names; voxels of other values are left out.
        numbers : mapping, optional
            From the values to their numbers in the result; the next free ones where absent.
        """
        if numbers is None:
            first = 1 + max(self._names, default=0)
            numbers = {value: first + n for n, value in enumerate(names)}
        for value, name in names.items():
            self._names[numbers[value]] = name
            self._weights[numbers[value]] = weight(name, self._table)
        region = bounding_region(labels != 0)
        if region is None:
            return
        below, above = self.labels[region], _renumbered(labels[region], numbers)
        count = label_counts(above)
        count[0] = 0
        self._sizes[: len(count)] += count
        self._kept[: len(count)] += count
        both = (below != 0) & (above != 0)
        old, new = below[both], above[both]
        np.copyto(below, above, where=above != 0)
        if len(old):
            kept = self._resolved(old, new)
            below[both] = kept
            self._keep_beneath(region, both, np.where(kept == old, new, old))

    def _resolved(self, old: NDArray[np.uint16], new: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Which of two is kept, for voxels (N,) that both claim."""
        pairs, place, voxels = np.unique(old.astype(np.int64) << 16 | new, return_inverse=True, return_counts=True)
        kept = np.zeros(len(pairs), dtype=np.uint16)
        for n, pair in enumerate(pairs.tolist()):
            below, above = pair >> 16, pair & 0xFFFF
            self._shared[below, above] += int(voxels[n])
            kept[n] = above if self._key(above) >= self._key(below) else below
            self._kept[below + above - int(kept[n])] -= voxels[n]
        return kept[place]

    def _keep_beneath(self, region: Region, both: NDArray[np.bool_], lost: NDArray[np.uint16]) -> None:
        """Remember what lies under others, of several the one that counts most; what is ignored, and bone, is lost."""
        numbers = np.unique(lost)
        clear = [n for n in numbers.tolist() if is_kept_clear_of(self._names[n], self._table)]
        if not clear:
            return
        if self.beneath is None:
            self.beneath = np.zeros_like(self.labels)
        before = self.beneath[region][both]
        order = sorted({*clear, *np.unique(before[before > 0]).tolist()}, key=self._key)
        rank = np.zeros(_MOST, dtype=np.int64)
        rank[order] = np.arange(1, len(order) + 1)
        self.beneath[region][both] = np.where(rank[lost] > rank[before], lost, before)

    @property
    def names(self) -> dict[int, str]:
        """Names of the numbers that have voxels."""
        hidden = [] if self.beneath is None else np.flatnonzero(label_counts(self.beneath)).tolist()
        return {n: name for n, name in self._names.items() if self._kept[n] or n in hidden}

    @property
    def notes(self) -> list[str]:
        """Which structures overlap and which of two was kept, the largest overlaps first; and what vanished."""
        if not self._shared:
            return []
        pairs = sorted(self._shared.items(), key=lambda row: -row[1])
        told = [self._told(*pair, voxels) for pair, voxels in pairs[:_PAIRS_NAMED]]
        more = [f"{len(pairs) - len(told)} more pairs"] if len(pairs) > len(told) else []
        notes = [f"structures overlap: {'; '.join([*told, *more])}"]
        left = self.names
        gone = [name for n, name in self._names.items() if self._sizes[n] and n not in left]
        if gone:
            notes.append(f"nothing is left of what lies wholly under others: {', '.join(gone)}")
        return notes

    def _told(self, one: int, other: int, voxels: int) -> str:
        kept = one if self._key(one) > self._key(other) else other
        names = self._names[one], self._names[other]
        below = self._names[one + other - kept]
        how = "each keeps its voxels" if is_kept_clear_of(below, self._table) else f"kept as {self._names[kept]}"
        return f"{names[0]} and {names[1]} in {voxels} voxels, {how}"

    def _key(self, number: int) -> tuple[float, int]:
        return float(self._weights[number]), -int(self._sizes[number])


def label_counts(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Voxels of each value of a label map (k, j, i) of whole numbers from 0, by value; by slices, to save memory."""
    counts = np.zeros(1, dtype=np.int64)
    for plane in labels:
        found = np.bincount(plane.ravel(), minlength=len(counts))
        found[: len(counts)] += counts
        counts = found
    return counts


def _renumbered(labels: NDArray, numbers: Mapping[int, int]) -> NDArray[np.uint16]:
    """Labels that are keys of `numbers` replaced by their values, all others by 0."""
    highest = max([int(labels.max(initial=0)), *numbers])
    table = np.zeros(highest + 1, dtype=np.uint16)
    for value, number in numbers.items():
        table[value] = number
    return table[labels.astype(np.uint8) if labels.dtype == bool else labels]
