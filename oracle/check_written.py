"""Trains an adapter with every option of LoRA by `tuneloop tune`, and holds what it writes to PEFT, and what `tuneloop merge` makes of it to
transformers: the largest difference of a log-probability (of a logit on the classifier), which must stay below 1e-4.

    check_written.py [NAME…]        (from oracle/, after npm ci; a few minutes)
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from transformers import (AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, GPT2Config, LlamaConfig, Qwen2Config)

from common import FIXTURES, ROOT, generator, token_logprobs

CHAT = FIXTURES / "models" / "chat"
BERT = FIXTURES / "classifiers" / "bert"
WORDS = AutoTokenizer.from_pretrained(CHAT)
SIZES = dict(vocab_size=len(WORDS), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
             max_position_embeddings=64)
BASES = {
    "untied": LlamaConfig(**SIZES, tie_word_embeddings=False),
    "tied": Qwen2Config(**SIZES, tie_word_embeddings=True),
    "gpt2": GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=2, n_head=2, n_positions=64, bos_token_id=1,
                        eos_token_id=2),
}
CASES = {
    "plain": ("untied", []),
    "rslora": ("gpt2", ["--adapter.useRslora", "--adapter.rankPattern", "c_fc=2", "--adapter.alphaPattern", "c_attn=5"]),
    "gaussian": ("untied", ["--adapter.initLoraWeights", "gaussian", "--lora-dropout", "0.1"]),
    "drawn": ("tied", ["--adapter.initLoraWeights", "false"]),
    "pissa": ("tied", ["--adapter.initLoraWeights", "pissa"]),
    "pissa-niter": ("untied", ["--adapter.initLoraWeights", "pissa_niter_4", "--target-modules", "q_proj", "lm_head"]),
    "pissa-rslora": ("gpt2", ["--adapter.initLoraWeights", "pissa", "--adapter.useRslora", "--adapter.rankPattern", "c_fc=2"]),
    "pissa-dora": ("tied", ["--adapter.initLoraWeights", "pissa", "--adapter.useDora", "--lora-dropout", "0.2"]),
    "olora": ("gpt2", ["--adapter.initLoraWeights", "olora"]),
    "olora-head": ("tied", ["--adapter.initLoraWeights", "olora", "--target-modules", "q_proj", "lm_head"]),
    "dora": ("gpt2", ["--adapter.useDora"]),
    "dora-head": ("tied", ["--adapter.useDora", "--target-modules", "q_proj", "lm_head", "embed_tokens"]),
    "bias-all": ("gpt2", ["--adapter.bias", "all"]),
    "bias-lora-only": ("tied", ["--adapter.bias", "lora_only"]),
    "lora-bias": ("tied", ["--adapter.loraBias", "--target-modules", "q_proj", "v_proj"]),
    "modules-to-save": ("untied", ["--adapter.modulesToSave", "lm_head", "embed_tokens", "norm"]),
    "modules-to-save-embedding-tied": ("tied", ["--adapter.modulesToSave", "embed_tokens"]),
    "modules-to-save-head-tied": ("tied", ["--adapter.modulesToSave", "lm_head"]),
    "embedding-tied": ("tied", ["--target-modules", "embed_tokens", "q_proj"]),
    "embedding": ("untied", ["--target-modules", "embed_tokens"]),
    "head": ("untied", ["--target-modules", "lm_head"]),
    "tokens": ("untied", ["--adapter.trainableTokenIndices", "5", "9", "40"]),
    "tokens-tied": ("tied", ["--adapter.trainableTokenIndices", "5,9,40"]),
    "layers": ("tied", ["--adapter.layersToTransform", "1", "--adapter.excludeModules", "up_proj", "--adapter.layersPattern", "layers"]),
    "regex": ("untied", ["--target-modules", r".*layers\.1\.(self_attn\.q_proj|mlp\.down_proj)"]),
    "classifier": ("classifier", ["--lora-dropout", "0.1"]),
    "classifier-dora": ("classifier", ["--adapter.useDora", "--adapter.initLoraWeights", "pissa", "--adapter.bias", "all"]),
}
TEXTS = ["How are you today?", "The sum of 3 and 4 is 7.", "Good morning, world!"]


def tuneloop(*argv):
    done = subprocess.run(["npx", "tuneloop", *map(str, argv)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"tuneloop {' '.join(map(str, argv))}\n{done.stderr}")


def new_base(folder, name):
    model = AutoModelForCausalLM.from_config(BASES[name])
    source = generator(f"base {name}")
    for key, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=source)
        is_norm = ("norm" in key or ".ln_" in key) and key.endswith("weight")
        parameter.data.copy_(1 + 0.2 * noise if is_norm else 0.3 * noise)
    model.save_pretrained(folder)
    WORDS.save_pretrained(folder)


def bert(folder):
    AutoModelForSequenceClassification.from_pretrained(BERT, dtype=torch.float32).save_pretrained(folder)
    AutoTokenizer.from_pretrained(BERT).save_pretrained(folder)


def scores(model, lines, key):
    model.eval()
    found = []
    with torch.no_grad():
        for line in lines:
            ids = torch.tensor([line["ids"]])
            if key == "logits":
                found.append(model(input_ids=ids).logits[0].tolist())
            else:
                found.append(token_logprobs(model, ids, torch.ones_like(ids))[0].tolist())
    return found


def largest(found, lines, key):
    pairs = [(a, b) for row, line in zip(found, lines) for a, b in zip(row, line[key] if key == "logits" else line[key][1:])]
    return max(abs(a - b) for a, b in pairs)


def check(name, base, flags, folder):
    kind, key = (AutoModelForSequenceClassification, "logits") if base == "classifier" else (AutoModelForCausalLM, "logprobs")
    model, run, data = folder / base, folder / f"run of {name}", folder / ("labels.jsonl" if base == "classifier" else "texts.jsonl")
    tuneloop("tune", "--model", model, "--data", data, "--out", run, "--lora-r", 3, "--lora-alpha", 5, "--learning-rate", 0.02,
             "--max-steps", 5, "--batch-size", 3, "--quiet", *(["--loss", "all"] if key == "logprobs" else []), *flags)
    tuneloop("score", "--model", model, "--adapter", run / "adapter", "--data", data, "--out", run / "scores.jsonl")
    lines = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    tuneloop("score", "--model", model, "--data", data, "--out", run / "base.jsonl")
    before = [json.loads(line) for line in (run / "base.jsonl").read_text().splitlines()]
    changed = largest([line[key] if key == "logits" else line[key][1:] for line in before], lines, key)
    loaded = PeftModel.from_pretrained(kind.from_pretrained(model, dtype=torch.float32), run / "adapter")
    peft = largest(scores(loaded, lines, key), lines, key)
    tuneloop("merge", "--model", model, "--adapter", run / "adapter", "--out", run / "merged")
    merged = largest(scores(kind.from_pretrained(run / "merged", dtype=torch.float32), lines, key), lines, key)
    print(f"{name:32}{base:12} trained {changed:.2f}  PEFT {peft:.1e}  merged {merged:.1e}", flush=True)
    return changed > 0.01 and max(peft, merged) < 1e-4


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        for name in BASES:
            new_base(folder / name, name)
        bert(folder / "classifier")
        (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
        labels = [{"text": "the cat is very good", "label": 1}, {"text": "a dog is bad!", "label": 0}, {"text": "it is a tree", "label": 2}]
        (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
        wanted = sys.argv[1:] or list(CASES)
        failed = [name for name in wanted if not check(name, *CASES[name], folder)]
    if failed:
        raise SystemExit(f"not equal: {', '.join(failed)}")


main()
