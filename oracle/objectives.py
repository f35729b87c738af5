"""Writes test/fixtures/objectives.json: losses of tokens and their gradients, by TRL's and transformers' functions in float64.

Hidden states [N, D] and a head [V, D] make the logits; `targets` has a token for each row, `weights` 0 where it is not learned.
`dft` and `smoothed` (label smoothing of `epsilon`): `loss`, the mean over the learned tokens, and `gradient`, that of the
hidden states; `smoothedLabels`: the same where each row is an example, its target one of V labels, and all are learned.
"""
from types import SimpleNamespace

import torch
from transformers.trainer_pt_utils import LabelSmoother
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
(gradient,) = torch.autograd.grad(loss, hidden, retain_graph=True)


def smoothed(epsilon, logits, labels, shift):
    loss = LabelSmoother(epsilon)({"logits": logits}, labels.clone(), shift_labels=shift)
    return {"epsilon": epsilon, "loss": loss.item(), "gradient": torch.autograd.grad(loss, hidden, retain_graph=True)[0].tolist()}


write_json(FIXTURES / "objectives.json", {
    "hidden": hidden.tolist(), "head": head.tolist(), "targets": targets.tolist(), "weights": weights.tolist(),
    "dft": {"loss": loss.item(), "gradient": gradient.tolist()},
    "smoothed": [smoothed(epsilon, logits, labels, True) for epsilon in (0.1, 0.5)],
    "smoothedLabels": smoothed(0.1, hidden @ head.T, targets, False),
})
