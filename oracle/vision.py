"""Writes test/fixtures/vision/NAME/: tiny random Vision Transformers and what transformers and PEFT make of them. Weights are
stored in bfloat16 and computed with in float32.

expected.json: `pixels` [3, C, H, W] as the model takes them and `labels` by the config's problem_type; the last `hidden` states
of the first image; `logits`; `full` and `lora`: the loss and, for each trained parameter, the norm of its gradient and its
product with cos 0, cos 1, …. PEFT has no default targets for ViT: `lora` is on queries and values, with the classifier trained
whole as PEFT's guide to image classification has it, saved in adapter/. NAME bare is a ViTModel: `hidden` alone.
"""
import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForImageClassification, ViTConfig, ViTForImageClassification, ViTModel

from architectures import products
from common import FIXTURES, generator, write_json

FOLDER = FIXTURES / "vision"
NAMES = {0: "cat", 1: "dog", 2: "tree"}
LABELS = dict(id2label=NAMES, label2id={name: i for i, name in NAMES.items()})
SMALL = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2)
CHECKPOINTS = {
    "vit": ViTConfig(**SMALL, **LABELS, image_size=12, patch_size=4),
    # Pixels at the right and below that no patch covers, oblong patches, grey images, no biases of q, k and v.
    "oblong": ViTConfig(**SMALL, **LABELS, image_size=[9, 14], patch_size=[4, 3], num_channels=1, qkv_bias=False,
                        hidden_act="gelu_new", layer_norm_eps=1e-5, problem_type="multi_label_classification"),
    "bare": ViTConfig(**SMALL, image_size=8, patch_size=4),
}


def load(folder):
    return AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def draw(model, source):
    for key, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=source)
        is_norm = "norm" in key.lower() and key.endswith("weight")
        parameter.data.copy_(1 + 0.2 * noise if is_norm else (0.5 if "embed" in key else 0.3) * noise)


def adapter(folder, name):
    torch.manual_seed(generator(f"{name} lora").initial_seed())
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], modules_to_save=["classifier"])
    model = get_peft_model(load(folder.parent), config)
    source = generator(f"{name} B")
    for key, parameter in model.named_parameters():
        if "lora_B" in key or "modules_to_save" in key:
            parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=source))
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    written = json.loads(path.read_text())
    written["base_model_name_or_path"] = name
    written["target_modules"].sort()
    path.write_text(json.dumps(written, indent=2) + "\n")
    return PeftModel.from_pretrained(load(folder.parent), folder, is_trainable=True).eval()


def own(key):
    return key.replace("modules_to_save.default.", "").replace(".default.", ".").removeprefix("base_model.model.")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, config in CHECKPOINTS.items():
        folder = FOLDER / name
        source = generator(f"vision {name}")
        model = ViTModel(config) if name == "bare" else ViTForImageClassification(config)
        draw(model, source)
        model.to(torch.bfloat16).save_pretrained(folder)
        size = config.image_size if isinstance(config.image_size, list) else [config.image_size] * 2
        pixels = torch.round(torch.randn(3, config.num_channels, *size, generator=source), decimals=2)
        expected = {"pixels": [round(x, 2) for x in pixels.flatten().tolist()]}
        if name == "bare":
            model = ViTModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
            with torch.no_grad():
                expected["hidden"] = model(pixel_values=pixels).last_hidden_state[0].tolist()
            write_json(folder / "expected.json", expected)
            continue
        labels = (torch.rand(3, 3, generator=source) < 0.5).float() if config.problem_type else torch.tensor([2, 0, 1])
        model = load(folder)
        with torch.no_grad():
            hidden = model.vit(pixel_values=pixels).last_hidden_state[0]
        output = model(pixel_values=pixels, labels=labels)
        output.loss.backward()
        adapted = adapter(folder / "adapter", name)
        tuned = adapted(pixel_values=pixels, labels=labels)
        tuned.loss.backward()
        named = [(own(key), p) for key, p in adapted.named_parameters() if p.requires_grad]
        expected |= {"labels": labels.tolist(), "hidden": hidden.tolist(), "logits": output.logits.tolist(),
                     "full": {"loss": output.loss.item(), "gradients": products(model.named_parameters())},
                     "lora": {"logits": tuned.logits.tolist(), "loss": tuned.loss.item(), "gradients": products(named)}}
        write_json(folder / "expected.json", expected)
        print(name, [key for key, _ in named], sorted(p.name for p in folder.iterdir()))


if __name__ == "__main__":
    main()
