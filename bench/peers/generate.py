"""Greedy generation with transformers' generate and its cache (see protocol.py).

    generate.py --model FOLDER [--batch 1] [--prompt-length 1] [--new-tokens 48] [--dtype float32|bfloat16] [--threads N]

A step generates one token, then exactly --new-tokens, for each of --batch random prompts, and times both.
"""
import argparse
import time

from protocol import ready, serve

import torch
from transformers import AutoModelForCausalLM


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--prompt-length", type=int, default=1)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype)).eval()
    model.generation_config.eos_token_id = None
    ids = torch.randint(3, model.config.vocab_size, (options.batch, options.prompt_length))

    def timed(new_tokens):
        start = time.perf_counter()
        new = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                             max_new_tokens=new_tokens, pad_token_id=0)
        return 1000 * (time.perf_counter() - start), options.batch * (new.shape[1] - options.prompt_length)

    def step():
        first, _ = timed(1)
        whole, tokens = timed(options.new_tokens)
        return {"firstTokenMs": first, "wholeMs": whole, "tokens": tokens}

    ready(dtype=options.dtype, threads=options.threads)
    serve(step)


main()
