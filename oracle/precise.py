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
    epsilon = torch.tensor(self.variance_epsilon, dtype=self.constants).double()
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))


def _rotary(self, x, position_ids):
    frequencies, factor = inverse_frequencies(self.config)
    angles = position_ids[:, :, None].to(self.constants) * frequencies.to(self.constants)
    angles = torch.cat((angles, angles), dim=-1).double()
    return [(table * factor).to(self.constants).double() for table in (angles.cos(), angles.sin())]


def to_float64(model, constants=torch.float64):
    """Converts a Llama model (also one wrapped by PEFT) in place; returns it. With float32 `constants` the rotary
    tables and the norms' epsilon are the ones that a float32 model has, and only the arithmetic is exact."""
    model.double()
    for module in model.modules():
        if isinstance(module, LlamaRMSNorm):
            module.forward, module.constants = _norm.__get__(module), constants
        elif isinstance(module, LlamaRotaryEmbedding):
            module.forward, module.constants = _rotary.__get__(module), constants
    return model
