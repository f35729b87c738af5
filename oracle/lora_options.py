"""Writes test/fixtures/lora_options/NAME/: what LoRA trains beside plain factors, on the decoders of architectures/, as PEFT saves it.
Every trained tensor is moved by noise first, so that none is where it starts.

expected.json: the `base`; a batch (`ids` padded on the right, valid `lengths`, `lossMask`); `logprobs` of its tokens (null
for the first); the mean `loss` over supervised tokens; for each trained tensor, under its saved name, the norm of its
gradient and its product with cos 0, cos 1, …
"""
import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict

from architectures import load, products
from common import FIXTURES, attention_mask, generator, mean_loss, rows, token_logprobs, write_json

FOLDER = FIXTURES / "lora_options"
# mistral has a head of its own, qwen2 a tied one and biases of q, k and v, gpt2 both and weights stored as [in, out].
CASES = {
    "dora": ("qwen2", dict(target_modules="all-linear", use_dora=True)),
    "dora-transposed": ("gpt2", dict(target_modules=["c_attn", "c_proj"], use_dora=True, use_rslora=True, rank_pattern={"c_proj": 3})),
    "dora-embedding": ("qwen2", dict(target_modules=["q_proj", "embed_tokens"], use_dora=True)),
    "dora-head": ("mistral", dict(target_modules=["lm_head", "v_proj"], use_dora=True)),
    "bias-all": ("gpt2", dict(target_modules=["c_attn"], bias="all")),
    "bias-lora-only": ("qwen2", dict(target_modules=["q_proj", "o_proj"], bias="lora_only")),
    "lora-bias": ("qwen2", dict(target_modules=["q_proj", "k_proj"], lora_bias=True)),
    "lora-bias-new": ("mistral", dict(target_modules=["o_proj"], lora_bias=True)),
    "embedding": ("mistral", dict(target_modules=["embed_tokens", "q_proj"])),
    "embedding-tied": ("qwen2", dict(target_modules=["embed_tokens"])),
    "head": ("mistral", dict(target_modules=["lm_head"])),
    "head-tied": ("qwen2", dict(target_modules=["lm_head", "q_proj"])),
    "modules-to-save": ("mistral", dict(target_modules=["q_proj"], modules_to_save=["lm_head", "embed_tokens", "norm", "up_proj"])),
    "modules-to-save-embedding-tied": ("qwen2", dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"])),
    "modules-to-save-head-tied": ("qwen2", dict(target_modules=["q_proj"], modules_to_save=["lm_head"])),
    "tokens": ("mistral", dict(target_modules=["q_proj"], trainable_token_indices=[5, 40, 9])),
    "tokens-tied": ("qwen2", dict(target_modules=["q_proj"], trainable_token_indices=[5, 40, 9])),
    "tokens-and-head": ("mistral", dict(target_modules=["lm_head"], trainable_token_indices=[5, 40, 9])),
    "tokens-and-head-tied": ("qwen2", dict(target_modules=["q_proj", "lm_head"], trainable_token_indices=[5, 40, 9])),
    "both-tied": ("qwen2", dict(target_modules=["embed_tokens", "lm_head"])),
    "both-saved-tied": ("qwen2", dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"])),
    "scaled-embedding": ("gemma3", dict(target_modules=["embed_tokens", "q_proj"])),
    "scaled-embedding-dora": ("gemma3", dict(target_modules=["embed_tokens", "q_proj"], use_dora=True)),
    "scaled-tokens": ("gemma3", dict(target_modules=["q_proj"], trainable_token_indices=[5, 40, 9])),
    "scaled-saved": ("gemma3", dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "norm"])),
    "layers": ("qwen2", dict(target_modules=["q_proj", "down_proj", "up_proj"], exclude_modules=["up_proj"], layers_to_transform=[1],
                             layers_pattern="layers")),
}


def saved_names(model):
    """The name in PEFT's file of each trained parameter: both are one piece of memory."""
    saved = {value.data_ptr(): name for name, value in get_peft_model_state_dict(model, save_embedding_layers=False).items()}
    return [(saved[p.data_ptr()].removeprefix("base_model.model."), p) for p in model.parameters() if p.requires_grad]


def tidy(path, base):
    """PEFT writes the base's absolute path, and lists in the order of a set."""
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = base
    for key in ("target_modules", "modules_to_save", "exclude_modules"):
        if isinstance(config[key], list):
            config[key].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, (base, options) in CASES.items():
        folder = FOLDER / name
        torch.manual_seed(generator(name).initial_seed())
        fresh = get_peft_model(load(FIXTURES / "architectures" / base), LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=6, **options))
        source = generator(f"{name} noise")
        for parameter in fresh.parameters():
            if parameter.requires_grad:
                parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=source))
        fresh.save_pretrained(folder)
        (folder / "README.md").unlink()
        tidy(folder / "adapter_config.json", base)

        model = PeftModel.from_pretrained(load(FIXTURES / "architectures" / base), folder, is_trainable=True).eval()
        lengths = [20, 13]
        mask = attention_mask(lengths, 20)
        ids = torch.randint(3, 48, (2, 20), generator=source) * mask
        ids[0, 4:7] = torch.tensor([5, 9, 40])
        loss_mask = mask.clone()
        loss_mask[0, :4] = loss_mask[1, 0] = 0
        with torch.no_grad():
            logprobs = rows(token_logprobs(model, ids, mask), lengths)
        total, count = mean_loss(model, ids, mask, loss_mask)
        (total / count).backward()
        found = products(saved_names(model))
        write_json(folder / "expected.json", {
            "base": base, "ids": ids.tolist(), "lengths": lengths, "lossMask": loss_mask.tolist(),
            "logprobs": logprobs, "loss": (total / count).item(), "gradients": found,
        })
        print(f"{name}: {len(found)} tensors, loss {(total / count).item():.4f}")


if __name__ == "__main__":
    main()
