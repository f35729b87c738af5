"""Writes test/fixtures/preferences/ift.json: Intuitive Fine-Tuning of models/chat under preferences/adapter, by the formulas of
the official code (TsinghuaC3I/Intuitive-Fine-Tuning, compute_ift_loss and get_cumsum_weight: loss, L1, left).

`ids` and `mask` of sequences of unequal length, and for some `lambda`, `gamma` and `throughWeights` the `loss` of all as one batch
and the `gradients` of every factor as norm and product with cos(i).
"""
import torch
from peft import PeftModel

from common import FIXTURES, load, write_json

IDS = [[20, 223, 13, 223, 20, 223, 31, 223, 22, 2], [54, 259, 279, 281, 265, 80, 262, 312, 16, 2], [86, 278, 271, 287, 271, 287, 2]]
PROMPTS = [7, 2, 3]


def discounted_from_right(x, gamma):
    out = torch.zeros_like(x)
    total = torch.zeros_like(x[:, 0])
    for i in reversed(range(x.shape[1])):
        total = x[:, i] + gamma * total
        out[:, i] = total
    return out


def loss_of(model, ids, attention, labels, lam, gamma, through):
    embed = model.get_input_embeddings()
    mask = (labels[:, 1:] != -100).to(torch.float64)

    def logps(logits):
        targets = torch.where(labels[:, 1:] == -100, 0, labels[:, 1:])
        return torch.log_softmax(logits[:, :-1], -1).gather(-1, targets[..., None])[..., 0] * mask

    gold = embed(ids)
    with torch.no_grad():
        greedy = model(inputs_embeds=gold, attention_mask=attention).logits.argmax(-1)[:, :-1]
        further = torch.where(labels == -100, ids, torch.cat((ids[:, :1], greedy), -1))
    logits = model(inputs_embeds=(1 - lam) * gold + lam * embed(further), attention_mask=attention).logits
    logp = logps(logits)
    count = mask.sum(-1, keepdim=True)
    if gamma == 0:
        weights = torch.ones_like(logp)
    else:
        weights = discounted_from_right(-logp / count, gamma) * mask
        weights = weights * count / weights.sum(-1, keepdim=True)
        weights = weights if through else weights.detach()
    return ((-logp * weights).sum(-1) / count[:, 0]).mean()


model = PeftModel.from_pretrained(load(FIXTURES / "models/chat"), FIXTURES / "preferences/adapter", is_trainable=True).double()
width = max(map(len, IDS))
ids = torch.tensor([row + [0] * (width - len(row)) for row in IDS])
attention = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in IDS])
labels = torch.tensor([[-100] * p + row[p:] + [-100] * (width - len(row)) for row, p in zip(IDS, PROMPTS)])
cases = []
for lam, gamma, through in [(0.2, 0.95, True), (0.2, 0.95, False), (0.0, 0.5, True), (0.5, 0.0, True), (0.0, 0.0, True)]:
    model.zero_grad()
    loss = loss_of(model, ids, attention, labels, lam, gamma, through)
    loss.backward()
    cases.append({"lambda": lam, "gamma": gamma, "throughWeights": through, "loss": loss.item(), "gradients": {
        name.replace(".default", "").removeprefix("base_model.model."): [
            p.grad.norm().item(), (p.grad * torch.cos(torch.arange(p.numel(), dtype=torch.float64)).reshape(p.shape)).sum().item()]
        for name, p in model.named_parameters() if p.grad is not None}})
mask = [[0] * p + [1] * (len(row) - p) for row, p in zip(IDS, PROMPTS)]
write_json(FIXTURES / "preferences" / "ift.json", {"ids": IDS, "mask": mask, "cases": cases})
