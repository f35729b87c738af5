"""Writes test/fixtures/positionBiases.json: transformers' ALiBi slopes, T5's relative position buckets, and one layer of each
in float64 (Bloom's softmax in float32): `weights`, hidden states `x` [2, T, D], outputs `y` of causal (T5: also
bidirectional) attention, and gradients of sum(y cos 0, cos 1, …) by x and, for T5, by the table.
"""
import torch
from transformers import BloomConfig, T5Config
from transformers.models.bloom.modeling_bloom import BloomAttention, build_alibi_tensor
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

from common import FIXTURES, generator, write_json

T = 9


def slopes(heads):
    found = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float32)[:, 0, 1]
    mpt = build_mpt_alibi_tensor(heads, 2, 8).flatten(1)
    assert torch.allclose(found, mpt[:, 1] - mpt[:, 0], rtol=1e-6), heads
    return found.tolist()


def buckets(bidirectional, count, longest):
    places = torch.arange(-300, 301)
    found = T5Attention._relative_position_bucket(places, bidirectional, count, longest)
    return {"bidirectional": bidirectional, "buckets": count, "maxDistance": longest, "from": -300, "ids": found.tolist()}


def randomise(module, name):
    source = generator(name)
    for parameter in module.parameters():
        parameter.data.copy_(0.4 * torch.randn(parameter.shape, generator=source, dtype=torch.float64))


def record(module, x, run, wrt):
    x = x.clone().requires_grad_()
    y = run(x)
    (y.flatten() * torch.cos(torch.arange(y.numel(), dtype=torch.float64))).sum().backward()
    weights = {name: parameter.tolist() for name, parameter in module.named_parameters()}
    gradients = {name: parameter.grad.tolist() for name, parameter in module.named_parameters() if name == wrt}
    return {"weights": weights, "x": x.tolist(), "y": y.tolist(), "gradients": {"x": x.grad.tolist(), **gradients}}


def hidden(width):
    return torch.randn((2, T, width), generator=generator(f"x{width}"), dtype=torch.float64)


def causal(dtype=torch.float64):
    return torch.full((T, T), -torch.inf, dtype=dtype).triu(1)[None, None]


def bloom():
    heads, width = 6, 12
    layer = BloomAttention(BloomConfig(hidden_size=width, n_head=heads, hidden_dropout=0, attention_dropout=0), layer_idx=0).double()
    randomise(layer, "bloom")
    alibi = build_alibi_tensor(torch.ones(2, T, dtype=torch.long), heads, torch.float64)
    return {"heads": heads, **record(layer, hidden(width), lambda x: layer(x, torch.zeros_like(x), alibi, causal())[0], None)}


def t5(decoder):
    config = T5Config(d_model=8, d_kv=4, num_heads=3, relative_attention_num_buckets=8, relative_attention_max_distance=7,
                      is_decoder=decoder, dropout_rate=0)
    config._attn_implementation = "eager"
    layer = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).double()
    randomise(layer, f"t5 {decoder}")
    mask = causal() if decoder else None
    return {"heads": 3, "buckets": 8, "maxDistance": 7, "bidirectional": not decoder,
            **record(layer, hidden(8), lambda x: layer(x, mask=mask)[0], "relative_attention_bias.weight")}


write_json(FIXTURES / "positionBiases.json", {
    "slopes": {heads: slopes(heads) for heads in (1, 2, 3, 4, 6, 8, 12, 16, 20)},
    "buckets": [buckets(both, count, longest) for both in (False, True) for count, longest in ((32, 128), (16, 50), (8, 7))],
    "alibi": bloom(), "relative": t5(True), "relativeBoth": t5(False)})
