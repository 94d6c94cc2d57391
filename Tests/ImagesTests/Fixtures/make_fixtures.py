"""Makes every file in this folder: python make_fixtures.py (Pillow 13, torchvision 0.29, numpy; cc and libjpeg for YCCK).

formats/NAME.EXT   a picture, and beside it NAME.EXT.rgb: what Pillow's open(...).convert("RGB") gives, as
                   u16 width, u16 height (little-endian), then RGB rows. 16-bit grey is the exception: the high byte.
turned/NAME.EXT    the same with an EXIF orientation; .rgb is after ImageOps.exif_transpose.
resized.json       FNV-1a hashes of what torchvision makes of a picture that `pattern` (here and in the tests) draws.
"""
import io, json, os, struct, subprocess, tempfile, warnings, zlib
import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
W, H = 19, 13


def pattern(w, h):
    """The picture that Pattern.swift draws too."""
    x = np.arange(w, dtype=np.int64)[None, :, None]
    y = np.arange(h, dtype=np.int64)[:, None, None]
    c = np.arange(3, dtype=np.int64)[None, None, :]
    return ((x * (5 + 2 * c) + y * (11 - 3 * c) + ((x * y * (c + 1)) >> 3) + ((x ^ (y * 3)) & 31) * (c + 1)) & 255).astype(np.uint8)


def smooth(w, h):
    """Gentle enough for lossy formats."""
    x = np.linspace(0, 1, w)[None, :]
    y = np.linspace(0, 1, h)[:, None]
    r = 255 * (0.5 + 0.5 * np.sin(3 * x + 2 * y))
    g = 255 * (0.5 + 0.5 * np.sin(4 * y - 3 * x))
    b = 255 * (0.5 + 0.5 * np.cos(5 * x * y + x))
    return np.stack([np.broadcast_to(v, (h, w)) for v in (r, g, b)], -1).round().astype(np.uint8)


def write(folder, name, data, expected=None):
    path = os.path.join(HERE, folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    if expected is None:
        with Image.open(io.BytesIO(data)) as image:
            turn = folder == "turned"
            image.load()
            expected = np.asarray((ImageOps.exif_transpose(image) if turn else image).convert("RGB"))
    h, w, _ = expected.shape
    with open(path + ".rgb", "wb") as f:
        f.write(struct.pack("<HH", w, h) + np.ascontiguousarray(expected).tobytes())


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ---- PNG, with all that Pillow does not write

def pack_bits(samples, depth):
    """Rows of integers (h, n) to bytes, most significant bit first."""
    h, n = samples.shape
    if depth == 16:
        return [samples[i].astype(">u2").tobytes() for i in range(h)]
    if depth == 8:
        return [samples[i].astype(np.uint8).tobytes() for i in range(h)]
    rows = []
    for i in range(h):
        bits = "".join(format(int(v), f"0{depth}b") for v in samples[i])
        bits += "0" * (-len(bits) % 8)
        rows.append(bytes(int(bits[j:j + 8], 2) for j in range(0, len(bits), 8)))
    return rows


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples, depth, color, interlace=False, extra=b"", after=b""):
    """samples: (h, w, channels) integers."""
    h, w, n = samples.shape
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, dx, dy in passes if interlace else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            for row in pack_bits(part.reshape(part.shape[0], -1), depth):
                raw += b"\0" + row
    head = struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlace))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + after + chunk(b"IEND", b"")


def make_png():
    rgb = pattern(W, H).astype(np.int64)
    grey = rgb[..., :1]
    alpha = rgb[..., 2:3]
    palette = bytes((i * 37 + c * 91) & 255 for i in range(256) for c in range(3))
    gamma = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0")
    for interlace in (False, True):
        s = "-interlaced" if interlace else ""
        for depth in (1, 2, 4, 8):
            write("formats", f"grey{depth}{s}.png", png(grey >> (8 - depth), depth, 0, interlace))
            write("formats", f"palette{depth}{s}.png",
                  png(grey >> (8 - depth), depth, 3, interlace, chunk(b"PLTE", palette[:3 << depth])))
        high = np.repeat(grey, 3, -1).astype(np.uint8)
        write("formats", f"grey16{s}.png", png(grey * 256 + alpha, 16, 0, interlace), high)
        write("formats", f"rgb8{s}.png", png(rgb, 8, 2, interlace, gamma))
        write("formats", f"rgb16{s}.png", png(rgb * 256 + rgb[..., ::-1], 16, 2, interlace))
        write("formats", f"greyalpha8{s}.png", png(np.concatenate([grey, alpha], -1), 8, 4, interlace))
        write("formats", f"greyalpha16{s}.png", png(np.concatenate([grey * 256 + 9, alpha * 256 + 77], -1), 16, 4, interlace), high)
        write("formats", f"rgba8{s}.png", png(np.concatenate([rgb, alpha], -1), 8, 6, interlace))
        write("formats", f"rgba16{s}.png", png(np.concatenate([rgb, alpha], -1) * 257, 16, 6, interlace))
    write("formats", "palette8-transparent.png",
          png(grey, 8, 3, False, chunk(b"PLTE", palette) + chunk(b"tRNS", bytes(range(0, 200)))))
    write("formats", "palette4-transparent.png",
          png(grey >> 4, 4, 3, True, chunk(b"PLTE", palette[:48]) + chunk(b"tRNS", bytes([0, 128, 255]))))
    write("formats", "grey8-transparent.png", png(grey, 8, 0, False, chunk(b"tRNS", struct.pack(">H", 40))))
    write("formats", "rgb8-transparent.png", png(rgb, 8, 2, False, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    write("formats", "rgb8-gamma.png", png(rgb, 8, 2, False, chunk(b"gAMA", struct.pack(">I", 220000))))


# ---- JPEG

YCCK = r"""
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
int main(int argc, char **argv) {
    int w = atoi(argv[1]), h = atoi(argv[2]);
    struct jpeg_compress_struct c; struct jpeg_error_mgr e;
    c.err = jpeg_std_error(&e); jpeg_create_compress(&c); jpeg_stdio_dest(&c, stdout);
    c.image_width = w; c.image_height = h; c.input_components = 4; c.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&c); jpeg_set_colorspace(&c, JCS_YCCK); jpeg_set_quality(&c, 90, TRUE);
    jpeg_start_compress(&c, TRUE);
    unsigned char *row = malloc(w * 4);
    for (int y = 0; y < h; y++) { fread(row, 4, w, stdin); jpeg_write_scanlines(&c, &row, 1); }
    jpeg_finish_compress(&c); return 0;
}
"""


def make_jpeg():
    for w, h in ((W, H), (48, 33)):
        image = Image.fromarray(smooth(w, h))
        s = f"{w}x{h}"
        for sub, label in ((0, "444"), (1, "422"), (2, "420")):
            write("formats", f"{label}-{s}.jpg", saved(image, "JPEG", quality=85, subsampling=sub))
        write("formats", f"progressive-{s}.jpg", saved(image, "JPEG", quality=75, progressive=True))
        write("formats", f"grey-{s}.jpg", saved(image.convert("L"), "JPEG", quality=80))
        write("formats", f"cmyk-{s}.jpg", saved(image.convert("CMYK"), "JPEG", quality=90))
        write("formats", f"stored-rgb-{s}.jpg", saved(image, "JPEG", quality=90, keep_rgb=True))
        write("formats", f"restarts-{s}.jpg", saved(image, "JPEG", quality=60, restart_marker_blocks=1))
        inks = np.concatenate([smooth(w, h), pattern(w, h)[..., :1] // 4 + 150], -1)
        write("formats", f"inks-{s}.jpg", saved(Image.fromarray(inks, "CMYK"), "JPEG", quality=95))
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/ycck.c", "w") as f:
                f.write(YCCK)
            subprocess.run(["cc", f"{folder}/ycck.c", "-o", f"{folder}/ycck", "-ljpeg"], check=True)
            data = subprocess.run([f"{folder}/ycck", str(w), str(h)], input=inks.tobytes(), capture_output=True, check=True).stdout
        write("formats", f"ycck-{s}.jpg", data)


# ---- WebP

def make_webp():
    image = Image.fromarray(smooth(48, 33))
    rgba = Image.fromarray(np.concatenate([smooth(48, 33), pattern(48, 33)[..., :1]], -1))
    write("formats", "lossy.webp", saved(image, "WEBP", quality=80))
    write("formats", "lossless.webp", saved(image, "WEBP", lossless=True))
    write("formats", "lossy-alpha.webp", saved(rgba, "WEBP", quality=80))
    write("formats", "lossless-alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
    other = Image.fromarray(pattern(48, 33))
    write("formats", "animated.webp", saved(image, "WEBP", save_all=True, append_images=[other], lossless=True))
    write("formats", "animated-lossy-alpha.webp", saved(rgba, "WEBP", save_all=True, append_images=[other], quality=70))


# ---- TIFF, with all that Pillow does not write

def tiff(samples, depth, photometric, big_endian=False, tile=None, separate=False, compress=False, extra=None, palette=None,
         orientation=None, rows=5):
    """samples: (h, w, n) integers."""
    h, w, n = samples.shape
    order = ">" if big_endian else "<"
    def bytes_of(part):
        if depth == 16:
            data = part.astype(order + "u2").tobytes()
        else:
            data = b"".join(pack_bits(part.reshape(part.shape[0], -1), depth))
        return zlib.compress(data) if compress else data
    planes = [samples[..., i:i + 1] for i in range(n)] if separate else [samples]
    parts = []
    for plane in planes:
        if tile:
            for y in range(0, h, tile):
                for x in range(0, w, tile):
                    full = np.zeros((tile, tile, plane.shape[2]), np.int64)
                    cut = plane[y:y + tile, x:x + tile]
                    full[:cut.shape[0], :cut.shape[1]] = cut
                    parts.append(bytes_of(full))
        else:
            parts += [bytes_of(plane[y:y + rows]) for y in range(0, h, rows)]
    body = b""
    offsets = []
    for part in parts:
        offsets.append(8 + len(body))
        body += part + b"\0" * (len(part) % 2)
    tags = {256: (4, [w]), 257: (4, [h]), 258: (3, [depth] * n), 259: (3, [8 if compress else 1]), 262: (3, [photometric]),
            277: (3, [n]), 284: (3, [2 if separate else 1])}
    if tile:
        tags |= {322: (4, [tile]), 323: (4, [tile]), 324: (4, offsets), 325: (4, [len(p) for p in parts])}
    else:
        tags |= {273: (4, offsets), 278: (4, [rows]), 279: (4, [len(p) for p in parts])}
    if extra is not None:
        tags[338] = (3, extra)
    if palette is not None:
        tags[320] = (3, palette)
    if orientation:
        tags[274] = (3, [orientation])
    directory = struct.pack(order + "H", len(tags))
    start = 8 + len(body)
    spill = b""
    spill_at = start + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        kind, values = tags[tag]
        data = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(data) > 4:
            field = struct.pack(order + "I", spill_at + len(spill))
            spill += data + b"\0" * (len(data) % 2)
        else:
            field = data.ljust(4, b"\0")
        directory += struct.pack(order + "HHI", tag, kind, len(values)) + field
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(order + "I", start)
    return head + body + directory + b"\0\0\0\0" + spill


def make_tiff():
    rgb = pattern(W, H)
    image = Image.fromarray(rgb)
    wide = rgb.astype(np.int64)
    grey = wide[..., :1]
    alpha = wide[..., 2:3]
    colours = image.quantize(17)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        s = compression.replace("tiff_", "")
        write("formats", f"rgb-{s}.tif", saved(image, "TIFF", compression=compression))
        write("formats", f"grey-{s}.tif", saved(image.convert("L"), "TIFF", compression=compression))
        write("formats", f"palette-{s}.tif", saved(colours, "TIFF", compression=compression))
        write("formats", f"bilevel-{s}.tif", saved(image.convert("1"), "TIFF", compression=compression))
    write("formats", "bilevel-group4.tif", saved(image.convert("1"), "TIFF", compression="group4"))
    write("formats", "rgba.tif", saved(Image.fromarray(np.concatenate([rgb, rgb[..., :1]], -1)), "TIFF"))
    write("formats", "cmyk.tif", saved(image.convert("CMYK"), "TIFF", compression="tiff_lzw"))
    write("formats", "bigtiff.tif", saved(image, "TIFF", big_tiff=True))
    write("formats", "jpeg.tif", saved(Image.fromarray(smooth(48, 33)), "TIFF", compression="jpeg", quality=90))
    high = np.repeat(grey, 3, -1).astype(np.uint8)
    palette = [(i * 37 + c * 91) % 256 * 257 for c in range(3) for i in range(256)]
    palette4 = [(i * 37 + c * 91) % 256 * 257 for c in range(3) for i in range(16)]
    for big in (False, True):
        s = "-big" if big else ""
        write("formats", f"grey16{s}.tif", tiff(grey * 256 + alpha, 16, 1, big), high)
        write("formats", f"rgb16{s}.tif", tiff(wide * 256 + alpha, 16, 2, big))
        write("formats", f"rgb-tiles{s}.tif", tiff(wide, 8, 2, big, tile=16))
    write("formats", "grey16-white0.tif", tiff(65535 - (grey * 256 + alpha), 16, 0), high)
    write("formats", "rgb-apart.tif", tiff(wide, 8, 2, separate=True))
    write("formats", "rgb-apart-tiles-deflate.tif", tiff(wide, 8, 2, separate=True, tile=16, compress=True))
    write("formats", "rgb16-tiles-deflate.tif", tiff(wide * 257, 16, 2, tile=16, compress=True))
    write("formats", "grey-white0.tif", tiff(grey, 8, 0))
    write("formats", "palette-made.tif", tiff(grey, 8, 3, palette=palette))
    write("formats", "palette4.tif", tiff(grey >> 4, 4, 3, palette=palette4))
    for depth in (1, 2, 4):
        write("formats", f"grey{depth}.tif", tiff(grey >> (8 - depth), depth, 1))
        write("formats", f"grey{depth}-white0.tif", tiff(grey >> (8 - depth), depth, 0))
    write("formats", "rgb-unassociated.tif", tiff(np.concatenate([wide, alpha], -1), 8, 2, extra=[2]))
    write("formats", "rgb-associated.tif", tiff(np.concatenate([wide * alpha // 255, alpha], -1), 8, 2, extra=[1]))
    write("formats", "rgb-unspecified.tif", tiff(np.concatenate([wide, alpha], -1), 8, 2, extra=[0]))
    inks = np.concatenate([wide, grey // 4 + 100], -1)
    for big in (False, True):
        write("formats", f"cmyk16{'-big' if big else ''}.tif", tiff(inks * 256 + alpha, 16, 5, big))
    write("formats", "cmyk-apart.tif", tiff(inks, 8, 5, separate=True))
    write("formats", "cmyk-tiles-deflate.tif", tiff(inks, 8, 5, tile=16, compress=True))
    write("formats", "cmyk-unspecified.tif", tiff(np.concatenate([inks, alpha], -1), 8, 5, extra=[0]))
    write("formats", "grey-alpha.tif", tiff(np.concatenate([grey, alpha], -1), 8, 1, extra=[2]))


# ---- BMP

def bmp(body, bits, compression=0, palette=b"", masks=b"", top_down=False, colours=0, core=False, w=W, h=H):
    if core:
        head = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", 40, w, -h if top_down else h, 1, bits, compression, len(body), 0, 0, colours, 0)
    offset = 14 + len(head) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + head + masks + palette + body


def bmp_rows(rows):
    return b"".join(row + b"\0" * (-len(row) % 4) for row in rows)


def make_bmp():
    rgb = pattern(W, H)
    image = Image.fromarray(rgb)
    write("formats", "rgb24.bmp", saved(image, "BMP"))
    write("formats", "rgba32.bmp", saved(Image.fromarray(np.concatenate([rgb, rgb[..., :1]], -1)), "BMP"))
    write("formats", "grey8.bmp", saved(image.convert("L"), "BMP"))
    write("formats", "palette8.bmp", saved(image.quantize(60), "BMP"))
    write("formats", "bilevel.bmp", saved(image.convert("1"), "BMP"))
    index = (rgb[::-1, :, 0] >> 4).astype(np.int64)
    palette = b"".join(bytes([(i * 50 + 7) & 255, (i * 81) & 255, (i * 19) & 255, 0]) for i in range(16))
    core = b"".join(palette[4 * i:4 * i + 3] for i in range(16))
    write("formats", "palette4.bmp", bmp(bmp_rows(pack_bits(index, 4)), 4, palette=palette, colours=16))
    write("formats", "palette4-core.bmp", bmp(bmp_rows(pack_bits(index, 4)), 4, palette=core, core=True))
    write("formats", "palette1.bmp", bmp(bmp_rows(pack_bits(index >> 3, 1)), 1, palette=palette[4:12], colours=2))
    down = rgb.astype(np.int64)
    write("formats", "rgb24-down.bmp", bmp(bmp_rows([rgb[y, :, ::-1].tobytes() for y in range(H)]), 24, top_down=True))
    five = (down[::-1, :, 0] >> 3) << 10 | (down[::-1, :, 1] >> 3) << 5 | down[::-1, :, 2] >> 3
    write("formats", "rgb555.bmp", bmp(bmp_rows([r.astype("<u2").tobytes() for r in five]), 16))
    six = (down[::-1, :, 0] >> 3) << 11 | (down[::-1, :, 1] >> 2) << 5 | down[::-1, :, 2] >> 3
    write("formats", "rgb565.bmp", bmp(bmp_rows([r.astype("<u2").tobytes() for r in six]), 16, 3,
                                       masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    four = down[::-1, :, 0] << 24 | down[::-1, :, 1] << 16 | down[::-1, :, 2] << 8
    write("formats", "rgb32-fields.bmp", bmp(bmp_rows([r.astype("<u4").tobytes() for r in four]), 32, 3,
                                             masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)))
    body = b""
    for y in range(H):
        row = [int(v) for v in index[y]]
        body += bytes([0, 7] + row[:7]) + b"\0"
        for v in row[7:]:
            body += bytes([1, v])
        body += b"\0\0"
    write("formats", "runs8.bmp", bmp(body + b"\0\1", 8, 1, palette=palette, colours=16))
    body = b""
    for y in range(H):
        row = [int(v) for v in index[y]]
        pairs = row[:6]
        body += bytes([0, 6, pairs[0] << 4 | pairs[1], pairs[2] << 4 | pairs[3], pairs[4] << 4 | pairs[5], 0])
        for v in range(6, W, 2):
            last = row[v + 1] if v + 1 < W else 0
            body += bytes([min(2, W - v), row[v] << 4 | last])
        body += b"\0\0"
    write("formats", "runs4.bmp", bmp(body + b"\0\1", 4, 2, palette=palette, colours=16))


# ---- netpbm

def make_netpbm():
    rgb = pattern(W, H).astype(np.int64)
    grey = rgb[..., 0]
    size = f"{W} {H}".encode()
    text = lambda values: b"\n".join(b" ".join(str(int(v)).encode() for v in row.ravel()) for row in values)
    write("formats", "plain.pbm", b"P1\n# a comment\n" + size + b"\n" + text(grey >> 7))
    write("formats", "plain.pgm", b"P2 " + size + b"\n#c\n255\n" + text(grey))
    write("formats", "plain-100.ppm", b"P3\n" + size + b" 100\n" + text(rgb * 100 // 255))
    write("formats", "raw.pbm", b"P4\n" + size + b"\n" + b"".join(pack_bits(grey >> 7, 1)))
    write("formats", "raw.pgm", b"P5\n#one\n#two\n" + size + b"\n255\n" + grey.astype(np.uint8).tobytes())
    write("formats", "raw-77.pgm", b"P5 " + size + b" 77\n" + (grey * 77 // 255).astype(np.uint8).tobytes())
    write("formats", "raw-65535.pgm", b"P5 " + size + b" 65535\n" + (grey * 257).astype(">u2").tobytes(),
          np.repeat(grey[..., None], 3, -1).astype(np.uint8))
    write("formats", "raw.ppm", b"P6 " + size + b" 255\n" + rgb.astype(np.uint8).tobytes())
    write("formats", "raw-1000.ppm", b"P6 " + size + b" 1000\n" + (rgb * 1000 // 255).astype(">u2").tobytes())


# ---- EXIF

def make_turned():
    image = Image.fromarray(smooth(24, 16))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        write("turned", f"{orientation}.jpg", saved(image, "JPEG", quality=90, exif=exif))
        write("turned", f"{orientation}.png", saved(image, "PNG", exif=exif))
        write("turned", f"{orientation}.webp", saved(image, "WEBP", lossless=True, exif=exif))
        write("turned", f"{orientation}.tif",
              tiff(np.asarray(image).astype(np.int64), 8, 2, orientation % 2 == 0, orientation=orientation))


# ---- resize and crop

def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def make_resized():
    evaluated = []
    sizes = [(1, 1), (1, 1000), (1000, 1), (2, 3), (19, 13), (37, 64), (64, 37), (73, 64), (64, 73), (255, 257), (256, 256),
             (300, 256), (257, 500), (500, 375), (375, 500), (640, 481), (1201, 399), (3, 700), (900, 2)]
    for w, h in sizes:
        for side in (1, 8, 32, 64, 65, 112, 224):
            if side > 64 and max(w, h) == 1000:
                continue
            image = Image.fromarray(pattern(w, h))
            out = transforms.Compose([transforms.Resize(round(side * 256 / 224)), transforms.CenterCrop(side)])(image)
            evaluated.append(dict(width=w, height=h, side=side, hash=fnv(np.asarray(out).tobytes())))
    cropped = []
    numbers = np.random.default_rng(7)
    for w, h in ((19, 13), (300, 200), (1, 50), (640, 481)):
        for _ in range(8):
            cw, ch = int(numbers.integers(1, w + 1)), int(numbers.integers(1, h + 1))
            x, y = int(numbers.integers(0, w - cw + 1)), int(numbers.integers(0, h - ch + 1))
            for side in (17, 64):
                out = F.resized_crop(Image.fromarray(pattern(w, h)), y, x, ch, cw, [side, side])
                cropped.append(dict(width=w, height=h, side=side, x=x, y=y, cropWidth=cw, cropHeight=ch,
                                    hash=fnv(np.asarray(out).tobytes())))
    normal = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, -1)
    bits = normal(transforms.ToTensor()(Image.fromarray(ramp))).numpy().transpose(1, 2, 0).view(np.uint32)[0]
    with open(os.path.join(HERE, "resized.json"), "w") as f:
        json.dump(dict(evaluated=evaluated, cropped=cropped, normalisedBits=bits.ravel().tolist()), f, separators=(",", ":"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for make in (make_png, make_jpeg, make_webp, make_tiff, make_bmp, make_netpbm, make_turned, make_resized):
        make()
