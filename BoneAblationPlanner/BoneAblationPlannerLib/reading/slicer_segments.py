"""Segments of a segmentation as Slicer writes it (.seg.nrrd): names, coded meanings and layers."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.coded_names import slicer_meanings, spoken_name
from BoneAblationPlannerLib.anatomy.stacked_labels import LabelStack
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.segment_tags import GIVEN, ORIGIN_TAG, ROLE_TAG, TERMINOLOGY_TAG


@dataclass(frozen=True)
class FileSegment:
    """A segment by its layer and its value there; `meanings` are those of its terminology.

    `derived` where a plan says that the planner itself found or made it.
    """

    layer: int
    value: int
    name: str
    meanings: tuple[str, ...]
    derived: bool


def described_segments(image: sitk.Image, file: str) -> tuple[list[FileSegment], list[str]]:
    """The segments that an image describes, and notes on those that no person gave; none where it is a plain map.

    Raises
    ------
    InputError
        If a description is damaged, or all segments are what a plan found or made itself.
    """
    described = _described(image, file)
    left_out = [segment.name for segment in described if segment.derived]
    if not left_out:
        return described, []
    if len(left_out) == len(described):
        raise InputError(f"{file}: holds only what a plan found or made itself; expected outlines of organs")
    return described, [
        "segments of a plan that the planner itself found or made are no anatomy that was given: left out "
        + ", ".join(left_out)
    ]


def combined(
    layers: NDArray[np.integer], segments: list[FileSegment], file: str, table: StructureTable | None = None
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None, dict[int, str], list[str]]:
    """Labels (k, j, i), what they hide, names by value and notes of one layer (k, j, i) or several (k, j, i, n).

    Only what persons gave is taken. Values of a single layer that are not described stay without a name.
    """
    layers = layers.reshape(*layers.shape[:3], -1)
    several = layers.shape[-1] > 1
    if not segments:
        if several:
            raise InputError(f"{file}: {layers.shape[-1]} values per voxel without a description of segments; "
                             "expected one label")  # fmt: skip
        return layers[..., 0], None, {}, []
    names: dict[int, dict[int, str]] = defaultdict(dict)
    numbers: dict[int, dict[int, int]] = defaultdict(dict)
    for number, segment in enumerate(segments, start=1):
        if segment.derived:
            continue
        if segment.layer >= layers.shape[-1]:
            raise InputError(f"{file}: segment {segment.name!r} in layer {segment.layer}; expected a layer below "
                             f"{layers.shape[-1]}")  # fmt: skip
        names[segment.layer][segment.value] = spoken_name(segment.name, segment.meanings, table)
        numbers[segment.layer][segment.value] = number if several else segment.value
    if not several:
        known = {0, *(segment.value for segment in segments)}
        unnamed = [int(value) for value in np.unique(layers) if value not in known]
        names[0] |= {value: f"label {value}" for value in unnamed}
        numbers[0] |= {value: value for value in unnamed}
    stack = LabelStack(layers.shape[:3], table)
    for layer in sorted(names):
        stack.add(layers[..., layer], names[layer], numbers[layer])
    return stack.labels, stack.beneath, stack.names, stack.notes


def _described(image: sitk.Image, file: str) -> list[FileSegment]:
    keys = image.GetMetaDataKeys()
    indices = sorted(int(found[1]) for key in keys if (found := re.fullmatch(r"Segment(\d+)_Name", key)))

    def entry(index: int, what: str, default: str) -> str:
        key = f"Segment{index}_{what}"
        return image.GetMetaData(key).strip() if key in keys else default

    segments = []
    for n in indices:
        tags = _tags(entry(n, "Tags", ""))
        try:
            layer, value = int(entry(n, "Layer", "0")), int(entry(n, "LabelValue", str(n + 1)))
        except ValueError as error:
            raise InputError(f"{file}: segment {n}: {error}; expected whole-number layer and label value") from error
        meanings = slicer_meanings(tags.get(TERMINOLOGY_TAG, ""))
        derived = ROLE_TAG in tags and tags.get(ORIGIN_TAG) != GIVEN
        segments.append(FileSegment(layer, value, entry(n, "Name", f"segment {n + 1}"), meanings, derived))
    return segments


def _tags(text: str) -> dict[str, str]:
    """Tags of a segment, ``name:value|...``."""
    return dict(item.split(":", 1) for item in text.split("|") if ":" in item)
