"""Writes test/fixtures/lora/training/: ten AdamW steps from lora/all-linear, in float32 and float64.

Each step accumulates two micro-batches [2, 24] whose losses are divided by the supervised tokens of both
(the window's mean), clips to a global norm of 1, and follows transformers' linear schedule with 3 warmup steps.
training.json: the options, the batches, and per dtype the losses, the norms before clipping and the learning
rates; trained-float32.safetensors and trained-float64.safetensors: the parameters after the last step.
"""
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import get_linear_schedule_with_warmup

from common import FIXTURES, attention_mask, generator, load, mean_loss, write_json
from lora import BASE, saved_name
from precise import to_float64

STEPS, WARMUP, MAX_NORM = 10, 3, 1.0
ADAMW = dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


def micro_batch(source):
    lengths = torch.randint(8, 25, (2,), generator=source).tolist()
    mask = attention_mask(lengths, 24)
    ids = torch.randint(3, 64, (2, 24), generator=source) * mask
    loss_mask = mask * (torch.rand(ids.shape, generator=source) < 0.7)
    loss_mask[:, 0] = 0
    return ids, mask, loss_mask


def train(batches, exact):
    model = PeftModel.from_pretrained(load(BASE), FIXTURES / "lora" / "all-linear", is_trainable=True)
    if exact:
        to_float64(model)
    named = {saved_name(key): p for key, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(named.values(), **ADAMW)
    scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    losses, norms, rates = [], [], []
    for window in batches:
        count = sum(int(loss_mask.sum()) for _, _, loss_mask in window)
        loss = 0.0
        for ids, mask, loss_mask in window:
            total, _ = mean_loss(model, ids, mask, loss_mask)
            (total / count).backward()
            loss += total.item() / count
        losses.append(loss)
        norms.append(torch.nn.utils.clip_grad_norm_(named.values(), MAX_NORM).item())
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return {"losses": losses, "gradNorms": norms, "learningRates": rates}, {k: p.detach() for k, p in named.items()}


def main():
    folder = FIXTURES / "lora" / "training"
    folder.mkdir(parents=True, exist_ok=True)
    source = generator("training")
    batches = [[micro_batch(source) for _ in range(2)] for _ in range(STEPS)]
    record = {
        "options": {"steps": STEPS, "warmupSteps": WARMUP, "maxGradNorm": MAX_NORM, "learningRate": ADAMW["lr"],
                    "betas": ADAMW["betas"], "epsilon": ADAMW["eps"], "weightDecay": ADAMW["weight_decay"]},
        "batches": [[{"ids": ids.tolist(), "lengths": mask.sum(1).tolist(), "lossMask": loss_mask.tolist()}
                     for ids, mask, loss_mask in window] for window in batches],
    }
    for name in ("float32", "float64"):
        record[name], parameters = train(batches, name == "float64")
        save_file(parameters, folder / f"trained-{name}.safetensors")
        print(name, record[name])
    write_json(folder / "training.json", record)


main()
