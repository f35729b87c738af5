"""What the oracle scripts share: paths, seeds, logprobs, JSON with full precision."""
import json
import os
import zlib
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, logging

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "test" / "fixtures"


def generator(name):
    """A torch generator seeded by a name, so that a fixture does not depend on the order of the others."""
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def load(folder, dtype=torch.float32):
    return LlamaForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def attention_mask(lengths, width):
    """[B, width], ones on the first `lengths[b]` positions."""
    return (torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]).long()


def token_logprobs(model, ids, mask, exact_softmax=False):
    """[B, T - 1]: ln p(ids[b, t] given ids[b, <t]) for t = 1 … T - 1, in the model's dtype or with a float64 log-softmax."""
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    logits = logits.double() if exact_softmax else logits
    return torch.log_softmax(logits[:, :-1], -1).gather(-1, ids[:, 1:, None])[..., 0]


def rows(logprobs, lengths):
    """Per row: null for the first token, then one logprob for each further token that is not padding."""
    return [[None] + row[: n - 1].tolist() for row, n in zip(logprobs, lengths)]


def mean_loss(model, ids, mask, loss_mask, exact_softmax=False):
    """(sum of -logprobs over supervised tokens, their number); loss_mask[b, t] = 1 where token t is supervised."""
    supervised = loss_mask[:, 1:].bool()
    return -token_logprobs(model, ids, mask, exact_softmax)[supervised].sum(), int(supervised.sum())


def write_json(path, value):
    """One top-level key per line, so that a diff can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
