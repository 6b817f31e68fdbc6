"""The planner's panel: its steps in the order of thought."""

import logging
from collections.abc import Callable
from typing import Any

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.panel.ablation_section import AblationSection
from BoneAblationPlannerLib.panel.figures_section import FiguresSection
from BoneAblationPlannerLib.panel.heat_section import HeatSection
from BoneAblationPlannerLib.panel.lesion_section import LesionSection
from BoneAblationPlannerLib.panel.lifecycle import PlanningPanel
from BoneAblationPlannerLib.panel.patient_section import PatientSection
from BoneAblationPlannerLib.panel.probes_section import ProbesSection
from BoneAblationPlannerLib.panel.report_section import ReportSection
from BoneAblationPlannerLib.panel.results_section import ResultsSection
from BoneAblationPlannerLib.panel.structures_section import StructuresSection
from BoneAblationPlannerLib.panel.views_section import ViewsSection
from BoneAblationPlannerLib.plan import Point

STEPS = (
    PatientSection,
    LesionSection,
    StructuresSection,
    AblationSection,
    ProbesSection,
    ResultsSection,
    HeatSection,
    ViewsSection,
    FiguresSection,
    ReportSection,
)


class PlannerPanel(PlanningPanel):
    """What the steps ask of each other."""

    def nerves(self) -> list[Any]:
        """The curves to keep clear of."""
        nerves: list[Any] = self.section(StructuresSection).nerves()
        return nerves

    def section_of_results(self) -> Any:
        """The step that shows the figures."""
        return self.section(ResultsSection)

    def jump(self, point_ras_mm: Point) -> None:
        """Show a place in the slice views."""
        self.section(ViewsSection).jump(point_ras_mm)

    def show(self, document: Any, result: Any, measured: tuple[Any, ...]) -> bool:
        """Show a result of a plan, measured with some needles; those moved meanwhile stay. Whether there are any."""
        return bool(self.section(ProbesSection).changes.show(document, result, measured))

    def addPlan(self, result: Any, ct: Any) -> None:
        """Add a plan of its own, beside those that are there, and choose it."""
        self.section(ProbesSection).addPlan(result, ct)

    def tryQuietly(self, action: Callable[[], Any]) -> None:
        """Do what may fail for a moment, as when a line has lost a point; the next step says what is wrong."""
        try:
            action()
        except InputError as error:
            logging.debug("not shown: %s", error)
