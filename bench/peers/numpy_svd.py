"""Thin SVDs by numpy (LAPACK gesdd, float32) of all matrices in a file; one round per line of stdin."""
import argparse
import json
import os

parser = argparse.ArgumentParser()
parser.add_argument("--matrices", required=True)
parser.add_argument("--threads", default="2")
options = parser.parse_args()
for library in ("OPENBLAS", "MKL", "OMP"):
    os.environ[f"{library}_NUM_THREADS"] = options.threads

import time

import numpy as np

from protocol import ready, serve

with open(options.matrices + ".json") as file:
    shapes = json.load(file)["shapes"]
values = np.fromfile(options.matrices, dtype=np.float32)
matrices, at = [], 0
for m, n in shapes:
    matrices.append(values[at:at + m * n].reshape(m, n))
    at += m * n


def step():
    start = time.process_time()
    checksum = sum(float(np.linalg.svd(a, full_matrices=False)[1][0]) for a in matrices)
    return {"checksum": checksum, "userMs": 1000 * (time.process_time() - start), "systemMs": 0}


ready(numpy=np.__version__)
serve(step)
