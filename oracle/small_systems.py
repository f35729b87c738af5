"""Writes test/fixtures/linalg/graphs.json: solve, inverse and Cholesky of small matrices by torch in float64 with the gradients
of Σ y cos 0, cos 1, …: whole up to 5 rows, of larger ones the norm and the product with cos 0, cos 1, ….

`a` is a list, or left out for the formula cos(0.7 i + 1.3 j + 0.3 i j + 2 b) plus 4 where i + j + 1 = n; `b` is sin of the
place, both rounded to float32; Cholesky's operand is a aᵀ + I.
"""
import torch

from common import FIXTURES, write_json


def formula(n):
    i, j = torch.meshgrid(torch.arange(n, dtype=torch.float64), torch.arange(n, dtype=torch.float64), indexing="ij")
    anti = 4 * (i + j + 1 == n).double()
    return torch.stack([torch.cos(0.7 * i + 1.3 * j + 0.3 * i * j + 2 * b) + anti for b in range(1 if n == 64 else 2)])


def cosines(y):
    return torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)


def told(y):
    y = y.detach()
    return y.flatten().tolist() if y.shape[-2] <= 5 else {"norm": y.norm().item(), "product": (y * cosines(y)).sum().item()}


def record(name, a, given=True):
    n = a.shape[-1]
    a = a.float().double()
    b = torch.sin(torch.arange(2 * a[..., 0].numel(), dtype=torch.float64)).reshape(*a.shape[:-1], 2).float().double()
    found = {"name": name, "shape": list(a.shape), **({"a": a.flatten().tolist()} if given else {})}
    for key, f in {"solve": lambda a, b: torch.linalg.solve(a, b), "inverse": lambda a, b: torch.linalg.inv(a),
                   "cholesky": lambda a, b: torch.linalg.cholesky(a @ a.mT + torch.eye(n, dtype=torch.float64))}.items():
        x, y = a.clone().requires_grad_(), b.clone().requires_grad_()
        out = f(x, y)
        (out * cosines(out)).sum().backward()
        found[key] = {"y": told(out), "da": told(x.grad), **({"db": told(y.grad)} if key == "solve" else {})}
    return found


hilbert = 1 / (torch.arange(4.0)[:, None] + torch.arange(4.0) + 1)
write_json(FIXTURES / "linalg" / "graphs.json", {"cases": [
    record("one element", torch.tensor([[-0.5]])),
    record("zeros on the diagonal", torch.tensor([[0.0, 2, 1], [1, 0, 3], [4, 1, 0]])),
    record("rows of other magnitudes", torch.tensor([[1e-4, 2e-4, -1e-4], [3, 1, 2], [-2e3, 5e3, 1e3]])),
    record("Hilbert", hilbert.double()),
    record("batch of batches", torch.stack([formula(3), formula(3).mT + 1])),
    *(record(f"{n} rows", formula(n), given=False) for n in (17, 64))]})
