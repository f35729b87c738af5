"""Writes test/fixtures/storage.json: stored bytes and their f32 values, both ways, as torch and the gguf package have them.

`widen`: per type, `bytes` (hex) and the `values` (hex of f32, little-endian) that they stand for.
`narrow`: `values` (hex of f32) and what torch rounds them to as f16 and bf16 (hex).
"""
import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize

from common import FIXTURES, generator, write_json

draws = torch.randn(192, generator=generator("storage")).numpy()
edges = np.array([0.0, -0.0, 1.0, -2.5, 65504.0, 65519.9, 65520.0, -1e30, 3.4e38, np.inf, -np.inf, 6.1e-5, 6.09e-5, 5.96e-8,
                  2.98e-8, 2.9802322e-8, 2.99e-8, 1e-8, 1e-40, 1.00390625, 1.01171875, 1.0004883, 1.0014648, 2047.5, 0.1, -0.1],
                 dtype=np.float32)
values = np.concatenate([edges, draws * np.float32(3), draws[:64] * np.float32(1e-6)])


def narrow(dtype):
    return torch.from_numpy(values).to(dtype)


def main():
    widen = {}
    for name in ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1"):
        kind = gguf.GGMLQuantizationType[name]
        source = draws.reshape(2, 96) * np.float32(0.3)
        if name in ("F16", "BF16"):
            stored = narrow(getattr(torch, {"F16": "float16", "BF16": "bfloat16"}[name]))
            widen[name.lower()] = {"bytes": stored.view(torch.uint8).numpy().tobytes().hex(), "values": stored.float().numpy().tobytes().hex()}
            continue
        stored = quantize(source, kind)
        widen[name.lower()] = {"bytes": stored.tobytes().hex(), "values": dequantize(stored, kind).astype("<f4").tobytes().hex()}
    source = np.random.default_rng(5)
    for name, size, scales in (("Q5_0", 22, [0]), ("Q5_1", 24, [0, 2]), ("Q4_K", 144, [0, 2]), ("Q5_K", 176, [0, 2]), ("Q6_K", 210, [208])):
        kind = gguf.GGMLQuantizationType[name]
        stored = source.integers(0, 256, (4 if size < 100 else 2, size), dtype=np.uint8)
        for at in scales:
            stored[:, at : at + 2] = source.normal(0, 0.1, len(stored)).astype(np.float16).view(np.uint8).reshape(-1, 2)
        widen[name.lower()] = {"bytes": stored.tobytes().hex(), "values": dequantize(stored, kind).astype("<f4").tobytes().hex()}
    narrowed = {"values": values.tobytes().hex()}
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        narrowed[name] = narrow(dtype).view(torch.uint8).numpy().tobytes().hex()
    write_json(FIXTURES / "storage.json", {"widen": widen, "narrow": narrowed})


main()
