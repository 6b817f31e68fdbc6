"""What the planner's module does between scene and workflow; works without the panel."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.choices import LesionSource
from BoneAblationPlannerLib.panel.parameters import PlannerParameters
from BoneAblationPlannerLib.panel.segment_combo import segment_names
from BoneAblationPlannerLib.panel.shared_logic import SharedLogic
from BoneAblationPlannerLib.plan import Plan

SAMPLE_SPACING_MM = (0.9, 0.9, 1.25)
_SEED = "BonePlan.Seed"
"""Reference of an outline to the point that it was computed from."""


class PlannerLogic(SharedLogic):
    """Mixed into a ScriptedLoadableModuleLogic. Engine modules are imported at use: Slicer may lack what they need."""

    A_CT = _("a CT")

    def __init__(self) -> None:
        self.sampleSpacingMm = SAMPLE_SPACING_MM

    def wrapped(self, node: Any) -> PlannerParameters:
        """Parameters over a module's parameter node."""
        return PlannerParameters(node)  # type: ignore[call-arg]

    # Inputs

    def chooseDefaults(self, parameters: Any) -> None:
        """The only CT, the only point list and the only plan of a scene need no choosing."""
        super().chooseDefaults(parameters)
        self._choose_from_plan(parameters)
        for name, class_name in (("ct", "vtkMRMLScalarVolumeNode"), ("seed", "vtkMRMLMarkupsFiducialNode")):
            if getattr(parameters, name) is None and slicer.mrmlScene.GetNumberOfNodesByClass(class_name) == 1:
                setattr(parameters, name, slicer.mrmlScene.GetFirstNodeByClass(class_name))

    def _choose_from_plan(self, parameters: Any) -> None:
        """In a scene that holds a plan and nothing else chosen, planning starts from the plan's own anatomy."""
        document = parameters.plan
        given = (parameters.ct, parameters.seed, parameters.lesionSegmentation, parameters.structures)
        if document is None or any(node is not None for node in given):
            return
        from BoneAblationPlannerLib.scene.build import plan_anatomy

        ct, anatomy, lesion = plan_anatomy(document)
        if ct is None or lesion is None:
            return
        before = parameters.parameterNode.StartModify()
        parameters.ct, parameters.structures = ct, anatomy
        parameters.lesionSegmentation, parameters.lesionSegment = anatomy, lesion
        parameters.lesionSource = LesionSource.OUTLINE
        parameters.parameterNode.EndModify(before)

    def missing(self, parameters: Any) -> list[str]:
        """What the user still has to give, in words."""
        missing = []
        if parameters.ct is None:
            missing.append(self.A_CT)
        if parameters.lesionSource == LesionSource.POINT:
            placed = 0 if parameters.seed is None else parameters.seed.GetNumberOfDefinedControlPoints()
            if placed != 1:
                missing.append(_("one point in the lesion ({count} placed)").format(count=placed))
        elif parameters.lesionSegment not in segment_names(parameters.lesionSegmentation):
            missing.append(_("the lesion's segment"))
        return missing

    def scannedPosition(self, parameters: Any) -> str | None:
        """How the patient lay in the scanner, if the scan says so."""
        from BoneAblationPlannerLib.scene.inputs import scanned_position

        return scanned_position(parameters.ct)

    def placePoint(self, node: Any) -> None:
        """Slicer's place mode for one point; a point placed before is replaced."""
        node.RemoveAllControlPoints()
        self._place(node)

    def drawNerve(self) -> Any:
        """Slicer's place mode for a new curve."""
        name = slicer.mrmlScene.GenerateUniqueName(_("Nerve"))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", name)
        self._place(node)
        return node

    def makeCase(self, parameters: Any, nerves: Sequence[Any] = ()) -> Any:
        """The case that the parameters describe, free of the scene."""
        from BoneAblationPlannerLib.case import Choices
        from BoneAblationPlannerLib.scene.inputs import SegmentChoice, case_from_nodes, marks_from_nodes

        by_point = parameters.lesionSource == LesionSource.POINT
        return case_from_nodes(
            parameters.ct,
            parameters.seed if by_point else None,
            parameters.structures,
            nerves,
            Choices(
                modality=parameters.modality.value,
                device=parameters.device or None,
                intent=parameters.intent.value,
                margin_mm=parameters.marginMm if parameters.marginMm >= 0 else None,
                position=parameters.position.value,
                parallel=parameters.parallel,
                barred_bones=tuple(parameters.barredBones),
            ),
            None if by_point else SegmentChoice(parameters.lesionSegmentation, parameters.lesionSegment),
            None if parameters.noEntry is None else SegmentChoice(parameters.noEntry, None),
            marks_from_nodes(parameters.box, parameters.insideMarks, parameters.outsideMarks) if by_point else None,
            self.structureTable(parameters),
        )

    # Lesion

    def outline(self, case: Any, report: Callable[[float, str], bool]) -> Any:
        """The lesion's outline and its figures; runs in the background."""
        from BoneAblationPlannerLib.preparation import outline_case

        return outline_case(case, report)

    def putOutline(self, ct_node: Any, ct: Any, outline: Any, parameters: Any) -> tuple[Any, str]:
        """Put an outline into the planner's segmentation of this point, so that two lesions are kept apart."""
        from BoneAblationPlannerLib.scene.outline import SEGMENT, put_outline

        seed = parameters.seed
        node = put_outline(slicer.mrmlScene, ct_node, ct, outline, self._own_outline(parameters))
        node.SetNodeReferenceID(_SEED, seed.GetID() if seed is not None else None)
        return node, SEGMENT

    def outlineWasEdited(self, parameters: Any) -> bool:
        """Whether the segment that a new outline would replace holds what a person drew."""
        from BoneAblationPlannerLib.scene.outline import SEGMENT, was_edited

        node = self._own_outline(parameters)
        return parameters.ct is not None and node is not None and was_edited(node, SEGMENT, parameters.ct)

    def segmentEditorNode(self) -> Any:
        """The settings of the Segment Editor that is shown in the panel."""
        tag = "BoneAblationPlanner.SegmentEditor"
        node = slicer.mrmlScene.GetSingletonNode(tag, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(tag)
            node = slicer.mrmlScene.AddNode(node)
        return node

    # Structures

    def structureNames(self, parameters: Any) -> tuple[str, ...]:
        """Names of the chosen segmentation's or label map's structures."""
        if parameters.structures is None:
            return ()
        from BoneAblationPlannerLib.scene.inputs import structure_names

        return structure_names(parameters.structures)

    def boneNames(self, parameters: Any) -> tuple[str, ...]:
        """Names of those of them that are bones."""
        from BoneAblationPlannerLib.anatomy.bone_names import is_bone_label

        return tuple(name for name in self.structureNames(parameters) if is_bone_label(name))

    def structureTable(self, parameters: Any) -> Any:
        """The shipped table of structures with the distances that the user changed."""
        from BoneAblationPlannerLib.anatomy.structure_table import builtin_table, with_distances

        return with_distances(builtin_table(), json.loads(parameters.distances or "{}"))

    # Planning

    def devices(self) -> Sequence[Any]:
        """The catalogue."""
        from BoneAblationPlannerLib.devices.catalogue import builtin_devices

        return builtin_devices()

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

    def needleName(self, line: Any) -> str:
        """Name of the needle that a line stands for."""
        return line.GetAttribute("BonePlan.Name") or line.GetName()

    def isKept(self, line: Any) -> bool:
        """Whether a needle stays where it is when planning again."""
        return line.GetAttribute("BonePlan.Keep") == "1"

    def keep(self, line: Any, kept: bool) -> None:
        """Let a needle stay when planning again, or not."""
        line.SetAttribute("BonePlan.Keep", "1" if kept else None)

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
        from BoneAblationPlannerLib.scene.inputs import is_plain_ct
        from BoneAblationPlannerLib.scene.live import remember

        keep = ct is not None and slicer.mrmlScene.IsNodePresent(ct) and is_plain_ct(ct)
        nodes = add_plan(slicer.mrmlScene, result, ct_node=ct if keep else None)
        remember(nodes, result)
        return nodes.document

    def removePlan(self, document: Any) -> None:
        """Take a plan and all its nodes out of the scene."""
        from BoneAblationPlannerLib.scene.live import remove

        remove(document)

    # Needles of a plan

    def probeLines(self, document: Any) -> list[Any]:
        """The lines of a plan's needles; none where its nodes were deleted."""
        if document is None:
            return []
        from BoneAblationPlannerLib.scene.build import probe_lines

        return probe_lines(document)

    def placements(self, document: Any) -> tuple[Any, ...]:
        """The needles of a plan as its lines are now; raises InputError where all were deleted."""
        from BoneAblationPlannerLib.errors import InputError

        needles = self.needles(document)
        if not needles:
            raise InputError(_("plan: all its needles were deleted; expected one, or to plan again"))
        return needles

    def needles(self, document: Any) -> tuple[Any, ...]:
        """The needles of a plan as its lines are now; none where all were deleted."""
        from BoneAblationPlannerLib.scene.live import placements

        return placements(document)

    def isOnAnotherCt(self, parameters: Any) -> bool:
        """Whether the chosen plan lies on a CT of the scene that is not the chosen one."""
        from BoneAblationPlannerLib.scene.build import adopted_ct

        ct = None if parameters.plan is None else adopted_ct(parameters.plan)
        return ct is not None and parameters.ct is not None and ct is not parameters.ct

    def showMoving(self, document: Any) -> Any:
        """Needles and zones where the lines are now; the plan with the figures that are fast enough for a drag."""
        from BoneAblationPlannerLib.scene.live import show_moving

        return show_moving(document)

    def prepareMeasure(self, document: Any, needles: Sequence[Any], read_outlines: bool) -> Callable[..., Any]:
        """Read the plan now; returns the work to run in the background."""
        from BoneAblationPlannerLib.scene.live import prepare_measure

        return prepare_measure(document, needles, read_outlines)

    def prepareSimulation(self, document: Any, shortest: bool = False, together: bool = False) -> Callable[..., Any]:
        """Read the plan and its thermocouples now; returns the simulation to run in the background.

        It starts from the charts' figures, measured anew: those of an earlier simulation are not what it compares with.
        """
        from BoneAblationPlannerLib.scene.live import placed_thermocouples, prepare_measure
        from BoneAblationPlannerLib.simulating import simulate_result
        from BoneAblationPlannerLib.zones.heat.planned import HeatOptions

        options = HeatOptions(thermocouples=placed_thermocouples(document), shortest=shortest, together=together)
        measure, devices = prepare_measure(document, self.placements(document)), tuple(self.devices())
        return lambda report: simulate_result(measure(report), devices, report, options)

    def placeThermocouple(self, document: Any) -> Any:
        """Slicer's place mode for another point of the plan's thermocouples."""
        from BoneAblationPlannerLib.scene.refresh import thermocouples

        node = thermocouples(document)
        self._place(node)
        return node

    def showResult(self, document: Any, result: Any) -> None:
        """Show a plan as it was measured; raises InputError where it was deleted meanwhile."""
        from BoneAblationPlannerLib.errors import InputError
        from BoneAblationPlannerLib.scene.live import show

        if document.GetScene() is None:
            raise InputError(_("plan: was deleted while it was measured; nothing was changed"))
        show(document, result)

    def programs(self, modality: str) -> dict[str, str]:
        """Devices and programs of a modality: text by ``device|program``."""
        return {
            f"{device.id}|{program.id}": f"{device.name}, {program.id}"
            for device in self.devices()
            if device.modality == modality
            for program in device.programs
        }

    def withProgram(self, needle: Any, choice: str) -> Any:
        """A needle with another device and program, by ``device|program``."""
        from BoneAblationPlannerLib.devices.catalogue import find_device
        from BoneAblationPlannerLib.reevaluation import find_program

        device_id, program_id = choice.split("|")
        device = find_device(device_id)
        return replace(needle, device=device, program=find_program(device, program_id))

    def renamed(self, needles: tuple[Any, ...], row: int, name: str) -> tuple[Any, ...]:
        """The needles with one renamed; raises InputError for no name or one that is taken."""
        from BoneAblationPlannerLib.errors import InputError

        if not name:
            raise InputError(_("needle: has no name; expected one"))
        if name in [p.name for n, p in enumerate(needles) if n != row]:
            raise InputError(_("needle: the name {name!r} is taken; expected another").format(name=name))
        return tuple(replace(p, name=name) if n == row else p for n, p in enumerate(needles))

    def renameNodes(self, document: Any, old: str, new: str) -> None:
        """Give the nodes of a needle its new name."""
        from BoneAblationPlannerLib.scene.refresh import rename_probe

        rename_probe(document, old, new)

    def placeNeedle(self) -> Any:
        """Slicer's place mode for a new line."""
        name = slicer.mrmlScene.GenerateUniqueName(_("New needle"))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
        self._place(node)
        return node

    def takeNeedle(self, line: Any, parameters: Any) -> Any:
        """The needle that a line with target and entry stands for; the line goes."""
        from BoneAblationPlannerLib.scene.inputs import clicked_points

        try:
            target, entry = clicked_points(line)
        finally:
            self.dropNeedle(line)
        existing = self.needles(parameters.plan) if parameters.plan is not None else ()
        taken = {p.name for p in existing}
        name = next(n for n in (_("Probe {number}").format(number=k) for k in range(1, 100)) if n not in taken)
        if existing:
            return replace(existing[-1], name=name, entry_ras_mm=entry, tip_ras_mm=target)
        return self._first_needle(name, entry, target, parameters)

    def dropNeedle(self, line: Any) -> None:
        """Remove a line that became a needle, or that nobody finished."""
        slicer.mrmlScene.RemoveNode(line)

    def _first_needle(self, name: str, entry: Any, target: Any, parameters: Any) -> Any:
        """A needle like those that the plan had; without a plan of the chosen device, else the first of its kind."""
        from BoneAblationPlannerLib.devices.catalogue import find_device
        from BoneAblationPlannerLib.errors import InputError
        from BoneAblationPlannerLib.placement.probe_figures import Placement
        from BoneAblationPlannerLib.reevaluation import placement

        if parameters.plan is not None:
            planned = Plan.from_json(json.loads(parameters.plan.GetText())).probes[0]
            return placement(name, planned.device, planned.program, entry, target)
        if parameters.device:
            device = find_device(parameters.device)
        elif parameters.modality.value is not None:
            device = next(d for d in self.devices() if d.modality == parameters.modality.value)
        else:
            raise InputError(_("by hand: no kind of ablation is chosen; expected one in step 4"))
        return Placement(name, device, device.programs[0], entry, target)

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

    def _place(self, node: Any) -> None:
        markups = slicer.modules.markups.logic()
        markups.SetActiveList(node)
        markups.StartPlaceMode(False)

    def _own_outline(self, parameters: Any) -> Any:
        """The segmentation that the planner made from the chosen point, None if there is none yet."""
        from BoneAblationPlannerLib.scene.outline import SEGMENT

        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        own = [n for n in nodes if n.GetAttribute("BonePlan.Role") == "outline" and SEGMENT in segment_names(n)]
        return next((n for n in own if n.GetNodeReference(_SEED) in (None, parameters.seed)), None)

    def _is_of_lesion(self, document: Any, case: Any) -> bool:
        """Whether a plan's lesion is that of a case: it holds the point, or shares voxels with the outline."""
        from BoneAblationPlannerLib.scene.build import plan_lesion

        lesion = plan_lesion(document, case.ct.grid)
        if lesion is None:
            return False
        if case.lesion is not None:
            return bool((lesion & case.lesion).any())
        i, j, k = (round(float(value)) for value in case.ct.grid.ijk_from_ras([case.seed_ras_mm])[0])
        return all(0 <= n < size for n, size in zip((k, j, i), lesion.shape, strict=True)) and bool(lesion[k, j, i])
