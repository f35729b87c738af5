"""Writes test/fixtures/preferences/: pairs as TRL's DPOTrainer and ORPOTrainer see them, on models/chat under a LoRA adapter;
the reference is the model without it.

adapter/: PEFT's, B seeded with noise. expected.json: `rows` of {prompt, chosen, rejected}, and for `dpo` and `orpo` their `loss`
over all rows as one batch, what they log of it (`metrics`), the `ids` of each chosen and rejected sequence, and the `gradients`
of every factor as its norm and its product with a fixed vector.
"""
import tempfile

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from common import FIXTURES, generator, load, write_json

BASE = FIXTURES / "models" / "chat"
OUT = FIXTURES / "preferences"
ROWS = [
    {"prompt": "2 + 2 =", "chosen": " 4", "rejected": " 7 apples"},
    {"prompt": "The cat", "chosen": " sat on the mat.", "rejected": " sat"},
    {"prompt": "two and", "chosen": " two and two", "rejected": " the mat and the cat sat there"},
]


def policy():
    """B is zero, so that the copy that TRL takes as its reference is the base."""
    torch.manual_seed(0)
    return get_peft_model(load(BASE), LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"]))


def add_noise(model):
    for name, parameter in model.named_parameters():
        if "lora_B.default" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(name)) * 0.2


def weights(shape):
    """A fixed vector to multiply a gradient with: cos(i)."""
    count = torch.Size(shape).numel()
    return torch.cos(torch.arange(count, dtype=torch.float64)).reshape(shape)


def gradients(model):
    return {
        name.replace(".default", "").removeprefix("base_model.model."): [
            parameter.grad.double().norm().item(), (parameter.grad.double() * weights(parameter.shape)).sum().item(),
        ]
        for name, parameter in model.named_parameters() if parameter.grad is not None and ".default" in name
    }


def run(trainer, model, ids):
    trainer.model.eval()
    add_noise(model)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(ROWS))])
    if hasattr(trainer, "get_batch_loss_metrics"):
        loss, metrics = trainer.get_batch_loss_metrics(model, batch, train_eval="train")
        metrics = {name: float(value) for name, value in metrics.items()}
    else:
        loss = trainer.compute_loss(model, batch)
        metrics = {name: values[-1] for name, values in trainer._metrics["eval"].items()}
    loss.backward()
    return {"loss": loss.item(), "metrics": metrics, "ids": ids(trainer), "gradients": gradients(model)}


tokenizer = AutoTokenizer.from_pretrained(BASE)
shared = dict(beta=0.1, max_length=64, report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False,
              output_dir=tempfile.mkdtemp(), remove_unused_columns=False, disable_tqdm=True)
saved = policy()
add_noise(saved)
saved.peft_config["default"].base_model_name_or_path = "models/chat"
saved.save_pretrained(OUT / "adapter")
(OUT / "adapter" / "README.md").unlink(missing_ok=True)

dpo = policy()
dpo_trainer = DPOTrainer(model=dpo, args=DPOConfig(**shared), train_dataset=Dataset.from_list(ROWS), processing_class=tokenizer)
dpo_result = run(dpo_trainer, dpo, lambda t: [
    [row["prompt_ids"] + row["chosen_ids"], row["prompt_ids"] + row["rejected_ids"]] for row in t.train_dataset
])
orpo = policy()
orpo_trainer = ORPOTrainer(model=orpo, args=ORPOConfig(**shared), train_dataset=Dataset.from_list(ROWS), processing_class=tokenizer)
orpo_result = run(orpo_trainer, orpo, lambda t: [
    [row["chosen_input_ids"], row["rejected_input_ids"]] for row in t.train_dataset
])
write_json(OUT / "expected.json", {"rows": ROWS, "dpo": dpo_result, "orpo": orpo_result})
