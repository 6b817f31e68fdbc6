"""Modality, device and probes for a prepared case: what the rules rank first, or what is easier here."""

from collections.abc import Sequence
from dataclasses import replace

from BoneAblationPlannerLib.access.region import AccessRegion
from BoneAblationPlannerLib.advice.modality import LesionFacts, advise
from BoneAblationPlannerLib.case import Case
from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.placement.bound import bounded
from BoneAblationPlannerLib.placement.chosen import ChosenProbes
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_LESION
from BoneAblationPlannerLib.placement.placer import Placer, distance_to_kinds_mm
from BoneAblationPlannerLib.placement.tiers import TIERS, Tier
from BoneAblationPlannerLib.plan import Advice, Modality
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress, part


def advise_modality(prepared: PreparedCase, region: AccessRegion) -> Advice:
    """The rules' ranking for this lesion and its neighbours; the user's choice wins."""
    near = distance_to_kinds_mm(region)
    lesion, choices = prepared.lesion, prepared.case.choices
    facts = LesionFacts(
        lesion.kind, lesion.diameters_mm[0], lesion.cortical_breach_fraction or 0.0, choices.cement, near)  # fmt: skip
    return advise(facts, chosen_modality(prepared.case), prepared.structures.not_checked)


def chosen_modality(case: Case) -> Modality | None:
    """The modality that the user asked for, by name, device or fixed probes; raises InputError if they disagree."""
    modality = case.choices.modality
    devices = [probe.device for probe in case.fixed]
    if case.choices.device is not None:
        devices.append(find_device(case.choices.device, case.devices))
    for device in devices:
        if modality not in (None, device.modality):
            raise InputError(f"device {device.id}: is {device.modality}; expected a device for modality {modality}")
        modality = device.modality
    return modality


def place_probes(placer: Placer, advice: Advice, report: ReportProgress) -> tuple[ChosenProbes, Advice]:
    """Probes for the advised modality; if the rules chose it and it needs many probes, the next ones are tried too.

    Raises
    ------
    PlanningError
        If no modality covers the lesion without a zone touching a critical structure.
    """
    ranked = [r.modality for r in advice.ranked] if advice.chosen_by == "rules" else [advice.modality]
    strict = placer.prepared.case.choices.strict
    found: list[tuple[ChosenProbes, Modality]] = []
    failures: list[PlanningError] = []
    for n, modality in enumerate(ranked):
        span = part(report, n / len(ranked), (n + 1) / len(ranked))
        try:
            tiers = _worth_trying([chosen for chosen, _ in found], strict)
            found.append((placer.for_modality(modality).place(modality, tiers, span), modality))
        except PlanningError as error:
            failures.append(error)
            continue
        if found[-1][0].easy:
            break
    if not found:
        raise failures[0]
    chosen, modality = min(found, key=lambda row: row[0].preference)
    chosen = replace(chosen, selection=bounded(chosen.problem, chosen.selection))
    if modality != advice.modality:
        note = f"{advice.modality} ranks first but covers the lesion less easily here: {modality} is planned"
        advice = replace(advice, modality=modality, warnings=(*advice.warnings, note))
    return chosen, advice


def _worth_trying(found: Sequence[ChosenProbes], strict: bool) -> tuple[Tier, ...]:
    """The tiers in which another modality could still be preferred to those found; one only where all is to be kept."""
    if strict:
        return TIERS[:1]
    covering = [TIERS.index(c.tier) for c in found if c.selection.lesion_fraction >= ENOUGH_LESION]
    return TIERS[: min(covering) + 1] if covering else TIERS
