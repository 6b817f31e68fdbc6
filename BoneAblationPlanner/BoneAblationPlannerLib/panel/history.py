"""Undo and redo of where the needles are and what they are, for every plan of its own."""

from typing import Any, Generic, TypeVar

T = TypeVar("T")

DEEPEST = 100


class History(Generic[T]):
    """States in the order in which they were reached; `now` is the one that is shown."""

    def __init__(self) -> None:
        self._states: list[T] = []
        self._at = -1

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

    @property
    def earlier(self) -> T:
        """The state that undoing leads to."""
        return self._states[self._at - 1]

    @property
    def later(self) -> T:
        """The state that redoing leads to."""
        return self._states[self._at + 1]

    def undo(self) -> None:
        """Step back, once the earlier state is shown."""
        self._at -= 1

    def redo(self) -> None:
        """Step forward, once the later state is shown."""
        self._at += 1


class Histories(Generic[T]):
    """The histories of several plans by their documents; that of a deleted plan goes with it."""

    def __init__(self) -> None:
        self._by_document: list[tuple[Any, History[T]]] = []

    def of(self, document: Any) -> History[T]:
        """The history of a plan; one that keeps nothing without a plan."""
        self._by_document = [(node, kept) for node, kept in self._by_document if node.GetScene() is not None]
        found = next((kept for node, kept in self._by_document if node is document), None)
        if found is None:
            found = History[T]()
            if document is not None:
                self._by_document.append((document, found))
        return found
