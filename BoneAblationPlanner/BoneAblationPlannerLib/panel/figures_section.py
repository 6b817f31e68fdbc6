"""Tables and curves of the plan, shown beside the slices."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.section import Section
from BoneAblationPlannerLib.panel.segment_combo import show_choices


class FiguresSection(Section):
    """Which table or curve, a layout for it, and the way back; the same in both panels."""

    name = "figuresSection"

    def connect(self) -> None:
        """Buttons."""
        self.ui.figureButton.connect("clicked(bool)", self.onShow)
        self.ui.planningViewsButton.connect("clicked(bool)", self.onBack)

    def update(self) -> None:
        """What the chosen plan has."""
        figures = {} if self.panel.plan() is None else self.logic.figures(self.parameters.plan)
        chosen = self.ui.figureCombo.currentData
        show_choices(self.ui.figureCombo, figures, chosen if chosen in figures else next(iter(figures), ""))

    def updateRunning(self) -> None:
        """A plan is needed; the way back only after something was shown."""
        from BoneAblationPlannerLib.scene.layouts import can_go_back

        self.allow("figureButton", [] if self.ui.figureCombo.count else [_("a plan")])
        self.allow(
            "planningViewsButton", [] if can_go_back(slicer.mrmlScene) else [_("a table or curve that is shown")]
        )

    def onShow(self) -> None:
        """Switch to a layout with the chosen one."""
        from BoneAblationPlannerLib.scene.layouts import show_figure

        node = slicer.mrmlScene.GetNodeByID(self.ui.figureCombo.currentData or "")
        if node is None:  # deleted a moment ago
            self.panel.update()
            return
        if show_figure(node):
            self.panel.say(_("{name} is shown beside the slices").format(name=self.ui.figureCombo.currentText))
        self.panel.updateRunning()

    def onBack(self) -> None:
        """The layout of before."""
        from BoneAblationPlannerLib.scene.layouts import go_back

        go_back(slicer.mrmlScene)
        self.panel.updateRunning()


def figure_words(node: Any) -> str:
    """What a table or chart is called in the list."""
    if node.IsA("vtkMRMLPlotChartNode"):
        return _("Curve: {title}").format(title=node.GetTitle())
    titles = {"probes": _("Table: needles"), "clearances": _("Table: distances"), "coverage": _("Table: coverage")}
    return titles.get(node.GetAttribute("BonePlan.Table"), node.GetName())
