"""The needles of a plan: their lines, what each is, where they are while they are dragged."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.input_logic import InputLogic
from BoneAblationPlannerLib.plan import Plan


class NeedleLogic(InputLogic):
    """Reading, moving, renaming and adding needles."""

    def probeLines(self, document: Any) -> list[Any]:
        """The lines of a plan's needles; none where its nodes were deleted."""
        if document is None:
            return []
        from BoneAblationPlannerLib.scene.plan_nodes import probe_lines

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

    def needleName(self, line: Any) -> str:
        """Name of the needle that a line stands for."""
        return line.GetAttribute("BonePlan.Name") or line.GetName()

    def isKept(self, line: Any) -> bool:
        """Whether a needle stays where it is when planning again."""
        return line.GetAttribute("BonePlan.Keep") == "1"

    def keep(self, line: Any, kept: bool) -> None:
        """Let a needle stay when planning again, or not."""
        line.SetAttribute("BonePlan.Keep", "1" if kept else None)

    def showMoving(self, document: Any) -> Any:
        """Needles and zones where the lines are now; the plan with the figures that are fast enough for a drag."""
        from BoneAblationPlannerLib.scene.live import show_moving

        return show_moving(document)

    def prepareMeasure(self, document: Any, needles: Sequence[Any], read_outlines: bool) -> Callable[..., Any]:
        """Read the plan now; returns the work to run in the background."""
        from BoneAblationPlannerLib.scene.live import prepare_measure

        return prepare_measure(document, needles, read_outlines)

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
        from BoneAblationPlannerLib.scene.placed import clicked_points

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
