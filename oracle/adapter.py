"""Writes a PEFT LoRA adapter with B seeded by noise (else the gradients of A vanish), and a batch to train it on.

    adapter.py --model FOLDER --out DIR [--r 16] [--std 0.02] [--rows 2] [--length 512] [--gsm8k train.jsonl.gz]

All-linear, alpha 2 r. DIR/batch.jsonl holds lines {"ids", "mask"} of exactly --length tokens: rendered GSM8K
examples one after the other, or random tokens without --gsm8k; all supervised but the first of each line.
"""
import argparse

import torch
from peft import LoraConfig, get_peft_model

from common import generator
from real import load, read_lines, token_ids, tokenizer, write_lines


def rows(options, vocabulary):
    needed = options.rows * options.length
    if not options.gsm8k:
        return torch.randint(3, vocabulary, (needed,), generator=generator("batch")).tolist()
    words, ids = tokenizer(options.model), []
    for line in read_lines(options.gsm8k):
        messages = [{"role": "user", "content": line["question"]}, {"role": "assistant", "content": line["answer"]}]
        ids += token_ids({"messages": messages}, lambda: words)
        if len(ids) >= needed:
            return ids


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--r", type=int, default=16)
    parser.add_argument("--std", type=float, default=0.02)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--gsm8k")
    options = parser.parse_args()
    torch.manual_seed(42)
    model = get_peft_model(load(options.model), LoraConfig(task_type="CAUSAL_LM", r=options.r, lora_alpha=2 * options.r, target_modules="all-linear"))
    source = generator("B")
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.copy_(options.std * torch.randn(parameter.shape, generator=source))
    model.save_pretrained(options.out)
    ids = rows(options, model.config.vocab_size)
    cut = [ids[i * options.length : (i + 1) * options.length] for i in range(options.rows)]
    write_lines(f"{options.out}/batch.jsonl", [{"ids": row, "mask": [0] + [1] * (options.length - 1)} for row in cut])


main()
