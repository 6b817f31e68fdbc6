"""The table of a plan's needles: name, device, lock, keep; which one is selected, and its device."""

from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.panel.widgets import check_cell, editable_cell, fit_height, prepare_table, read_only_cell
from BoneAblationPlannerLib.plan import Plan, Probe

NAME, DEVICE, LOCK, KEEP = 0, 1, 2, 3


class NeedleList:
    """Fills the table `probeList` and the combo box `programCombo`.

    `filling` is true while the table is written, so that its signals are not taken for the user's.
    """

    def __init__(self, ui: Any, logic: Any) -> None:
        self._ui, self._logic = ui, logic
        self.filling = False
        self._fit = qt.QTimer()
        self._fit.setSingleShot(True)
        self._fit.connect("timeout()", lambda: fit_height(ui.probeList))
        prepare_table(ui.probeList)

    def show(self, lines: list[Any], plan: Plan | None) -> None:
        """One row per line; the selected needle stays selected."""
        probes = {} if plan is None else {p.name: p for p in plan.probes}
        table, chosen = self._ui.probeList, self.selected()
        self.filling = True
        table.clear()
        table.setColumnCount(4)
        table.setRowCount(len(lines))
        for narrow in (LOCK, KEEP):
            table.horizontalHeader().setSectionResizeMode(narrow, qt.QHeaderView.ResizeToContents)
        table.setHorizontalHeaderLabels([_("Needle"), _("Device, program"), _("Locked"), _("Keep")])
        for row, line in enumerate(lines):
            name = self._logic.needleName(line)
            self._show_row(row, line, name, probes.get(name))
            if name == chosen:
                table.selectRow(row)
        self.filling = False
        table.setVisible(bool(lines))
        fit_height(table)
        self._fit.start(0)  # a table that was hidden has its width only then
        self.show_programs(plan)

    def show_programs(self, plan: Plan | None) -> None:
        """Devices and programs that the selected needle could have, and the one that it has."""
        name = self.selected()
        probe = None if plan is None else next((p for p in plan.probes if p.name == name), None)
        choices = {} if plan is None or probe is None else self._logic.programs(plan.advice.modality)
        show_choices(self._ui.programCombo, choices, "" if probe is None else f"{probe.device}|{probe.program}")

    def selected(self) -> str | None:
        """Name of the needle in the selected row."""
        row = self._ui.probeList.currentRow()
        item = self._ui.probeList.item(row, NAME) if row >= 0 else None
        return item.text() if item is not None else None

    def is_checked(self, row: int, column: int) -> bool:
        """Whether a box of the table is checked."""
        return bool(self._ui.probeList.item(row, column).checkState() == qt.Qt.Checked)

    @property
    def count(self) -> int:
        """How many needles are shown."""
        return int(self._ui.probeList.rowCount)

    def _show_row(self, row: int, line: Any, name: str, probe: Probe | None) -> None:
        table = self._ui.probeList
        what = (
            f"{probe.device_name or probe.device}, {probe.program}" if probe else line.GetAttribute("BonePlan.Device")
        )
        table.setItem(row, NAME, editable_cell(name, _("Double-click to rename")))
        table.setItem(row, DEVICE, read_only_cell(what or ""))
        table.setItem(row, LOCK, check_cell(line.GetLocked(), _("Locked needles cannot be dragged")))
        stays = _("Kept needles stay where they are when planning again; the others are planned around them")
        table.setItem(row, KEEP, check_cell(self._logic.isKept(line), stays))
