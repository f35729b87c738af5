"""Writes the gradients of every LoRA tensor of an adapter on one batch, in float64, twice in float32, and in bfloat16.

    gradients.py --model FOLDER --adapter A --data D.jsonl --out DIR

D holds lines {"ids", "mask"}; together they are one batch, padded on the right, attention causal, loss the mean
over all tokens with mask 1 (the first token of a line is never supervised). Writes
DIR/float64.safetensors, DIR/float32.safetensors, DIR/float32-exact-softmax.safetensors and DIR/bfloat16.safetensors under
PEFT's saved names (the third takes float32 logits through a float64 log-softmax: PyTorch's own loses digits over a large
vocabulary; the last is autocast over float32 weights, as TRL trains),
and DIR/loss.json with the losses, and per tensor, at most and over all tensors together the relative error
||g32 - g64|| / ||g64|| (null where the float64 gradient vanishes).
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from common import attention_mask, mean_loss
from real import load, read_lines


def batch(lines):
    width = max(len(line["ids"]) for line in lines)
    pad = lambda key: torch.tensor([line[key] + [0] * (width - len(line[key])) for line in lines])
    return pad("ids"), attention_mask([len(line["ids"]) for line in lines], width), pad("mask")


def gradients(model, ids, mask, loss_mask, exact_softmax=False):
    total, count = mean_loss(model, ids, mask, loss_mask, exact_softmax)
    (total / count).backward()
    return (total / count).item(), {key.replace(".default.", "."): p.grad for key, p in model.named_parameters() if p.requires_grad}


def distance(found, exact):
    norms = {key: ((found[key].double() - g).norm().item(), g.norm().item()) for key, g in exact.items()}
    each = {key: off / norm if norm > 0 else None for key, (off, norm) in norms.items()}
    off, norm = (sum(pair[i] ** 2 for pair in norms.values()) ** 0.5 for i in (0, 1))
    return {"max": max(e for e in each.values() if e is not None), "whole": off / norm, "tensors": each}


def main():
    parser = argparse.ArgumentParser()
    for name in ("--model", "--adapter", "--data", "--out"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    tensors = batch(read_lines(options.data))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    losses, errors, exact = {}, {}, {}
    for name in ("float64", "float32", "float32-exact-softmax", "bfloat16"):
        model = load(options.model, options.adapter, name[:7])
        with torch.autocast("cpu", torch.bfloat16, enabled=name == "bfloat16"):
            losses[name], found = gradients(model, *tensors, exact_softmax=name.endswith("softmax"))
        save_file(found, out / f"{name}.safetensors")
        if name == "float64":
            exact = found
        else:
            errors[name] = distance(found, exact)
    summary = {"loss": losses, "errors": {name: {key: error[key] for key in ("max", "whole")} for name, error in errors.items()}}
    (out / "loss.json").write_text(json.dumps({"loss": losses, "errors": errors}, indent=1) + "\n")
    print(json.dumps(summary))


main()
