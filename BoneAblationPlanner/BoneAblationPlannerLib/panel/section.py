"""One step of a panel: a foldable section that says in its title how far the step is."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _


class State(enum.Enum):
    """How far a step is; the value is the mark in its title."""

    DONE = "✓"
    ATTENTION = "!"
    BLOCKED = "…"


@dataclass(frozen=True)
class StepState:
    """How far a step is, and what is found or missing, in a few words."""

    state: State
    text: str


class Section:
    """A step of the panel.

    Parameters
    ----------
    panel : PlanningPanel
        Gives `ui`, `logic`, `parameters`, `runner` and the other steps.
    number : int
        Place in the order of thought, from 1.
    """

    name = ""
    """Name of its ctkCollapsibleButton."""

    def __init__(self, panel: Any, number: int) -> None:
        self.panel, self.number = panel, number
        self._title = getattr(self.ui, self.name).text
        self._does: dict[str, str] = {}

    @property
    def ui(self) -> Any:
        """The panel's widgets by name."""
        return self.panel.ui

    @property
    def logic(self) -> Any:
        """The module's logic."""
        return self.panel.logic

    @property
    def parameters(self) -> Any:
        """The parameter node, None while the panel is not bound to a scene."""
        return self.panel.parameters

    def connect(self) -> None:
        """Connect the widgets; once."""

    def update(self) -> None:
        """Show what the parameters and the scene say."""

    def updateRunning(self) -> None:
        """Enable what can be done now; called after every step of a run."""

    def release(self) -> None:
        """Let go of the nodes: the panel is left, or the scene closes."""

    def state(self) -> StepState:
        """How far the step is."""
        return StepState(State.DONE, "")

    def allow(self, name: str, missing: Sequence[str]) -> None:
        """Enable a button, or disable it with a tooltip that says what it waits for.

        Parameters
        ----------
        name : str
            Of the button.
        missing : sequence of str
            What is still needed, in words; nothing enables it.
        """
        button = getattr(self.ui, name)
        does = self._does.setdefault(name, button.toolTip)
        button.enabled = not missing
        button.toolTip = (
            _("{does}\nStill needed: {what}").format(does=does, what="; ".join(missing)) if missing else does
        )

    def waiting(self, *needs: tuple[Any, str]) -> list[str]:
        """What is still needed of (whether it is there, what to call it); while something runs, its end."""
        running = [_("the end of the run")] if self.panel.busy else []
        return running + [name for there, name in needs if not there]

    def showTitle(self) -> None:
        """Number, name and state in the title."""
        now = self.state()
        text = f"{self.number}. {self._title}"
        if now.text:
            text += f"  {now.state.value} {now.text}"
        button = getattr(self.ui, self.name)
        if button.text != text:
            button.text = text


def still_needed(missing: list[str], action: str) -> str:
    """Tooltip of a button that waits for something."""
    return _("{action}, still needed: {what}").format(action=action, what="; ".join(missing))
