"""Writes test/fixtures/optim/: adamw.json (torch.optim.AdamW trajectories in float64), rules.json (the other optimizers',
of a matrix and a vector) and schedules.json (learning-rate factors of transformers' schedules over 20 steps, warmup as
steps and as a share of the steps). Needs lion-pytorch beside the rest.
"""
import tempfile

import torch
from lion_pytorch import Lion
from transformers import Adafactor, TrainingArguments, get_scheduler

from common import FIXTURES, generator, write_json

OPTIONS = [
    dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
    dict(lr=1e-1, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.1),
    dict(lr=1e-3, betas=(0.0, 0.5), eps=1e-12, weight_decay=1.0),
]
# The config of each rule, and what makes its optimizer.
RULES = [
    (dict(type="sgd"), lambda p: torch.optim.SGD(p, lr=1e-2)),
    (dict(type="sgd", momentum=0.9, weightDecay=0.1),
     lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1)),
    (dict(type="sgd", momentum=0.5, nesterov=True),
     lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.5, nesterov=True)),
    (dict(type="lion"), lambda p: Lion(p, lr=1e-2)),
    (dict(type="lion", beta1=0.5, beta2=0.75, weightDecay=0.1),
     lambda p: Lion(p, lr=1e-2, betas=(0.5, 0.75), weight_decay=0.1)),
    (dict(type="adafactor"),
     lambda p: Adafactor(p, lr=1e-2, scale_parameter=False, relative_step=False)),
    (dict(type="adafactor", decayRate=0.5, clipThreshold=0.25, weightDecay=0.1),
     lambda p: Adafactor(p, lr=1e-2, scale_parameter=False, relative_step=False, decay_rate=-0.5, clip_threshold=0.25,
                         weight_decay=0.1)),
]
SHAPES = [(3, 4), (5,)]
SCHEDULES = [
    ("linear", {}), ("cosine", {}), ("constant", {}), ("constant_with_warmup", {}),
    ("cosine_with_restarts", {}), ("cosine_with_restarts", {"num_cycles": 3}), ("polynomial", {}),
    ("polynomial", {"power": 2.0, "lr_end": 1e-4}), ("inverse_sqrt", {}), ("inverse_sqrt", {"timescale": 4}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1}), ("warmup_stable_decay", {"num_decay_steps": 5}),
    ("warmup_stable_decay", {"num_decay_steps": 4, "num_stable_steps": 6, "warmup_type": "cosine",
                             "decay_type": "1-sqrt", "min_lr_ratio": 0.2}),
    ("warmup_stable_decay", {"num_decay_steps": 6, "warmup_type": "1-sqrt", "decay_type": "linear"}),
]
WARMUPS = [0, 5, 20, 0.1, 0.33]
STEPS, RATE = 20, 1e-2


def adamw(options, gradients):
    """Parameter, exp_avg and exp_avg_sq after each step; the last column's first gradient is zero, then tiny, then huge."""
    parameter = torch.tensor([1.0, -2.0, 0.0, 0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([parameter], **options)
    record = {"parameters": [], "expAvg": [], "expAvgSq": []}
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        state = optimizer.state[parameter]
        for key, value in (("parameters", parameter), ("expAvg", state["exp_avg"]), ("expAvgSq", state["exp_avg_sq"])):
            record[key].append(value.tolist())
    return {"learningRate": options["lr"], "betas": options["betas"], "epsilon": options["eps"],
            "weightDecay": options["weight_decay"], **record}


def rule(config, make, starts, gradients):
    """Both parameters after each step."""
    parameters = [start.clone().requires_grad_() for start in starts]
    optimizer = make(parameters)
    trail = []
    for step in gradients:
        for parameter, gradient in zip(parameters, step):
            parameter.grad = gradient.clone()
        optimizer.step()
        trail.append([parameter.flatten().tolist() for parameter in parameters])
    return {"config": config, "parameters": trail}


def schedule(name, specific, warmup):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(folder, lr_scheduler_type=name, warmup_steps=warmup, use_cpu=True)
    steps = arguments.get_warmup_steps(STEPS)
    scheduler = get_scheduler(name, optimizer, steps, STEPS, scheduler_specific_kwargs=specific)
    rates = []
    for _ in range(STEPS + 1):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {"name": name, "options": specific, "warmup": warmup, "warmupSteps": steps, "learningRates": rates}


def main():
    gradients = torch.randn(12, 4, generator=generator("adamw"), dtype=torch.float64)
    gradients[:, 3] *= torch.tensor([0.0, 1e-9, 1e9] + [1.0] * 9, dtype=torch.float64)
    write_json(FIXTURES / "optim" / "adamw.json", {
        "start": [1.0, -2.0, 0.0, 0.5], "gradients": gradients.tolist(),
        "runs": [adamw(options, gradients) for options in OPTIONS]})
    draw = generator("rules")
    starts = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in SHAPES]
    steps = [[torch.randn(shape, generator=draw, dtype=torch.float64) for shape in SHAPES] for _ in range(6)]
    write_json(FIXTURES / "optim" / "rules.json", {
        "shapes": SHAPES, "learningRate": 1e-2, "start": [start.flatten().tolist() for start in starts],
        "gradients": [[gradient.flatten().tolist() for gradient in step] for step in steps],
        "runs": [rule(config, make, starts, steps) for config, make in RULES]})
    write_json(FIXTURES / "optim" / "schedules.json", {
        "steps": STEPS, "learningRate": RATE,
        "runs": [schedule(name, specific, warmup) for name, specific in SCHEDULES for warmup in WARMUPS
                 if not (name == "polynomial" and warmup == STEPS)]})  # there transformers divides by zero


main()
