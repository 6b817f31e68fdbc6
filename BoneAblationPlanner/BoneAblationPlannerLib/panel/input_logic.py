"""What the planner is given: nodes of the scene, and the case that they and the choices make."""

import json
from collections.abc import Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.choices import LesionSource
from BoneAblationPlannerLib.panel.parameters import PlannerParameters
from BoneAblationPlannerLib.panel.segment_combo import segment_names
from BoneAblationPlannerLib.panel.shared_logic import SharedLogic


class InputLogic(SharedLogic):
    """From parameters to a case that is free of the scene."""

    A_CT = _("a CT")

    def wrapped(self, node: Any) -> PlannerParameters:
        """Parameters over a module's parameter node."""
        return PlannerParameters(node)  # type: ignore[call-arg]

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
        from BoneAblationPlannerLib.scene.plan_nodes import plan_anatomy

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
        from BoneAblationPlannerLib.scene.scans import scanned_position

        return scanned_position(parameters.ct)

    def placePoint(self, node: Any) -> None:
        """Slicer's place mode for one point; a point placed before is replaced."""
        node.RemoveAllControlPoints()
        self._place(node)

    def addPoint(self, node: Any) -> None:
        """Slicer's place mode for one point more."""
        self._place(node)

    def drawNerve(self) -> Any:
        """Slicer's place mode for a new curve."""
        name = slicer.mrmlScene.GenerateUniqueName(_("Nerve"))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", name)
        self._place(node)
        return node

    def nerveRadius(self, node: Any) -> float:
        """Radius in mm of the nerve around a curve."""
        from BoneAblationPlannerLib.anatomy.structures import NERVE_RADIUS_MM
        from BoneAblationPlannerLib.scene.placed import nerve_radius_mm

        radius_mm = nerve_radius_mm(node)
        return NERVE_RADIUS_MM if radius_mm is None else radius_mm

    def setNerveRadius(self, node: Any, radius_mm: float) -> None:
        """Give the nerve around a curve a radius."""
        from BoneAblationPlannerLib.scene.placed import set_nerve_radius

        set_nerve_radius(node, radius_mm)

    def foreignModels(self) -> list[Any]:
        """Models of the scene that a person brought: neither a plan's nor the views' own."""
        nodes = slicer.util.getNodesByClass("vtkMRMLModelNode")
        return [n for n in nodes if not n.GetHideFromEditors() and n.GetAttribute("BonePlan.Role") is None]

    def makeCase(self, parameters: Any, nerves: Sequence[Any] = ()) -> Any:
        """The case that the parameters describe, free of the scene."""
        from BoneAblationPlannerLib.case import Choices
        from BoneAblationPlannerLib.scene.inputs import SegmentChoice, case_from_nodes

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
                strict=parameters.strict,
                cement=parameters.cement,
                barred_bones=tuple(parameters.barredBones),
            ),
            None if by_point else SegmentChoice(parameters.lesionSegmentation, parameters.lesionSegment),
            None if parameters.noEntry is None else SegmentChoice(parameters.noEntry, None),
            self._marks(parameters) if by_point else None,
            self.structureTable(parameters),
            [node for node in parameters.models if node is not None],
        )

    def _marks(self, parameters: Any) -> Any:
        """What guides the outline from the point: box, points and what was painted."""
        from BoneAblationPlannerLib.scene.painted_marks import painted_points
        from BoneAblationPlannerLib.scene.placed import marks_from_nodes
        from BoneAblationPlannerLib.scene.volumes import volume_grid

        painted = None
        if parameters.painted is not None:
            painted = painted_points(parameters.painted, volume_grid(parameters.ct))
        return marks_from_nodes(parameters.box, parameters.insideMarks, parameters.outsideMarks, painted)

    def structures(self, parameters: Any) -> tuple[tuple[str, ...], Any]:
        """Names of the chosen structures, of segments and models, and the table that knows their kinds."""
        from BoneAblationPlannerLib.scene.inputs import structure_names

        table = self.structureTable(parameters)
        models = tuple(node.GetName() for node in parameters.models if node is not None)
        if parameters.structures is None:
            return models, table
        names, table = structure_names(parameters.structures, table)
        return (*names, *models), table

    def structureNames(self, parameters: Any) -> tuple[str, ...]:
        """Names of the chosen structures."""
        return self.structures(parameters)[0]

    def boneNames(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of some names that are of bones."""
        from BoneAblationPlannerLib.anatomy.bone_names import is_known_bone

        return tuple(name for name in names if is_known_bone(name))

    def structureTable(self, parameters: Any) -> Any:
        """The shipped table of structures with the distances that the user changed."""
        from BoneAblationPlannerLib.anatomy.structure_table import builtin_table, with_distances

        return with_distances(builtin_table(), json.loads(parameters.distances or "{}"))

    def devices(self) -> Sequence[Any]:
        """The catalogue."""
        from BoneAblationPlannerLib.devices.catalogue import builtin_devices

        return builtin_devices()
