"""minilm.py FOLDER: writes test/fixtures/minilm.json, what transformers makes of a pair of texts with all-MiniLM-L6-v2: ids,
token types, and the first 16 channels of each token's last hidden state."""
import sys

import torch
from transformers import AutoModel, AutoTokenizer

from common import FIXTURES, write_json

folder = sys.argv[1]
words = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
texts = ["How do I reset my password? It's café-time!", "Rücksetzen des Passworts (東京)"]
made = words(*texts, return_tensors="pt")
with torch.no_grad():
    hidden = model(**made).last_hidden_state[0, :, :16]
write_json(FIXTURES / "minilm.json", {"texts": texts, "ids": made["input_ids"][0].tolist(), "tokenTypes": made["token_type_ids"][0].tolist(),
                                      "hidden": hidden.flatten().tolist()})
