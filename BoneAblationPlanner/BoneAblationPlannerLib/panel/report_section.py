"""Plans side by side, and the files to take along."""

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import content, widgets
from BoneAblationPlannerLib.panel.section import Section, State, StepState


class ReportSection(Section):
    """Compare, write files, remove."""

    name = "reportSection"

    def connect(self) -> None:
        """Buttons."""
        widgets.prepare_table(self.ui.compareTable)
        self.ui.exportButton.connect("clicked(bool)", self.onExport)
        self.ui.removeButton.connect("clicked(bool)", self.onRemove)

    def update(self) -> None:
        """A table once there are two plans."""
        from BoneAblationPlannerLib.scene.plan_nodes import plan_documents

        plans = []
        for document in plan_documents(slicer.mrmlScene):
            plan = content.plan_of(document)
            if plan is not None:
                plans.append((document.GetName(), plan))
        self.ui.compareTable.setVisible(len(plans) > 1)
        if len(plans) > 1:
            widgets.fill_table(self.ui.compareTable, content.compare_table(plans))

    def updateRunning(self) -> None:
        """Both need a plan."""
        self.allow("exportButton", self.waiting((self.panel.plan(), _("a plan"))))
        self.allow("removeButton", self.waiting((self.parameters.plan, _("a plan"))))

    def state(self) -> StepState:
        """Without a plan there is nothing to write."""
        if self.parameters.plan is None:
            return StepState(State.BLOCKED, _("no plan yet"))
        return StepState(State.DONE, "")

    def onExport(self) -> None:
        """Write what the command line writes."""
        folder = qt.QFileDialog.getExistingDirectory(self.panel.parent, _("Folder for the plan's files"))
        if not folder:
            return
        document = self.parameters.plan
        if self.panel.wait(lambda report: self.logic.export(document, Path(folder), report)):
            self.panel.showMessage(_("Written to {folder}").format(folder=folder))

    def onRemove(self) -> None:
        """Take the plan and all its nodes out of the scene; what is left is shown."""
        if self.panel.tryTo(lambda: self.logic.removePlan(self.parameters.plan)):
            self.logic.chooseAnyPlan(self.parameters)
            self.panel.update()
