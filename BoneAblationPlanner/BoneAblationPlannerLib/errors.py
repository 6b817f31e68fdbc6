"""The two ways in which a plan can honestly fail."""


class InputError(ValueError):
    """Input that cannot be used: one line that says what, where and what was expected (exit code 2)."""


class PlanningError(Exception):
    """Sound input for which no admissible plan exists (exit code 3).

    Parameters
    ----------
    reason : str
        One line in the clinic's words.
    excluded_by : dict[str, int], optional
        How many candidates each constraint alone excludes; the largest is the one to reconsider.
    """

    def __init__(self, reason: str, excluded_by: dict[str, int] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.excluded_by = dict(excluded_by or {})


class Cancelled(Exception):
    """The user pressed Cancel; nothing was written."""
