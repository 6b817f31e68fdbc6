"""Names on a picture cover neither each other nor its edge."""

from itertools import combinations

import numpy as np
import pytest

from BoneAblationPlannerLib.views.labels import free_shift, inside_shift, overlap

WIDTH, HEIGHT = 900.0, 800.0


def box(x, y, width=160.0, height=34.0):
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def placed(boxes):
    taken = []
    for one in boxes:
        dx, dy = free_shift(one, taken, WIDTH, HEIGHT)
        taken.append((one[0] + dx, one[1] + dy, one[2] + dx, one[3] + dy))
    return taken


@pytest.mark.parametrize("place", [(450.0, 400.0), (0.0, 0.0), (900.0, 800.0), (0.0, 400.0), (450.0, 805.0)])
def test_names_of_needles_on_one_track_stand_apart_and_near(place):
    found = placed([box(*place)] * 5)
    assert not any(overlap(a, b) for a, b in combinations(found, 2))
    assert all(inside_shift(one, WIDTH, HEIGHT) == (0.0, 0.0) for one in found)
    middles = np.array([((a + c) / 2, (b + d) / 2) for a, b, c, d in found])
    assert np.linalg.norm(middles - np.clip(place, (80, 17), (820, 783)), axis=1).max() < 200


def test_what_is_free_stays_where_it_is():
    assert free_shift(box(300.0, 300.0), [box(300.0, 340.0)], WIDTH, HEIGHT) == (0.0, 0.0)


def test_the_shortest_move_is_taken():
    assert free_shift(box(300.0, 300.0), [box(300.0, 310.0)], WIDTH, HEIGHT) == (0.0, -34.0)


def test_without_room_a_name_is_only_brought_inside():
    assert free_shift(box(-10.0, 300.0), [(0.0, 0.0, WIDTH, HEIGHT)], WIDTH, HEIGHT) == (90.0, 0.0)
