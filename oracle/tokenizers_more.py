"""Writes test/fixtures/text/tokenizers-more.json (further kinds of tokenizers on hard strings and pairs, as transformers has them)
and templates-real.json (published chat templates, as TRL ships them, on chats with tools and tool calls)."""
import json
from pathlib import Path

import trl
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils.chat_template_utils import render_jinja_template

from text import HARD, LINES, fast, save

BYTES = pre_tokenizers.ByteLevel.alphabet()
MORE = HARD + ["\u0627\u0644\u0633\u0644\u0627\u0645 \u202eabc\u202c \u05e9\u05dc\u05d5\u05dd", "e\u0301e\u0301\u0327 a\u0308", "\u1100\u1161\u11a8", "caf\u00e9 CAF\u00c9 stra\u00dfe \u0130stanbul",
               "🏴󠁧󠁢󠁥󠁮󠁧󠁿👨‍👩‍👧‍👦🇺🇸❤️‍🔥", "a\u0000b\u0007c", "\u2003em\u2003space\u2009thin", "tab\tnew\r\n\r\n  end  ", "[MASK] the[MASK]cat  [MASK]  . <mask> x <mask>y",
               "x <tool> y<tool>z  <tool>  ", "UPPER<Tool> upper", "!!!???...---___", "http://a.b/c?d=e&f=%20#g", "😀\u200d", "ＦＵＬＬ　ｗｉｄｔｈ", "１２３ ㈱ ﬀ"]
PAIRS = [("The quick", "brown fox"), (" a ", "b\n"), ("x" * 5, "北京"), ("", "only second"), ("first only", "")]


def bpe(special, size=380, **options):
    tok = Tokenizer(models.BPE(**options))
    return tok, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=BYTES, show_progress=False)


def roberta():
    tok, trainer = bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(LINES, trainer)
    tok.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tok, dict(bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>",
                     mask_token=AddedToken("<mask>", lstrip=True, special=True))


def prefix_space():
    tok, trainer = bpe(["<|endoftext|>"])
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    tok.train_from_iterator(LINES, trainer)
    return tok, dict(bos_token="<|endoftext|>", eos_token="<|endoftext|>")


def qwen2():
    tok, trainer = bpe(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    tok.train_from_iterator(LINES, trainer)
    return tok, dict(eos_token="<|im_end|>", pad_token="<|endoftext|>")


def sentencepiece(kind):
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if kind == "gemma":
        tok.normalizer = normalizers.Replace(" ", "▁")
        tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    else:
        tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
        tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)])
    special = ["<pad>", "<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, limit_alphabet=60, show_progress=False)
    tok.train_from_iterator([line.replace(" ", "▁") if kind == "gemma" else line for line in LINES[:2] * 5], trainer)
    data = json.loads(tok.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    tok = Tokenizer.from_str(json.dumps(data))
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 2)])
    return tok, dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


def cased():
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tok.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tok.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=250, special_tokens=special, show_progress=False))
    tok.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tok, dict(cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]")


def added():
    """Tokens that take the space beside them, that are found in normalised text, and words only."""
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tok.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tok.train_from_iterator([line.lower() for line in LINES], trainers.WordPieceTrainer(vocab_size=220, special_tokens=special, show_progress=False))
    tok.add_special_tokens([AddedToken("[MASK]", lstrip=True, rstrip=True, normalized=False), AddedToken("<mask>", rstrip=True, normalized=False)])
    tok.add_tokens([AddedToken("<tool>", normalized=True), AddedToken("shore", normalized=True)])
    return tok, dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")


def unigram():
    pieces = [("<unk>", 0.0), ("▁", -2.0), ("▁the", -3.0), ("the", -4.0), ("qu", -4.5), ("ick", -4.6), ("▁quick", -5.0), ("▁b", -4.0), ("rown", -5.0)]
    pieces += [(c, -6.0 - i / 100) for i, c in enumerate("abcdefghijklmnopqrstuvwxyz0123456789.,!?'")]
    tok = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tok.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tok.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tok.add_special_tokens(["<s>", "</s>"])
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", tok.token_to_id("</s>"))])
    return tok, dict(eos_token="</s>", unk_token="<unk>")


KINDS = {"roberta": roberta, "prefix space": prefix_space, "qwen2": qwen2, "gemma": lambda: sentencepiece("gemma"),
         "mistral": lambda: sentencepiece("mistral"), "cased": cased, "added": added, "unigram": unigram}

CALL = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 2, "exact": 1.0}}}]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Weather \"now\" & later", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "description": "a <city>"}, "days": {"type": "integer"}}, "required": ["city"]}}}]
CHATS = [
    {"messages": [{"role": "user", "content": " Hi 😀 "}, {"role": "assistant", "content": "Hello\n"}, {"role": "user", "content": "2 + 2?"}], "prompt": True},
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}], "prompt": False},
    {"messages": [{"role": "user", "content": "Weather?"}, CALL, {"role": "tool", "name": "weather", "content": "{\"sun\": true}"}, {"role": "assistant", "content": "Sun."}], "tools": True, "prompt": False},
    {"messages": [{"role": "assistant", "content": "I begin"}, {"role": "assistant", "content": "and go on"}], "prompt": True},
]
NAMES = ["qwen2_5", "qwen2_5_training", "qwen3", "qwen3_training", "llama3", "llama3_1", "llama3_training", "gemma3", "gemma3_training", "phi3", "deepseekv3", "gptoss"]


def real_templates():
    folder = Path(trl.__file__).parent / "chat_templates"
    made = []
    for name in NAMES:
        path = folder / f"{name}.jinja"
        if not path.exists():
            continue
        source = path.read_text()
        cases = []
        for chat in CHATS:
            given = dict(tools=TOOLS if chat.get("tools") else None, add_generation_prompt=chat["prompt"], bos_token="<s>", eos_token="</s>")
            try:
                text, spans = render_jinja_template([chat["messages"]], chat_template=source, return_assistant_tokens_mask="generation" in source, **given)
                cases.append({"text": text[0], "spans": [list(span) for span in spans[0]] if spans and spans[0] else []})
            except Exception as error:
                cases.append({"error": str(error)})
        made.append({"name": name, "template": source, "cases": cases})
        print(name, [list(case) for case in cases])
    return {"chats": CHATS, "tools": TOOLS, "templates": made}


if __name__ == "__main__":
    kinds = []
    for name, make in KINDS.items():
        tok, names = make()
        tokenizer = fast(tok, names)
        texts = []
        for text in MORE:
            ids = tokenizer(text)["input_ids"]
            texts.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "plain": tokenizer.decode(ids, skip_special_tokens=True)})
        pairs = []
        for pair in PAIRS:
            made = tokenizer(*pair, return_token_type_ids=True)
            pairs.append({"pair": pair, "ids": made["input_ids"], "types": made["token_type_ids"]})
        config = {key: str(value) for key, value in names.items()} | {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
        kinds.append({"name": name, "tokenizer": json.loads(tokenizer.backend_tokenizer.to_str()), "config": config, "cases": texts, "pairs": pairs})
    save("tokenizers-more.json", {"kinds": kinds})
    save("templates-real.json", real_templates())
