"""Labels that say nothing of the tissue under them: planning targets, pathology, the body's outline, the table."""

from dataclasses import replace

import numpy as np

from BoneAblationPlannerLib.anatomy.structure_table import NO_TISSUE, StructureTable, builtin_table
from BoneAblationPlannerLib.ct import LabelMap


def without_targets(organs: LabelMap | None, table: StructureTable | None = None) -> tuple[LabelMap | None, list[str]]:
    """A map without such labels, and a note on what was left out; None where nothing else is in it.

    Bone under a planning target is bone, and bone that no other label names is found in the CT as everywhere else.
    """
    table = table or builtin_table()
    reasons = {value: table.ignored_reason(name) for value, name in (organs.names if organs else {}).items()}
    dropped = [value for value, reason in reasons.items() if reason in NO_TISSUE]
    if organs is None or not dropped:
        return organs, []
    note = "left out of the organ map: " + "; ".join(f"{organs.names[value]} ({reasons[value]})" for value in dropped)
    names = {value: name for value, name in organs.names.items() if value not in dropped}
    if not names:
        return None, [note]
    return replace(organs, labels=np.where(np.isin(organs.labels, dropped), 0, organs.labels), names=names), [note]
