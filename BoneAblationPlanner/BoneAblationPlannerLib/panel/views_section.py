"""Slices that follow a needle; they stay where they are while something is dragged."""

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.plan import Probe

BEYOND_TIP_MM = 15.0


class ViewsSection(Section):
    """Down the barrel and along the needle, with a slider for the depth."""

    name = "viewsSection"

    def connect(self) -> None:
        """Buttons and the depth."""
        self.ui.alongButton.connect("clicked(bool)", self.onFollow)
        self.ui.standardButton.connect("clicked(bool)", self.onStandard)
        self.ui.depthSlider.connect("valueChanged(double)", self.onDepth)

    def update(self) -> None:
        """The needles of the chosen plan."""
        plan = self.panel.plan()
        names = {} if plan is None else {probe.name: probe.name for probe in plan.probes}
        now = self.ui.alongCombo.currentText
        show_choices(self.ui.alongCombo, names, now if now in names else next(iter(names), ""))

    def updateRunning(self) -> None:
        """Without a needle there is nothing to follow."""
        has_probe = self._probe() is not None
        needs = [] if has_probe else [_("a plan")]
        self.allow("alongButton", needs)
        self.allow("standardButton", needs)
        if not has_probe:
            self.ui.depthSlider.enabled = False

    def state(self) -> StepState:
        """Nothing to say."""
        return StepState(State.DONE, "")

    def onFollow(self) -> None:
        """Red across the needle at its tip, yellow and green along it."""
        probe = self._probe()
        if probe is None:
            return
        was_blocked = self.ui.depthSlider.blockSignals(True)
        self.ui.depthSlider.maximum = round(probe.depth_mm + BEYOND_TIP_MM)
        self.ui.depthSlider.value = round(probe.depth_mm)
        self.ui.depthSlider.blockSignals(was_blocked)
        self.ui.depthSlider.enabled = True
        self._show(probe.depth_mm)

    def onDepth(self, depth_mm: float) -> None:
        """Scroll along the needle."""
        self._show(depth_mm)

    def onStandard(self) -> None:
        """Back to axial, sagittal and coronal, through the lesion."""
        from BoneAblationPlannerLib.scene.slices import show_standard

        plan = self.panel.plan()
        self.ui.depthSlider.enabled = False
        if plan is not None:
            show_standard(slicer.mrmlScene, plan.lesion.centroid_ras_mm)

    def jump(self, point_ras_mm: tuple[float, float, float]) -> None:
        """All slices through a point, turned as they are."""
        from BoneAblationPlannerLib.scene.slices import jump

        jump(slicer.mrmlScene, point_ras_mm)

    def _probe(self) -> Probe | None:
        plan = self.panel.plan()
        if plan is None:
            return None
        return next((p for p in plan.probes if p.name == self.ui.alongCombo.currentText), None)

    def _show(self, depth_mm: float) -> None:
        from BoneAblationPlannerLib.scene.slices import show_along

        probe = self._probe()
        if probe is not None:
            show_along(slicer.mrmlScene, probe.entry_ras_mm, probe.tip_ras_mm, depth_mm)
            self.panel.say(_("{name}: {depth:.0f} mm from the skin").format(name=probe.name, depth=depth_mm))
