"""Writes test/fixtures/lora_inits/NAME/: LoRA whose factors start with a part of the weights (PiSSA, OLoRA), on the decoders of
architectures/, moved by noise afterwards.

initial.safetensors: A and B as PEFT starts them, under their saved names.
adapter/: what save_pretrained writes after the noise; converted/: the same with path_initial_model_for_weight_conversion.
expected.json: as in lora_options/.
"""
import shutil

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from architectures import load, products
from common import FIXTURES, attention_mask, generator, mean_loss, rows, token_logprobs, write_json
from lora_options import saved_names, tidy

FOLDER = FIXTURES / "lora_inits"
CASES = {
    "pissa": ("qwen2", dict(init_lora_weights="pissa", target_modules="all-linear")),
    "pissa-rslora": ("qwen2", dict(init_lora_weights="pissa", target_modules=["q_proj", "down_proj"], use_rslora=True)),
    "pissa-transposed": ("gpt2", dict(init_lora_weights="pissa", target_modules=["c_attn", "c_fc"])),
    "pissa-dora": ("qwen2", dict(init_lora_weights="pissa", target_modules=["v_proj", "up_proj"], use_dora=True)),
    "olora": ("mistral", dict(init_lora_weights="olora", target_modules=["q_proj", "k_proj", "down_proj", "lm_head"])),
    "olora-patterns": ("qwen2", dict(init_lora_weights="olora", target_modules=["q_proj", "k_proj"], rank_pattern={"k_proj": 5},
                                     alpha_pattern={"q_proj": 12})),
}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, (base, options) in CASES.items():
        folder = FOLDER / name
        torch.manual_seed(generator(name).initial_seed())
        model = get_peft_model(load(FIXTURES / "architectures" / base), LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=6, **options))
        model.save_pretrained(folder / "start")
        folder.mkdir(exist_ok=True)
        initial = {key: value.clone().contiguous() for key, value in get_peft_model_state_dict(model, save_embedding_layers=False).items()}
        save_file(initial, folder / "initial.safetensors")
        source = generator(f"{name} noise")
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=source))
        model.eval()
        lengths = [20, 13]
        mask = attention_mask(lengths, 20)
        ids = torch.randint(3, 48, (2, 20), generator=source) * mask
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
        model.save_pretrained(folder / "adapter")
        parts = ["adapter"]
        # The magnitudes of DoRA are lost in PEFT's conversion.
        if not options.get("use_dora"):
            parts.append("converted")
            model.save_pretrained(folder / "converted", path_initial_model_for_weight_conversion=str(folder / "start"))
        shutil.rmtree(folder / "start")
        for part in parts:
            (folder / part / "README.md").unlink()
            tidy(folder / part / "adapter_config.json", base)
        print(f"{name}: {len(found)} tensors, loss {(total / count).item():.4f}")


if __name__ == "__main__":
    main()
