"""Writes test/fixtures/lora/targets.json: which modules of models/default PEFT's LoRA wraps, and how it starts.

specs: for each LoraConfig (`options`), the `modules` {name: [r, scaling]} that are wrapped and the number of
trainable `parameters`, or the `error` that PEFT raises; shapes: A and B per linear at r = 8; initialisation:
the law of A (uniform on ±1/sqrt(in), B zero) and the extremes that PEFT drew for a few widths.
"""
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer

from common import FIXTURES, load, write_json
from lora import BASE

SPECS = [
    {},
    {"target_modules": "all-linear"},
    {"target_modules": "ALL-LINEAR"},
    {"target_modules": ["q_proj", "v_proj"]},
    {"target_modules": ["proj"]},
    {"target_modules": ["q_proj", "absent_proj"]},
    {"target_modules": ["absent_proj"]},
    {"target_modules": []},
    {"target_modules": ["mlp.down_proj"]},
    {"target_modules": ["0.self_attn.q_proj"]},
    {"target_modules": ["layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"]},
    {"target_modules": ["lm_head"]},
    {"target_modules": ["q_proj", "lm_head"]},
    {"target_modules": "q_proj"},
    {"target_modules": r".*q_proj"},
    {"target_modules": r".*\.(q|v)_proj"},
    {"target_modules": r"model\.layers\.1\..*_proj"},
    {"target_modules": r".*layers\.[0]\..*(up|down)_proj$"},
    {"target_modules": r"^(?!.*mlp).*_proj"},
    {"target_modules": "all-linear", "exclude_modules": ["down_proj"]},
    {"target_modules": "all-linear", "exclude_modules": r".*layers\.0\..*"},
    {"target_modules": ["q_proj", "o_proj"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj", "o_proj"], "layers_to_transform": 0},
    {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
    {"target_modules": r".*q_proj", "layers_to_transform": [1]},
    {"target_modules": "all-linear", "r": 4, "lora_alpha": 8, "use_rslora": True},
    {"target_modules": "all-linear", "rank_pattern": {"q_proj": 2, "down_proj": 6}, "alpha_pattern": {"q_proj": 3}},
    {"target_modules": "all-linear", "rank_pattern": {"proj": 2}},
    {"target_modules": "all-linear", "rank_pattern": {"_proj": 2, r".*_proj": 3, r"layers\.1\..*": 5}},
    {"target_modules": "all-linear", "rank_pattern": {r"^model\.layers\.1\.mlp\.up_proj": 2, "layers.0.mlp": 5}},
    {"target_modules": "all-linear", "rank_pattern": {"q_proj": 2}, "use_rslora": True},
    {"target_modules": ["q_proj"], "r": 0},
]


def resolve(options):
    try:
        model = get_peft_model(load(BASE), LoraConfig(task_type="CAUSAL_LM", **options))
    except ValueError as error:
        return {"options": options, "error": str(error)}
    modules = {name.removeprefix("base_model.model."): [module.r["default"], module.scaling["default"]]
               for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    return {"options": options, "modules": modules, "parameters": model.get_nb_trainable_parameters()[0]}


def shapes():
    model = get_peft_model(load(BASE), LoraConfig(target_modules="all-linear"))
    return {name.removeprefix("base_model.model."): [list(module.lora_A["default"].weight.shape), list(module.lora_B["default"].weight.shape)]
            for name, module in model.named_modules() if isinstance(module, LoraLayer)}


def initialisation(width):
    torch.manual_seed(0)
    model = get_peft_model(torch.nn.ModuleDict({"linear": torch.nn.Linear(width, 32)}), LoraConfig(r=256, target_modules=["linear"]))
    layer = model.base_model.model["linear"]
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    return {"inFeatures": width, "bound": width**-0.5, "standardDeviation": (3 * width) ** -0.5,
            "drawn": {"samples": a.numel(), "max": a.abs().max().item(), "mean": a.mean().item(), "std": a.std().item()},
            "bIsZero": bool((b == 0).all())}


def main():
    record = {f"spec{i}": resolve(options) for i, options in enumerate(SPECS)}
    for item in record.values():
        print(item["options"], item.get("error") or item["modules"])
    write_json(FIXTURES / "lora" / "targets.json", {"specs": list(record.values()), "shapes": shapes(),
                                                    "initialisation": [initialisation(n) for n in (32, 576, 1536)]})


main()
