"""Writes test/fixtures/lora/NAME/: LoRA adapters of models/default as PEFT saves them, B seeded with noise.

expected.json: a batch (`ids` padded on the right, valid `lengths`, `lossMask`), `logprobs` of its tokens
(null for the first) in float32 and float64, the mean `loss` over supervised tokens and their number.
The float64 figures have the rotary tables and the epsilon of a float32 model.
gradients.safetensors: the gradients (F64) of that loss with respect to every A and B, under PEFT's saved names.
"""
import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

from common import FIXTURES, attention_mask, generator, load, mean_loss, rows, token_logprobs, write_json
from precise import to_float64

BASE = FIXTURES / "models" / "default"
ADAPTERS = {
    "all-linear": dict(r=4, lora_alpha=8, target_modules="all-linear"),
    "regex": dict(r=4, lora_alpha=8, target_modules=r".*layers\.1\.(self_attn\.(q|o)_proj|mlp\.down_proj)"),
    "patterns": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"],
                     rank_pattern={"down_proj": 6, "layers.0.self_attn.q_proj": 2, r"^model\.layers\.1\..*\.v_proj": 3},
                     alpha_pattern={"v_proj": 16, r".*\.1\.mlp\.gate_proj": 1}),
    "rslora": dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], use_rslora=True),
    "defaults": {},
}


def batch(name):
    """Two rows of 24 and 17 tokens; the loss mask leaves out a prompt, padding and a token in the middle."""
    lengths = [24, 17]
    mask = attention_mask(lengths, 24)
    ids = torch.randint(3, 64, (2, 24), generator=generator(f"{name} batch")) * mask
    loss_mask = mask.clone()
    loss_mask[0, :7] = loss_mask[0, 12] = loss_mask[1, 0] = 0
    return ids, mask, loss_mask, lengths


def fresh(options, name):
    """The base with an adapter whose A is PEFT's and whose B is noise of std 0.1."""
    torch.manual_seed(generator(name).initial_seed())
    model = get_peft_model(load(BASE), LoraConfig(task_type="CAUSAL_LM", **options))
    source = generator(f"{name} B")
    for key, parameter in model.named_parameters():
        if "lora_B" in key:
            parameter.data.copy_(0.1 * torch.randn(parameter.shape, generator=source))
    return model


def saved_name(key):
    return key.replace(".default.", ".")


def tidy(path):
    """PEFT writes the base's absolute path, and target modules in the order of a set."""
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "models/default"
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")


def main():
    for name, options in ADAPTERS.items():
        folder = FIXTURES / "lora" / name
        shutil.rmtree(folder, ignore_errors=True)
        fresh(options, name).save_pretrained(folder)
        (folder / "README.md").unlink()
        tidy(folder / "adapter_config.json")

        model = PeftModel.from_pretrained(load(BASE), folder, is_trainable=True)
        ids, mask, loss_mask, lengths = batch(name)
        with torch.no_grad():
            single = rows(token_logprobs(model, ids, mask), lengths)
        to_float64(model, constants=torch.float32)
        total, count = mean_loss(model, ids, mask, loss_mask)
        (total / count).backward()
        with torch.no_grad():
            double = rows(token_logprobs(model, ids, mask), lengths)
        gradients = {saved_name(key): p.grad for key, p in model.named_parameters() if p.requires_grad}
        save_file(gradients, folder / "gradients.safetensors")
        write_json(folder / "expected.json", {
            "ids": ids.tolist(), "lengths": lengths, "lossMask": loss_mask.tolist(),
            "logprobs": {"float32": single, "float64": double},
            "loss": (total / count).item(), "supervisedTokens": count,
        })
        print(f"{name}: {len(gradients)} tensors, loss {(total / count).item():.4f}, "
              f"gradient norm {torch.stack([g.norm() for g in gradients.values()]).norm():.4f}")


if __name__ == "__main__":
    main()
