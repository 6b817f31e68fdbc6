"""What the parts of a review share: the plan as it is stored, its what-if, the views, and what the page is told."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.review.draft import Draft
from BoneAblationPlannerLib.review.folder import PlanFolder, Version
from BoneAblationPlannerLib.review.following import Following
from BoneAblationPlannerLib.review.overlays import Overlays
from BoneAblationPlannerLib.review.telling import Telling
from BoneAblationPlannerLib.review.windows import Windows
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes

LOG = logging.getLogger("bone-ablation-planner")


class Tasks:
    """Coroutines that run beside each other; `failed` is told of one that does not end well."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a coroutine."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error)


@dataclass(eq=False)
class Session:
    """One review. `stored` is the plan of `version`; the hashes are those of its files when they were read."""

    folder: PlanFolder
    version: Version
    stored: Plan
    plan_sha256: str
    scene: Any
    nodes: PlanNodes
    draft: Draft
    overlays: Overlays
    windows: Windows
    telling: Telling
    following: Following
    tasks: Tasks
    scene_sha256: str = field(default="")

    def need_what_if(self) -> None:
        """Refuse, as long as needles cannot be moved yet."""
        if self.following.measuring is None:
            raise InputError("the anatomy is still being read; expected a moment's patience")


def told(action: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the reviewer in one line why something he asked for could not be done; for methods of what has a session."""

    @wraps(action)
    def run(self: Any, *arguments: Any) -> Any:
        telling: Telling = self.session.telling
        try:
            return action(self, *arguments)
        except InputError as error:
            telling.say("error", str(error))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            LOG.debug("refused: %s", error)
            telling.say("error", "That value cannot be used.")
        return None

    return run
