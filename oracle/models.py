"""Writes test/fixtures/models/NAME/: tiny random Llama checkpoints and what transformers makes of them.

expected.json: ids [2, 24] padded on the right, valid `lengths`; `logprobs` of each token (null for the first)
in float32 and in true float64; greedy `generation` of 12 tokens, end-of-sequence ignored, from a left-padded
batch of two prompts with the smallest gap between the two highest logits on the way (`margin`);
rotary `inverseFrequencies` in float64 and the `attentionFactor`.
"""
import json
import shutil

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from common import FIXTURES, attention_mask, generator, load, rows, token_logprobs, write_json
from precise import inverse_frequencies, to_float64

BASE = dict(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8, max_position_embeddings=128, rms_norm_eps=1e-5, pad_token_id=0,
            bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 2.0,
          "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 32}


def rope(parameters, **more):
    return {"rope_parameters": parameters, **more}


# Wider heads give the scaled types frequencies on both sides of their thresholds.
CHECKPOINTS = {
    "default": {},
    "linear": rope({"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    "llama3": rope(LLAMA3, head_dim=16),
    "yarn": rope(YARN, head_dim=16),
    "yarn-mscale": rope({**YARN, "mscale": 1.0, "mscale_all_dim": 0.7}, head_dim=16),
    "yarn-attention-factor": rope({**YARN, "attention_factor": 1.3, "beta_fast": 8.0, "beta_slow": 2.0}, head_dim=16),
    "yarn-no-truncate": rope({**YARN, "beta_fast": 4.0, "truncate": False}, head_dim=16),
    "wide-heads": dict(head_dim=16),
    "bias": dict(attention_bias=True, mlp_bias=True),
    "tied": dict(tie_word_embeddings=True),
    "gelu": dict(hidden_act="gelu_pytorch_tanh"),
    "bf16": {},
    "f16": {},
    "sharded": {},
    "old-linear": rope({"rope_type": "linear", "rope_theta": 2000.0, "factor": 4.0}),
    "old-llama3": rope(LLAMA3),
}
STORAGE = {"bf16": torch.bfloat16, "f16": torch.float16}


def randomise(model, source):
    """Weights of std 0.2 (0.5 for embedding and head), norms around 1, biases not zero."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=source)
        wide = "embed_tokens" in name or "lm_head" in name
        parameter.data.copy_(1 + 0.2 * noise if "norm" in name else (0.5 if wide else 0.2) * noise)


def age(folder):
    """Rewrites config.json as transformers 4 wrote it."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    scaling = config.pop("rope_parameters")
    config["rope_theta"] = scaling.pop("rope_theta")
    if scaling["rope_type"] == "linear":
        scaling["type"] = scaling.pop("rope_type")
        del config["head_dim"]
    config["rope_scaling"] = scaling
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.36.0"
    path.write_text(json.dumps(config, indent=2) + "\n")


@torch.no_grad()
def greedy(model, exact, prompts, count):
    """New ids [B][count] by transformers' generate, and the smallest top-two gap of the float64 logits."""
    model.generation_config.eos_token_id = None
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    new = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=count)[:, width:].tolist()
    margin = float("inf")
    for prompt, row in zip(prompts, new):
        logits = exact(input_ids=torch.tensor([prompt + row])).logits[0, len(prompt) - 1 : -1]
        assert logits.argmax(-1).tolist() == row, "float32 and float64 choose different tokens"
        first, second = logits.topk(2, -1).values.unbind(-1)
        margin = min(margin, (first - second).min().item())
    return new, margin


@torch.no_grad()
def expect(name, folder):
    source = generator(f"{name} data")
    lengths = [24, 17]
    ids = torch.randint(3, 64, (2, 24), generator=source)
    mask = attention_mask(lengths, 24)
    ids = ids * mask
    prompts = [torch.randint(3, 64, (n,), generator=source).tolist() for n in (40, 23)]
    model, exact = load(folder), to_float64(load(folder))
    new, margin = greedy(model, exact, prompts, 12)
    frequencies, factor = inverse_frequencies(exact.config)
    write_json(folder / "expected.json", {
        "ids": ids.tolist(), "lengths": lengths,
        "logprobs": {"float32": rows(token_logprobs(model, ids, mask), lengths),
                     "float64": rows(token_logprobs(exact, ids, mask), lengths)},
        "generation": {"prompts": prompts, "ids": new, "margin": margin},
        "rope": {"inverseFrequencies": frequencies.tolist(), "attentionFactor": factor},
    })
    return margin


def main():
    shutil.rmtree(FIXTURES / "models", ignore_errors=True)
    for name, changes in CHECKPOINTS.items():
        folder = FIXTURES / "models" / name
        model = LlamaForCausalLM(LlamaConfig(**{**BASE, **changes}))
        randomise(model, generator(name))
        size = "40KB" if name == "sharded" else "5GB"
        model.to(STORAGE.get(name, torch.float32)).save_pretrained(folder, max_shard_size=size)
        if name.startswith("old-"):
            age(folder)
        margin = expect(name, folder)
        print(f"{name}: margin {margin:.4f}, {sorted(path.name for path in folder.iterdir())}")


main()
