"""Undo and redo of where the needles are and what they are."""

from typing import Generic, TypeVar

T = TypeVar("T")

DEEPEST = 100


class History(Generic[T]):
    """States in the order in which they were reached; `now` is the one that is shown."""

    def __init__(self) -> None:
        self._states: list[T] = []
        self._at = -1

    def clear(self) -> None:
        """Forget everything."""
        self._states, self._at = [], -1

    def record(self, state: T) -> None:
        """A new state; states that were undone are gone. The same state again is no step."""
        if self.now == state:
            return
        self._states = [*self._states[: self._at + 1], state][-DEEPEST:]
        self._at = len(self._states) - 1

    @property
    def now(self) -> T | None:
        """The state that is shown, None before the first."""
        return self._states[self._at] if self._at >= 0 else None

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone."""
        return self._at + 1 < len(self._states)

    def undo(self) -> T:
        """Step back; returns the state to show."""
        self._at -= 1
        return self._states[self._at]

    def redo(self) -> T:
        """Step forward; returns the state to show."""
        self._at += 1
        return self._states[self._at]
