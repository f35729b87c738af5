"""Writes test/fixtures/architectures/NAME/: tiny random decoders, one per architecture and trap, and what transformers
and PEFT make of them. Weights are stored in bfloat16 and computed with in float32.

expected.json: `ids` [2, 20] padded on the right, valid `lengths`, `lossMask`; `logprobs` of each token (null for the first)
and the last `hidden` states of the first row; greedy `generation` of 10 tokens from a left-padded batch with the smallest gap
between the two highest logits (`margin`); `full` and `lora`: the mean loss and, for each trained parameter, the norm of its
gradient and its product with cos 0, cos 1, …; `lora` is an adapter on PEFT's default targets, saved in adapter/ (`loraAll`:
on all linear layers, logprobs only).
"""
import json
import math
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GPT2Config, MistralConfig, Qwen2Config, Qwen3Config

from common import FIXTURES, attention_mask, generator, mean_loss, rows, token_logprobs, write_json

FOLDER = FIXTURES / "architectures"
BASE = dict(vocab_size=48, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
GPT2 = dict(vocab_size=48, n_embd=16, n_layer=2, n_head=2, n_positions=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
CHECKPOINTS = {
    "mistral": MistralConfig(**BASE, sliding_window=5, rope_parameters=ROPE),
    "mistral-no-window": MistralConfig(**BASE, sliding_window=None, head_dim=16, rope_parameters=ROPE),
    "qwen2": Qwen2Config(**BASE, sliding_window=4, use_sliding_window=False, max_window_layers=1, tie_word_embeddings=True,
                         rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}),
    "qwen2-window": Qwen2Config(**BASE, sliding_window=4, use_sliding_window=True, max_window_layers=1, rope_parameters=ROPE),
    "qwen3": Qwen3Config(**BASE, head_dim=16, tie_word_embeddings=True, rope_parameters=ROPE),
    "qwen3-bias": Qwen3Config(**BASE, head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=3,
                              layer_types=["sliding_attention", "full_attention"], rope_parameters=ROPE),
    "gemma3": Gemma3TextConfig(**{**BASE, "num_hidden_layers": 3}, head_dim=8, sliding_window=4, query_pre_attn_scalar=12,
                               final_logit_softcapping=2.0, attn_logit_softcapping=3.0,
                               layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                               rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
                                                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}),
    "gemma3-old": Gemma3TextConfig(**{**BASE, "num_hidden_layers": 3}, head_dim=8, sliding_window=4, query_pre_attn_scalar=8),
    "gpt2": GPT2Config(**GPT2),
    "gpt2-hub": GPT2Config(**GPT2, n_inner=24, scale_attn_by_inverse_layer_idx=True),
}


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def randomise(model, source, norm_mean):
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=source)
        is_norm = ("norm" in name or ".ln_" in name) and name.endswith("weight")
        wide = any(part in name for part in ("embed_tokens", "lm_head", "wte", "wpe"))
        parameter.data.copy_(norm_mean + 0.2 * noise if is_norm else (0.5 if wide else 0.25) * noise)


def age(folder):
    """Gemma's config.json as transformers 4.50 wrote it."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for name in ("rope_parameters", "layer_types", "dtype", "_sliding_window_pattern"):
        config.pop(name, None)
    config.update(rope_theta=500000.0, rope_local_base_freq=5000.0, sliding_window_pattern=2, torch_dtype="bfloat16",
                  rope_scaling={"factor": 4.0, "rope_type": "linear"}, transformers_version="4.50.0")
    path.write_text(json.dumps(config, indent=2) + "\n")


def strip(folder):
    """GPT-2's file as the hub has it: no prefix, causal masks beside the weights."""
    tensors = {name.removeprefix("transformer."): value for name, value in load_file(folder / "model.safetensors").items()}
    for layer in range(2):
        tensors[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def products(named):
    """Norm of each gradient and its product with cos 0, cos 1, …"""
    found = {}
    for name, parameter in named:
        flat = parameter.grad.double().flatten()
        found[name] = [flat.norm().item(), (flat * torch.arange(len(flat), dtype=torch.float64).cos()).sum().item()]
    return found


@torch.no_grad()
def greedy(model, prompts, count):
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    model.generation_config.eos_token_id = None
    new = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=count)[:, width:].tolist()
    margin = math.inf
    for prompt, row in zip(prompts, new):
        logits = model(input_ids=torch.tensor([prompt + row])).logits[0, len(prompt) - 1 : -1]
        first, second = logits.topk(2, -1).values.unbind(-1)
        margin = min(margin, (first - second).min().item())
    return new, margin


def gradients_of(model, batch):
    ids, mask, loss_mask = batch
    total, count = mean_loss(model, ids, mask, loss_mask)
    (total / count).backward()
    return (total / count).item()


def lora(folder, base, name, options):
    torch.manual_seed(generator(f"{name} lora").initial_seed())
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=4, **options))
    source = generator(f"{name} B")
    for key, parameter in model.named_parameters():
        if "lora_B" in key:
            parameter.data.copy_(0.3 * torch.randn(parameter.shape, generator=source))
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = name
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")
    return PeftModel.from_pretrained(load(folder.parent), folder, is_trainable=True)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, config in CHECKPOINTS.items():
        folder = FOLDER / name
        source = generator(name)
        model = AutoModelForCausalLM.from_config(config)
        randomise(model, source, 0 if name.startswith("gemma") else 1)
        model.to(torch.bfloat16).save_pretrained(folder)
        (folder / "generation_config.json").unlink()
        if name == "gemma3-old":
            age(folder)
        if name == "gpt2-hub":
            strip(folder)
        lengths = [20, 13]
        mask = attention_mask(lengths, 20)
        ids = torch.randint(3, 48, (2, 20), generator=source) * mask
        loss_mask = mask * (torch.rand(ids.shape, generator=source) < 0.7)
        loss_mask[:, 0] = 0
        prompts = [torch.randint(3, 48, (n,), generator=source).tolist() for n in (12, 7)]
        model = load(folder)
        with torch.no_grad():
            logprobs = rows(token_logprobs(model, ids, mask), lengths)
            hidden = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state[0].tolist()
        new, margin = greedy(load(folder), prompts, 10)
        loss = gradients_of(model, (ids, mask, loss_mask))
        full = {"loss": loss, "gradients": products(model.named_parameters())}
        adapted = lora(folder / "adapter", load(folder), name, {})
        with torch.no_grad():
            adapted_logprobs = rows(token_logprobs(adapted, ids, mask), lengths)
        loss = gradients_of(adapted, (ids, mask, loss_mask))
        trained = [(key.replace(".default.", ".").removeprefix("base_model.model."), p) for key, p in adapted.named_parameters() if p.requires_grad]
        every = lora(folder / "adapter-all", load(folder), name, {"target_modules": "all-linear"})
        with torch.no_grad():
            every_logprobs = rows(token_logprobs(every, ids, mask), lengths)
        write_json(folder / "expected.json", {
            "ids": ids.tolist(), "lengths": lengths, "lossMask": loss_mask.tolist(), "logprobs": logprobs, "hidden": hidden,
            "generation": {"prompts": prompts, "ids": new, "margin": margin}, "full": full,
            "lora": {"logprobs": adapted_logprobs, "loss": loss, "gradients": products(trained)},
            "loraAll": {"logprobs": every_logprobs},
        })
        print(f"{name}: margin {margin:.4f}, {len(full['gradients'])} parameters, {len(trained)} factors")


if __name__ == "__main__":
    main()
