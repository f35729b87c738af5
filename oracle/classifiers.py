"""Writes test/fixtures/classifiers/NAME/: tiny random sequence classifiers and what transformers and PEFT make of them.
Weights are stored in bfloat16 and computed with in float32.

expected.json: `ids` [3, 12] padded on the right, valid `lengths`, `tokenTypes`, `labels` by the config's problem_type; the
encoder's last `hidden` states of the first row; `logits`; `full` and `lora`: the loss and, for each trained parameter, the norm
of its gradient and its product with cos 0, cos 1, …; `lora` is an adapter on PEFT's default targets with task type SEQ_CLS,
saved in adapter/. `texts` (bert only): text and pair with the ids, token types and logits that the tokenizer and model make.
"""
import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, BertConfig, DistilBertConfig, LlamaConfig,
                          PreTrainedTokenizerFast, RobertaConfig)

from architectures import products
from common import FIXTURES, generator, write_json

FOLDER = FIXTURES / "classifiers"
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on under mat tree is was not good bad very , . ! ? ##s ##ing play eat it he she and or in out up down red blue green big small old new fast slow".split()
COUNT = len(WORDS)
NAMES = {0: "bad", 1: "good", 2: "neither"}
BERT = dict(vocab_size=COUNT, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=32)
LABELS = dict(id2label=NAMES, label2id={name: i for i, name in NAMES.items()})
CHECKPOINTS = {
    "bert": BertConfig(**BERT, **LABELS, pad_token_id=0),
    "roberta": RobertaConfig(**{**BERT, "max_position_embeddings": 34}, **LABELS, type_vocab_size=1, pad_token_id=1,
                             problem_type="multi_label_classification"),
    "distilbert": DistilBertConfig(vocab_size=COUNT, dim=16, hidden_dim=24, n_layers=2, n_heads=2, max_position_embeddings=32,
                                   num_labels=1, problem_type="regression"),
    "llama": LlamaConfig(vocab_size=COUNT, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                         max_position_embeddings=32, pad_token_id=0, **LABELS),
}
# PEFT has no default targets for it.
TARGETS = {"distilbert": {"target_modules": ["q_lin", "v_lin"]}}
TEXTS = [["The cat sat on the mat.", None], ["it is not very good!", "He plays, she eats\tbig trees"], ["naïve 東京", ""]]


def load(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def labels_of(config, source):
    if config.problem_type == "regression":
        return torch.randn(3, 1, generator=source)
    if config.problem_type == "multi_label_classification":
        return (torch.rand(3, 3, generator=source) < 0.5).float()
    return torch.tensor([2, 0, 1])


def tokenizer():
    core = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
                                   mask_token="[MASK]", model_max_length=32, model_input_names=["input_ids", "token_type_ids", "attention_mask"])


def adapter(folder, name):
    torch.manual_seed(generator(f"{name} lora").initial_seed())
    model = get_peft_model(load(folder.parent), LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=4, **TARGETS.get(name, {})))
    source = generator(f"{name} B")
    for key, parameter in model.named_parameters():
        if "lora_B" in key or "modules_to_save" in key:
            parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=source))
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = name
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")
    return PeftModel.from_pretrained(load(folder.parent), folder, is_trainable=True).eval()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, config in CHECKPOINTS.items():
        folder = FOLDER / name
        source = generator(f"classifier {name}")
        model = AutoModelForSequenceClassification.from_config(config)
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=source)
            is_norm = "norm" in key.lower() and key.endswith("weight")
            parameter.data.copy_(1 + 0.2 * noise if is_norm else (0.5 if "embed" in key else 0.3) * noise)
        model.to(torch.bfloat16).save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        lengths = [12, 7, 1]
        mask = (torch.arange(12)[None, :] < torch.tensor(lengths)[:, None]).long()
        pad = config.pad_token_id or 0
        ids = torch.where(mask == 1, torch.randint(5, COUNT, (3, 12), generator=source), pad)
        types = ((torch.arange(12)[None, :] > 4) * mask) if name == "bert" else torch.zeros_like(ids)
        inputs = {"input_ids": ids, "attention_mask": mask, **({"token_type_ids": types} if name == "bert" else {})}
        labels = labels_of(config, source)
        model = load(folder)
        with torch.no_grad():
            hidden = model.base_model(**inputs).last_hidden_state[0]
        output = model(**inputs, labels=labels)
        output.loss.backward()
        full = {"loss": output.loss.item(), "gradients": products(model.named_parameters())}
        adapted = adapter(folder / "adapter", name)
        tuned = adapted(**inputs, labels=labels)
        tuned.loss.backward()
        named = [(key.replace("modules_to_save.default.", "").replace(".default.", ".").removeprefix("base_model.model."), p)
                 for key, p in adapted.named_parameters() if p.requires_grad]
        expected = {"ids": ids.tolist(), "lengths": lengths, "tokenTypes": types.tolist(), "labels": labels.tolist(),
                    "hidden": hidden.tolist(), "logits": output.logits.tolist(), "full": full,
                    "lora": {"logits": tuned.logits.tolist(), "loss": tuned.loss.item(), "gradients": products(named)}}
        if name == "bert":
            tokenizer().save_pretrained(folder)
            words = AutoTokenizer.from_pretrained(folder)
            expected["texts"] = []
            for text, pair in TEXTS:
                made = words(text, pair)
                with torch.no_grad():
                    logits = model(**{key: torch.tensor([value]) for key, value in made.items()}).logits[0].tolist()
                expected["texts"].append({"text": text, "text_pair": pair, "ids": made["input_ids"], "tokenTypes": made["token_type_ids"], "logits": logits})
        write_json(folder / "expected.json", expected)
        print(name, [key for key, _ in named], sorted(p.name for p in folder.iterdir()))


if __name__ == "__main__":
    main()
