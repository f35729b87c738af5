"""Writes test/fixtures/grpo.json: answers as TRL's GRPOTrainer learns from them, on models/chat under the adapter of preferences/;
the reference is the model without it.

`prompts` (text and ids), `completions` (ids; those without an end of sequence were cut) and their `rewards`, those to one prompt
side by side. `cases`: `config` by TRL's names, the `advantages`, and over the micro-batches of one step the `loss`, what is
logged (`metrics`) and the `gradients` of every factor as its norm and its product with a fixed vector. `moved` cases learn from
answers that were given before every factor B was multiplied by it.
"""
import tempfile

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import split_tensor_dict

from common import FIXTURES, generator, load, write_json

BASE = FIXTURES / "models" / "chat"
PROMPTS = ["2 + 2 =", "The cat"]
GROUP = 4
EOS = 2
LENGTHS = [3, 5, 2, 6, 6, 1, 4, 6]
CUT = {3, 7}
REWARDS = [1.0, 0.0, 0.25, 0.5, 0.0, 2.0, 0.5, 1.0]

tokenizer = AutoTokenizer.from_pretrained(BASE)
draw = generator("grpo")
completions = [
    torch.randint(5, 200, (length,), generator=draw).tolist() for length in LENGTHS
]
for i, ids in enumerate(completions):
    if i not in CUT:
        ids[-1] = EOS

CASES = [
    {"config": {}, "rewards": [1.0, 0.0, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0]},
    {"config": {"loss_type": "grpo", "beta": 0.1, "scale_rewards": "batch"}},
    {"config": {"loss_type": "grpo", "beta": 0.3, "use_bias_correction_kl": False, "temperature": 0.7}, "moved": 1.4},
    {"config": {"loss_type": "dr_grpo", "scale_rewards": "none", "mask_truncated_completions": True}},
    {"config": {"loss_type": "dapo", "mask_truncated_completions": True, "beta": 0.05}},
    {"config": {"loss_type": "bnpo", "beta": 0.2, "epsilon": 0.01, "epsilon_high": 0.02, "temperature": 1.3}, "moved": 1.5},
    {"config": {"loss_type": "grpo", "importance_sampling_level": "sequence", "beta": 0.1, "epsilon": 0.003, "epsilon_high": 0.004}, "moved": 1.3},
    {"config": {"loss_type": "dapo", "epsilon": 0.02}, "moved": 1.5, "rewards": [1.0, None, 0.25, 0.5, None, None, None, None]},
]


def weights(shape):
    """A fixed vector to multiply a gradient with: cos(i)."""
    count = torch.Size(shape).numel()
    return torch.cos(torch.arange(count, dtype=torch.float64)).reshape(shape)


def policy():
    """B is zero, so that what the trainer takes as its reference is the base."""
    torch.manual_seed(0)
    return get_peft_model(load(BASE), LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"]))


def run(case):
    model = policy()
    rewards = case.get("rewards", REWARDS)
    moved = case.get("moved")
    # More than one iteration makes the trainer keep the log-probabilities of the answers.
    config = GRPOConfig(
        output_dir=tempfile.mkdtemp(), report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True,
        num_generations=GROUP, per_device_train_batch_size=GROUP, gradient_accumulation_steps=2, max_completion_length=6,
        num_iterations=1 if moved is None else 2, **case["config"],
    )
    trainer = GRPOTrainer(
        model=model, args=config, processing_class=tokenizer,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in PROMPTS]),
        reward_funcs=lambda prompts, **_: rewards,
    )
    model = trainer.model
    for name, parameter in model.named_parameters():
        if "lora_B.default" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(name)) * 0.2
    trainer._generate_single_turn = lambda *_: (completions, None)
    trainer.current_gradient_accumulation_steps = config.gradient_accumulation_steps
    # Train mode, for its normalisation; the adapter has no dropout.
    model.train()
    given = [{"prompt": prompt} for prompt in PROMPTS for _ in range(GROUP)]
    batch = trainer._generate_and_score_completions(given)
    if moved is not None:
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data *= moved
    loss = 0
    for part in split_tensor_dict(batch, config.steps_per_generation):
        found = trainer._compute_loss(model, part)
        found.backward()
        loss += found.item()
    metrics = {name: sum(values) / len(values) for name, values in trainer._metrics["train"].items() if values}
    gradients = {
        name.replace(".default", "").removeprefix("base_model.model."): [
            parameter.grad.double().norm().item(), (parameter.grad.double() * weights(parameter.shape)).sum().item(),
        ]
        for name, parameter in model.named_parameters() if parameter.grad is not None
    }
    return {
        "config": case["config"], "rewards": rewards, **({} if moved is None else {"moved": moved}),
        "advantages": batch["advantages"].tolist(), "loss": loss, "metrics": metrics, "gradients": gradients,
    }


write_json(FIXTURES / "grpo.json", {
    "prompts": [{"text": prompt, "ids": tokenizer(prompt)["input_ids"]} for prompt in PROMPTS],
    "completions": completions,
    "cases": [run(case) for case in CASES],
})
