"""Makes the GIF, HEIC, AVIF and JPEG XL files: python make_optional_fixtures.py (as make_fixtures.py, and pillow-heif 1.8,
pillow-jxl-plugin 1.3, imagecodecs 2026.3, cjxl 0.7).

optional/NAME.EXT         a picture, and beside it NAME.EXT.rgb as make_fixtures.py writes it.
optional-turned/NAME.EXT  the same with an orientation of its own; .rgb is after ImageOps.exif_transpose.
"""
import io, struct, subprocess, tempfile, warnings
import numpy as np
import imagecodecs, pillow_heif, pillow_jxl
from PIL import Image, ImageOps

from make_fixtures import pattern, smooth, saved, W, H
import make_fixtures

pillow_heif.register_heif_opener()


def write(name, data, expected=None):
    if expected is None:
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(image.convert("RGB"))
    make_fixtures.write("optional", name, data, expected)


def write_turned(name, data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        make_fixtures.write("optional-turned", name, data, np.asarray(ImageOps.exif_transpose(image).convert("RGB")))


# ---- GIF, with all that Pillow does not write

def lzw(indices, depth):
    """Codes that never grow: a clear code before the table needs another bit."""
    clear, codes, values = 1 << depth, [], list(indices)
    for start in range(0, len(values), clear - 2):
        codes += [clear] + values[start:start + clear - 2]
    codes.append(clear + 1)
    bits = "".join(format(code, f"0{depth + 1}b")[::-1] for code in codes)
    data = bytes(int(bits[i:i + 8].ljust(8, "0")[::-1], 2) for i in range(0, len(bits), 8))
    return bytes([depth]) + blocks(data)


def blocks(data):
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def palette_flags(palette):
    return 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0


def frame(indices, left=0, top=0, palette=b"", interlaced=False, transparent=None, disposal=0):
    h, w = indices.shape
    out = b""
    if transparent is not None or disposal:
        out += b"!\xf9\x04" + struct.pack("<BHB", disposal << 2 | (transparent is not None), 0, transparent or 0) + b"\0"
    out += b"," + struct.pack("<HHHHB", left, top, w, h, palette_flags(palette) | (0x40 if interlaced else 0)) + palette
    if interlaced:
        indices = np.concatenate([indices[0::8], indices[4::8], indices[2::4], indices[1::2]])
    return out + lzw(indices.ravel().tolist(), max(2, int(indices.max()).bit_length()))


def gif(w, h, frames, palette=b"", background=0, before=b""):
    head = b"GIF89a" + struct.pack("<HHBBB", w, h, palette_flags(palette), background, 0) + palette
    return head + before + b"".join(frames) + b";"


def make_gif():
    image = Image.fromarray(pattern(W, H))
    index = pattern(W, H)[..., 1] >> 4
    palette = bytes((i * 37 + c * 91 + 5) & 255 for i in range(16) for c in range(3))
    other = bytes((i * 53 + c * 17 + 90) & 255 for i in range(16) for c in range(3))
    ramp = bytes(i for i in range(16) for _ in range(3))
    part = index[2:9, 3:12]
    write("pillow.gif", saved(image.quantize(60), "GIF"))
    write("pillow-interlaced.gif", saved(Image.fromarray(smooth(48, 33)).quantize(256), "GIF", interlace=True))
    write("pillow-grey.gif", saved(image.convert("L"), "GIF"))
    rgba = Image.fromarray(np.concatenate([pattern(W, H), pattern(W, H)[..., :1]], -1))
    write("pillow-transparent.gif", saved(rgba, "GIF"))
    write("pillow-animated.gif", saved(image, "GIF", save_all=True, append_images=[Image.fromarray(smooth(W, H))], duration=50))
    write("interlaced.gif", gif(W, H, [frame(index, interlaced=True)], palette))
    for rows in (1, 2, 3, 5):
        write(f"interlaced-{rows}.gif", gif(W, rows, [frame(index[:rows], interlaced=True)], palette))
    write("local-palette.gif", gif(W, H, [frame(index, palette=other)], palette))
    write("only-local-palette.gif", gif(W, H, [frame(index, palette=other)]))
    write("no-palette.gif", gif(W, H, [frame(index)]))
    write("ramp.gif", gif(W, H, [frame(index)], ramp))
    write("short-palette.gif", gif(W, H, [frame(index)], palette[:12]))
    write("short-ramp.gif", gif(W, H, [frame(index)], ramp[:12]))
    write("ramp-only-global.gif", gif(W, H, [frame(index, palette=other)], ramp))
    write("offset.gif", gif(W, H, [frame(part, 3, 2)], palette, background=5))
    write("offset-no-palette.gif", gif(W, H, [frame(part, 3, 2)], background=5))
    write("offset-interlaced.gif", gif(W, H, [frame(part, 3, 2, interlaced=True)], palette, background=5))
    write("transparent.gif", gif(W, H, [frame(index, transparent=7)], palette))
    write("offset-transparent.gif", gif(W, H, [frame(part, 3, 2, transparent=7)], palette, background=5))
    write("offset-transparent-local.gif", gif(W, H, [frame(part, 3, 2, palette=other, transparent=7)], palette, background=5))
    write("disposed.gif", gif(W, H, [frame(part, 3, 2, transparent=7, disposal=2), frame(index, palette=other)], palette))
    write("outside.gif", gif(8, 6, [frame(part, 3, 2)], palette))
    write("outside-transparent.gif", gif(8, 6, [frame(part, 3, 2, transparent=3)], palette))
    comments = b"!\xfe" + blocks(b"a comment " * 40) + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" + b"!\xf9\x04\x01\0\0\x02\0"
    write("extensions.gif", gif(W, H, [frame(part, 3, 2, transparent=9), frame(index)], palette, before=comments))


# ---- HEIC

def heic(image, **options):
    return saved(image, "HEIF", **options)


def make_heic():
    image = Image.fromarray(smooth(64, 48))
    rgba = image.copy()
    rgba.putalpha(Image.fromarray(pattern(64, 48)[..., 0]))
    for chroma in (420, 422, 444):
        write(f"{chroma}.heic", heic(image, quality=80, chroma=chroma))
    write("odd.heic", heic(Image.fromarray(smooth(67, 45)), quality=80))
    write("edges.heic", heic(Image.fromarray(pattern(64, 48)), quality=60))
    write("grey.heic", heic(image.convert("L"), quality=80))
    write("alpha.heic", heic(rgba, quality=80))
    write("grid.heic", heic(Image.fromarray(smooth(160, 100)), quality=60, tile_size=64))
    wide = smooth(64, 48).astype(np.uint16) * 257
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 48), wide.tobytes()).save(out, quality=80)
    write("10bit.heic", out.getvalue())
    several = pillow_heif.from_pillow(image.resize((32, 24)))
    several.add_from_pillow(Image.fromarray(smooth(67, 45)))
    out = io.BytesIO()
    several.save(out, quality=80, primary_index=1)
    write("second-is-primary.heic", out.getvalue())
    small = Image.fromarray(smooth(40, 32))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        # As telephones do: the container's own turn, and EXIF that says the same.
        write_turned(f"{orientation}.heic", heic(small, quality=80, exif=exif.tobytes()))
    exif = Image.Exif()
    exif[0x0112] = 1
    upright, turned = exif.tobytes(), exif.tobytes().replace(b"\0\1\0\0\0\0\0\0", b"\0\6\0\0\0\0\0\0")
    write_turned("only-exif.heic", heic(small, quality=80, exif=upright).replace(upright, turned))


# ---- AVIF

def make_avif():
    image = Image.fromarray(smooth(64, 48))
    rgba = image.copy()
    rgba.putalpha(Image.fromarray(pattern(64, 48)[..., 0]))
    for subsampling in ("4:2:0", "4:2:2", "4:4:4"):
        write(subsampling.replace(":", "") + ".avif", saved(image, "AVIF", quality=80, subsampling=subsampling))
    write("edges.avif", saved(Image.fromarray(pattern(67, 45)), "AVIF", quality=60))
    write("limited.avif", saved(image, "AVIF", quality=80, range="limited"))
    write("grey.avif", saved(image.convert("L"), "AVIF", quality=80))
    write("alpha.avif", saved(rgba, "AVIF", quality=80))
    write("premultiplied.avif", saved(rgba, "AVIF", quality=80, alpha_premultiplied=True))
    write("animated.avif", saved(image, "AVIF", quality=60, save_all=True, append_images=[Image.fromarray(pattern(64, 48))]))
    write("10bit.avif", imagecodecs.avif_encode(smooth(64, 48).astype(np.uint16) * 4, level=80, bitspersample=10))
    small = Image.fromarray(smooth(40, 32))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        write_turned(f"{orientation}.avif", saved(small, "AVIF", quality=80, exif=exif))


# ---- JPEG XL

def make_jxl():
    image = Image.fromarray(smooth(64, 48))
    rgba = image.copy()
    rgba.putalpha(Image.fromarray(pattern(64, 48)[..., 0]))
    write("lossless.jxl", saved(Image.fromarray(pattern(W, H)), "JXL", lossless=True))
    write("lossy.jxl", saved(image, "JXL", quality=80))
    write("lossy-edges.jxl", saved(Image.fromarray(pattern(64, 48)), "JXL", quality=60))
    write("lossless-alpha.jxl", saved(rgba, "JXL", lossless=True))
    write("lossless-grey.jxl", saved(Image.fromarray(pattern(W, H)[..., 0]), "JXL", lossless=True))
    write("lossy-grey.jxl", saved(image.convert("L"), "JXL", quality=80))
    # Pillow has no 16-bit colours, so that the plugin gives none: the high byte is what is expected.
    deep = pattern(W, H).astype(np.uint16) * 257
    write("lossless16.jxl", imagecodecs.jpegxl_encode(deep, lossless=True, level=100), pattern(W, H))
    write("container.jxl", imagecodecs.jpegxl_encode(pattern(W, H), lossless=True, usecontainer=True))
    with tempfile.TemporaryDirectory() as folder:
        def cjxl(kind, data, *options):
            with open(f"{folder}/in.{kind}", "wb") as f:
                f.write(data)
            subprocess.run(["cjxl", f"{folder}/in.{kind}", f"{folder}/out.jxl", *options], check=True, capture_output=True)
            with open(f"{folder}/out.jxl", "rb") as f:
                return f.read()
        write("from-jpeg.jxl", cjxl("jpg", saved(image, "JPEG", quality=85)))
        frames = dict(save_all=True, append_images=[Image.fromarray(smooth(W, H))], duration=50)
        animated = saved(Image.fromarray(pattern(W, H)), "PNG", **frames)
        write("lossless-animated.jxl", cjxl("png", animated, "-d", "0"), pattern(W, H))
        small = Image.fromarray(smooth(40, 32))
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            write_turned(f"{orientation}.jxl", cjxl("jpg", saved(small, "JPEG", quality=95, subsampling=0, exif=exif)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for make in (make_gif, make_heic, make_avif, make_jxl):
        make()
