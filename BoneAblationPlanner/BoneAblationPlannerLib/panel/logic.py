"""What the planner's module does between scene and workflow; works without the panel."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.advice_logic import AdviceLogic
from BoneAblationPlannerLib.panel.choices import LesionSource
from BoneAblationPlannerLib.panel.lesion_logic import LesionLogic
from BoneAblationPlannerLib.panel.needle_logic import NeedleLogic
from BoneAblationPlannerLib.panel.plan_names import name_document, plan_title
from BoneAblationPlannerLib.plan import Plan

SAMPLE_SPACING_MM = (0.9, 0.9, 1.25)


class PlannerLogic(LesionLogic, AdviceLogic, NeedleLogic):
    """Mixed into a ScriptedLoadableModuleLogic: plans, and what goes in and out of the scene with them."""

    def __init__(self) -> None:
        self.sampleSpacingMm = SAMPLE_SPACING_MM

    # Plans

    def plan(self, case: Any, report: Callable[[float, str], bool]) -> Any:
        """The same planning as on the command line; runs in the background."""
        from BoneAblationPlannerLib.workflow import plan_case

        return plan_case(case, report)

    def withKept(self, case: Any, document: Any) -> Any:
        """The case with the needles of a plan of this lesion that are to stay where they are."""
        from BoneAblationPlannerLib.case import FixedProbe

        if document is None or not self._is_of_lesion(document, case):
            return case
        kept = [line for line in self.probeLines(document) if self.isKept(line)]
        names = {self.needleName(line) for line in kept}
        fixed = tuple(
            FixedProbe(p.name, p.device, p.program, p.entry_ras_mm, p.tip_ras_mm)
            for p in (self.placements(document) if names else ())
            if p.name in names
        )
        return replace(case, fixed=fixed)

    def alternative(self, document: Any, place: int) -> Callable[..., Any]:
        """Read a plan now; returns the work that measures one of its other ways in as a plan of its own."""
        from BoneAblationPlannerLib.reevaluation import placement

        plan = Plan.from_json(json.loads(document.GetText()))
        needles = tuple(
            placement(f"Probe {n}", p.device, p.program, p.entry_ras_mm, p.tip_ras_mm)
            for n, p in enumerate(plan.alternatives[place].probes, start=1)
        )
        return self.prepareMeasure(document, needles, read_outlines=False)

    def measureByHand(self, case: Any, needles: Sequence[Any], report: Callable[[float, str], bool]) -> Any:
        """A plan of needles that a person placed; runs in the background."""
        from BoneAblationPlannerLib.workflow import measure_case

        return measure_case(case, needles, report)

    def addPlan(self, result: Any, ct: Any = None) -> Any:
        """Add a plan to the scene, beside the CT it was made on; returns its document."""
        from BoneAblationPlannerLib.scene.build import add_plan
        from BoneAblationPlannerLib.scene.live import remember
        from BoneAblationPlannerLib.scene.scans import is_plain_ct

        keep = ct is not None and slicer.mrmlScene.IsNodePresent(ct) and is_plain_ct(ct)
        title = plan_title(result.plan, time.time())
        nodes = add_plan(slicer.mrmlScene, result, title, ct if keep else None)
        name_document(nodes.document, nodes.name)
        remember(nodes, result)
        return nodes.document

    def removePlan(self, document: Any) -> None:
        """Take a plan and all its nodes out of the scene."""
        from BoneAblationPlannerLib.scene.live import remove

        remove(document)

    def showResult(self, document: Any, result: Any) -> None:
        """Show a plan as it was measured."""
        from BoneAblationPlannerLib.scene.live import show

        show(document, result)

    def isOnAnotherCt(self, parameters: Any) -> bool:
        """Whether the chosen plan lies on a CT of the scene that is not the chosen one."""
        from BoneAblationPlannerLib.scene.plan_nodes import adopted_ct

        ct = None if parameters.plan is None else adopted_ct(parameters.plan)
        return ct is not None and parameters.ct is not None and ct is not parameters.ct

    def prepareSimulation(self, document: Any, shortest: bool = False, together: bool = False) -> Callable[..., Any]:
        """Read the plan and its thermocouples now; returns the simulation to run in the background.

        It starts from the charts' figures, measured anew: those of an earlier simulation are not what it compares with.
        """
        from BoneAblationPlannerLib.scene.live import placed_thermocouples, prepare_measure
        from BoneAblationPlannerLib.simulating import simulate_result
        from BoneAblationPlannerLib.zones.heat.options import HeatOptions

        options = HeatOptions(thermocouples=placed_thermocouples(document), shortest=shortest, together=together)
        measure, devices = prepare_measure(document, self.placements(document)), tuple(self.devices())
        return lambda report: simulate_result(measure(report), devices, report, options)

    def prepareHeatPlan(
        self, case: Any, document: Any, shortest: bool = False, together: bool = False
    ) -> Callable[..., Any]:
        """Read the chosen plan's thermocouples now; returns the planning, by the simulated zone, for the background."""
        from BoneAblationPlannerLib.planning_with_heat import plan_with_heat
        from BoneAblationPlannerLib.scene.live import placed_thermocouples
        from BoneAblationPlannerLib.zones.heat.options import HeatOptions

        here = document is not None and self._is_of_lesion(document, case)
        wires = placed_thermocouples(document) if here else None
        options = HeatOptions(thermocouples=wires, shortest=shortest, together=together)
        return lambda report: plan_with_heat(case, options, report)

    def placeThermocouple(self, document: Any) -> Any:
        """Slicer's place mode for another point of the plan's thermocouples."""
        from BoneAblationPlannerLib.scene.refresh import thermocouples

        node = thermocouples(document)
        self._place(node)
        return node

    def _is_of_lesion(self, document: Any, case: Any) -> bool:
        """Whether a plan's lesion is that of a case: it holds the point, or shares voxels with the outline."""
        from BoneAblationPlannerLib.scene.plan_nodes import plan_lesion

        lesion = plan_lesion(document, case.ct.grid)
        if lesion is None:
            return False
        if case.lesion is not None:
            return bool((lesion & case.lesion).any())
        i, j, k = (round(float(value)) for value in case.ct.grid.ijk_from_ras([case.seed_ras_mm])[0])
        return all(0 <= n < size for n, size in zip((k, j, i), lesion.shape, strict=True)) and bool(lesion[k, j, i])

    # Files and sample

    def export(self, document: Any, folder: Path, report: Callable[[float, str], bool]) -> Any:
        """Write plan, scene, segmentation and report, as the command line does."""
        from BoneAblationPlannerLib.outputs import write_outputs
        from BoneAblationPlannerLib.scene.live import prepare_result
        from BoneAblationPlannerLib.scene.requirements import REPORT, ensure_requirements

        ensure_requirements(REPORT)
        return write_outputs(prepare_result(document)(), folder, report)

    def makePhantom(self, report: Callable[[float, str], bool]) -> Any:
        """The sample case; takes some seconds."""
        from BoneAblationPlannerLib.anatomy.phantom import make_phantom
        from BoneAblationPlannerLib.progress import step

        step(report, 0.1, _("making the sample case"))
        phantom = make_phantom(spacing_mm=self.sampleSpacingMm)
        step(report, 1.0, _("adding the sample case"))
        return phantom

    def addSample(self, phantom: Any, parameters: Any = None) -> Any:
        """Add the sample case to the scene and choose its nodes."""
        from BoneAblationPlannerLib.scene.sample import add_sample

        sample = add_sample(slicer.mrmlScene, phantom)
        if parameters is not None:
            parameters.ct, parameters.seed, parameters.structures = sample.ct, sample.seed, sample.structures
            parameters.lesionSource = LesionSource.POINT
        slicer.util.setSliceViewerLayers(background=sample.ct, fit=True)
        return sample
