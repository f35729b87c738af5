"""Writes test/fixtures/sft/cases.json: what TRL's SFTTrainer makes of data, with the tokenizer of models/chat.

Each case holds SFTConfig `options`, the input `lines`, and the `rows` of the prepared data set: `ids`, `labels`
(-100 where not supervised) and, when packed, the `lengths` of the sequences in each row. Without maxLength
nothing is truncated; rows that truncation leaves without a label are dropped. An `error` stands where TRL raises.
"""
import tempfile

from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

from chat import FOLDER
from common import FIXTURES, load, write_json

TEXT = [{"text": "The cat sat on the mat."}, {"text": "two and two<|im_end|>"}, {"text": "the"}, {"text": "seven apples are in the other basket, nine are here"}]
PAIRS = [{"prompt": "2 + 2 =", "completion": " 4"}, {"prompt": "The cat", "completion": " sat there.<|im_end|>"}, {"prompt": "th", "completion": "e mat"}]
ask = lambda text: {"role": "user", "content": text}
answer = lambda text: {"role": "assistant", "content": text}
CHATS = [{"messages": [ask("What is 2 + 2?"), answer("The sum is 4.")]},
         {"messages": [{"role": "system", "content": "Be brief."}, ask("Where is the cat?"), answer("On the mat."), ask("And the other?"), answer("There too.")]}]
CHAT_PAIRS = [{"prompt": [ask("What is 2 + 2?")], "completion": [answer("The sum is 4.")]},
              {"prompt": [ask("Where?"), answer("There."), ask("Sure?")], "completion": [answer("Yes."), ask("Good."), answer("Bye.")]}]
CASES = [
    ({}, TEXT), ({"max_length": 8}, TEXT), ({"max_length": 8, "truncation_mode": "keep_end"}, TEXT),
    ({}, PAIRS), ({"completion_only_loss": False}, PAIRS), ({"max_length": 4}, PAIRS),
    ({}, CHATS), ({"assistant_only_loss": True}, CHATS), ({"assistant_only_loss": True, "max_length": 24}, CHATS),
    ({}, CHAT_PAIRS), ({"completion_only_loss": False}, CHAT_PAIRS), ({"assistant_only_loss": True}, CHAT_PAIRS),
    ({"assistant_only_loss": True, "completion_only_loss": False}, CHAT_PAIRS),
    ({"assistant_only_loss": True}, TEXT),
    ({"packing": True, "max_length": 32}, TEXT + [{"text": "the mat"}, {"text": "four apples"}]),
    ({"packing": True, "max_length": 16}, TEXT + [{"text": "the mat"}, {"text": "four apples"}]),
    ({"packing": True, "max_length": 16, "packing_strategy": "wrapped"}, TEXT),
    ({"packing": True, "max_length": 64}, CHAT_PAIRS + CHAT_PAIRS),
]
NAMES = {"max_length": "maxLength", "truncation_mode": "truncationMode", "completion_only_loss": "completionOnlyLoss",
         "assistant_only_loss": "assistantOnlyLoss", "packing": "packing", "packing_strategy": "packingStrategy"}


def prepare(options, lines):
    with tempfile.TemporaryDirectory() as folder:
        try:
            trainer = SFTTrainer(
                model=load(FOLDER), processing_class=AutoTokenizer.from_pretrained(FOLDER), train_dataset=Dataset.from_list(lines),
                args=SFTConfig(folder, **{"max_length": None, **options}, report_to="none", use_cpu=True, bf16=False))
        except (RuntimeError, ValueError) as error:
            return {"error": str(error)}
        rows = [{"ids": row["input_ids"], "labels": row["labels"], **({"lengths": row["seq_lengths"]} if "seq_lengths" in row else {})}
                for row in trainer.train_dataset]
    return {"rows": rows}


def main():
    cases = []
    for options, lines in CASES:
        result = prepare(options, lines)
        print(options, result.get("error") or [(len(r["ids"]), sum(label != -100 for label in r["labels"]), r.get("lengths")) for r in result["rows"]])
        cases.append({"options": {NAMES[key]: value for key, value in options.items()}, "lines": lines, **result})
    write_json(FIXTURES / "sft" / "cases.json", {"cases": cases})


main()
