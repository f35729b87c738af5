"""Writes test/fixtures/sampling.json: the law of the next token that transformers' logits processors leave, for one row of logits."""
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from common import FIXTURES, generator, write_json

CASES = {
    "temperature": {"temperature": 0.7},
    "top-k": {"topK": 5},
    "top-p": {"topP": 0.8},
    "min-p": {"minP": 0.2},
    "repetition penalty": {"repetitionPenalty": 1.4},
    "repetition bonus": {"repetitionPenalty": 0.7},
    "all at once": {"temperature": 1.3, "topK": 12, "topP": 0.9, "minP": 0.08, "repetitionPenalty": 1.2},
    "min-p of what top-p leaves": {"topP": 0.6, "minP": 0.5},
}


def law(logits, seen, options):
    steps = LogitsProcessorList()
    if "repetitionPenalty" in options:
        steps.append(RepetitionPenaltyLogitsProcessor(options["repetitionPenalty"]))
    if "temperature" in options:
        steps.append(TemperatureLogitsWarper(options["temperature"]))
    if "topK" in options:
        steps.append(TopKLogitsWarper(options["topK"]))
    if "topP" in options:
        steps.append(TopPLogitsWarper(options["topP"]))
    if "minP" in options:
        steps.append(MinPLogitsWarper(options["minP"]))
    return torch.softmax(steps(torch.tensor([seen]), logits[None].clone()), -1)[0].tolist()


def main():
    logits = 2 * torch.randn(32, generator=generator("sampling"))
    seen = [3, 7, 7, 20, 31]
    cases = [{"name": name, "options": options, "probabilities": law(logits, seen, options)} for name, options in CASES.items()]
    write_json(FIXTURES / "sampling.json", {"logits": logits.tolist(), "seen": seen, "cases": cases})


main()
