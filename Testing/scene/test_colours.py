"""Colours that lie side by side in the slices can be told apart with every kind of colour vision.

Colour blindness as simulated by Machado, Oliveira and Fernandes 2009 (doi:10.1109/TVCG.2009.113), full severity, in
linear RGB; differences in CIELAB (CIE 1976), where about 2.3 is just noticeable.
"""

from itertools import combinations

import numpy as np
import pytest

from BoneAblationPlannerLib.scene.colours import KIND_COLOURS, ROLE_COLOURS, margin_table

VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ_OF_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ_OF_RGB.sum(axis=1)
CLEAR = 10.0
"""More than four times what is just noticeable."""
OUTLINED = ("lesion", "target", "zone", "zone-visible", "remainder", "cement")
NEAR_THE_LESION = ("nerve", "vessel", "bowel", "bladder", "ureter")


def lab(rgb, vision):
    rgb = np.asarray(rgb, dtype=float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(VISION[vision]), 0, 1)
    t = seen @ XYZ_OF_RGB.T / WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


@pytest.mark.parametrize("vision", VISION)
def test_outlines_differ(vision):
    for a, b in combinations(OUTLINED, 2):
        difference = np.linalg.norm(lab(ROLE_COLOURS[a], vision) - lab(ROLE_COLOURS[b], vision))
        assert difference > CLEAR, (a, b, difference)


@pytest.mark.parametrize("vision", VISION)
def test_structures_differ(vision):
    for a, b in combinations(NEAR_THE_LESION, 2):
        difference = np.linalg.norm(lab(KIND_COLOURS[a], vision) - lab(KIND_COLOURS[b], vision))
        assert difference > CLEAR, (a, b, difference)


@pytest.mark.parametrize("vision", VISION)
def test_a_margin_is_told_from_its_opposite(vision):
    table = lab(margin_table(), vision)
    apart = np.linalg.norm(table - table[::-1], axis=1)
    assert apart[: len(table) // 4].min() > 3 * CLEAR  # beyond 5 mm either way
