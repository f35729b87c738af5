"""Writes test/fixtures/full/: the gradients of every parameter of three tiny Llamas on one batch, computed in float64.

Per model NAME.json: the batch and its loss, the mean over the tokens with lossMask 1; NAME.safetensors: the gradients by
the checkpoint's own names, rounded to float32; a tied head counts with the embedding.
"""
import torch
from safetensors.torch import save_file

from common import FIXTURES, attention_mask, generator, load, mean_loss, write_json
from precise import to_float64


def main():
    for name in ("default", "tied", "bias"):
        source = generator(f"full {name}")
        model = to_float64(load(FIXTURES / "models" / name))
        lengths = [16, 11]
        mask = attention_mask(lengths, 16)
        ids = torch.randint(3, model.config.vocab_size, (2, 16), generator=source) * mask
        loss_mask = mask * (torch.rand(ids.shape, generator=source) < 0.7)
        loss_mask[:, 0] = 0
        total, count = mean_loss(model, ids, mask, loss_mask)
        loss = total / count
        loss.backward()
        write_json(FIXTURES / "full" / f"{name}.json", {"ids": ids.tolist(), "lengths": lengths,
                   "lossMask": loss_mask.tolist(), "loss": loss.item()})
        save_file({key: p.grad.float() for key, p in model.named_parameters()}, FIXTURES / "full" / f"{name}.safetensors")


main()
