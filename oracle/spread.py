"""Writes test/fixtures/spread.json: paired samples, and by SciPy the 95% interval of the mean difference of their distances from the median."""
import json
from pathlib import Path

import numpy as np
import scipy
from scipy.stats import ttest_rel

OUT = Path(__file__).resolve().parent.parent / "test/fixtures/spread.json"
draw = np.random.default_rng(61)


def case(x, y):
    distances = [np.abs(v - np.median(v)) for v in (x, y)]
    found = ttest_rel(*distances)
    interval = found.confidence_interval(0.95)
    return {"x": x.tolist(), "y": y.tolist(), "mean": float(np.mean(distances[0] - distances[1])),
            "interval": [float(interval.low), float(interval.high)]}


fails = np.where(draw.random(20) < 0.4, 0.5, 0.9) + 0.02 * draw.normal(size=20)
cases = [
    case(draw.normal(size=20), 3 * draw.normal(size=20)),
    case(0.9 + 0.02 * draw.normal(size=20), fails),
    case(draw.normal(size=5), draw.normal(size=5)),
    case(draw.normal(size=12) + 4, draw.normal(size=12)),
]
OUT.write_text(json.dumps({"scipy": scipy.__version__, "cases": cases}) + "\n")
