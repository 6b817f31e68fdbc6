"""What a review leaves on disk: new versions of the plan, and decisions on record."""

import asyncio
from dataclasses import replace

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.evaluation import software_version
from BoneAblationPlannerLib.review.approvals import decide
from BoneAblationPlannerLib.review.clearances import needs_reason
from BoneAblationPlannerLib.review.draft import Proposal
from BoneAblationPlannerLib.review.folder import Version, sha256_of
from BoneAblationPlannerLib.review.pairing import save_scene
from BoneAblationPlannerLib.review.session import Session, told


class Keeping:
    """The record's part of the page; every method in `ACTIONS` can be asked for by it."""

    ACTIONS = "save_version decide"

    def __init__(self, session: Session) -> None:
        self.session = session

    @told
    def save_version(self) -> None:
        """Write the what-if as the next version of the plan."""
        self.session.need_what_if()
        if not self.session.draft.changed:
            raise InputError("there is nothing new to save")
        self.session.tasks.start(self._save_version())

    @told
    def decide(self, decision: str, name: str, reason: str) -> None:
        """Approve or reject the plan that is shown, on record."""
        session = self.session
        if session.draft.changed:
            raise InputError("the plan on the page was changed: save it as a version or discard the changes first")
        if sha256_of(session.version.plan) != session.plan_sha256:
            raise InputError(f"{session.version.name}: was changed on disk since it was opened; open the review again")
        if not session.scene_sha256:
            raise InputError("the scene is still being read; expected a moment's patience")
        made = decide(
            session.folder.path,
            str(decision),
            name,
            reason,
            reason_needed=needs_reason(session.stored),
            plan=session.version.name,
            plan_sha256=session.plan_sha256,
            scene_sha256=session.scene_sha256,
            software=f"BoneAblationPlanner {software_version()}",
        )
        session.telling.record(session.folder.path, session.plan_sha256)
        session.telling.say("ok", f"{session.version.name} {made.decision} by {made.name}, on record.")

    async def _save_version(self) -> None:
        session, proposal = self.session, self.session.draft.now
        measuring, state, pool = session.following.measuring, session.telling.state, session.following.pool
        if measuring is None:
            return
        with state:
            state.busy = "Measuring the new version"
        try:
            result = await asyncio.get_running_loop().run_in_executor(pool, measuring.result, proposal)
            source = {"edited_from": session.version.name, "edited_from_sha256": session.plan_sha256}
            plan = replace(result.plan, parameters={**result.plan.parameters, **source})
            with state:
                state.busy = "Writing plan and scene"
            await asyncio.sleep(0.1)  # the page shows what happens before the scene is built
            version = session.folder.add(plan, lambda path: save_scene(replace(result, plan=plan), path))
            with state:
                self._keep(version, proposal)
        except InputError as error:
            with state:
                session.telling.say("error", str(error))
        finally:
            with state:
                state.busy = ""

    def _keep(self, version: Version, proposal: Proposal) -> None:
        """Go on with the version that was saved as the stored plan."""
        session = self.session
        session.version, session.stored = version, session.folder.read(version)
        session.plan_sha256, session.scene_sha256 = sha256_of(version.plan), sha256_of(version.scene)
        session.draft.keep_as_stored(proposal)
        session.following.compare_with(session.stored)
        session.telling.state.stored_name = version.name
        session.telling.draft(session.draft)
        session.telling.record(session.folder.path, session.plan_sha256)
        session.telling.say("ok", f"Saved as {version.name}; the older versions are as they were.")
