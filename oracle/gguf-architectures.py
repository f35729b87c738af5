"""Writes test/fixtures/gguf/NAME.gguf: models/architectures/NAME as llama.cpp has them, made with the gguf package in BF16."""
import gguf
import numpy as np
from gguf.quants import quantize

from architectures import FOLDER, load
from common import FIXTURES

PARTS = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.q_norm": "attn_q_norm",
         "self_attn.k_norm": "attn_k_norm", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
GEMMA = {**PARTS, "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
         "post_feedforward_layernorm": "post_ffw_norm"}
GPT2 = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up",
        "mlp.c_proj": "ffn_down"}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "transformer.wte": "token_embd",
         "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm"}


def name_of(name, parts):
    module, kind = name.rsplit(".", 1)
    if module in OUTER:
        return f"{OUTER[module]}.{kind}"
    _, _, layer, part = module.split(".", 3)
    return f"blk.{layer}.{parts[part]}.{kind}"


def tensors(writer, model, parts, change):
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        kind = gguf.GGMLQuantizationType.F32 if value.ndim == 1 else gguf.GGMLQuantizationType.BF16
        writer.add_tensor(name_of(key, parts), quantize(np.ascontiguousarray(change(key, value.numpy())), kind), raw_dtype=kind)


def decoder(writer, config):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def qwen(writer, model):
    config = model.config
    decoder(writer, config)
    if config.model_type == "qwen3":
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    tensors(writer, model, PARTS, lambda _, value: value)


def gemma3(writer, model):
    """Every second of three layers sees all; scores are divided by the root of the heads' width, as llama.cpp has it."""
    config = model.config
    decoder(writer, config)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_sliding_window(config.sliding_window)
    writer.add_sliding_window_pattern(2)
    full, sliding = (config.rope_parameters[f"{kind}_attention"] for kind in ("full", "sliding"))
    writer.add_rope_freq_base(full["rope_theta"])
    writer.add_float32("gemma3.rope.freq_base_swa", sliding["rope_theta"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(full["factor"])
    tensors(writer, model, GEMMA, lambda key, value: value + 1 if key.endswith("norm.weight") else value)


def gpt2(writer, model):
    config = model.config
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(4 * config.n_embd)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    tensors(writer, model, GPT2, lambda key, value: value.T if ".h." in key and value.ndim == 2 else value)


for name, architecture, write in (("qwen2", "qwen2", qwen), ("qwen3", "qwen3", qwen), ("gemma3-old", "gemma3", gemma3), ("gpt2", "gpt2", gpt2)):
    writer = gguf.GGUFWriter(FIXTURES / "gguf" / f"{name}.gguf", architecture)
    write(writer, load(FOLDER / name))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
