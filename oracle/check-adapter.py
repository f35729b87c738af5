"""Prints what PEFT makes of a base folder and an adapter folder: logprobs of each token, to hold against `tuneloop score`.

    check-adapter.py BASE ADAPTER "1 5 9 …"        (BASE may be FOLDER::FILE.gguf)
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from common import token_logprobs

base, adapter, text = sys.argv[1:]
folder, _, file = base.partition("::")
more = {"gguf_file": file} if file else {}
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more)
model = PeftModel.from_pretrained(model, adapter).eval()
ids = torch.tensor([[int(each) for each in text.split()]])
with torch.no_grad():
    logprobs = token_logprobs(model, ids, torch.ones_like(ids))[0].tolist()
print(json.dumps({"ids": ids[0].tolist(), "logprobs": [None, *logprobs]}))
