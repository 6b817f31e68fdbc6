"""What the page is told: the one place that writes the state which the template reads."""

from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.review import rows
from BoneAblationPlannerLib.review.approvals import read_record
from BoneAblationPlannerLib.review.cement import cement_rows
from BoneAblationPlannerLib.review.clearances import clearance_rows, needs_reason, unmeasured_needles
from BoneAblationPlannerLib.review.draft import Draft
from BoneAblationPlannerLib.review.heat import heat_rows
from BoneAblationPlannerLib.review.windows import SLICES, Windows


class Telling:
    """Writes to the state of the page's server; `with telling.state` sends at its end."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def say(self, kind: str, text: str) -> None:
        """A line at the bottom of the page, ``ok`` or ``error``."""
        self.state.notice = {"kind": kind, "text": text}

    def plan(self, now: Plan, stored: Plan, by_chart: Plan | None = None) -> None:
        """Everything about a plan, compared with the stored one.

        `by_chart` is the stored one measured by the charts, if it was simulated: like is compared with like.
        """
        state = self.state
        moved = by_chart is not None and now is not stored
        state.summary = rows.summary(now)
        state.figures = rows.figure_rows(now, by_chart if by_chart is not None and moved else stored)
        state.by_chart = moved
        state.remainder = rows.remainder_text(now.coverage)
        state.structures = clearance_rows(now)
        state.unmeasured = unmeasured_needles(now)
        state.not_checked = list(now.structures.not_checked)
        state.estimated = rows.estimated_names(now)
        state.needles = rows.needle_rows(now, stored)
        state.warnings = rows.all_warnings(now)
        state.cement = cement_rows(now)
        state.heat = heat_rows(now, stored)
        state.sources = rows.source_rows(now)
        state.needs_reason = needs_reason(now)

    def draft(self, draft: Draft) -> None:
        """Whether there is something to save, undo or make again."""
        state = self.state
        state.changed, state.can_undo, state.can_redo = draft.changed, draft.can_undo, draft.can_redo
        state.margin_mm = draft.now.margin_mm

    def record(self, folder: Path, plan_sha256: str) -> None:
        """The decisions on record, newest first."""
        record = read_record(folder)
        self.state.decisions = [
            {
                "what": a.decision,
                "name": a.name,
                "reason": a.reason,
                "at": a.at,
                "plan": a.plan,
                "this": a.plan_sha256 == plan_sha256,
            }
            for a in reversed(record.approvals)
        ]
        self.state.record_problems = list(record.problems)

    def corners(self, windows: Windows) -> None:
        """Where the slices are."""
        with self.state:
            self.state.corner = {name: windows.corner(name) for name in SLICES}

    def depth(self, value_mm: float, low_mm: float, high_mm: float) -> None:
        """The slider along a needle."""
        self.state.depth = {"value": round(value_mm, 1), "low": round(low_mm), "high": round(high_mm)}

    def distances(self, lines: list[str]) -> None:
        """What was measured between points; placing is over."""
        with self.state:
            self.state.distances = lines
            self.state.ruler = False
