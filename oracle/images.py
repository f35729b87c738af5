"""Writes test/fixtures/images.parquet, two of the files as Python's datasets stores images, and test/fixtures/images.json: PNG and JPEG files of every kind that is read, in base64, with the pixels that Pillow decodes;
one image in other sizes by each of Pillow's filters; and what transformers' ViTImageProcessorPil makes of one.

Pillow writes few kinds of PNG, so they are put together here; Pillow reads them all.
"""
import base64
import io
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from transformers import ViTImageProcessorPil

from common import FIXTURES, write_json

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def text(data):
    return base64.b64encode(bytes(data)).decode()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed(row, depth):
    """A row of samples as bytes."""
    if depth == 16:
        return np.asarray(row, ">u2").tobytes()
    if depth == 8:
        return bytes(row)
    bits = "".join(format(value, f"0{depth}b") for value in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def filtered(rows, step):
    """Rows with each of the five filters in turn."""
    out, above = b"", None
    for number, row in enumerate(rows):
        kind = number % 5
        above = above or bytes(len(row))
        line = []
        for i, value in enumerate(row):
            a = row[i - step] if i >= step else 0
            b, c = above[i], above[i - step] if i >= step else 0
            p = a + b - c
            near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line.append((value - [0, a, b, (a + b) // 2, near][kind]) % 256)
        out += bytes([kind]) + bytes(line)
        above = row
    return out


def png(values, colour, depth, interlaced=False, palette=None):
    """values [H, W, samples]."""
    height, width = values.shape[:2]
    step = max(1, SAMPLES[colour] * depth // 8)
    grids = PASSES if interlaced else [(0, 0, 1, 1)]
    data = b""
    for left, top, across, down in grids:
        grid = values[top::down, left::across]
        if grid.size:
            data += filtered([packed(row.reshape(-1).tolist(), depth) for row in grid], step)
    compressed = zlib.compress(data)
    half = len(compressed) // 2
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
            + chunk(b"tEXt", b"Comment\0ancillary chunks are passed over")
            + (chunk(b"PLTE", palette) if palette else b"")
            + chunk(b"IDAT", compressed[:half]) + chunk(b"IDAT", compressed[half:]) + chunk(b"IEND", b""))


def scene(height, width):
    y, x = np.mgrid[0:height, 0:width]
    red = 127 + 120 * np.sin(x / 3.0)
    green = 255 * y / height
    blue = np.where((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2, 220, 40)
    return np.stack([red, green, blue], -1).round().clip(0, 255).astype(np.uint8)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def main():
    random = np.random.default_rng(0)
    files = {}
    for colour, depths in {0: [1, 2, 4, 8], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8], 6: [8, 16]}.items():
        for depth in depths:
            for interlaced in (False, True):
                colours = min(2 ** depth, 200) if colour == 3 else 2 ** depth
                values = random.integers(0, colours, (11, 13, SAMPLES[colour]))
                palette = random.integers(0, 256, 3 * colours, dtype=np.uint8).tobytes() if colour == 3 else None
                name = f"png colour {colour} depth {depth}{' interlaced' if interlaced else ''}"
                files[name] = png(values, colour, depth, interlaced, palette)
    smooth = Image.fromarray(scene(26, 37))
    files["jpeg 4:4:4"] = jpeg(smooth, quality=95, subsampling=0)
    files["jpeg 4:2:0"] = jpeg(smooth, quality=90, subsampling=2)
    files["jpeg progressive"] = jpeg(smooth, quality=95, subsampling=0, progressive=True)
    files["jpeg grey"] = jpeg(smooth.convert("L"), quality=95)
    decoded = []
    for name, data in files.items():
        image = Image.open(io.BytesIO(data)).convert("RGB")
        decoded.append({"name": name, "file": text(data), "height": image.height, "width": image.width, "rgb": text(image.tobytes())})
    stored = [{"image": {"bytes": files[name], "path": f"{name}.file"}, "label": label}
              for label, name in enumerate(["png colour 2 depth 8", "jpeg grey"])]
    pq.write_table(pa.Table.from_pylist(stored), FIXTURES / "images.parquet")
    noisy = Image.fromarray(random.integers(0, 256, (17, 23, 3), dtype=np.uint8))
    resized = [{"resample": resample, "height": height, "width": width,
                "rgb": text(noisy.resize((width, height), resample).tobytes())}
               for resample in range(6) for height, width in [(8, 8), (32, 40), (17, 9), (5, 23)]]
    processor = ViTImageProcessorPil(size={"height": 12, "width": 12}, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.25, 0.3])
    values = processor(images=noisy, return_tensors="np")["pixel_values"][0]
    write_json(FIXTURES / "images.json", {
        "decoded": decoded,
        "source": {"height": 17, "width": 23, "rgb": text(noisy.tobytes()), "grey": text(noisy.convert("L").tobytes())},
        "resized": resized,
        "processor": processor.to_dict() | {"pixels": [round(float(value), 6) for value in values.flatten()]},
    })


if __name__ == "__main__":
    main()
