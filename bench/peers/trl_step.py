"""A training step, of LoRA or of all weights, through TRL's own SFTTrainer, held by a callback before each step (see protocol.py).

    trl_step.py --model FOLDER [--mode default|best|fp32] [--threads N] [--batch 2] [--length 512] [--train lora|full] [--r 16]

default: SFTConfig's settings (float32 base, bf16 autocast, gradient checkpointing); best: bf16 base, no
checkpointing; fp32: float32 throughout, no checkpointing. A step is what lies between on_step_begin and
on_step_end: forward, backward, clipping, optimizer; the fetch of its batch lies before.
"""
import argparse
import tempfile
import time

from protocol import measured, ready, wait

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

MODES = {
    "default": (torch.float32, {}),
    "best": (torch.bfloat16, {"gradient_checkpointing": False}),
    "fp32": (torch.float32, {"gradient_checkpointing": False, "bf16": False}),
}


class Gate(TrainerCallback):
    def __init__(self, tokens, fields):
        self.tokens, self.fields, self.start = tokens, fields, None

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 0:
            ready(**self.fields)
        if wait():
            self.start = time.perf_counter()
        else:
            raise SystemExit(0)

    def on_step_end(self, args, state, control, **kwargs):
        measured(1000 * (time.perf_counter() - self.start), tokens=self.tokens)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--mode", choices=list(MODES), default="default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--train", choices=["lora", "full"], default="lora")
    parser.add_argument("--r", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    dtype, changes = MODES[options.mode]
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
    rows = torch.randint(3, model.config.vocab_size, (64 * options.batch, options.length)).tolist()
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(folder, per_device_train_batch_size=options.batch, max_length=options.length, max_steps=1_000_000,
                           save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True, **changes),
            train_dataset=Dataset.from_dict({"input_ids": rows}),
            processing_class=AutoTokenizer.from_pretrained(options.model),
            peft_config=LoraConfig(task_type="CAUSAL_LM", r=options.r, lora_alpha=2 * options.r, target_modules="all-linear")
            if options.train == "lora" else None,
            callbacks=[Gate(options.batch * options.length, {"mode": options.mode, "threads": options.threads})],
        )
        trainer.train()


main()
