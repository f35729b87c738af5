"""Writes test/fixtures/models/chat/: a tiny random Llama with a byte-level BPE tokenizer of its own and a ChatML
template with generation blocks, for tests that start from text. expected.json: `rows` with texts or messages,
their ids (no generation prompt) and logprobs in float32 and float64, and greedy continuations of 12 tokens after
a generation prompt, with the smallest gap between the two highest logits on the way.
"""
import shutil

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from common import FIXTURES, generator, write_json
from generate import greedy
from real import load, logprobs

FOLDER = FIXTURES / "models" / "chat"
TEMPLATE = """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}\
{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}\
{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
CORPUS = ["the cat sat on the mat and the other cat sat there too", "what is the sum of two and two? the sum is four",
          "user asks, assistant answers; system sets the tone", "there are seven apples in the basket, and nine in the other one"]
MESSAGES = [
    [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "The sum is 4."}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Où est le chat?"},
     {"role": "assistant", "content": "On the mat."}, {"role": "user", "content": "And the other?"}],
]
TEXTS = ["The cat sat there.", "seven  apples\n\tnaïve 東京 🙂"]


def words():
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
                                   chat_template=TEMPLATE, model_max_length=256)


@torch.no_grad()
def margin(model, prompt, new):
    first, second = model(torch.tensor([prompt + new])).logits[0, len(prompt) - 1 : -1].topk(2, -1).values.unbind(-1)
    return (first - second).min().item()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    tokenizer = words()
    tokenizer.save_pretrained(FOLDER)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=True,
                         bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model, source = LlamaForCausalLM(config), generator("chat")
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=source)
        parameter.data.copy_(1 + 0.2 * noise if "norm" in name else 0.2 * noise)
    model.save_pretrained(FOLDER)

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    single, double = load(FOLDER), load(FOLDER, dtype="float64")
    rows = []
    for text in TEXTS:
        rows.append({"text": text, "ids": tokenizer(text)["input_ids"]})
    for messages in MESSAGES:
        render = lambda prompt: tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, return_dict=False)
        new = greedy(single, [render(True)], 12, 2, 0)[0]
        rows.append({"messages": messages, "rendered": tokenizer.apply_chat_template(messages, tokenize=False), "ids": render(False),
                     "promptIds": render(True), "newIds": new, "newText": tokenizer.decode(new, skip_special_tokens=True),
                     "margin": margin(double, render(True), new)})
    for row in rows:
        row["logprobs"] = {"float32": logprobs(single, row["ids"]), "float64": logprobs(double, row["ids"])}
        print({key: value for key, value in row.items() if key != "logprobs"})
    write_json(FOLDER / "expected.json", {"rows": rows})


if __name__ == "__main__":
    main()
