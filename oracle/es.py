"""Writes test/fixtures/es.json: steps of Evolution Strategies at Scale by the formulas of its official code, in float32.

`start`, `targets`: parameters by name and where the reward -|θ - target|², summed over all, is highest. `cases`: `shared`, whether
tensors of one shape get the same noise; `noise` by step, point and parameter; of each step the `rewards` of the points and the
`parameters` after it.
"""
import numpy as np
import torch

from common import FIXTURES, generator, write_json

SHAPES = {"a": (3, 4), "b": (5,), "c": (3, 4)}
POPULATION, SIGMA, ALPHA, STEPS = 6, 0.05, 0.02, 3
draw = generator("es")
start = {name: torch.randn(shape, generator=draw) for name, shape in SHAPES.items()}
targets = {name: torch.randn(shape, generator=draw) for name, shape in SHAPES.items()}


def noise_of(point, shared):
    if not shared:
        return {name: torch.randn(shape, generator=point) for name, shape in SHAPES.items()}
    by_shape = {shape: torch.randn(shape, generator=point) for shape in sorted(set(SHAPES.values()))}
    return {name: by_shape[shape] for name, shape in SHAPES.items()}


def reward(parameters):
    return -sum(((parameters[name] - targets[name]) ** 2).double().sum().item() for name in SHAPES)


def run(shared):
    parameters = {name: values.clone() for name, values in start.items()}
    steps = []
    for step in range(STEPS):
        noise = [noise_of(generator(f"{shared} {step} {n}"), shared) for n in range(POPULATION)]
        rewards = [reward({name: parameters[name] + SIGMA * eps[name] for name in SHAPES}) for eps in noise]
        scores = np.array(rewards, dtype=np.float64)
        normalised = (scores - scores.mean()) / (scores.std() + 1e-8)
        for name in SHAPES:
            update = torch.zeros(SHAPES[name])
            for z, eps in zip(normalised, noise):
                update += float(z) * eps[name]
            parameters[name] += ALPHA * (update / POPULATION)
        steps.append({
            "noise": [{name: eps[name].flatten().tolist() for name in SHAPES} for eps in noise],
            "rewards": rewards,
            "parameters": {name: parameters[name].flatten().tolist() for name in SHAPES},
        })
    return {"shared": shared, "steps": steps}


flat = lambda tensors: {name: values.flatten().tolist() for name, values in tensors.items()}
write_json(FIXTURES / "es.json", {
    "shapes": {name: list(shape) for name, shape in SHAPES.items()}, "start": flat(start), "targets": flat(targets),
    "populationSize": POPULATION, "sigma": SIGMA, "learningRate": ALPHA, "cases": [run(False), run(True)],
})
