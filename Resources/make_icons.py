"""Draws the icons and the Sample Data thumbnail: ``python Resources/make_icons.py`` (needs Pillow and the engine)."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).resolve().parents[1]
SIZE = 128
SCALE = 8  # drawn larger, then reduced, for smooth edges
BONE, BONE_EDGE = (240, 228, 200, 255), (148, 126, 88, 255)
STEEL, STEEL_EDGE = (196, 206, 216, 255), (58, 72, 88, 255)
ZONE, ZONE_EDGE = (86, 180, 233, 120), (0, 114, 178, 255)
LESION = (213, 94, 0, 255)
CEMENT, CEMENT_EDGE = (204, 121, 167, 255), (140, 62, 108, 255)
HANDLE = (0, 90, 140, 255)


def canvas():
    """An empty, transparent drawing."""
    image = Image.new("RGBA", (SIZE * SCALE, SIZE * SCALE), (0, 0, 0, 0))
    return image, ImageDraw.Draw(image)


def at(*points):
    """Points of the 128 grid on the large canvas."""
    return [(x * SCALE, y * SCALE) for x, y in points]


def disc(draw, x, y, radius, fill):
    """A filled circle."""
    draw.ellipse(at((x - radius, y - radius), (x + radius, y + radius)), fill=fill)


def bone(image):
    """A long bone from lower left to upper right: a shaft with two knobs at each end."""
    layer, draw = canvas()
    for grow, colour in ((3.0, BONE_EDGE), (0.0, BONE)):
        draw.line(at((36, 92), (92, 36)), fill=colour, width=int((26 + 2 * grow) * SCALE))
        for x, y in ((22, 92), (36, 106), (92, 22), (106, 36)):
            disc(draw, x, y, 15 + grow, colour)
    image.alpha_composite(layer)


def lesion(image, colour, edge):
    """What is wrong in the middle of the shaft."""
    layer, draw = canvas()
    disc(draw, 64, 64, 13, edge)
    disc(draw, 64, 64, 11, colour)
    image.alpha_composite(layer)


def zone(image):
    """The ellipse in which tissue dies, along the needle."""
    layer, draw = canvas()
    draw.ellipse(at((36, 42), (92, 86)), fill=ZONE, outline=ZONE_EDGE, width=int(2.5 * SCALE))
    image.alpha_composite(layer.rotate(-45, resample=Image.Resampling.BICUBIC, center=(64 * SCALE, 64 * SCALE)))


def needle(image, tip=(70, 70), tail=(14, 14), width=5.0, handle=HANDLE):
    """A needle from the upper left, with a handle and a point."""
    layer, draw = canvas()
    length = ((tip[0] - tail[0]) ** 2 + (tip[1] - tail[1]) ** 2) ** 0.5
    ux, uy = (tip[0] - tail[0]) / length, (tip[1] - tail[1]) / length
    neck = (tip[0] - 9 * ux, tip[1] - 9 * uy)
    for grow, colour in ((1.5, STEEL_EDGE), (0.0, STEEL)):
        half = width / 2 + grow
        shaft = [(tail[0] - half * uy, tail[1] + half * ux), (neck[0] - half * uy, neck[1] + half * ux)]
        point = (tip[0] + 2 * grow * ux, tip[1] + 2 * grow * uy)
        back = [(neck[0] + half * uy, neck[1] - half * ux), (tail[0] + half * uy, tail[1] - half * ux)]
        draw.polygon(at(*shaft, point, *back), fill=colour)
    end = (tail[0] + 17 * ux, tail[1] + 17 * uy)
    for grow, colour in ((1.5, STEEL_EDGE), (0.0, handle)):
        draw.line(at(tail, end), fill=colour, width=int((12 + 2 * grow) * SCALE))
        disc(draw, *tail, 6 + grow, colour)
        disc(draw, *end, 6 + grow, colour)
    image.alpha_composite(layer)


def planner_icon():
    """Bone, lesion, zone, needle."""
    image, _ = canvas()
    bone(image)
    lesion(image, LESION, BONE_EDGE)
    zone(image)
    needle(image)
    return reduced(image)


def cement_icon():
    """Bone, a cement-filled cavity with a drop, a needle."""
    image, _ = canvas()
    bone(image)
    layer, draw = canvas()
    for grow, colour in ((2.0, CEMENT_EDGE), (0.0, CEMENT)):
        for x, y, radius in ((64, 64, 15), (76, 58, 9), (57, 76, 9), (75, 73, 8)):
            disc(draw, x, y, radius + grow, colour)
    image.alpha_composite(layer)
    needle(image, tip=(64, 64), width=7.0, handle=CEMENT_EDGE)
    return reduced(image)


def reduced(image):
    """The drawing at its final size, with a soft shadow that keeps it visible on light and dark."""
    shadow = Image.new("RGBA", image.size, (0, 0, 0, 0))
    shadow.paste((0, 0, 0, 90), mask=image.getchannel("A"))
    shadow = shadow.filter(ImageFilter.GaussianBlur(1.5 * SCALE))
    shadow.alpha_composite(image)
    return shadow.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def phantom_thumbnail():
    """An axial slice of the phantom through its lesion, in a bone window, for Sample Data."""
    sys.path[:0] = [str(ROOT / "BoneAblationPlanner")]
    import numpy as np

    from BoneAblationPlannerLib.anatomy.phantom import make_phantom

    phantom = make_phantom(spacing_mm=(1.0, 1.0, 2.0))
    k = round(phantom.ct.grid.ijk_from_ras([phantom.seed_ras_mm])[0][2])
    grey = np.clip((phantom.ct.hu[k].astype(float) + 450) / 1600, 0, 1) * 255
    picture = Image.fromarray(grey.astype(np.uint8))
    result = Image.new("L", (280, 260), 0)
    picture.thumbnail((280, 260))
    result.paste(picture, ((280 - picture.width) // 2, (260 - picture.height) // 2))
    return result


def main():
    """Write all pictures."""
    planner, cement = planner_icon(), cement_icon()
    planner.save(ROOT / "Resources" / "BoneAblationPlanner.png", optimize=True)
    planner.save(ROOT / "BoneAblationPlanner" / "Resources" / "Icons" / "BoneAblationPlanner.png", optimize=True)
    cement.save(ROOT / "CementTrajectory" / "Resources" / "Icons" / "CementTrajectory.png", optimize=True)
    thumbnail = ROOT / "BoneAblationPlanner" / "Resources" / "Icons" / "BonePlanPhantom.png"
    phantom_thumbnail().save(thumbnail, optimize=True)


if __name__ == "__main__":
    main()
