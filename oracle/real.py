"""What the scripts for real checkpoints share: loading a folder with an adapter, rendering a line to token ids."""
import gzip
import json

import torch
from peft import PeftModel
from transformers import AutoTokenizer, LlamaForCausalLM

from precise import to_float64


def load(folder, adapter=None, dtype="float32"):
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    return (to_float64(model) if dtype == "float64" else model).eval()


def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def read_lines(path):
    """JSONL, also .gz; lines end at newline bytes only."""
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as file:
        return [json.loads(line) for line in file if line.strip()]


def write_lines(path, lines):
    with open(path, "w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def token_ids(line, words, generation_prompt=False):
    """Token ids of a line {"ids"}, {"text"}, {"prompt"} or {"messages"}; `words()` gives the tokenizer."""
    if "ids" in line:
        return line["ids"]
    if "messages" in line:
        return words().apply_chat_template(line["messages"], add_generation_prompt=generation_prompt, return_dict=False)
    return words()(line.get("text", line.get("prompt")))["input_ids"]


@torch.no_grad()
def logprobs(model, ids):
    """[null, ln p(ids[1] given ids[0]), …] for one row, without padding."""
    row = torch.tensor([ids])
    logits = model(input_ids=row, use_cache=False).logits[0, :-1]
    return [None] + torch.log_softmax(logits, -1).gather(-1, row[0, 1:, None])[:, 0].tolist()
