"""Distances that differ between modalities: those of the one that is planned, once it is known."""

from dataclasses import replace

from BoneAblationPlannerLib.anatomy.structures import checked_structure
from BoneAblationPlannerLib.case import Case, Structure
from BoneAblationPlannerLib.plan import Modality
from BoneAblationPlannerLib.preparation import PreparedCase


def case_for(case: Case, modality: Modality | None) -> Case:
    """A case with the distances of a modality, as it is where none is known yet."""
    return case if modality is None else replace(case, structure_table=case.structure_table.for_modality(modality))


def prepared_for(prepared: PreparedCase, modality: Modality) -> PreparedCase:
    """A prepared case with the distances of a modality; the same one where the table does not tell modalities apart."""
    before = prepared.case.structure_table
    table = before.for_modality(modality)
    if table is before:
        return prepared

    def own(structure: Structure) -> Structure:
        was, now = before.kinds.get(structure.kind), table.kinds.get(structure.kind)
        if was is None or now is None or structure.required_zone_mm != was.zone_mm:
            return structure
        return replace(structure, required_zone_mm=now.zone_mm)

    structures = tuple(own(structure) for structure in prepared.anatomy.structures)
    estimates = tuple(own(structure) for structure in prepared.anatomy.estimates)
    return replace(
        prepared,
        case=replace(prepared.case, structure_table=table),
        anatomy=replace(prepared.anatomy, structures=structures, estimates=estimates),
        structures=replace(
            prepared.structures,
            checked=tuple(checked_structure(structure) for structure in structures),
            estimated=tuple(checked_structure(structure) for structure in estimates),
        ),
    )
