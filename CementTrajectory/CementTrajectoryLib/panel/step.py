"""A step with a run button that adds something to the chosen plan."""

from typing import Any

from BoneAblationPlannerLib.panel.section import Section, still_needed


class RunStep(Section):
    """Names of its button, and what the button's tooltips say."""

    button = ""
    action = ""
    """In the tooltip of the disabled button: "To ..."."""
    does = ""
    """Tooltip of the enabled button."""

    def connect(self) -> None:
        """The button."""
        getattr(self.ui, self.button).connect("clicked(bool)", self.onRun)

    def onRun(self) -> None:
        """Run in the background."""
        self.panel.add(self.prepare())

    def prepare(self) -> Any:
        """The logic's function that reads the scene and returns the work."""
        raise NotImplementedError

    def updateRunning(self) -> None:
        """Whether the button can be pressed, and why not."""
        missing = [*self.waiting(), *self.logic.missing(self.parameters)]
        button = getattr(self.ui, self.button)
        button.enabled = not missing
        button.toolTip = still_needed(missing, self.action) if missing else self.does
