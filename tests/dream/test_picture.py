import contextlib
import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from dream.picture import Limits, PictureError, decode, encode, probe, recipe_in, resize, to_bytes

T = Image.Transpose
STORED = {  # how a camera held in each way stores a picture
    2: T.FLIP_LEFT_RIGHT,
    3: T.ROTATE_180,
    4: T.FLIP_TOP_BOTTOM,
    5: T.TRANSPOSE,
    6: T.ROTATE_90,
    7: T.TRANSVERSE,
    8: T.ROTATE_270,
}
FRAMES = ("blue", "white", "black")
RED, GREEN = (230, 20, 20), (20, 180, 60)


def file(image, format="PNG", **options):
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def halves(size=(40, 30), top=RED, bottom=GREEN):
    """A picture that is red above and green below, so that one sees which way is up."""
    image = Image.new("RGB", size, bottom)
    image.paste(top, (0, 0, size[0], size[1] // 2))
    return image


def assert_upright(pixels, tolerance=12):
    assert pixels.dtype == np.float32
    assert np.allclose(pixels[2, 2] * 255, RED, atol=tolerance)
    assert np.allclose(pixels[-3, -3] * 255, GREEN, atol=tolerance)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_every_format_is_read(format):
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {}
    data = file(halves(), format, **options)
    assert_upright(decode(data), tolerance=20)
    found = probe(data)
    assert (found.width, found.height, found.format, found.animated) == (40, 30, format, False)


def test_heic_is_read(data):
    pixels = decode((data / "chelsea.heic").read_bytes())
    assert pixels.shape == (43, 64, 3)
    assert pixels.std() > 0.1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright_whatever_their_exif_says(orientation):
    image = halves()
    if turn := STORED.get(orientation):
        image = image.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = file(image, "JPEG", exif=exif, quality=95, subsampling=0)
    pixels = decode(data)
    assert pixels.shape == (30, 40, 3)
    assert_upright(pixels)
    assert (probe(data).width, probe(data).height) == (40, 30)


def test_transparent_pictures_lie_on_white():
    for mode, clear in (("RGBA", (9, 9, 9, 0)), ("LA", (9, 0))):
        assert decode(file(Image.new(mode, (4, 4), clear))).min() == 1
    half = decode(file(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    assert half.mean() == pytest.approx(0.5, abs=0.01)
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30])
    assert decode(file(palette, transparency=0)).min() == 1
    assert decode(file(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3))).min() == 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGBX"])
def test_every_mode_becomes_rgb(mode):
    image = halves(top=(255, 255, 255), bottom=(0, 0, 0)).convert(mode)
    pixels = decode(file(image, "JPEG" if mode in ("CMYK", "YCbCr") else "TIFF" if mode == "RGBX" else "PNG"))
    assert pixels.shape == (30, 40, 3)
    assert pixels[3, 3] == pytest.approx(1, abs=0.02)
    assert pixels[-3, -3] == pytest.approx(0, abs=0.02)


def test_deep_greys_keep_their_tones():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    assert decode(file(Image.fromarray(ramp)))[..., 0] == pytest.approx(ramp / 65535, abs=1e-4)
    floats = (ramp / 65535).astype(np.float32)
    assert decode(file(Image.fromarray(floats), "TIFF"))[..., 1] == pytest.approx(floats, abs=1e-4)
    floats[0, 0] = np.nan
    assert np.isfinite(decode(file(Image.fromarray(floats * 900), "TIFF"))).all()


def test_an_animation_is_its_first_frame():
    data = file(halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), c) for c in FRAMES])
    assert probe(data).animated
    assert_upright(decode(data), tolerance=20)
    with pytest.raises(PictureError, match="more than 3 frames"):
        probe(data, Limits(frames=3))


def test_a_wide_gamut_becomes_srgb():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_upright(decode(file(halves(), icc_profile=profile)))
    assert_upright(decode(file(halves(), icc_profile=b"no profile at all")))


def test_a_document_of_many_pages_is_its_first():
    pages = [halves((8, 6)), *(Image.new("RGB", (8, 6), "blue") for _ in range(5))]
    data = file(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert probe(data, Limits(frames=3)).format == "TIFF"
    assert_upright(decode(data, Limits(frames=3)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_is_brought_down_alike(mode):
    ramp = Image.linear_gradient("L").resize((300, 200))
    if mode == "F":
        image = Image.fromarray(np.asarray(ramp, np.float32) / 255)
    elif mode in ("I", "I;16"):
        image = Image.fromarray(np.asarray(ramp).astype(np.int32 if mode == "I" else np.uint16) * 257)
    else:
        image = ramp.convert(mode)
    data = file(image, "TIFF")
    small = decode(data, within=(60, 60))
    assert small.shape == (40, 60, 3)
    reference = np.asarray(ramp.resize((60, 40), Image.Resampling.LANCZOS), np.float32)[..., None] / 255
    assert np.abs(small - reference).mean() < (0.06 if mode == "1" else 0.01)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16"])
def test_a_very_large_picture_is_scaled_in_bands_without_a_seam(mode):
    ramp = Image.linear_gradient("L").rotate(45).resize((3000, 2500), Image.Resampling.BICUBIC)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(ramp).astype(np.uint16) * 257)
    else:
        image = ramp.convert("RGB").convert(mode)
    if mode == "RGBA":
        image.putalpha(ramp)
    found = decode(file(image, "PNG", compress_level=1), within=(700, 700))
    flat = Image.new("RGB", image.size, "white")
    flat.paste(ramp, mask=ramp if mode == "RGBA" else None)
    expected = flat.resize((700, 583), Image.Resampling.LANCZOS)
    assert np.abs(found - np.asarray(expected, np.float32) / 255).max() < 0.03


def test_a_large_picture_is_brought_down_within_what_is_needed():
    data = file(halves((400, 300)), "JPEG", quality=95, subsampling=0)
    assert_upright(decode(data, within=(80, 60)))
    assert decode(data, within=(80, 60)).shape == (60, 80, 3)
    assert decode(data, within=(4000, 3000)).shape == (300, 400, 3)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"just some words", "no picture I can read"),
        (b"%PDF-1.7 and so on", "no picture I can read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture I can read"),
        (file(Image.effect_noise((90, 90), 99))[:-2000], "damaged"),
        (file(halves((200, 200)), "JPEG")[:900], "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(data, said):
    for read in (probe, decode):
        with pytest.raises(PictureError, match=said):
            read(data)


def test_limits_hold():
    data = file(halves())
    with pytest.raises(PictureError, match="MB"):
        probe(data, Limits(bytes=50))
    with pytest.raises(PictureError, match="40 × 30"):
        probe(data, Limits(pixels=1199))
    assert probe(data, Limits(pixels=1200)).width == 40


@pytest.mark.parametrize("side", [7746, 30_000])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(side):
    rows = zlib.compress(bytes(1_000_000))  # the header is a lie either way: nothing may be allocated for it
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")):
        data += (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(PictureError, match="megapixels"):
        probe(data)
    assert time.process_time() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_read_or_refused(data):
    for head in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0", b"BM"):
        with contextlib.suppress(PictureError):
            decode(head + data)


@given(
    st.sampled_from(["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_random_pictures_of_every_mode_and_size_come_through(mode, width, height, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    image = Image.fromarray(noise).convert("RGB" if mode in ("CMYK", "P") else "RGBA")
    if mode in ("I;16", "I", "F"):
        image = Image.fromarray(noise[..., 0].astype({"I;16": "uint16", "I": "int32", "F": "float32"}[mode]))
    elif mode == "PA":
        image = image.convert("P")
    else:
        image = image.convert(mode)
    pixels = decode(file(image, "TIFF" if mode in ("CMYK", "I", "F") else "PNG"))
    assert pixels.shape == (height, width, 3)
    assert np.isfinite(pixels).all()
    assert 0 <= pixels.min() <= pixels.max() <= 1


@pytest.mark.parametrize("format", ["png", "jpg", "webp"])
def test_what_is_written_carries_the_recipe_and_nothing_of_the_source(format):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretCamera"
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 0.0)}
    source = file(halves(), "JPEG", exif=exif, comment=b"SecretComment")
    recipe = "block8+block11*0.5 steps=20 seed=7"
    data, extension = encode(decode(source), recipe=recipe, format=format)
    assert extension == format
    assert recipe_in(data) == recipe
    assert b"Secret" not in data
    assert not Image.open(io.BytesIO(data)).getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert np.abs(decode(data) - decode(source)).mean() < 0.02


def test_pictures_that_no_dream_made_carry_no_recipe():
    assert recipe_in(file(halves())) is None
    assert recipe_in(b"text") is None


def test_a_file_too_large_becomes_a_jpeg_that_fits():
    noise = np.random.default_rng(0).random((256, 256, 3), np.float32)
    data, extension = encode(noise, recipe="block8", max_bytes=50_000)
    assert extension == "jpg"
    assert len(data) <= 50_000
    assert recipe_in(data) == "block8"
    tiny, _ = encode(noise, max_bytes=3000)
    assert len(tiny) <= 3000


def test_resizing_there_and_back_keeps_a_smooth_picture():
    pixels = np.asarray(Image.linear_gradient("L").convert("RGB"), np.float32) / np.float32(255)
    assert np.abs(resize(resize(pixels, 400, 300), 256, 256) - pixels).max() < 0.02
    assert to_bytes(np.array([[[-1, 0.5, 2]]], np.float32)).tolist() == [[[0, 128, 255]]]
