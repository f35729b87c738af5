"""A training step, of LoRA or of all weights, in PyTorch eager with transformers and PEFT (see protocol.py).

    torch_step.py --model FOLDER [--mode fp32|bf16-autocast] [--threads N] [--batch 2] [--length 512] [--train lora|full] [--r 16]

Forward, backward, clipping to norm 1 and AdamW over all-linear LoRA or all weights on a fixed batch of random tokens, all supervised.
"""
import argparse

from protocol import ready, serve

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--mode", choices=["fp32", "bf16-autocast"], default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--train", choices=["lora", "full"], default="lora")
    parser.add_argument("--r", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    if options.train == "lora":
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=options.r, lora_alpha=2 * options.r, target_modules="all-linear"))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4)
    ids = torch.randint(3, model.config.vocab_size, (options.batch, options.length))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=options.mode == "bf16-autocast"):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return {"loss": loss.item(), "tokens": ids.numel()}

    ready(mode=options.mode, threads=options.threads, torch=torch.__version__, cpu=torch.backends.cpu.get_cpu_capability())
    serve(step)


main()
