"""Writes test/fixtures/objectives.json: losses of tokens and their gradients, by TRL's own functions in float64.

Hidden states [N, D] and a head [V, D] make the logits; `targets` has a token for each row, `weights` 0 where it is not learned.
`dft`: `loss`, the mean over the learned tokens, and `gradient`, that of the hidden states.
"""
from types import SimpleNamespace

import torch
from trl.trainer.sft_trainer import dft_loss

from common import FIXTURES, generator, write_json

N, D, V = 7, 4, 11
draw = generator("objectives")
hidden = torch.randn((N, D), generator=draw).double().requires_grad_()
head = torch.randn((V, D), generator=draw).double()
targets = torch.randint(0, V, (N,), generator=draw)
weights = torch.tensor([1, 0, 1, 1, 1, 0, 1])

# TRL predicts token t from position t - 1, so the labels stand one later.
labels = torch.cat([torch.tensor([-100]), torch.where(weights.bool(), targets, -100)])[None]
logits = torch.cat([hidden @ head.T, torch.zeros((1, V), dtype=torch.float64)])[None]
loss = dft_loss(SimpleNamespace(logits=logits), labels.clone())
(gradient,) = torch.autograd.grad(loss, hidden)

write_json(FIXTURES / "objectives.json", {
    "hidden": hidden.tolist(), "head": head.tolist(), "targets": targets.tolist(), "weights": weights.tolist(),
    "dft": {"loss": loss.item(), "gradient": gradient.tolist()},
})
