"""Writes test/fixtures/smollm2/: what transformers makes of the real SmolLM2-135M-Instruct.

    smollm2.py MODEL GSM8K_TRAIN

MODEL is the dequantised folder (float32), GSM8K_TRAIN the data set's train.jsonl.gz. logprobs.json: the first
8 examples as [user question, assistant answer] through the chat template, ids and logprobs in float32 and
float64, rounded to 1e-6. generations.json: greedy continuations (48 new tokens, float32) of 8 message lists,
each row alone; `batchedIds` where a left-padded batch of 8 chose other tokens; `margin` is the smallest gap
between the two highest logits on the way.
"""
import sys

import torch

from common import FIXTURES, write_json
from generate import greedy
from real import load, logprobs, read_lines, token_ids, tokenizer

USERS = ["What is the capital of France?", "Write a haiku about the sea.", "List three prime numbers.",
         "Explain gravity to a child in two sentences.", "Translate 'good morning' into Spanish.",
         "Give me a recipe for pancakes."]


@torch.no_grad()
def margin(model, prompt, new):
    first, second = model(torch.tensor([prompt + new])).logits[0, len(prompt) - 1 : -1].topk(2, -1).values.unbind(-1)
    return (first - second).min().item()


def main():
    folder, data = sys.argv[1:]
    model, words = load(folder), tokenizer(folder)
    examples = read_lines(data)[:8]
    folder_out = FIXTURES / "smollm2"

    prompts = [[{"role": "user", "content": text}] for text in USERS]
    prompts += [[{"role": "system", "content": "Answer with one number."}, {"role": "user", "content": examples[0]["question"]}],
                [{"role": "user", "content": examples[1]["question"]}, {"role": "assistant", "content": examples[1]["answer"]},
                 {"role": "user", "content": "Are you sure?"}]]
    rendered = [token_ids({"messages": messages}, lambda: words, generation_prompt=True) for messages in prompts]
    end = words.eos_token_id
    alone = [greedy(model, [ids], 48, end, end)[0] for ids in rendered]
    batched = greedy(model, rendered, 48, end, end)
    lines = [{"messages": messages, "promptIds": ids, "ids": new, "text": words.decode(new), "margin": margin(model, ids, new),
              **({"batchedIds": other} if other != new else {})}
             for messages, ids, new, other in zip(prompts, rendered, alone, batched)]
    write_json(folder_out / "generations.json", {"maxNewTokens": 48, "rows": lines})
    for line in lines:
        print(line["margin"], "batchedIds" in line, repr(line["text"]))

    messages = [[{"role": "user", "content": e["question"]}, {"role": "assistant", "content": e["answer"]}] for e in examples]
    ids = [token_ids({"messages": item}, lambda: words) for item in messages]
    single = [logprobs(model, row) for row in ids]
    del model
    double_model = load(folder, dtype="float64")
    double = [logprobs(double_model, row) for row in ids]
    worst = max(abs(a - b) for r, s in zip(single, double) for a, b in zip(r[1:], s[1:]))
    print("largest difference of float32 from float64", worst)
    rounded = lambda row: [None] + [round(value, 6) for value in row[1:]]
    write_json(folder_out / "logprobs.json", {"rows": [
        {"messages": m, "ids": i, "float32": rounded(s), "float64": rounded(d)} for m, i, s, d in zip(messages, ids, single, double)]})


main()
