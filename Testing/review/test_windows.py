"""The page's four views, without a page."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from BoneAblationPlannerLib.review.windows import Windows
from BoneAblationPlannerLib.scene.runtime import new_scene


class _State(dict):
    """The state of a server, as far as views use it."""

    __getattr__ = dict.get


def finish(work):
    """Run a coroutine in a thread of its own: the tests' browser may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.mark.rendering
def test_the_3d_view_keeps_its_zoom_while_needles_move(can_draw):
    async def zooms():
        windows = Windows(new_scene(), SimpleNamespace(state=_State(), controller=MagicMock()))
        windows.standard((10.0, 20.0, 30.0), (0.0, 1.0, 0.0), reach_mm=80.0)
        camera = windows.volume.get_camera_node()
        camera.SetParallelScale(70.0)  # as the mouse does
        found = []
        for in_a_hurry in (True, False):
            windows.hurry(in_a_hurry)
            windows.volume.render_window().Render()
            found.append(camera.GetParallelScale())
        for adapter in windows.adapters():
            await adapter.close()
        windows.close()
        return found

    assert finish(zooms()) == pytest.approx([70.0, 70.0])
