"""What the panel says about the kind of ablation: what the rules recommend, why, and what they do not know."""

from collections.abc import Sequence

from slicer.i18n import tr as _

from BoneAblationPlannerLib.plan import Advice, Lesion, Plan


def plan_advice_lines(plan: Plan) -> tuple[str, ...]:
    """Why the kind of ablation of a plan, and what the rules think of the others."""
    return (_("Of the plan shown:"), *_ranked_lines(plan.advice, plan.advice.modality))


def case_advice_lines(advice: Advice, lesion: Lesion, cement_wanted: bool) -> tuple[str, ...]:
    """What the rules recommend before anything is planned, why, and what they do not know."""
    return (recommended(advice), *_ranked_lines(advice), *_unknown(advice, lesion, cement_wanted))


def recommended(advice: Advice) -> str:
    """The first of the ranking; several where the rules do not tell them apart."""
    best = advice.ranked[0].score
    first = [ranked.modality.upper() for ranked in advice.ranked if ranked.score == best]
    if len(first) > 1:
        return _("The rules do not tell apart: {kinds}.").format(kinds=", ".join(first))
    return _("Recommended: {kind}. Another is planned where it covers the lesion more easily.").format(kind=first[0])


def sources(advice: Advice) -> str:
    """Where the reasons come from, one line each, and how sure they are."""
    reasons = [reason for ranked in advice.ranked for reason in ranked.reasons]
    return "\n".join(dict.fromkeys(f"{r.rule}: {r.source} ({r.status})" for r in reasons))


def _ranked_lines(advice: Advice, planned: str | None = None) -> list[str]:
    lines = []
    for ranked in advice.ranked:
        reasons = "; ".join(reason.rule for reason in ranked.reasons) or _("no rule speaks for or against it")
        taken = _(" (planned)") if ranked.modality == planned else ""
        lines.append(f"• {ranked.modality.upper()}{taken}: {reasons}")
    return lines


def _unknown(advice: Advice, lesion: Lesion, cement_wanted: bool) -> Sequence[str]:
    """What would change the ranking if it were known."""
    lines = [f"{warning[:1].upper()}{warning[1:]}." for warning in advice.warnings]
    if lesion.kind is None:
        lines.append(_("It does not know whether the lesion is lytic or sclerotic."))
    if lesion.cortical_breach_fraction is None:
        lines.append(_("It does not know whether the cortex is open."))
    if not cement_wanted:
        lines.append(_("It assumes that no cement is wanted in the same session."))
    unverified = sum(reason.status != "seen" for ranked in advice.ranked for reason in ranked.reasons)
    if unverified:
        lines.append(_("{count} of its reasons are not verified; point here for the sources.").format(count=unverified))
    return lines
