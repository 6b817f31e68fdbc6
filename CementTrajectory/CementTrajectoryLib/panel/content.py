"""What the panel says about cement, screws and stability, as rows of text."""

from collections.abc import Sequence

from slicer.i18n import tr as _

from BoneAblationPlannerLib.advice.order import pull_backs
from BoneAblationPlannerLib.panel.content import Table
from BoneAblationPlannerLib.plan import (
    Cement,
    CementNeedle,
    CementSite,
    Mirels,
    PathClearance,
    Plan,
    Point,
    Screw,
    ScrewCorridor,
    Stability,
)
from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up

KILO = 1e3
MM2_PER_M2 = 1e6


def cement_table(cement: Cement) -> Table:
    """Needles in the order of filling, volumes, leaks."""
    rows = [] if cement.site is None else [(_("Site, proposed"), _site(cement.site))]
    rows += [(n.name, _needle(n)) for n in cement.needles]
    rows += [(_("Near to {name}").format(name=n.name), near_words(n.clearances)) for n in cement.needles]
    rows += [(_("Pull back"), words) for words in pull_backs(cement)]
    wanted = _("{ml:.1f} ml ({percent} of the lesion)").format(
        ml=cement.fill_ml, percent=percent_down(cement.fill_fraction)
    )
    rows.append((_("Cement wanted"), wanted))
    if cement.stop_ml is not None:
        rows.append((_("Stop at"), f"{cement.stop_ml:.1f} ml"))
    for leak in cement.leaks:
        where = _("{distance:.0f} mm away, through a gap of {area:.0f} mm²").format(
            distance=leak.distance_mm, area=leak.defect_area_mm2
        )
        when = _("no cement leaves there") if leak.at_ml is None else _("from {ml:.1f} ml").format(ml=leak.at_ml)
        rows.append((_("Leak towards {what}").format(what=leak.towards), f"{where}; {when}"))
    if not cement.leaks:
        rows.append((_("Leaks"), _("no gap in the cortex found")))
    return Table((_("Figure"), _("Value")), (), tuple(rows))


def fill_table(cement: Cement) -> Table:
    """Where the cement is, millilitre by millilitre."""
    columns = (_("Injected"), _("In the lesion"), _("In bone"), _("Outside"))
    rows = [(s.injected_ml, s.lesion_ml, s.bone_ml, s.outside_ml) for s in cement.steps]
    return Table(columns, (), tuple(tuple(f"{ml:.1f} ml" for ml in row) for row in rows))


def fill_words(cement: Cement, volume_ml: float) -> str:
    """Where the cement of a volume is, and through which gaps it has left by then."""
    step = min(cement.steps, key=lambda s: abs(s.injected_ml - volume_ml), default=None)
    parts = []
    if step is not None:
        parts.append(
            _("{lesion:.1f} ml in the lesion, {bone:.1f} ml in bone, {outside:.1f} ml outside").format(
                lesion=step.lesion_ml, bone=step.bone_ml, outside=step.outside_ml
            )
        )
    for leak in cement.leaks:
        if leak.at_ml is not None and leak.at_ml <= volume_ml:
            parts.append(
                _("leaks towards {what} since {ml:.1f} ml, gap {area:.0f} mm²").format(
                    what=leak.towards, ml=leak.at_ml, area=leak.defect_area_mm2
                )
            )
    if cement.stop_ml is not None and volume_ml > cement.stop_ml + 0.05:
        parts.append(_("more than the advised {ml:.1f} ml").format(ml=cement.stop_ml))
    return "; ".join(parts)


def screw_table(screws: tuple[Screw, ...]) -> Table:
    """One column per screw."""
    rows: list[tuple[str, list[str]]] = [
        (_("Corridor"), [s.corridor for s in screws]),
        (_("Size"), [f"{s.diameter_mm:g} x {s.length_mm:.0f} mm" for s in screws]),
        (_("Entry R, A, S (mm)"), [_point(s.entry_ras_mm) for s in screws]),
        (_("Tip R, A, S (mm)"), [_point(s.tip_ras_mm) for s in screws]),
        (_("Skin to bone"), [_mm(s.skin_to_bone_mm) for s in screws]),
        (_("Bone around it"), [_mm(s.cortical_clearance_mm) for s in screws]),
        (_("Held before the lesion"), [_mm(s.purchase_before_lesion_mm) for s in screws]),
        (_("Held beyond the lesion"), [_mm(s.purchase_beyond_lesion_mm) for s in screws]),
        (_("Joints met"), [", ".join(s.joints_met) or _("none") for s in screws]),
        (_("Near to it and its way in"), [near_words(s.clearances) for s in screws]),
    ]
    return Table(tuple(s.name for s in screws), tuple(r[0] for r in rows), tuple(tuple(r[1]) for r in rows))


def near_words(clearances: Sequence[PathClearance] | None) -> str:
    """Every structure that is too near, else the one with the least room; None stands for plans without figures."""
    if clearances is None:
        return _("not measured: plan again")
    if not clearances:
        return _("nothing checked")
    broken = [c for c in clearances if not c.ok]
    return "; ".join(_distance(c) for c in broken or clearances[:1])


def _distance(clearance: PathClearance) -> str:
    words = _("{structure} {free}") if clearance.ok else _("TOO NEAR: {structure} {free}, {required:g} mm wanted")
    return words.format(
        structure=clearance.structure, free=mm_down(clearance.distance_mm), required=clearance.required_mm
    )


def corridor_name(screw: Screw) -> str:
    """The corridor that a screw was planned in, also after it was moved."""
    from CementTrajectoryLib.workflow import BY_HAND

    return screw.corridor.removesuffix(BY_HAND)


def stability_table(stability: Stability) -> Table:
    """Score, class, rigidity before and after."""
    rows: list[tuple[str, str]] = []
    if (total := mirels_total(stability.mirels)) is not None:
        rows.append((_("Mirels score"), f"{total}: {stability.mirels.risk}"))
    if stability.acetabulum is not None:
        a = stability.acetabulum
        rows.append((_("Acetabulum"), f"Harrington {a.harrington}, Levy {a.levy}"))
    r = stability.rigidity
    if r is not None:
        rows.append((_("Loss of rigidity by the lesion"), percent_up(r.reduction_fraction)))
        if r.reduction_after_fraction is not None:
            rows.append((_("Loss after treatment"), percent_up(r.reduction_after_fraction)))
        for name, before, after in (
            (_("Axial rigidity EA (kN)"), r.before.EA / KILO, r.after.EA / KILO),
            (_("Bending rigidity EI (N m²)"), r.before.EI_min / MM2_PER_M2, r.after.EI_min / MM2_PER_M2),
            (_("Torsional rigidity GJ (N m²)"), r.before.GJ / MM2_PER_M2, r.after.GJ / MM2_PER_M2),
        ):
            rows.append((name, _change(before, after)))
    return Table((_("Figure"), _("Value")), (), tuple(rows))


def mirels_total(mirels: Mirels) -> str | None:
    """The total, or its range where pain was not asked; None outside long bones."""
    if mirels.lowest is None or mirels.highest is None:
        return None
    if mirels.lowest == mirels.highest:
        return str(mirels.lowest)
    return _("{low} to {high}").format(low=mirels.lowest, high=mirels.highest)


def cautions(plan: Plan) -> tuple[str, ...]:
    """Everything to look out for: conflicts between parts, cement, screws, stability."""
    from BoneAblationPlannerLib.advice.order import conflicts

    lines = [c.rule for c in conflicts(plan)]
    lines += plan.cement.cautions if plan.cement else ()
    lines += [w for w in plan.warnings if w.startswith("screws: ")]
    lines += [c.rule for c in plan.stability.cautions]
    return tuple(dict.fromkeys(lines))


def caution_places(plan: Plan) -> list[tuple[str, Point]]:
    """Cautions with the place to look at: the tip of the instrument they name, else the lesion's centre."""
    needles = plan.cement.needles if plan.cement else ()
    tips = {probe.name: probe.tip_ras_mm for probe in plan.probes}
    tips |= {needle.name: needle.tip_ras_mm for needle in needles} | {s.name: s.tip_ras_mm for s in plan.screws}
    return [
        (text, next((tip for name, tip in tips.items() if name in text), plan.lesion.centroid_ras_mm))
        for text in cautions(plan)
    ]


def _site(site: CementSite) -> str:
    parts = [site.name, *([site.approach] if site.approach else [])]
    if site.usual_ml is not None:
        parts.append(_("usually {low:g} to {high:g} ml").format(low=site.usual_ml[0], high=site.usual_ml[1]))
    return "; ".join(parts)


def _needle(needle: CementNeedle) -> str:
    parts = [_("{gauge} G").format(gauge=needle.gauge), _("tip {tip}").format(tip=_point(needle.tip_ras_mm))]
    if needle.volume_ml is not None:
        parts.append(f"{needle.volume_ml:.1f} ml")
    if needle.shares_track_with is not None:
        parts.append(_("along {probe}").format(probe=needle.shares_track_with))
    return ", ".join(parts)


def _change(before: float, after: float) -> str:
    return _("{before} before, {after} after ({share:+.0f} %)").format(
        before=_three_digits(before),
        after=_three_digits(after),
        share=100 * (after / before - 1) if before > 0 else 0.0,
    )


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _mm(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} mm"


def _point(point: Point) -> str:
    return ", ".join(f"{v:.0f}" for v in point)


def corridor_words(corridor: ScrewCorridor) -> str:
    """Found with its size, or not, and why no screw is planned in it."""
    if not corridor.found or corridor.diameter_mm is None or corridor.length_mm is None:
        return _("not found: {why}").format(why=(corridor.reason or "-").removeprefix("not found: "))
    size = _("{diameter:.1f} mm wide, {length:.0f} mm long").format(
        diameter=corridor.diameter_mm, length=corridor.length_mm
    )
    if corridor.reason:
        return f"{size}; {corridor.reason}"
    return size if corridor.near_lesion else _("{size}; away from the lesion").format(size=size)
