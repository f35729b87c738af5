"""Writes test/fixtures/quantize.json: f32 values (hex, little-endian) and the blocks that the gguf package makes of them (hex)."""
import gguf
import numpy as np
import torch
from gguf.quants import quantize

from common import FIXTURES, generator, write_json


def main():
    draws = torch.randn(8, 32, generator=generator("quantize")).numpy()
    rows = draws * np.array([[1], [0.02], [30], [1e-6], [0], [1], [1], [1]], dtype=np.float32)
    rows[5, 7] = -9.0  # the largest magnitude is negative
    rows[6] = np.round(rows[6])  # ties between magnitudes
    rows[7] = np.linspace(-1, 1, 32, dtype=np.float32)  # halves to round
    blocks = {name.lower(): quantize(rows, gguf.GGMLQuantizationType[name]).tobytes().hex() for name in ("Q8_0", "Q4_0")}
    write_json(FIXTURES / "quantize.json", {"values": rows.tobytes().hex(), **blocks})


main()
