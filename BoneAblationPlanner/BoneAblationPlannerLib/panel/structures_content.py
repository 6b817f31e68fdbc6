"""What the panel says about critical anatomy before planning, as rows of text."""

from collections.abc import Sequence
from dataclasses import dataclass

from slicer.i18n import tr as _

from BoneAblationPlannerLib.anatomy.structure_table import NEVER_MISSING, StructureTable
from BoneAblationPlannerLib.panel.content import plain
from BoneAblationPlannerLib.plan import Plan

FROM_THE_CT = ("skin", "implant")
"""Kinds that are found without an outline."""


@dataclass(frozen=True)
class KindRow:
    """A kind of critical anatomy: what of it the case has, and the distances to keep."""

    kind: str
    names: tuple[str, ...]
    shaft_mm: float
    zone_mm: float
    source: str
    expected: bool

    def found(self) -> str:
        """What the table says."""
        if self.kind in FROM_THE_CT and not self.names:
            return _("found on the CT")
        if not self.names:
            return _("NOT CHECKED") if self.expected else "-"
        return plain(self.names[0]) if len(self.names) == 1 else _("{count} structures").format(count=len(self.names))


def kind_rows(
    table: StructureTable, names: Sequence[str], nerves: Sequence[str], barred: Sequence[str] = ()
) -> tuple[KindRow, ...]:
    """One row per kind, from the names of segments, the curves to keep clear of and the bones not to cross."""
    by_kind: dict[str, list[str]] = {kind: [] for kind in table.kinds}
    for name in names:
        if table.ignored_reason(name) is None:
            by_kind[table.kind_of(name) or "other"].append(name)
    by_kind["nerve"] += nerves
    by_kind["barred bone"] += barred
    return tuple(
        KindRow(
            kind,
            tuple(by_kind[kind]),
            rule.shaft_mm,
            rule.zone_mm,
            f"{rule.source} ({rule.status})",
            kind not in (*FROM_THE_CT, *NEVER_MISSING, "joint"),
        )
        for kind, rule in table.kinds.items()
    )


def missing_kinds_line(rows: Sequence[KindRow]) -> str:
    """The kinds that nobody gave; empty only if everything was."""
    missing = ", ".join(row.kind for row in rows if row.expected and not row.names)
    return _("Will not be checked: {kinds}.").format(kinds=missing) if missing else ""


def estimated_line(plan: Plan | None) -> str:
    """Nerves of which only the expected course is known."""
    estimated = () if plan is None else plan.structures.estimated
    names = [plain(structure.name.removesuffix(" (estimated, verify)")) for structure in estimated]
    if not names:
        return ""
    return _("Only expected from the bones, not seen; near them the plan warns: {names}.").format(
        names=", ".join(names)
    )


def doubted_lines(plan: Plan | None) -> tuple[str, ...]:
    """What was given but tells nothing of this lesion, as the plan found; the table goes by names alone."""
    reasons = () if plan is None else plan.structures.why_not
    return tuple(_("Given, but not checked in this plan: {reason}.").format(reason=reason) for reason in reasons)
