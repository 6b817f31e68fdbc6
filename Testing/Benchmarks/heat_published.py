"""Simulation against what was published and was not fitted: several cold probes in gel, live kidney, perfused liver.

Also lists how well each catalogue row is reproduced in its own medium, which was fitted. Errors are printed as they
are. Last line: one JSON object. Run: ``python Testing/Benchmarks/heat_published.py``.
"""

import json
import time
from dataclasses import replace
from importlib.resources import files

import numpy as np

from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.applicators import protocol_of, strength_of
from BoneAblationPlannerLib.zones.heat.calibration import bench_grid, on_bench
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart
from BoneAblationPlannerLib.zones.heat.simulation import treat
from BoneAblationPlannerLib.zones.heat.tissue_map import uniform_map

# Littrup, JVIR 2009 (PMC2762356): 2.4 mm probes 2 cm apart, one freeze of 15 min, gel at 39 degrees, -30 degrees:
# diameters and shares of the area of ice. No shaft temperature gives 12 mm for one probe and the rest. Neither a larger
# block (39 degrees held 45 or 65 mm off: same to 0.1 mm) nor gel at 24 or 6 degrees (1 to 4 mm more), nor the longest
# diameter in place of that of equal area (33, 33, 43 mm), nor other corners explains it. So the 12 mm count as the weak
# reading of the device, the ice of one probe as the strong one.
LITTRUP_MM = {1: 12.0, 2: 33.0, 3: 41.0, 4: 49.0}
LITTRUP_SHARE = {1: 0.13, 2: 0.46, 3: 0.51, 4: 0.56}
PLACES_MM = {1: [(0, 0)], 2: [(-10, 0), (10, 0)], 3: [(-10, -5.8), (10, -5.8), (0, 11.5)],
             4: [(-10, -10), (10, -10), (-10, 10), (10, 10)]}  # fmt: skip
# Brochure, gel, two freezes of 10 min: widths of 0 and -40 degrees; -20 degrees was fitted (see the catalogue's rows).
BROCHURE_MM = {"cryo-iceforce-14g": (48.0, 27.0), "cryo-icerod-17g": (40.0, 20.0),
               "cryo-icesphere-17g": (38.0, 19.0), "cryo-iceseed-17g": (30.0, 14.0)}  # fmt: skip
# Gel isotherms (PMC4850244): -40 degrees about 10 mm inside the visible edge.
EDGE_TO_MINUS_40_MM = 10.0
# Live kidney, one probe (Young, UroToday): Galil -13.5 degrees at 10 mm; above 0 at 20 mm.
KIDNEY_10_MM_CELSIUS = -13.5
# Song, BJR 2015: diameter in live liver / fresh liver of the same cooled 17 G electrode.
LIVER_FLOW_FACTOR = 0.69


def rows():
    """Calibrated rows: chart, simulation, error per axis in mm."""
    text = files("BoneAblationPlannerLib.zones.heat").joinpath("calibration.json").read_text(encoding="utf-8")
    found = []
    for row in json.loads(text):
        errors = [s - c for s, c in zip(row["simulated_mm"], row["chart_mm"], strict=True)]
        errors.append(row["simulated_beyond_tip_mm"] - row["chart_beyond_tip_mm"])
        device = find_device(row["device"])
        fitted = protocol_of(device, next(p for p in device.programs if p.id == row["program"])).fitted
        if fitted == "volume":
            errors = [row["ball_mm"] - row["chart_mm"][0]]
        elif fitted == "across":
            errors = errors[:1]
        found.append((row["device"], row["program"], row["chart_mm"], row["simulated_mm"], errors))
        print(f"{row['device']:20} {row['program']:20} chart {row['chart_mm']} simulated {row['simulated_mm']} "
              f"errors across, along, beyond (or of the one given) {[round(e, 2) for e in errors]} mm")  # fmt: skip
    return found


def cold(device_id, places_mm, medium, rest, freezes, level="nominal", across_mm=45, down_mm=32):
    """A device's calibrated probes, parallel to z, in another medium."""
    device = find_device(device_id)
    program = device.programs[0]
    protocol = replace(protocol_of(device, program), freeze_thaw_s=freezes, active_thaw_s=0.0)
    strength = strength_of(device, program, level)
    matrix = np.eye(4)
    matrix[:3, 3] = [-across_mm, -across_mm, -down_mm]
    grid = Grid((2 * down_mm + 1, 2 * across_mm + 1, 2 * across_mm + 1), matrix)
    half = strength.length_mm / 2
    probes = [(protocol, strength, ActivePart(np.array([x, y, half]), np.array([x, y, -half]), device.diameter_mm / 2))
              for x, y in places_mm]  # fmt: skip
    return treat(Medium.of(uniform_map(grid, medium), rest_celsius=rest), probes)


def equal_area_mm(layer):
    """Diameter of a circle as large as a mask of 1 mm squares."""
    return float(2 * np.sqrt(layer.sum() / np.pi))


def several_probes(device_id):
    """Lethal diameter and share of 1 to 4 probes in gel at 39 degrees after 15 min, weak and strong reading.

    Fitted are the lethal diameter of one probe (weak) and its ice (strong); the rest is not.
    """
    found = {}
    for level, reading in (("nominal", "weak"), ("high", "strong")):
        for count, published in LITTRUP_MM.items():
            done = cold(device_id, PLACES_MM[count], "gel", 39.0, (900.0,), level)
            middle = done.coldest_celsius.shape[0] // 2
            lethal = equal_area_mm(done.coldest_celsius[middle] <= -30)
            ice = equal_area_mm(done.frozen[middle])
            share = (lethal / ice) ** 2
            found[f"{count}, {reading}"] = {
                "published_mm": published, "simulated_mm": round(lethal, 1), "error_mm": round(lethal - published, 1),
                "ice_mm": round(ice, 1), "share_error": round(share - LITTRUP_SHARE[count], 2),
            }  # fmt: skip
            print(f"{count} probes 20 mm apart, gel at 39, {reading} reading: -30 degrees {lethal:.1f} mm (published "
                  f"{published} mm), {share:.0%} of the ice ({LITTRUP_SHARE[count]:.0%})")  # fmt: skip
    return found


def radius_of(layer, level):
    """Distance along x from the middle to where a temperature is crossed."""
    line = layer[layer.shape[0] // 2, layer.shape[1] // 2 :]
    inside = np.flatnonzero(line <= level)
    if len(inside) == 0:
        return 0.0
    n = inside[-1]
    return float(n + (level - line[n]) / (line[n + 1] - line[n]))


def brochure_isotherms():
    """Widths of isotherms that were not fitted, of the devices whose -20 degrees were."""
    found = {}
    for device_id, (ice_mm, deadly_mm) in BROCHURE_MM.items():
        device = find_device(device_id)
        program = device.programs[0]
        protocol, strength = protocol_of(device, program), strength_of(device, program)
        grid = bench_grid(ice_mm, program.long_mm + ice_mm - program.short_mm, 12.0)
        _, size = on_bench(protocol, strength, device.diameter_mm, grid, -0.5)
        _, deadly = on_bench(protocol, strength, device.diameter_mm, grid, -40.0)
        found[device_id] = {"ice_error_mm": round(size.across_mm - ice_mm, 1),
                            "minus_40_error_mm": round(deadly.across_mm - deadly_mm, 1)}  # fmt: skip
        print(f"{device_id}: 0 degrees {size.across_mm:.1f} mm wide (brochure {ice_mm:g}), -40 degrees "
              f"{deadly.across_mm:.1f} ({deadly_mm:g}); not fitted")  # fmt: skip
    return found


def edge_distance(device_id):
    """From the -40 degree isotherm to the edge of the ice, one probe in gel at 37 degrees after 10 min."""
    layer = cold(device_id, [(0, 0)], "gel", 37.0, (600.0,)).coldest_celsius
    layer = layer[layer.shape[0] // 2]
    found = radius_of(layer, -0.5) - radius_of(layer, -40.0)
    print(f"-40 degrees lies {found:.1f} mm inside the edge, published about {EDGE_TO_MINUS_40_MM}")
    return {"published_mm": EDGE_TO_MINUS_40_MM, "simulated_mm": round(found, 1),
            "error_mm": round(found - EDGE_TO_MINUS_40_MM, 1)}  # fmt: skip


def kidney(device_id):
    """Temperatures 10 and 20 mm from one probe in live kidney after 10 min."""
    layer = cold(device_id, [(0, 0)], "kidney in vivo", 37.0, (600.0,)).coldest_celsius
    line = layer[layer.shape[0] // 2, layer.shape[1] // 2]
    middle = layer.shape[2] // 2
    at_10, at_20 = float(line[middle + 10]), float(line[middle + 20])
    print(
        f"live kidney: {at_10:.1f} degrees at 10 mm (published {KIDNEY_10_MM_CELSIUS}), {at_20:.1f} at 20 mm (above 0)"
    )
    return {"published_celsius": KIDNEY_10_MM_CELSIUS, "simulated_celsius": round(at_10, 1),
            "error_kelvin": round(at_10 - KIDNEY_10_MM_CELSIUS, 1), "above_0_at_20_mm": at_20 > 0}  # fmt: skip


def flow(device_id):
    """Diameter in live over fresh liver of the cooled electrode, for both temperatures that the row may mean."""
    device = find_device(device_id)
    program, found = device.programs[0], {}
    grid = bench_grid(program.short_mm / 0.69, program.long_mm / 0.69, program.beyond_tip_mm)
    protocol = protocol_of(device, program)
    for level, rest in (("nominal", protocol.rest_celsius), ("high", protocol.strong_rest_celsius)):
        sizes = []
        for medium, celsius in (("liver ex vivo", rest), ("liver in vivo", 37.0)):
            own = replace(protocol, medium=medium, rest_celsius=celsius)
            done, _ = on_bench(own, strength_of(device, program, level), device.diameter_mm, grid, None)
            sizes.append(float(np.cbrt(done.killed.sum() * 6 / np.pi)))
        ratio = sizes[1] / sizes[0]
        print(f"live / fresh liver, fresh read as {rest:g} degrees: {sizes[1]:.1f} / {sizes[0]:.1f} mm = {ratio:.2f}, "
              f"published {LIVER_FLOW_FACTOR}")  # fmt: skip
        found[f"fresh at {rest:g}"] = {"simulated": round(ratio, 2), "error": round(ratio - LIVER_FLOW_FACTOR, 2)}
    return {"published": LIVER_FLOW_FACTOR, **found}


def main():
    start = time.perf_counter()
    table = rows()
    worst = max((abs(e) for _, _, _, _, errors in table for e in errors[:2]), default=np.inf)
    start_checks = time.perf_counter()
    checks = {"flow": flow("rfa-cooltip-17g")}
    checks["edge"] = edge_distance("cryo-iceforce-14g")
    checks["kidney"] = kidney("cryo-icerod-17g")
    checks["several probes"] = several_probes("cryo-endocare-pcs24")
    checks["brochure isotherms"] = brochure_isotherms()
    print(f"checks took {time.perf_counter() - start_checks:.0f} s")
    print(json.dumps({
        "name": "heat_published", "input": "catalogue rows in their media; gel, live kidney and liver",
        "ours_s": time.perf_counter() - start, "peers": {}, "ratios": {}, "rows": len(table),
        "largest_row_error_mm": worst, "checks": checks, "targets": {"largest_row_error_mm": 2.0}, "ok": worst <= 2,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
