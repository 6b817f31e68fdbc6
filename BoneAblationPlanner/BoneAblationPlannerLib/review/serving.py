"""Serve one review on this machine until the reviewer ends it."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.devices.catalogue import Device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from BoneAblationPlannerLib.review.folder import PlanFolder
from BoneAblationPlannerLib.review.guard import Guard

HOST = "127.0.0.1"
_LOG = logging.getLogger("bone-ablation-planner")
IDLE_S = 900
"""Without a browser for so long the review ends by itself."""
_NEEDED = "the review page needs the Slicer runtime; expected: pip install 'bone-ablation-planner[standalone]'"


def serve_review(
    directory: Path,
    devices: tuple[Device, ...],
    version: int | None = None,
    port: int = 0,
    announce: Callable[[str], None] = lambda _: None,
    report: ReportProgress = silent,
) -> None:
    """Open a version of the plan in a folder (the newest by default) and serve it until it is ended.

    Parameters
    ----------
    announce : callable
        Is given the address to open, with its key, when the page is ready.

    Raises
    ------
    InputError
        When the folder holds no such plan, the runtime or OpenGL is missing, or the port is taken.
    """
    folder = PlanFolder(directory)
    chosen = folder.version(version)
    folder.read(chosen)
    _check_port(port)
    step(report, 0.05, "starting the viewer")
    _check_runtime()
    from BoneAblationPlannerLib.scene.bundle import load_bundle
    from BoneAblationPlannerLib.views.gl import gl_available

    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(gl_available)  # another process tries, while this one reads
        step(report, 0.3, f"reading {chosen.scene.name}")
        scene = load_bundle(chosen.scene)
        available, how_to_mend = drawing.result()
    if not available:
        raise InputError(f"review: {how_to_mend}")
    step(report, 0.9, "building the views")
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(folder, chosen, scene, devices, port, announce))


async def _serve(
    folder: PlanFolder, chosen: Any, scene: Any, devices: tuple[Device, ...], port: int, announce: Callable[[str], None]
) -> None:
    from BoneAblationPlannerLib.review.application import Review

    guard = Guard(_index)
    server = _make_server(guard)
    review = Review(server, folder, chosen, scene, devices)
    ended = asyncio.Event()

    async def stop() -> None:
        ended.set()

    review.on_stop(stop)
    review.open()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_handle)
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(name, ended.set)
    task = server.start(host=HOST, port=port, open_browser=False, show_connection_info=False, disable_logging=True,
                        exec_mode="task", thread=True, timeout=0, backend="aiohttp")  # fmt: skip
    ready = asyncio.ensure_future(_ready(server))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        ready.cancel()
        raise InputError(f"--port {port}: cannot be used ({task.exception()}); expected a free port")
    for adapter in review.adapters():
        server.controller.rc_area_register(adapter)
    announce(guard.address(server.port))
    server.controller.on_exception.add(review.defect)
    review.prepare()
    await _until_over(ended, lambda: guard.occupied or review.unsaved)
    review.close()
    await server.stop()
    with suppress(asyncio.CancelledError):
        await task


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """One line for what failed beside the review; a browser that went away in the middle of a picture is none."""
    error = context.get("exception")
    if not isinstance(error, ConnectionError):
        _LOG.error("a defect in the program: %s", error or context.get("message"))


async def _ready(server: Any) -> None:
    await server.ready


async def _until_over(ended: asyncio.Event, in_use: Callable[[], bool]) -> None:
    """Wait for the end, or for a long time without anybody and with nothing unsaved."""
    alone_s = 0.0
    while not ended.is_set() and alone_s < IDLE_S:
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1.0)
        alone_s = 0.0 if in_use() else alone_s + 1.0


def _make_server(guard: Guard) -> Any:
    from trame.app import get_server
    from trame_rca import module as streaming

    from BoneAblationPlannerLib.review import page

    os.environ["WSLINK_READY_MSG"] = ""
    logging.getLogger("wslink").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    server = get_server("bone-plan-review", client_type="vue3")
    server.cli.set_defaults(authKey=guard.key, host=HOST)
    server.enable_module(streaming)
    server.enable_module(page.module())
    server.state["trame__template_main"] = page.template()
    server.state["trame__template_error"] = page.closed_template()
    server.controller.on_server_bind.add(lambda web: web.app.middlewares.append(guard.middleware()))
    return server


def _index() -> str:
    from trame_client.module.vue3 import www

    from BoneAblationPlannerLib.review import page

    return page.index(Path(www))


def _check_port(port: int) -> None:
    """Refuse a port that is taken before anything is read."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"--port {port}: {reason}; expected a free port, or none to have one chosen") from None


def _check_runtime() -> None:
    missing = [name for name in ("slicer", "trame", "trame_slicer", "trame_rca") if find_spec(name) is None]
    if missing:
        raise InputError(f"{_NEEDED} ({', '.join(missing)} missing)")
