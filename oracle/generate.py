"""Writes greedy continuations {"index", "ids", "text", "finishReason"} by transformers, each row alone and in a batch.

    generate.py --model FOLDER [--adapter A] --data D.jsonl --out F --max-new-tokens N [--batch-size B]

D holds lines {"prompt"} or {"messages"} (rendered with a generation prompt). The rows are padded on the left
in a batch; `batchedIds` stands beside `ids` where the batch, by rounding, chose other tokens.
"""
import argparse

import torch

from real import load, read_lines, token_ids, tokenizer, write_lines


@torch.no_grad()
def greedy(model, prompts, count, end, pad):
    """New ids [B][≤ count] of a left-padded batch, up to and including the end-of-sequence token."""
    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    new = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=count,
                         eos_token_id=end, pad_token_id=pad)[:, width:].tolist()
    return [row[: row.index(end) + 1] if end in row else row for row in new]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--max-new-tokens", type=int, required=True)
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args()
    model, words = load(options.model, options.adapter), tokenizer(options.model)
    end, pad = words.eos_token_id, words.pad_token_id if words.pad_token_id is not None else words.eos_token_id
    prompts = [token_ids(line, lambda: words, generation_prompt=True) for line in read_lines(options.data)]
    lines = []
    for start in range(0, len(prompts), options.batch_size):
        part = prompts[start : start + options.batch_size]
        for prompt, batched in zip(part, greedy(model, part, options.max_new_tokens, end, pad)):
            ids = greedy(model, [prompt], options.max_new_tokens, end, pad)[0]
            stopped = ids[-1] == end
            lines.append({"index": len(lines), "ids": ids, "text": words.decode(ids[:-1] if stopped else ids),
                          "finishReason": "stop" if stopped else "length",
                          **({"batchedIds": batched} if batched != ids else {})})
    write_lines(options.out, lines)


if __name__ == "__main__":
    main()
