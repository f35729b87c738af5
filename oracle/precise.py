"""Makes transformers' Llama compute in float64 throughout, so that it can judge float32 engines.

`model.double()` alone does not: RMSNorm, the rotary tables and the loss go through float32 whatever the
model's dtype is. Here the same formulas run in the dtype of their input, and inverse frequencies are
computed anew in float64.
"""
from unittest.mock import patch

import torch
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding


def inverse_frequencies(config, dtype=torch.float64):
    """(inverse frequencies [headDim / 2], attention factor) by transformers' own rules, computed in `dtype`."""
    kind = config.rope_parameters["rope_type"]
    rule = LlamaRotaryEmbedding.compute_default_rope_parameters if kind == "default" else ROPE_INIT_FUNCTIONS[kind]
    with patch.object(torch, "float", dtype), patch.object(torch, "float32", dtype):
        return rule(config, torch.device("cpu"))


def _norm(self, x):
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def _rotary(self, x, position_ids):
    frequencies, factor = inverse_frequencies(self.config)
    angles = position_ids[:, :, None].double() * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos() * factor, angles.sin() * factor


def to_float64(model):
    """Converts a Llama model (also one wrapped by PEFT) in place; returns it."""
    model.double()
    for module in model.modules():
        if isinstance(module, LlamaRMSNorm):
            module.forward = _norm.__get__(module)
        elif isinstance(module, LlamaRotaryEmbedding):
            module.forward = _rotary.__get__(module)
    return model
