"""What the views show over the CT, and how it follows the what-if. The scene is the page's own and is never saved."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.review.measuring import Measured
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.models import MARGIN_SCALARS, add_model
from BoneAblationPlannerLib.scene.segmentation import segments, tag
from BoneAblationPlannerLib.scene.stabilisation import BODY, CORRIDOR, NEEDLE, SCREW, SHAFT, THREAD
from BoneAblationPlannerLib.scene.surfaces import ellipsoid_surface, mask_surface, needle_surface, set_scalars
from BoneAblationPlannerLib.segment_tags import KIND_TAG, ROLE_TAG
from BoneAblationPlannerLib.zones.spheroid import Spheroid

LAYERS = {
    "lesion": "Lesion",
    "target": "Lesion + margin",
    "zone": "Zones by chart",
    "zone-visible": "Visible ice",
    "simulated": "Simulated zone, as stored",
    "isotherm": "Isotherms and range, as stored (slices)",
    "remainder": "Not covered",
    "structure": "Structures",
    "estimate": "Expected nerves",
    "stabilisation": "Cement and screws",
    "corridor": "Screw corridors (3D)",
    "bone": "Bone (3D)",
    "skin": "Skin (3D)",
    "access": "Ease of access (3D)",
}
_MADE_HERE = ("target", "zone", "remainder")
_HIDDEN_AT_FIRST = ("isotherm", "corridor", "skin", "access")
_REMAINDER_COLOUR = (0.95, 0.15, 0.1)
_OPACITY = {BODY: 0.7, "bone-surface": 0.45, "skin-surface": 0.15, "isotherm": 0.35}
_SKIN_AT_ENTRY = 0.45
_OCCLUDED, _TEXT_SCALE = 0.7, 2.6
_ISOTHERMS = ("isotherm", "dose-surface", "simulated-small", "simulated-large")
_LAYER_OF_MODEL = {"bone-surface": "bone", "skin-surface": "skin", "structure-surface": "structure",
                   "margin-map": "lesion", BODY: "stabilisation", SHAFT: "stabilisation",
                   THREAD: "stabilisation", CORRIDOR: "corridor", "skin-access": "access",
                   **dict.fromkeys(_ISOTHERMS, "isotherm")}  # fmt: skip
"""Models of other roles stay as the file shows them."""
_LAYER_OF_SEGMENT = {"lesion": "lesion", "structure": "structure", "estimate": "estimate", "zone": "simulated"}
_CEMENT = (BODY, SHAFT, NEEDLE)
_IN_SLICES = (BODY, SHAFT, THREAD, *_ISOTHERMS)
_FOLLOWING = ("shaft", "zone", "zone-visible", "zone-small", "zone-large")
"""Models that the file has too: those that the page shows it makes itself, so that each follows its needle."""


class Overlays:
    """The plan's nodes in a scene that was loaded from a bundle; `simulated` when its zone is."""

    def __init__(self, scene: Any, segmentation: Any, lines: Sequence[Any], simulated: bool) -> None:
        self.scene = scene
        self.segmentation = segmentation
        self.lines = tuple(lines)
        self.models = _models(scene)
        for node in [m for m in self.models if _role(m) in _FOLLOWING]:
            scene.RemoveNode(node)
        self.models = [m for m in self.models if _role(m) not in _FOLLOWING]
        empty = vtk.vtkPolyData()
        self._shafts = [add_model(scene, f"Needle {n}", empty, "shaft", (0.9, 0.9, 0.9), 1.0) for n in self._count]
        self._zones = [add_model(scene, f"Zone {n}", empty, "zone", ROLE_COLOURS["zone"], 0.3) for n in self._count]
        self._ice = [
            add_model(scene, f"Ice {n}", empty, "zone-visible", ROLE_COLOURS["zone-visible"], 0.15) for n in self._count
        ]
        self._target = add_model(scene, "Target", empty, "target", ROLE_COLOURS["target"], 1.0)
        self._left = add_model(scene, "Not covered", empty, "remainder", _REMAINDER_COLOUR, 0.6)
        self._tool_lines = _of_roles(scene, "vtkMRMLMarkupsLineNode", (NEEDLE, SCREW))
        self._has_ice: set[int] = set()
        self._cement = True
        self._margin_map = next((m for m in self.models if _role(m) == "margin-map"), None)
        self._nearest: NDArray[np.intp] | None = None
        self._followed: dict[int, Placement] = {}
        self._stored_margins = _margins_of(self._margin_map)
        self._stored_left = empty
        self._shown = {**dict.fromkeys(LAYERS, True), **dict.fromkeys(_HIDDEN_AT_FIRST, False)}
        self._simulated = simulated
        segmentation.GetDisplayNode().SetAllSegmentsVisibility2DFill(False)  # the CT under them is what is read
        self._entry_view = False
        self._display()

    @property
    def _count(self) -> range:
        return range(1, len(self.lines) + 1)

    def follow(self, placements: Sequence[Placement], *, lines_too: bool = True) -> None:
        """Put needles and zones where a proposal has them; `lines_too` moves the handles as well."""
        for number, placement in enumerate(placements):
            if self._followed.get(number) != placement:
                self._followed[number] = placement
                self._place(number, placement)
            if lines_too:
                for point, position in enumerate((placement.entry_ras_mm, placement.tip_ras_mm)):
                    self.lines[number].SetNthControlPointPositionWorld(point, *position)

    def _place(self, number: int, placement: Placement) -> None:
        """Shaft and zones of one needle."""
        has_ice = placement.program.visible_short_mm is not None
        self._zones[number].SetAndObservePolyData(_spheroid_surface(placement.zone))
        (self._has_ice.add if has_ice else self._has_ice.discard)(number)
        if has_ice:
            self._ice[number].SetAndObservePolyData(_spheroid_surface(placement.outer_zone))
        self._display_ice(number)
        direction = np.subtract(placement.tip_ras_mm, placement.entry_ras_mm)
        length = max(placement.device.shaft_lengths_mm)
        shaft = needle_surface(placement.tip_ras_mm, direction, length, placement.device.diameter_mm)
        self._shafts[number].SetAndObservePolyData(shaft)

    def show_target(self, mask: NDArray[np.bool_], grid: Any) -> None:
        """Outline lesion + margin."""
        self._target.SetAndObservePolyData(mask_surface(mask, grid))

    def keep_remainder(self, mask: NDArray[np.bool_], grid: Any) -> None:
        """What the stored plan leaves of lesion + margin, for `show_stored`."""
        self._stored_left = mask_surface(mask, grid)

    def show_stored(self) -> None:
        """Margins and remainder as they are stored, where measuring by the chart would not give the same."""
        self._left.SetAndObservePolyData(self._stored_left)
        if self._margin_map is not None:
            surface = self._margin_map.GetPolyData()
            surface.GetPointData().SetScalars(self._stored_margins)
            surface.Modified()

    def show_measured(self, measured: Measured, surface_ras_mm: NDArray[np.float64]) -> None:
        """Colour the lesion by its margins and fill what is left."""
        self._left.SetAndObservePolyData(mask_surface(measured.remainder, measured.remainder_grid))
        if self._margin_map is None:
            return
        surface = self._margin_map.GetPolyData()
        if self._nearest is None:
            self._nearest = cKDTree(surface_ras_mm).query(points_array(surface))[1]
        set_scalars(surface, MARGIN_SCALARS, measured.surface_margins_mm[self._nearest])
        surface.Modified()

    def show_cement(self, planned: bool) -> None:
        """Show cement and its needles, or not where the plan as it is now has none."""
        if planned != self._cement:
            self._cement = planned
            self._display()

    def set_layer(self, layer: str, shown: bool) -> None:
        """Show or hide one layer in all views."""
        if layer in self._shown:
            self._shown[layer] = shown
            self._display()

    def show_skin_for_entry(self, entry_view: bool) -> None:
        """Show the skin where an entry is looked at; elsewhere as the reviewer has it."""
        self._entry_view = entry_view
        self._display()

    @property
    def cement_lines(self) -> list[Any]:
        """The lines of the cement needles."""
        return [line for line in self._tool_lines if _role(line) == NEEDLE]

    @property
    def layers(self) -> list[dict[str, Any]]:
        """Layers of which the plan has something, with their names, and whether they are shown."""
        held = {_LAYER_OF_MODEL.get(_role(node)) for node in self.models}
        held |= {"stabilisation"} if self._tool_lines else set()
        held |= {"zone-visible"} if self._has_ice else set()
        held |= {self._layer_of(segment) for _, segment in segments(self.segmentation)}
        return [
            {"id": key, "name": name, "shown": self._shown[key]}
            for key, name in LAYERS.items()
            if key in _MADE_HERE or key in held
        ]

    def set_editable(self, editable: bool) -> None:
        """Unlock the handles of the needles, or lock them against a slip of the hand."""
        for line in self.lines:
            line.SetLocked(not editable)
            line.GetDisplayNode().SetHandlesInteractive(False)

    def _display(self) -> None:
        shown = {**self._shown, "skin": self._shown["skin"] or self._entry_view}
        for node in self.models:
            role = _role(node)
            if role not in _LAYER_OF_MODEL:
                continue
            display = node.GetDisplayNode()
            display.SetOpacity(
                _SKIN_AT_ENTRY if role == "skin-surface" and self._entry_view else _OPACITY.get(role, 1.0)
            )
            display.SetVisibility(shown[_LAYER_OF_MODEL[role]] and self._is_planned(node))
            display.SetVisibility2D(role in _IN_SLICES)
            display.SetVisibility3D(role not in _ISOTHERMS)
            display.SetBackfaceCulling(True)
        groups = (("zone", self._zones), ("remainder", [self._left]), ("target", [self._target]))
        for layer, nodes in groups:
            for node in nodes:
                node.GetDisplayNode().SetVisibility(shown[layer])
                node.GetDisplayNode().SetVisibility2D(shown[layer])
        for number in range(len(self._ice)):
            self._display_ice(number)
        for line in self._tool_lines:
            line.GetDisplayNode().SetVisibility(shown["stabilisation"] and self._is_planned(line))
        for line in (*self._tool_lines, *self.lines):
            line.GetDisplayNode().SetOccludedVisibility(True)  # a name behind bone or ice is read too
            line.GetDisplayNode().SetOccludedOpacity(_OCCLUDED)
            line.GetDisplayNode().SetTextScale(_TEXT_SCALE)
        self._target.GetDisplayNode().SetVisibility3D(False)
        self._display_segments()
        for line in self.lines:
            display = line.GetDisplayNode()
            display.SetSliceProjection(True)
            display.SetSliceProjectionOpacity(0.5)
            display.SetSliceProjectionUseFiducialColor(True)
            display.SetGlyphScale(1.6)

    def _display_ice(self, number: int) -> None:
        """Visible ice of one needle, where its program makes some."""
        display = self._ice[number].GetDisplayNode()
        display.SetVisibility(number in self._has_ice and self._shown["zone-visible"])
        display.SetVisibility2D(True)

    def _is_planned(self, node: Any) -> bool:
        """Cement's nodes are those of a plan that has no cement any more once its needles were moved."""
        return self._cement or _role(node) not in _CEMENT

    def _display_segments(self) -> None:
        display = self.segmentation.GetDisplayNode()
        for identifier, segment in segments(self.segmentation):
            display.SetSegmentVisibility(identifier, self._shown.get(self._layer_of(segment), False))

    def _layer_of(self, segment: Any) -> str:
        """The layer that draws a segment, "" for none."""
        layer = _LAYER_OF_SEGMENT.get(tag(segment, ROLE_TAG) or "", "")
        unwanted = tag(segment, KIND_TAG) == "skin" or (layer == "simulated" and not self._simulated)
        return "" if unwanted else layer


def _models(scene: Any) -> list[Any]:
    return [n for n in _nodes(scene, "vtkMRMLModelNode") if _role(n)]


def _of_roles(scene: Any, class_name: str, roles: Sequence[str]) -> list[Any]:
    return [n for n in _nodes(scene, class_name) if _role(n) in roles]


def _nodes(scene: Any, class_name: str) -> list[Any]:
    found = scene.GetNodesByClass(class_name)
    found.UnRegister(None)
    return [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]


def _margins_of(model: Any) -> Any:
    """A copy of a model's active scalars; None without a model."""
    if model is None:
        return None
    scalars = model.GetPolyData().GetPointData().GetScalars()
    copy = scalars.NewInstance()
    copy.DeepCopy(scalars)
    return copy


def _role(node: Any) -> str:
    return node.GetAttribute("BonePlan.Role") or ""


def _spheroid_surface(zone: Spheroid) -> Any:
    return ellipsoid_surface(zone.centre_ras_mm, (zone.across_mm / 2, zone.across_mm / 2, zone.along_mm / 2), zone.axis)
