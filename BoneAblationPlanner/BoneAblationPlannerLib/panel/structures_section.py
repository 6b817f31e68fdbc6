"""What must not be hit: organs, nerves, skin without entry, and the distances to keep."""

import json
from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import plain
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.panel.structures_content import KindRow, estimated_line, kind_rows, missing_kinds_line
from BoneAblationPlannerLib.panel.widgets import editable_cell, fit_height, prepare_table, read_only_cell, show_text

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

    def connect(self) -> None:
        """Nerves and distances."""
        prepare_table(self.ui.kindTable)
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
        self._show_nerves()
        self._show_bones()
        self._show_kinds()
        show_text(self.ui.estimatedLabel, estimated_line(self.panel.plan()))

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
        """Clicks in the views draw a new nerve."""
        self.logic.drawNerve()

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
        if self._syncing or self.parameters is None:
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

    def _show_bones(self) -> None:
        """The named bones of the chosen segmentation, and those that were barred before."""
        barred = list(self.parameters.barredBones)
        names = sorted({*self.logic.boneNames(self.parameters), *barred})
        self._syncing = True
        self.ui.boneList.clear()
        for name in names:
            item = qt.QListWidgetItem(plain(name))
            item.setData(qt.Qt.UserRole, name)
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
            item.setCheckState(qt.Qt.Checked if name in barred else qt.Qt.Unchecked)
            self.ui.boneList.addItem(item)
        self._syncing = False
        self.ui.boneList.setVisible(bool(names))
        self.ui.boneListLabel.setVisible(bool(names))

    def _show_kinds(self) -> None:
        barred = tuple(self.parameters.barredBones)
        names = self.logic.structureNames(self.parameters)
        nerves = tuple(node.GetName() for node in self.nerves())
        state = (names, nerves, barred, self.parameters.distances)
        if state == self._shown:
            return
        self._shown = state
        self._rows = kind_rows(self.logic.structureTable(self.parameters), names, nerves, barred)
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
