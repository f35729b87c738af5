"""Writes what `tuneloop score` writes ({"index", "ids", "mask"?, "logprobs"}), computed by transformers and PEFT.

    score.py --model FOLDER [--adapter A] --data D.jsonl --out F [--dtype float32|float64]

D holds lines {"ids"}, {"text"} or {"messages"}; a "mask" beside "ids" is passed on.
"""
import argparse
from functools import cache

from real import load, logprobs, read_lines, token_ids, tokenizer, write_lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    options = parser.parse_args()
    model = load(options.model, options.adapter, options.dtype)
    words = cache(lambda: tokenizer(options.model))
    lines = []
    for index, line in enumerate(read_lines(options.data)):
        ids = token_ids(line, words)
        mask = {"mask": line["mask"]} if "mask" in line else {}
        lines.append({"index": index, "ids": ids, **mask, "logprobs": logprobs(model, ids)})
    write_lines(options.out, lines)


main()
