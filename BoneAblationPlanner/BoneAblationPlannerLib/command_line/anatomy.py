"""Options of `plan` that give anatomy to keep clear of: labels, nerve curves, models, skin without entry."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.curve_extent import outside_notes
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, distance_in_mm
from BoneAblationPlannerLib.anatomy.targets import without_targets
from BoneAblationPlannerLib.case import NerveCurve
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid


@dataclass(frozen=True, eq=False)
class ReadAnatomy:
    """What the options give, on the CT's grid, with notes on what reading changed or noticed."""

    organs: LabelMap | None
    nerves: tuple[NerveCurve, ...]
    no_entry: NDArray[np.bool_] | None
    notes: tuple[str, ...]


def add_anatomy_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--organs", type=Path, metavar="MAP", help="organ label map, .seg.nrrd, DICOM SEG or RTSTRUCT")
    parser.add_argument("--organ-names", type=Path, metavar="JSON", help='names of its labels: {"1": "spleen"}')
    parser.add_argument("--nerve", action="append", default=[], metavar="FILE.mrk.json[:RADIUS_MM]",
                        help="nerve curves drawn in Slicer and their radius, 3 mm where none is given; "
                        "may be repeated")  # fmt: skip
    parser.add_argument("--model", type=Path, action="append", default=[], metavar="FILE",
                        help="a closed surface (STL, VTK, VTP, PLY, OBJ) to keep clear of; the file's name says what "
                        "it is; may be repeated")  # fmt: skip
    parser.add_argument("--no-entry", type=Path, metavar="MASK",
                        help="painted over skin that no needle may pass: any image that --organs takes")  # fmt: skip


def check_anatomy_options(options: argparse.Namespace) -> None:
    """What can be refused before anything is read."""
    if options.organ_names and not options.organs:
        raise InputError("--organ-names: given without --organs MAP")
    for text in options.nerve:
        _file_and_radius(text)


def read_anatomy(options: argparse.Namespace, grid: Grid, table: StructureTable | None = None) -> ReadAnatomy:
    """Labels, models and painted skin on the CT's grid, and nerve curves."""
    from BoneAblationPlannerLib.reading import read_nerve_curve

    organs, notes = _labels(options.organs, options.organ_names, options, grid, table)
    organs, left_out = without_targets(organs, table)
    notes += left_out
    if options.model:
        from BoneAblationPlannerLib.scene.labels import with_masks
        from BoneAblationPlannerLib.scene.solids import read_model

        organs, found = with_masks(organs, [read_model(path, grid) for path in options.model], grid, table)
        notes += found
    painted, found = _labels(options.no_entry, None, options, grid, table)
    notes += [f"{options.no_entry.name}: {note}" for note in found]
    nerves = [
        NerveCurve(name, points, radius_mm)
        for path, radius_mm in map(_file_and_radius, options.nerve)
        for name, points in read_nerve_curve(path)
    ]
    notes += [note for nerve in nerves for note in outside_notes(nerve, grid)]
    return ReadAnatomy(organs, tuple(nerves), None if painted is None else painted.labels != 0, tuple(notes))


def _labels(
    path: Path | None, names: Path | None, options: argparse.Namespace, grid: Grid, table: StructureTable | None
) -> tuple[LabelMap | None, list[str]]:
    """A label map on the CT's grid with notes; None without a file."""
    from BoneAblationPlannerLib.reading import frame_of_reference, read_label_map

    if path is None:
        return None, []
    frame = frame_of_reference(options.ct, options.series) if path.suffix.lower() == ".dcm" else None
    return read_label_map(path, names, grid, frame, table)


def _file_and_radius(text: str) -> tuple[Path, float | None]:
    """FILE[:RADIUS_MM]; a file whose own name ends so is taken as a file."""
    name, colon, radius = text.rpartition(":")
    if not colon or not name or radius.lower().endswith(".json") or Path(text).exists():
        return Path(text), None
    return Path(name), distance_in_mm(radius, f"--nerve {text}: radius")
