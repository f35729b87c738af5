"""Token ids, rendered chats, supervised rows and packings as transformers, TRL and Jinja make them.

Run: python oracle/text.py [model folder with the real tokenizer]. Writes test/fixtures/text/.
"""

import json
import os
import random
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures", "text")
os.makedirs(OUT, exist_ok=True)

LINES = [
    "The quick brown fox jumps over the lazy dog.",
    "She sells sea shells by the sea shore, doesn't she?",
    "Größe, naïve café, Übermut; 北京 東京 서울; привет мир; ١٢٣",
    "def add(a, b):\n    return a + b\n\n\tprint(add(1, 22), 333)",
    "user system assistant tool Hello there! What is 2 + 2? It is 4.",
    "😀 👩‍👩‍👧 e\u0301 \u00a0 \u2028 \u200b",
] * 3

HARD = [
    "", " ", "  ", "\n", "\n\n\n", "\t\ttabs\t", "   leading and trailing   ", "a  b   c    d",
    "line\r\nline\rline\x0bx\x0cy\x85z\u2028w\u2029v", "nbsp\u00a0here\u00a0\u00a0there\u3000wide", "\ufeffbom", "\u200bzero\u200bwidth\u200d",
    "Ünïcödé e\u0301 é \u1e9b\u0323 ﬁ ﷺ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 😀👩‍👩‍👧‍👦🇨🇭👍🏽", "北京 東京 서울 ไทย हिन्दी العربية עברית", "1234567890 12.5e-3 ١٢٣ ½ ² Ⅳ",
    "don't I'LL we've SHE'D 's 'S ’s it'sn't", "<|im_start|>user\nhi<|im_end|>", "a<|im_end|>b", "<|im_end|>  <|im_end|>\n<|im_start|>",
    "<|im_end", "<|im_end|><|im_end|>", " <|im_start|> ", "</s><s> <s></s>", "<unk><pad>", "x" * 300, "ab" * 100, "=" * 77 + "\n" + "-" * 33, "$%^&*()_+{}|:\"<>?~`",
    "\x00\x01\x1f\x7f", "foo_bar fooBar FOO_BAR foo.bar(baz)[0]", "a\n\n  b\n \n  c  \n", "▁▁under▁score", " ▁ x", "<0x41><0xE2>", "\ud7ff\ue000\uffff",
]

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GENERATION = (
    "{%- for message in messages %}\n"
    "    {%- if message.role == 'assistant' %}\n"
    "        {{- '<|im_start|>assistant\n' }}{% generation %}{{ message.content }}{{ '<|im_end|>' }}{% endgeneration %}{{ '\n' }}\n"
    "    {%- else %}\n"
    "        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\n' }}\n"
    "{%- endif %}\n"
)


def byte_level():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tok.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tok.train_from_iterator(LINES, trainer)
    return tok, dict(bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>", unk_token="<|endoftext|>")


def llama3_like():
    tok = Tokenizer(models.BPE(ignore_merges=True))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tok.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tok.train_from_iterator(LINES, trainer)
    tok.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])]
    )
    return tok, dict(bos_token="<s>", eos_token="<|im_end|>")


def sentencepiece_like():
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)]
    )
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=460, special_tokens=special, limit_alphabet=60, show_progress=False)
    tok.train_from_iterator(LINES[:2] * 5, trainer)
    data = json.loads(tok.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    tok = Tokenizer.from_str(json.dumps(data))
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tok, dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def word_piece():
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tok.normalizer = normalizers.BertNormalizer()
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tok.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
    tok.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tok, dict(cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]")


def save(name, data):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump(data, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


def fast(tok, names):
    return PreTrainedTokenizerFast(tokenizer_object=tok, clean_up_tokenization_spaces=False, **names)


def cases(tokenizer):
    out = []
    for text in HARD:
        ids = tokenizer(text)["input_ids"]
        out.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "plain": tokenizer.decode(ids, skip_special_tokens=True)})
    return out


CHATS = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there! 😀"}],
    [{"role": "system", "content": "Rules:\n- be brief"}, {"role": "user", "content": " What is 2 + 2? "}, {"role": "assistant", "content": "4"},
     {"role": "user", "content": "Größe?"}, {"role": "assistant", "content": " e\u0301 is 北京\n"}],
    [{"role": "user", "content": "no answer"}],
    [{"role": "user", "content": "𝔘?"}, {"role": "assistant", "content": "😀"}, {"role": "user", "content": "👍🏽"}, {"role": "assistant", "content": "a👩‍👩‍👧b 𝔘"}],
    [{"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": ""}],
]


def chats(tokenizer, template, masks):
    out = []
    for messages in CHATS:
        for prompt in (False, True):
            text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=prompt)
            row = tokenizer.apply_chat_template(
                messages, chat_template=template, add_generation_prompt=prompt, return_dict=True, return_assistant_tokens_mask=masks
            )
            out.append({"messages": messages, "addGenerationPrompt": prompt, "text": text, "ids": row["input_ids"]})
            if masks:
                out[-1]["mask"] = row["assistant_masks"]
    return out


TEMPLATES = [
    ("tojson", "{{ x | tojson }}|{{ x | tojson(indent=2) }}|{{ x | tojson(ensure_ascii=true, sort_keys=true) }}|{{ x|tojson(separators=(',', ':')) }}"),
    ("print", "{{ x }}|{{ x.f ~ x.i ~ x.n ~ x.b ~ x.l }}|{{ x.l | join(', ') }}|{{ x.s | string | length }}|{{ x.i | string }}"),
    ("loops", "{% for i in range(5) %}\n  {%- if i == 1 %}one{% continue %}{% endif %}\n  {%- if i == 3 %}three{% break %}{% endif %}\n  ({{ i }},{{ loop.index }},{{ loop.last }})\n{% endfor %}\nend"),
    ("scopes", "{% set ns = namespace(n=0) %}{% for i in range(3) %}{% if seen is defined %}again{% endif %}{% set seen = 1 %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ seen is defined }}"),
    ("strings", "{{ '\n a b \n'.strip('\n') }}|{{ '  x '.lstrip() }}|{{ 'xxabxx'.rstrip('x') }}|{{ 'hELLO' | capitalize }}|{{ 'a,b,c'.split(',')[-1] }}|{{ ' t '|trim }}|{{ 'abc'.find('c') }}|{{ 'a b'|title }}|{{ 'x'.upper() }}"),
    ("compare", "{{ '1' == 1 }}{{ 1 == 1.0 }}{{ [] == [] }}{{ '' == false }}{{ none == undefined }}{{ [1, [2]] == [1, [2]] }}{{ 1 in [true] }}{{ 'b' in 'abc' }}{{ 'k' in {'k': 1} }}{{ -7 % 3 }}{{ 7 // 2 }}{{ 7 / 2 }}"),
    ("macros", "{% macro m(a, b=2) %}\n[{{ a }}-{{ b }}]\n{% endmacro %}\n{{ m(1) }}{{ m(1, b='z') }}{% set t %}cap{{ m(0) }}{% endset %}{{ t | upper }}{% macro w() %}<{{ caller() }}>{% endmacro %}{% call w() %}in{% endcall %}"),
    ("blocks", "a\n  {% if true %}\n  b\n  {% endif %}\nc {# note #}\n{#- gone -#}\n d {{- ' e ' -}} f\n"),
    ("defaults", "{{ missing }}|{{ missing | default('d') }}|{{ '' | default('e', true) }}|{{ missing is defined }}|{{ missing | length }}|{% for i in missing %}x{% else %}none{% endfor %}|{{ x.get('zz', 'fallback') }}|{{ x.missing is none }}"),
    ("tools", "{% for t in tools %}{{ t | tojson }}\n{% endfor %}{% for k, v in x.items() %}{{ k }}={{ v }};{% endfor %}{{ x.l | length }}{{ x.l[1:] }}{{ x.l[::-1] }}{{ x.s[0] }}"),
    ("select", "{{ x.m | selectattr('t', 'equalto', 'a') | list | length }}{{ x.m | rejectattr('t') | map(attribute='v') | join('+') }}{{ x.s | selectattr('t', 'equalto', 'a') | list }}{{ x.l | upper }}{{ 'AbC' | lower }}"),
    ("carriage", "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r"),
    ("ternary", "{{ 'a' if x.b else 'b' }}{{ 'c' if x.n }}{{ (x.i + 1) * 2 }}{{ not x.b }}{{ x.n is none and x.s is string }}{{ x.l is iterable }}{{ x is mapping }}{{ x.f is number }}"),
]
VARIABLES = (
    '{"x": {"f": 1.0, "i": 3, "n": null, "b": true, "l": [1, 2.5, "ü", null], "s": "\\u00e9\\"\'<&>\\u2028\\u007f", "e": 1e-07, "g": 1e16, "h": 123456789012345678901,'
    ' "k": 0.1, "z": -0.0, "empty": [], "none": {}, "w": 1e22, "q": 5e-324, "p": 100000.0, "m": [{"t": "a", "v": 1}, {"t": "b"}, {"v": 2.0}]}, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"minimum": 1.0, "default": 1e-07, "title": "Größe"}}}]}'
)


def templates():
    out = []
    for name, template in TEMPLATES:
        variables = json.loads(VARIABLES)
        tools = variables.pop("tools")
        text = render_jinja_template([[{"role": "user", "content": "x"}]], tools=tools, chat_template=template, **variables)[0][0]
        out.append({"name": name, "template": template, "text": text})
    return {"variables": VARIABLES, "cases": out}


if __name__ == "__main__":
    # the trainers break ties by chance: a tokenizer that is made anew may differ, with all of its cases
    made = {"bytes": byte_level(), "llama3": llama3_like(), "sentencepiece": sentencepiece_like(), "wordpiece": word_piece()}
    for name, (tok, names) in made.items():
        tokenizer = fast(tok, names)
        config = dict(names, tokenizer_class="PreTrainedTokenizerFast", clean_up_tokenization_spaces=False)
        data = {"tokenizer": json.loads(tok.to_str()), "config": config, "cases": cases(tokenizer)}
        if name in ("bytes", "llama3"):
            data["chat"] = {"template": CHATML, "cases": chats(tokenizer, CHATML, False)}
            data["generation"] = {"template": GENERATION, "cases": chats(tokenizer, GENERATION, True)}
        save(f"tokenizer-{name}.json", data)
    save("templates.json", templates())
    if len(sys.argv) > 1:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(sys.argv[1])
        generation = {"template": GENERATION, "cases": chats(tokenizer, GENERATION, True)}
        save("smollm2.json", {"cases": cases(tokenizer), "chat": chats(tokenizer, None, False), "generation": generation})
