"""Writes test/fixtures/linalg/numpy.json: decompositions of small hard matrices by numpy (LAPACK) in float64."""
import json

import numpy as np

from common import FIXTURES

rng = np.random.default_rng(4)


def cases():
    n = 6
    yield "random 5x3", rng.standard_normal((5, 3))
    yield "random 3x5", rng.standard_normal((3, 5))
    yield "random 6x6", rng.standard_normal((n, n))
    yield "Hilbert", 1 / (np.arange(n)[:, None] + np.arange(n) + 1)
    yield "graded", 10.0 ** -np.arange(n)[:, None] * rng.standard_normal((n, n))
    yield "rank 2", rng.standard_normal((n, 2)) @ rng.standard_normal((2, n))
    yield "Wilkinson W7+", np.diag(np.abs(np.arange(7) - 3.0)) + np.diag(np.ones(6), 1) + np.diag(np.ones(6), -1)
    yield "Jordan block", np.diag(np.full(4, 2.0)) + np.diag(np.ones(3), 1)
    yield "rotation", np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, -1]])
    yield "companion", np.array([[0, 0, 0, -24.0], [1, 0, 0, 50], [0, 1, 0, -35], [0, 0, 1, 10]])


def record(name, a):
    m, n = a.shape
    b = rng.standard_normal((m, 2))
    x, _, rank, _ = np.linalg.lstsq(a, b, rcond=None)
    result = {"name": name, "a": a.tolist(), "b": b.tolist(), "lstsq": x.tolist(), "rank": int(rank),
              "singularValues": np.linalg.svd(a, compute_uv=False).tolist(),
              "pinv": np.linalg.pinv(a, rcond=max(m, n) * np.finfo(float).eps).tolist(),
              "absR": np.abs(np.linalg.qr(a)[1]).tolist()}
    if m == n:
        w = np.linalg.eigvals(a)
        gram = a @ a.T + np.eye(n)
        result |= {"eigenvalues": [[z.real, z.imag] for z in w.tolist()] if np.iscomplexobj(w) else [[z, 0.0] for z in w.tolist()],
                   "symmetricEigenvalues": np.linalg.eigvalsh(a + a.T).tolist(),
                   "cholesky": np.linalg.cholesky(gram).tolist(), "solve": np.linalg.solve(gram, b).tolist()}
    return result


target = FIXTURES / "linalg" / "numpy.json"
target.parent.mkdir(exist_ok=True)
target.write_text(json.dumps([record(name, a) for name, a in cases()]) + "\n")
