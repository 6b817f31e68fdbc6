"""A small complete plan for tests of its written form."""

from BoneAblationPlannerLib.plan import (
    Advice,
    Clearance,
    Coverage,
    GridRecord,
    InputRecord,
    Lesion,
    Optimiser,
    Plan,
    Probe,
    Provenance,
    RankedModality,
    Reason,
    Robust,
    Software,
    Structures,
    Zone,
)


def small_plan():
    """One probe, one clearance, one reason."""
    reason = Reason("lytic", "a source", "seen")
    clearance = Clearance("sciatic nerve right", "nerve", 12.0, 8.5, 5.0, 10.0, False)
    probe = Probe(
        name="Probe 1", device="d", program="p", entry_ras_mm=(1.0, 2.0, 3.0), tip_ras_mm=(4.0, 5.0, 6.0),
        depth_mm=5.2, axial_angle_deg=-12.5, craniocaudal_angle_deg=3.0, cortex_incidence_deg=None,
        cortices_crossed=1, bone_path_mm=7.0, clearances=(clearance,), shaft_length_mm=150.0, diameter_mm=1.5,
        zone_centre_ras_mm=(3.0, 4.0, 5.0), zone_axes_mm=(20.0, 20.0, 30.0),
    )  # fmt: skip
    rows = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    return Plan(
        software=Software("BoneAblationPlanner", "0"),
        input=InputRecord("ct", GridRecord((2, 3, 4), rows), "0" * 64),
        parameters={"intent": "curative"},
        timings_s={"anatomy": 0.5},
        position="supine",
        lesion=Lesion(3.5, "lytic", (20.0, 18.0, 15.0), (0.0, 0.0, 0.0), None, 0.25, None, 44.0, "segmented"),
        advice=Advice("rfa", "rules", (RankedModality("rfa", 1.5, (reason,)),)),
        probes=(probe,),
        zone=Zone("chart", 6.3, (Provenance("zone", 20.0, "mm", "chart", "unverified"),)),
        coverage=Coverage(0.98, 5.0, 0.9, 1.5, Robust(-1.0, -0.5, 0.93, 64, 4.0, 3.0), 0.1, 2.0),
        structures=Structures((), ("nerve",)),
        optimiser=Optimiser(0.9, 0.95, 0.0526, 100, "coverage"),
    )
