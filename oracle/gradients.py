"""Writes the gradients of every LoRA tensor of an adapter on one batch, in float32 and float64.

    gradients.py --model FOLDER --adapter A --data D.jsonl --out DIR

D holds lines {"ids", "mask"}; together they are one batch, padded on the right, attention causal, loss the mean
over all tokens with mask 1 (the first token of a line is never supervised). Writes DIR/float32.safetensors and
DIR/float64.safetensors under PEFT's saved names, and DIR/loss.json with both losses and, per tensor and at most,
the relative error ||g32 - g64|| / ||g64|| (null where the float64 gradient vanishes).
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


def gradients(model, ids, mask, loss_mask):
    total, count = mean_loss(model, ids, mask, loss_mask)
    (total / count).backward()
    return (total / count).item(), {key.replace(".default.", "."): p.grad for key, p in model.named_parameters() if p.requires_grad}


def main():
    parser = argparse.ArgumentParser()
    for name in ("--model", "--adapter", "--data", "--out"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    tensors = batch(read_lines(options.data))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    losses, found = {}, {}
    for dtype in ("float32", "float64"):
        losses[dtype], found[dtype] = gradients(load(options.model, options.adapter, dtype), *tensors)
        save_file(found[dtype], out / f"{dtype}.safetensors")
    errors = {key: (((found["float32"][key].double() - exact).norm() / exact.norm()).item() if exact.norm() > 0 else None)
              for key, exact in found["float64"].items()}
    largest = max((error for error in errors.values() if error is not None), default=None)
    (out / "loss.json").write_text(json.dumps({"loss": losses, "maxRelativeError": largest, "relativeErrors": errors}, indent=1) + "\n")
    print(json.dumps({"loss": losses, "maxRelativeError": largest}))


main()
