"""Writes test/fixtures/gguf/: a tiny llama GGUF of mixed types and the tensors that transformers reads from it.

tiny.gguf is made with the gguf package from models/default (q and k in GGUF's row order, tied head);
expected.safetensors holds transformers' state dict of it in float32.
"""
import gguf
import numpy as np
from gguf.quants import quantize
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from common import FIXTURES, load

TYPES = [gguf.GGMLQuantizationType[name] for name in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")]
PARTS = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def gguf_rows(weight, heads):
    """GGUF's order: the two halves of each head's rows interleaved."""
    return weight.reshape(heads, 2, -1, weight.shape[-1]).swapaxes(1, 2).reshape(weight.shape)


def main():
    model = load(FIXTURES / "models" / "default")
    config = model.config
    folder = FIXTURES / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}

    def add(name, values, kind):
        writer.add_tensor(name, quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)

    add("token_embd.weight", state["model.embed_tokens.weight"], gguf.GGMLQuantizationType.Q8_0)
    add("output_norm.weight", state["model.norm.weight"], gguf.GGMLQuantizationType.F32)
    index = 0
    for layer in range(config.num_hidden_layers):
        for module, part in PARTS.items():
            values = state[f"model.layers.{layer}.{module}.weight"]
            heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(part)
            kind = gguf.GGMLQuantizationType.F32 if values.ndim == 1 else TYPES[index % len(TYPES)]
            index += values.ndim > 1
            add(f"blk.{layer}.{part}.weight", gguf_rows(values, heads) if heads else values, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file="tiny.gguf", dtype="float32").state_dict()
    read.pop("lm_head.weight")
    save_file({name: tensor.contiguous() for name, tensor in read.items()}, folder / "expected.safetensors", {"format": "pt"})


main()
