"""Picture planes: geometry from first principles, for every needle direction."""

import numpy as np
import pytest

from BoneAblationPlannerLib.views import planes

DIRECTIONS = [
    (0, 1, 0),
    (0, -1, 0),
    (1, 0, 0),
    (-1, 0, 0),
    (0, 0, 1),
    (0, 0, -1),
    (0.2, 0.9, -0.3),
    (-0.7, 0.1, 0.7),
    (1e-9, 0, 1),
]
CENTRE = np.array([3.0, -4.0, 5.0])


def assert_square(plane):
    """Right and up are perpendicular unit vectors."""
    assert np.linalg.norm(plane.right) == pytest.approx(1.0)
    assert np.linalg.norm(plane.up) == pytest.approx(1.0)
    assert plane.right @ plane.up == pytest.approx(0.0, abs=1e-12)


def test_standard_planes_follow_the_radiological_convention():
    shown = {
        make.__name__: (planes.letter(-make(CENTRE).right), planes.letter(make(CENTRE).up))
        for make in (planes.axial, planes.coronal, planes.sagittal)
    }
    assert shown == {"axial": ("R", "A"), "coronal": ("R", "S"), "sagittal": ("A", "S")}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("make", [planes.along_needle, planes.across_needle])
def test_both_needle_planes_hold_the_needle(make, direction):
    plane = make(CENTRE, direction)
    assert_square(plane)
    far = CENTRE + 100 * np.array(direction)
    assert plane.to_plane([CENTRE, far])[:, 2] == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_needle_planes_are_perpendicular(direction):
    first, second = planes.along_needle(CENTRE, direction), planes.across_needle(CENTRE, direction)
    assert first.normal @ second.normal == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_along_needle_is_the_plane_nearest_to_axial(direction):
    """No other plane through the needle has a normal nearer to S."""
    d = np.array(direction) / np.linalg.norm(direction)
    best = abs(planes.along_needle(CENTRE, d).normal[2])
    helper = np.eye(3)[np.argmin(np.abs(d))]
    u = np.cross(d, helper) / np.linalg.norm(np.cross(d, helper))
    v = np.cross(d, u)
    angles = np.linspace(0, np.pi, 181)
    others = np.abs(np.cos(angles) * u[2] + np.sin(angles) * v[2])
    assert best >= others.max() - 1e-3 or best == pytest.approx(others.max(), abs=1e-3)


@pytest.mark.parametrize(
    ("direction", "right", "up"),
    [
        ((0, 1, 0), "R", "S"),  # the operator stands behind the patient
        ((0, -1, 0), "L", "S"),  # in front
        ((1, 0, 0), "P", "S"),  # on the patient's left, looking right
        ((0, 0, 1), "L", "A"),  # at the feet, as in an axial picture
        ((0, 0, -1), "R", "A"),  # at the head
    ],
)
def test_down_the_barrel_is_what_the_operator_sees(direction, right, up):
    plane = planes.down_the_barrel(CENTRE, direction)
    assert (planes.letter(plane.right), planes.letter(plane.up)) == (right, up)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_down_the_barrel_is_perpendicular_to_the_needle(direction):
    plane = planes.down_the_barrel(CENTRE, direction)
    assert_square(plane)
    assert [plane.right @ direction, plane.up @ direction] == pytest.approx([0, 0], abs=1e-9)


def test_needle_in_the_axial_plane_gives_the_axial_picture():
    plane = planes.along_needle(CENTRE, (0.3, 1.0, 0.0))
    np.testing.assert_allclose(plane.right, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(plane.up, [0, 1, 0], atol=1e-12)


def test_letters_name_the_strongest_direction_first():
    assert planes.letter([0.1, 0, 0.9]) == "S"
    assert planes.letter([-0.8, 0.6, 0]) == "LA"
    assert planes.letter([0, -0.5, -0.85]) == "IP"
