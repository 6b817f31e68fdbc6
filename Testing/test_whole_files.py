"""Image files that are cut short or damaged are refused in one line; whole ones never are, however they are packed."""

import gzip
import zlib

import numpy as np
import pytest
import SimpleITK as sitk
from grids import oblique_grid

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.reading.images import read_image

SHAPE = (24, 40, 50)
NAMES = ("a.nii", "a.nii.gz", "a.nrrd", "raw.nrrd", "a.mha", "raw.mha", "a.mhd", "a.nhdr")
TYPES = (np.int16, np.uint8, np.float32)


def written(folder, name, dtype=np.int16):
    """Voxels without pattern, so that packed ones stay long; "raw" is not packed."""
    values = np.random.default_rng(1).integers(0, 200, SHAPE).astype(dtype)
    path = folder / name
    sitk.WriteImage(oblique_grid(SHAPE, (1.0, 1.5, 2.0)).image(values), str(path), not name.startswith("raw"))
    return path, values


def voxel_file(path):
    """The file that holds the voxels."""
    return next(p for p in path.parent.iterdir() if p.suffix not in (".mhd", ".nhdr"))


def reason(path) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(path.name)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_whole_files_are_read(tmp_path, name, dtype, capfd):
    path, values = written(tmp_path, name, dtype)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(path)), values)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kept", [0.5, 0.9, -1])
def test_files_that_are_cut_short_are_refused(tmp_path, name, dtype, kept, capfd):
    path, _ = written(tmp_path, name, dtype)
    data = voxel_file(path).read_bytes()
    voxel_file(path).write_bytes(data[: kept if kept < 0 else int(len(data) * kept)])
    assert "cut short" in reason(path)
    assert capfd.readouterr() == ("", "")


def test_bytes_found_and_expected_are_named(tmp_path):
    path, values = written(tmp_path, "a.nii")
    data = path.read_bytes()
    path.write_bytes(data[:1000])
    assert len(data) == 352 + values.nbytes
    assert f"1000 of {len(data)} bytes" in reason(path)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("dtype", TYPES)
def test_packed_voxels_that_differ_from_their_checksum_are_refused(tmp_path, name, dtype):
    path, _ = written(tmp_path, name, dtype)
    data = bytearray(voxel_file(path).read_bytes())
    for n in range(len(data) // 2, len(data) // 2 + 20):
        data[n] ^= 0x5A
    voxel_file(path).write_bytes(data)
    assert "damaged" in reason(path)


def test_a_damaged_header_is_refused(tmp_path):
    path, _ = written(tmp_path, "a.nii.gz")
    data = bytearray(path.read_bytes())
    data[12:40] = bytes(28)
    path.write_bytes(data)
    assert "damaged" in reason(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_files_that_need_to_be_unpacked_to_be_compared_are_read(tmp_path, order, scale):
    """Swapped bytes and rescaled values do not fit the checksum as ITK hands them over; so with several streams."""
    path, values = written(tmp_path, "a.nii")
    data = bytearray(path.read_bytes())
    data[352:] = values.astype(f"{order}i2").tobytes()
    if order == ">":
        for start, stop, size in ((0, 4, 4), (32, 36, 4), (36, 38, 2), (40, 56, 2), (56, 68, 4), (68, 76, 2),
                                  (76, 120, 4), (124, 148, 4), (252, 256, 2), (256, 328, 4)):  # fmt: skip
            data[start:stop] = np.frombuffer(bytes(data[start:stop]), f"<u{size}").astype(f">u{size}").tobytes()
    data[112:116] = np.array([scale], f"{order}f4").tobytes()
    path.unlink()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(bytes(data[:9000])) + gzip.compress(bytes(data[9000:])))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(path)), values * scale)
    path.write_bytes(path.read_bytes()[:-200])
    assert "cut short" in reason(path)


def test_zlib_sums_of_parts_are_the_sum_of_the_whole():
    """What comparing header and voxels one after the other relies on."""
    whole = bytes(range(256)) * 9
    assert zlib.crc32(whole[100:], zlib.crc32(whole[:100])) == zlib.crc32(whole)
