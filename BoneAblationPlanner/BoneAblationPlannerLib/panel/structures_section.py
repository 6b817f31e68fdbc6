"""What must not be hit: organs, nerves, models, skin without entry, and the distances to keep."""

import json
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import plain
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.panel.segment_watch import SegmentWatch
from BoneAblationPlannerLib.panel.structures_content import (
    KindRow,
    doubted_lines,
    estimated_line,
    kind_rows,
    missing_kinds_line,
)
from BoneAblationPlannerLib.panel.widgets import (
    editable_cell,
    fill_checks,
    fit_height,
    prepare_table,
    read_only_cell,
    show_text,
)

SHAFT, ZONE = 2, 3
"""Columns of the table that can be edited."""


class StructuresSection(Section):
    """Organs, nerves, forbidden skin and distances."""

    name = "structuresSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._syncing = False
        self._rows: tuple[KindRow, ...] = ()
        self._shown: Any = None
        self._segments_changed = 0
        self._found: tuple[Any, tuple[tuple[str, ...], Any]] = (None, ((), None))
        self._watch = SegmentWatch(panel, self._on_segments, self._on_segments_rest, 0)

    def connect(self) -> None:
        """Nerves and distances."""
        prepare_table(self.ui.kindTable)
        self.ui.nerveRadiusCombo.connect("currentIndexChanged(int)", self._show_radius)
        self.ui.nerveRadiusSpin.connect("valueChanged(double)", self.onRadius)
        self.ui.modelList.connect("itemChanged(QListWidgetItem*)", self.onModel)
        self.panel.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAddedEvent, self.onNodeAdded)
        self.ui.nerveSelector.connect("checkedNodesChanged()", self.onNervesChecked)
        self.ui.nerveSelector.connect("nodeAdded(vtkMRMLNode*)", self.onNerveAdded)
        self.ui.drawNerveButton.connect("clicked(bool)", self.onDrawNerve)
        self.ui.kindTable.connect("cellChanged(int,int)", self.onDistance)
        self.ui.boneList.connect("itemChanged(QListWidgetItem*)", self.onBone)

    def nerves(self) -> list[Any]:
        """The curves to keep clear of."""
        return list(self.ui.nerveSelector.checkedNodes())

    def update(self) -> None:
        """Nerves, kinds and what is missing."""
        if self._watch.follow(self.parameters.structures):
            self._on_segments()
        self._show_nerves()
        self._show_radius()
        self._show_models()
        self._show_bones()
        self._show_kinds()
        plan = self.panel.plan()
        show_text(self.ui.estimatedLabel, "\n".join(filter(None, (*doubted_lines(plan), estimated_line(plan)))))

    def release(self) -> None:
        """Stop listening to the segments."""
        self._watch.follow(None)

    def state(self) -> StepState:
        """Kinds that nobody gave are worth a look."""
        missing = [row.kind for row in self._rows if not row.names and row.expected]
        if missing:
            return StepState(State.ATTENTION, _("{count} kinds not checked").format(count=len(missing)))
        return StepState(State.DONE, "")

    def onNervesChecked(self) -> None:
        """Remember which curves are not to be kept clear of."""
        if self.parameters is not None and not self._syncing:
            self.parameters.ignoredNerves = list(self.ui.nerveSelector.uncheckedNodes())

    def onNerveAdded(self, node: Any) -> None:
        """A new curve is checked unless it was unchecked before."""
        if self.parameters is not None:
            self.update()
            self.panel.updateRunning()

    def onDrawNerve(self) -> None:
        """Clicks in the views draw a new nerve; its radius is shown."""
        node = self.logic.drawNerve()
        self._show_nerves()
        self.ui.nerveRadiusCombo.setCurrentIndex(self.ui.nerveRadiusCombo.findData(node.GetID()))

    def onRadius(self, radius_mm: float) -> None:
        """The radius that the user gave a nerve."""
        node = self._nerve_of_radius()
        if node is not None:
            self.logic.setNerveRadius(node, radius_mm)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(self, caller: Any, event: Any, node: Any) -> None:
        """A model that was loaded can be chosen; a plan's own get their roles after they were added."""
        if node.IsA("vtkMRMLModelNode"):
            qt.QTimer.singleShot(0, self._show_models)

    def onModel(self, item: Any) -> None:
        """A model that is a structure, or no longer."""
        if self.parameters is None:
            return
        model = slicer.mrmlScene.GetNodeByID(item.data(qt.Qt.UserRole))
        others = [node for node in self.parameters.models if node is not None and node is not model]
        self.parameters.models = [*others, model] if item.checkState() == qt.Qt.Checked else others

    def onDistance(self, row: int, column: int) -> None:
        """A distance that the user typed; nonsense is put back with one line."""
        if self._syncing or self.parameters is None or column not in (SHAFT, ZONE):
            return
        text = self.ui.kindTable.item(row, column).text()
        self._shown = None
        self.panel.tryTo(lambda: self._remember(self._rows[row], column, text))
        self.update()

    def onBone(self, item: Any) -> None:
        """A bone that no needle may cross, or that one may cross again."""
        if self.parameters is None:
            return
        bone = item.data(qt.Qt.UserRole)
        others = [name for name in self.parameters.barredBones if name != bone]
        barred = item.checkState() == qt.Qt.Checked
        self.parameters.barredBones = sorted([*others, bone]) if barred else others
        self._show_kinds()

    def _remember(self, row: KindRow, column: int, text: str) -> None:
        from BoneAblationPlannerLib.anatomy.structure_table import distance_in_mm

        value = distance_in_mm(text, f"{row.kind}, {_('needle') if column == SHAFT else _('zone')}")
        shaft, zone = (value, row.zone_mm) if column == SHAFT else (row.shaft_mm, value)
        changed = json.loads(self.parameters.distances or "{}")
        changed[row.kind] = [shaft, zone]
        self.parameters.distances = json.dumps(changed, sort_keys=True)

    def _show_nerves(self) -> None:
        if self._syncing:
            return
        self._syncing = True
        selector = self.ui.nerveSelector
        ignored = [node.GetID() for node in self.parameters.ignoredNerves if node is not None]
        for node in [*selector.checkedNodes(), *selector.uncheckedNodes()]:
            selector.setCheckState(node, qt.Qt.Unchecked if node.GetID() in ignored else qt.Qt.Checked)
        self._syncing = False

    def _show_radius(self, index: int = -1) -> None:
        """The radius of the chosen nerve; no row without nerves."""
        nerves = {node.GetID(): node.GetName() for node in self.nerves()}
        show_choices(self.ui.nerveRadiusCombo, nerves, self.ui.nerveRadiusCombo.currentData or next(iter(nerves), ""))
        for widget in (self.ui.nerveRadiusLabel, self.ui.nerveRadiusRow):
            widget.setVisible(bool(nerves))
        node, spin = self._nerve_of_radius(), self.ui.nerveRadiusSpin
        if node is not None:
            was_blocked = spin.blockSignals(True)
            spin.value = self.logic.nerveRadius(node)
            spin.blockSignals(was_blocked)

    def _nerve_of_radius(self) -> Any:
        chosen = self.ui.nerveRadiusCombo.currentData
        return slicer.mrmlScene.GetNodeByID(chosen) if chosen else None

    def _show_models(self) -> None:
        """Models that are no plan's, and those of them that count."""
        if self.parameters is None:
            return
        models = {node.GetID(): node.GetName() for node in self.logic.foreignModels()}
        fill_checks(self.ui.modelList, models, [n.GetID() for n in self.parameters.models if n is not None])
        self.ui.modelListLabel.setVisible(bool(models))

    def _show_bones(self) -> None:
        """The named bones of the chosen segmentation, and those that were barred before."""
        barred = list(self.parameters.barredBones)
        names = sorted({*self.logic.boneNames(self._structures()[0]), *barred})
        fill_checks(self.ui.boneList, {name: plain(name) for name in names}, barred)
        self.ui.boneListLabel.setVisible(bool(names))

    def _structures(self) -> tuple[tuple[str, ...], Any]:
        """Names of the chosen structures and their table, looked for once until something changes."""
        parameters = self.parameters
        node, models = parameters.structures, tuple(n.GetName() for n in parameters.models if n is not None)
        image = None if node is None or not node.IsA("vtkMRMLVolumeNode") else node.GetImageData()
        changed = self._segments_changed if image is None else image.GetMTime()
        state = (node, changed, models, parameters.distances)
        if state != self._found[0]:
            self._found = (state, self.logic.structures(parameters))
        return self._found[1]

    def _on_segments(self) -> None:
        self._segments_changed += 1

    def _on_segments_rest(self) -> None:
        """Somebody edited, added, renamed or removed segments."""
        if self.parameters is not None:
            self.update()
            self.panel.updateRunning()

    def _show_kinds(self) -> None:
        barred = tuple(self.parameters.barredBones)
        names, known_kinds = self._structures()
        nerves = tuple(node.GetName() for node in self.nerves())
        state = (names, nerves, barred, self.parameters.distances, self._segments_changed)
        if state == self._shown:
            return
        self._shown = state
        self._rows = kind_rows(known_kinds, names, nerves, barred)
        table = self.ui.kindTable
        self._syncing = True
        table.clear()
        table.setColumnCount(4)
        table.setRowCount(len(self._rows))
        table.setHorizontalHeaderLabels([_("Kind"), _("Found"), _("Needle (mm)"), _("Zone (mm)")])
        for column in (SHAFT, ZONE):
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        for n, row in enumerate(self._rows):
            table.setItem(n, 0, read_only_cell(row.kind))
            table.setItem(n, 1, read_only_cell(row.found(), ", ".join(row.names)))
            table.setItem(n, SHAFT, editable_cell(f"{row.shaft_mm:g}", row.source))
            table.setItem(n, ZONE, editable_cell(f"{row.zone_mm:g}", row.source))
        self._syncing = False
        fit_height(table)
        show_text(self.ui.missingKindsLabel, missing_kinds_line(self._rows))
