"""Parts of a mask that hang together over the faces of voxels, in large scans.

A row's voxels of a part are one run along i, and there are far fewer runs than voxels: runs are found on all cores,
joined with those that touch them in the rows before (union by the smallest; He, Chao and Suzuki, A run-based two-scan
labeling algorithm, 2008), and only what is asked for is written out again, voxel by voxel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange


@dataclass(frozen=True, eq=False)
class Components:
    """Parts of a mask (k, j, i), numbered from 1 by their first voxel; 0 is what belongs to none.

    Parameters
    ----------
    shape : tuple of int
        Of the mask.
    rows : (nk * nj + 1,) int64
        The first run of each row, in order; the last entry is the number of runs.
    begins, ends : (R,) int32
        The run's first voxel along i, and the one after its last.
    numbers : (R,) int32
        The part that each run belongs to.
    count : int
        Number of parts.
    """

    shape: tuple[int, int, int]
    rows: NDArray[np.int64]
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    numbers: NDArray[np.int32]
    count: int

    def voxels(self) -> NDArray[np.int64]:
        """Number of voxels (count + 1,) of each part; 0 for what belongs to none."""
        sizes = np.bincount(self.numbers, self.ends - self.begins, self.count + 1)
        return np.asarray(np.rint(sizes), dtype=np.int64)

    def mask(self, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Voxels (k, j, i) of the parts for which `kept` (count + 1,) holds."""
        found = np.zeros(self.shape, dtype=bool)
        _write(found, self.rows, self.begins, self.ends, kept[self.numbers])
        return found

    def labels(self) -> NDArray[np.int32]:
        """Each voxel's part (k, j, i), 0 where it belongs to none."""
        found = np.zeros(self.shape, dtype=np.int32)
        _write(found, self.rows, self.begins, self.ends, self.numbers)
        return found

    def at_sides(self) -> NDArray[np.bool_]:
        """Which parts (count + 1,) reach a face of the grid across j or i."""
        rows_of_slice = self.shape[1]
        j = np.repeat(np.arange(len(self.rows) - 1) % rows_of_slice, np.diff(self.rows))
        outermost = (self.begins == 0) | (self.ends == self.shape[2]) | (j == 0) | (j == rows_of_slice - 1)
        return self._parts_of(outermost)

    def at_ends(self) -> NDArray[np.bool_]:
        """Which parts (count + 1,) reach the first or the last slice along k."""
        outermost = np.ones(len(self.numbers), dtype=bool)
        outermost[self.rows[self.shape[1]] : self.rows[-1 - self.shape[1]]] = False
        return self._parts_of(outermost)

    def _parts_of(self, runs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        parts = np.zeros(self.count + 1, dtype=bool)
        parts[self.numbers[runs]] = True
        return parts


def find_components(mask: NDArray[np.bool_], across_slices: bool = True) -> Components:
    """The parts of a mask (k, j, i) with at least one voxel along each axis.

    Parameters
    ----------
    across_slices : bool
        Whether voxels hang together along k; else each slice has parts of its own.
    """
    voxels = np.ascontiguousarray(mask).view(np.uint8)
    rows = np.zeros(mask.shape[0] * mask.shape[1] + 1, dtype=np.int64)
    _count_runs(voxels, rows[1:])
    np.cumsum(rows, out=rows)
    begins, ends = np.empty(rows[-1], dtype=np.int32), np.empty(rows[-1], dtype=np.int32)
    _find_runs(voxels, rows, begins, ends)
    parents = np.arange(rows[-1], dtype=np.int32)
    _join_in_slices(rows, mask.shape[1], begins, ends, parents)
    if across_slices:
        _join_slices(rows, mask.shape[1], begins, ends, parents)
    count = _number(parents)
    nk, nj, ni = mask.shape
    return Components((nk, nj, ni), rows, begins, ends, parents, count)


@parallel_kernel
def _count_runs(mask, counts):  # type: ignore[no-untyped-def]
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            row = mask[k, j]
            count = np.int32(row[0])
            for i in range(ni - 1):
                count += row[i + 1] & (row[i] ^ 1)
            counts[k * nj + j] = count


@parallel_kernel
def _find_runs(mask, rows, begins, ends):  # type: ignore[no-untyped-def]
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            row, at = mask[k, j], rows[k * nj + j]
            if rows[k * nj + j + 1] == at:
                continue
            before = 0
            for i in range(ni):
                if row[i] != before:
                    if before == 0:
                        begins[at] = i
                    else:
                        ends[at] = i
                        at += 1
                    before = row[i]
            if before:
                ends[at] = ni


@kernel
def _root(parents, run):  # type: ignore[no-untyped-def]
    """The first run of the part so far; the way there is shortened."""
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@kernel
def _join_rows(row, other, rows, begins, ends, parents):  # type: ignore[no-untyped-def]
    """Join the runs of two rows that face each other."""
    a, b = rows[row], rows[other]
    while a < rows[row + 1] and b < rows[other + 1]:
        if begins[a] < ends[b] and begins[b] < ends[a]:
            one, two = _root(parents, a), _root(parents, b)
            if one < two:
                parents[two] = one
            else:
                parents[one] = two
        if ends[a] < ends[b]:
            a += 1
        else:
            b += 1


@parallel_kernel
def _join_in_slices(rows, nj, begins, ends, parents):  # type: ignore[no-untyped-def]
    for k in prange((len(rows) - 1) // nj):
        for row in range(k * nj + 1, k * nj + nj):
            _join_rows(row, row - 1, rows, begins, ends, parents)


@kernel
def _join_slices(rows, nj, begins, ends, parents):  # type: ignore[no-untyped-def]
    for row in range(nj, len(rows) - 1):
        _join_rows(row, row - nj, rows, begins, ends, parents)


@kernel
def _number(parents):  # type: ignore[no-untyped-def]
    """Replace each run's parent by the number of its part; the number of parts. A parent is never a later run."""
    count = 0
    for run in range(len(parents)):
        if parents[run] == run:
            count += 1
            parents[run] = count
        else:
            parents[run] = parents[parents[run]]
    return count


@parallel_kernel
def _write(found, rows, begins, ends, values):  # type: ignore[no-untyped-def]
    nk, nj, _ = found.shape
    for k in prange(nk):
        for j in range(nj):
            for run in range(rows[k * nj + j], rows[k * nj + j + 1]):
                found[k, j, begins[run] : ends[run]] = values[run]
