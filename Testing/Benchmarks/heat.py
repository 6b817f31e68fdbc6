"""Heating and freezing: ours against a pseudospectral step as k-Wave does it, numpy stencils and averaged conduction.

The pseudospectral peer is the algorithm of kWaveDiffusion written with scipy's real single-precision FFTs on all cores;
peers that are slow run a few steps and are scaled up, which the output says. Memory bandwidth is measured in the run.
Last line: one JSON object. Run: ``python Testing/Benchmarks/heat.py``.
"""

import json
import os
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import scipy.fft
from numba import njit, prange
from scipy.optimize import brentq
from scipy.special import erf, erfc

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.bioheat import Heating
from BoneAblationPlannerLib.zones.heat.conduction import INSULATED, whole_box
from BoneAblationPlannerLib.zones.heat.freezing import Freezing
from BoneAblationPlannerLib.zones.heat.ice import Ice, Shaft
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.tissue_map import uniform_map

COUNT, SECONDS, REPEATS = 128, 600.0, 5
HEAT_BYTES = 36
"""Temperature in and out with write-allocate, three faces, keep, gain, push: nine floats a voxel and step."""
ICE_BYTES = 44
ICE_COUNT, ICE_SCHEDULE_S = 100, (600.0, 480.0, 600.0)
WALL, REST = -100.0, 37.0


def cube(count):
    matrix = np.eye(4)
    matrix[:3, 3] = -(count - 1) / 2
    return Grid((count,) * 3, matrix)


def mixed_medium(count):
    """Blocks of soft tissue, bone and tumour."""
    tissues = uniform_map(cube(count), "muscle")
    k, j, i = np.indices(tissues.grid.shape) // 16
    pattern = (3 * k + 5 * j + 7 * i) % 4
    for number, name in ((1, "cancellous bone"), (2, "lytic tumour"), (3, "cortical bone")):
        tissues.paint(pattern == number, name)
    return Medium.of(tissues)


def distance_mm(grid):
    offset = [np.arange(n) - (n - 1) / 2 for n in grid.shape]
    return np.sqrt(sum(np.square(o) for o in np.ix_(*offset)))


@njit(parallel=True, fastmath=True)
def triad(a, b, c):
    for n in prange(a.size):
        a[n] = b[n] + np.float32(3) * c[n]


def bandwidth_gb_s(megabytes=64):
    """Best of ten triads of three arrays on all cores, write-allocate counted."""
    a, b, c = (np.ones(megabytes << 18, dtype=np.float32) for _ in range(3))
    triad(a, b, c)
    return max(4 * a.nbytes / timed(lambda: triad(a, b, c)) for _ in range(10)) / 1e9


def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def timed_on_all_cores(run):
    """Wall and processor seconds: on a busy machine the second is what the work took."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


class Pseudospectral:
    """Gradients and divergence by FFT, explicit in time, dose at every step."""

    def __init__(self, medium, step_s):
        shape = medium.grid.shape
        k = [2 * np.pi * np.fft.fftfreq(n, 1e-3) for n in shape[:2]] + [2 * np.pi * np.fft.rfftfreq(shape[2], 1e-3)]
        self.wave = [(1j * w).astype(np.complex64) for w in np.ix_(*k)]
        self.conductivity, self.perfusion = medium.conductivity, medium.perfusion
        self.rate = (step_s / medium.heat).astype(np.float32)
        fastest = float((medium.conductivity / medium.heat).max()) * 3 * (np.pi / 1e-3) ** 2
        self.stable_s = min(step_s, 0.9 * 2 / fastest)
        self.step_s, self.shape = step_s, shape
        self.t, self.dose = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def step(self, source):
        turned = scipy.fft.rfftn(self.t, workers=-1)
        total = 0
        for wave in self.wave:
            gradient = scipy.fft.irfftn(wave * turned, self.shape, workers=-1)
            total = total + wave * scipy.fft.rfftn(self.conductivity * gradient, workers=-1)
        flow = scipy.fft.irfftn(total, self.shape, workers=-1)
        self.t += self.rate * (flow + source - self.perfusion * self.t)
        over = self.t - np.float32(6)
        self.dose += self.step_s / 60 * np.exp2(np.where(over >= 0, over, 2 * over))


class NumpyStencil:
    """The same explicit scheme as ours in whole-array numpy, dose at every fourth step."""

    def __init__(self, medium, step_s):
        k = medium.conductivity
        self.faces = [
            2 * np.take(k, range(n - 1), a) * np.take(k, range(1, n), a)
            / (np.take(k, range(n - 1), a) + np.take(k, range(1, n), a)) * np.float32(1e6)
            for a, n in enumerate(k.shape)
        ]  # fmt: skip
        self.rate, self.perfusion = (step_s / medium.heat).astype(np.float32), medium.perfusion
        self.t, self.dose = np.zeros(k.shape, np.float32), np.zeros(k.shape, np.float32)
        self.count, self.step_s = 0, step_s

    def step(self, source):
        flow = source - self.perfusion * self.t
        for axis, face in enumerate(self.faces):
            through = face * np.diff(self.t, axis=axis)
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            flow[tuple(low)] += through
            flow[tuple(high)] -= through
        self.t += self.rate * flow
        self.count += 1
        if self.count % 4 == 0:
            over = self.t - np.float32(6)
            self.dose += 4 * self.step_s / 60 * np.exp2(np.where(over >= 0, over, 2 * over))


def heating():
    medium = mixed_medium(COUNT)
    source = np.where(distance_mm(medium.grid) <= 5, np.float32(1e6), np.float32(0))
    warm = Heating(medium, changing=False)
    warm.put_source(source)
    warm.advance(8.0)

    def whole():
        run = Heating(medium, changing=False)
        run.put_source(source)
        run.advance(SECONDS)
        return run

    ours, ours_processor = (float(v) for v in np.median([timed_on_all_cores(whole) for _ in range(REPEATS)], axis=0))
    full = Heating(medium, changing=False)
    full.put_source(source)
    full._box = whole_box(full.excess.shape)
    step_s = full._step_s
    full.advance(4 * step_s)
    per_step = min(timed(lambda: full.advance(8 * step_s)) for _ in range(REPEATS)) / 8
    sweep = min(timed(lambda: sweeps_alone(full)) for _ in range(REPEATS)) / 8
    steps = int(np.ceil(SECONDS / step_s))
    peers = {}
    for name, peer, count in (("pseudospectral as k-Wave", Pseudospectral(medium, step_s), 2),
                              ("numpy stencil", NumpyStencil(medium, step_s), 8)):  # fmt: skip
        peer.step(source)
        peers[name] = timed(lambda p=peer, c=count: [p.step(source) for _ in range(c)]) / count
    spectral_steps = int(np.ceil(SECONDS / Pseudospectral(medium, step_s).stable_s))
    return ours, ours_processor, per_step, sweep, steps, spectral_steps, peers, torch_step(medium, step_s, source)


def sweeps_alone(run):
    from BoneAblationPlannerLib.zones.heat.bioheat_kernels import sweeps

    sweeps(run.excess, run._other, *run._faces, run._keep, run._gain, run._push, 8, np.array(run._box))


def torch_step(medium, step_s, source):
    """Seconds per step of the numpy stencil's scheme in torch, None without torch."""
    try:
        import torch
    except ImportError:
        return None
    peer = NumpyStencil(medium, step_s)
    faces = [torch.from_numpy(f) for f in peer.faces]
    t, rate = torch.from_numpy(peer.t), torch.from_numpy(peer.rate)
    perfusion, heat = torch.from_numpy(np.ascontiguousarray(peer.perfusion)), torch.from_numpy(source)

    def step():
        flow = heat - perfusion * t
        for axis, face in enumerate(faces):
            through = face * torch.diff(t, dim=axis)
            flow.narrow(axis, 0, flow.shape[axis] - 1).add_(through)
            flow.narrow(axis, 1, flow.shape[axis] - 1).sub_(through)
        t.add_(rate * flow)

    step()
    return timed(lambda: [step() for _ in range(8)]) / 8


def accuracy_kelvin():
    """Largest error against an instant point source in an endless medium, 100 s after 60 s: peak about 2 degrees."""
    medium = Medium.of(uniform_map(cube(64), "muscle"))
    medium.perfusion[...] = 0
    k, heat = float(medium.conductivity.flat[0]), float(medium.heat.flat[0])
    r2 = (distance_mm(medium.grid) / 1000) ** 2

    def exact(seconds):
        spread = 4 * k / heat * seconds
        return 100 / heat / (np.pi * spread) ** 1.5 * np.exp(-r2 / spread)

    run = Heating(medium, changing=False)
    run.put_excess(exact(60.0))
    run.advance(100.0)
    errors = {"ours": float(np.abs(run.inner("excess") - exact(160.0)).max())}
    for name, kind in (("pseudospectral as k-Wave", Pseudospectral), ("numpy stencil", NumpyStencil)):
        step_s = 0.4  # both are stable with this
        peer = kind(medium, step_s)
        peer.t[...] = exact(60.0)
        for _ in range(250):
            peer.step(np.zeros(medium.grid.shape, np.float32))
        errors[name] = float(np.abs(peer.t - exact(160.0)).max())
    return errors


@njit(parallel=True)
def averaged_step(t, content, k, heat, frozen_heat, slope, unfrozen, frozen, width, grow, seconds, box):
    """Explicit enthalpy step with the mean of both voxels' k(T), then temperature and k anew: the reference."""
    for a in prange(box[0], box[1]):
        for b in range(box[2], box[3]):
            for c in range(box[4], box[5]):
                here, kc = t[a, b, c], k[a, b, c]
                flow = (
                    (kc + k[a + 1, b, c]) * (t[a + 1, b, c] - here) + (kc + k[a - 1, b, c]) * (t[a - 1, b, c] - here)
                    + (kc + k[a, b + 1, c]) * (t[a, b + 1, c] - here) + (kc + k[a, b - 1, c]) * (t[a, b - 1, c] - here)
                    + (kc + k[a, b, c + 1]) * (t[a, b, c + 1] - here) + (kc + k[a, b, c - 1]) * (t[a, b, c - 1] - here)
                )  # fmt: skip
                content[a, b, c] += seconds * np.float32(0.5) * flow
    zero = np.float32(0)
    for a in prange(box[0], box[1]):
        for b in range(box[2], box[3]):
            for c in range(box[4], box[5]):
                h, latent = content[a, b, c], slope[a, b, c] * width
                value = (max(h, zero) / heat[a, b, c] + min(max(h, -latent), zero) / slope[a, b, c]
                         + min(h + latent, zero) / frozen_heat[a, b, c])  # fmt: skip
                t[a, b, c] = value
                share = min(max(-value / width, zero), np.float32(1))
                ice = np.float32(1) + grow * max(-value - width, zero)
                k[a, b, c] = unfrozen[a, b, c] + share * (frozen[a, b, c] * ice - unfrozen[a, b, c])


class AveragedConduction:
    """The reference for freezing, one step size for the whole block."""

    def __init__(self, medium, law, voxel_mm=1.0):
        def pad(a):
            return np.pad(a, 1, mode="edge").astype(np.float32)

        self.line = medium.grid.shape[:2] == (1, 1)  # no heat through its sides
        self.law, per_m2 = law, np.float32(1e6 / voxel_mm**2)
        self.heat, self.frozen_heat = pad(law.heat), pad(law.frozen_heat)
        self.slope = pad(law.range_heat / np.float32(law.width_kelvin))
        self.unfrozen, self.frozen = pad(law.conductivity) * per_m2, pad(law.frozen_conductivity) * per_m2
        self.k = self.unfrozen.copy()
        self.t = np.full(self.k.shape, REST - law.from_celsius, np.float32)
        self.content = self.heat * self.t
        coldest = 1 + law.ice_per_kelvin * (150 + law.from_celsius - law.width_kelvin)
        self.step_s = 0.9 * float((np.minimum(self.frozen_heat, self.slope) / (6 * self.frozen * coldest)).min())

    def advance(self, seconds, voxels, celsius):
        count = int(np.ceil(seconds / self.step_s))
        index = tuple(voxels.T + 1)
        goal = np.float32(celsius - self.law.from_celsius)
        box = np.array(whole_box(self.t.shape))
        for _ in range(count):
            averaged_step(self.t, self.content, self.k, self.heat, self.frozen_heat, self.slope, self.unfrozen,
                          self.frozen, np.float32(self.law.width_kelvin), np.float32(self.law.ice_per_kelvin),
                          np.float32(seconds / count), box)  # fmt: skip
            if self.line:
                for values in (self.t, self.k):
                    values[[0, 2]] = values[1]
                    values[:, [0, 2]] = values[:, 1:2]
            self.t[index] = goal
            below = goal + np.float32(self.law.width_kelvin)
            self.content[index] = self.frozen_heat[index] * below - self.slope[index] * self.law.width_kelvin
            self.k[index] = self.frozen[index] * (1 - self.law.ice_per_kelvin * below)
        return count


def freezing():
    medium = Medium.of(uniform_map(cube(ICE_COUNT), "muscle"))
    medium.perfusion[...] = 0
    middle = ICE_COUNT // 2
    voxels = np.array([[k, middle, middle + side] for k in range(middle - 15, middle + 15) for side in (-8, 8)])
    shaft = Shaft(voxels, np.full(len(voxels), 1e9))
    warm = Ice(medium)
    warm.advance(4.0, [shaft], [-140.0])
    ice = Ice(medium)
    seconds, processor = [], time.process_time()
    for phase_s, cold in zip(ICE_SCHEDULE_S, (True, False, True), strict=True):
        start = time.perf_counter()
        ice.advance(phase_s, [shaft] if cold else [], [-140.0] if cold else [])
        seconds.append(time.perf_counter() - start)
    processor = time.process_time() - processor
    reference = AveragedConduction(medium, Freezing.of(medium))
    reference.advance(2 * reference.step_s, voxels, -140.0)
    count = 60
    per_step = timed(lambda: reference.advance(count * reference.step_s, voxels, -140.0)) / count
    whole = per_step * sum(ICE_SCHEDULE_S) / reference.step_s
    return sum(seconds), processor, seconds, ice.voxel_steps, whole, per_step


def neumann_errors_mm():
    """Mean front error of both schemes against Neumann's solution, 300 to 600 s, 1 mm."""
    count, width = 120, 0.1
    medium = Medium.of(uniform_map(Grid((1, 1, count), np.eye(4)), "muscle"))
    medium.perfusion[...] = 0
    law = Freezing.of(medium)
    latent = medium.water * np.float32(334000)
    law = Freezing(law.heat, law.frozen_heat, latent + (law.heat + law.frozen_heat) * np.float32(width / 2),
                   law.conductivity, law.frozen_conductivity, 0.0, width, 0.0)  # fmt: skip
    c1, c2, k1, k2 = (float(a.flat[0]) for a in (law.frozen_heat, law.heat, law.frozen_conductivity, law.conductivity))
    a1, a2, latent = k1 / c1, k2 / c2, float(latent.flat[0])

    def balance(s):
        warm = k2 / k1 * np.sqrt(a1 / a2) * REST / WALL * np.exp(-(s**2) * a1 / a2) / erfc(s * np.sqrt(a1 / a2))
        return np.exp(-(s**2)) / erf(s) + warm - s * np.sqrt(np.pi) * latent / (c1 * -WALL)

    s = brentq(balance, 1e-3, 5)
    ice, wall = Ice(medium, law, INSULATED), np.array([[0, 0, 0]])
    reference = AveragedConduction(medium, law)
    errors = {"ours": [], "averaged conduction": []}
    at = 0.0
    for end in np.arange(300.0, 600.1, 10.0):
        ice.advance(end - at, [Shaft(wall, np.array([1e9]))], [WALL])
        reference.advance(end - at, wall, WALL)
        at = end
        front = 2000 * s * np.sqrt(a1 * end)
        errors["ours"].append(float(ice.frozen_fraction.sum()) - 0.5 - front)
        line = reference.t[1, 1, 1:-1]
        errors["averaged conduction"].append(float(np.clip(-line / width, 0, 1).sum()) - 0.5 - front)
    return {name: float(np.mean(values)) for name, values in errors.items()}


def main():
    stream = bandwidth_gb_s()
    ours, ours_processor, per_step, sweep, steps, spectral_steps, peers, torch_s = heating()
    if torch_s is not None:
        peers["torch stencil"] = torch_s
    stream = max(stream, bandwidth_gb_s())
    share = COUNT**3 * HEAT_BYTES / sweep / 1e9 / stream
    ratios = {f"{name}, per step": s / per_step for name, s in peers.items()}
    whole = {name: s * (spectral_steps if "pseudo" in name else steps) for name, s in peers.items()}
    ratios |= {f"{name}, whole treatment": s / ours for name, s in whole.items()}
    kelvin = accuracy_kelvin()
    ice_s, ice_processor, phases, voxel_steps, reference_s, reference_step = freezing()
    ice_stream = bandwidth_gb_s(4)
    fronts = neumann_errors_mm()
    ratios["averaged conduction, 10-8-10 min"] = reference_s / ice_s
    work = voxel_steps / ice_s
    rate_ratio = work / (ICE_COUNT**3 / reference_step)
    ice_share = work * ICE_BYTES / 1e9 / ice_stream
    real_time = sum(ICE_SCHEDULE_S) / ice_s
    print(f"heating: {steps} steps, {ours:.2f} s whole; triad {stream:.0f} GB/s")
    print(f"a step of all {COUNT}^3 voxels: {per_step * 1e3:.2f} ms with dose, {sweep * 1e3:.2f} ms without")
    print(
        f"peers: seconds per step {peers}; whole treatment: times {spectral_steps} pseudospectral "
        f"(its own stable step), times {steps} stencil; 2 and 8 steps were run"
    )
    phase_s = ", ".join(f"{p:.1f}" for p in phases)
    print(f"freezing: {ice_s:.1f} s for 28 min ({phase_s}), {work / 1e6:.0f} Mvoxel/s")
    print(f"averaged conduction: {ICE_COUNT**3 / reference_step / 1e6:.0f} Mvoxel/s, 60 steps scaled up to 28 min")
    targets = {"pseudospectral as k-Wave, per step": 80, "pseudospectral as k-Wave, whole treatment": 200,
               "averaged conduction, 10-8-10 min": 1.8}  # fmt: skip
    limits = {"share_of_bandwidth": 0.9, "largest_error_kelvin": 0.1, "ice_share_of_bandwidth": 0.6,
              "ice_real_time_ratio": 400, "front_error_mm": 0.1}  # fmt: skip
    ok = all(ratios[n] >= v for n, v in targets.items()) and share >= 0.9 and kelvin["ours"] <= 0.1
    ok = ok and ice_share >= 0.6 and real_time >= 400 and abs(fronts["ours"]) <= 0.1
    print(json.dumps({
        "name": "heat", "input": f"{COUNT}^3 at 1 mm, 600 s, four tissues; {ICE_COUNT}^3, two probes, 10-8-10 min",
        "ours_s": {"heating 600 s": ours, "freezing 28 min": ice_s},
        "ours_processor_s": {"heating 600 s": ours_processor, "freezing 28 min": ice_processor},
        "peers": {f"{n}, whole treatment, scaled from a few steps": s for n, s in whole.items()}
        | {"averaged conduction, 28 min, scaled from 60 steps": reference_s},
        "ratios": ratios, "share_of_bandwidth": share, "triad_gb_s": stream, "error_kelvin": kelvin,
        "ice_share_of_bandwidth": ice_share, "ice_voxel_rate_ratio": rate_ratio, "ice_real_time_ratio": real_time,
        "front_error_mm": fronts, "targets": targets | limits, "ok": bool(ok),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
