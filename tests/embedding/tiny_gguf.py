"""Writes an embedding model of a few kilobytes: real GGUF, real inference, senseless vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEADS, INNER, WINDOW = 32, 2, 64, 64
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = ["\u2581" + word for word in ("a", "spare", "key", "under", "the", "stone", "door")] + [chr(c) for c in range(97, 123)]


def write_model(path: Path) -> Path:
    """Write a one-layer BERT with mean pooling to `path`."""
    writer = gguf.GGUFWriter(str(path), "bert")
    _hyperparameters(writer)
    _vocabulary(writer)
    for name, shape in _tensors().items():
        noise = np.random.default_rng(len(name) + sum(shape)).normal(0, 0.3, shape)
        writer.add_tensor(name, noise.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _hyperparameters(writer: gguf.GGUFWriter) -> None:
    writer.add_name("tiny")
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(1)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _vocabulary(writer: gguf.GGUFWriter) -> None:
    tokens = [*_SPECIAL, *_WORDS]
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in _SPECIAL else normal for token in tokens])
    writer.add_token_type_count(2)
    for add, index in (
        (writer.add_pad_token_id, 0),
        (writer.add_unk_token_id, 1),
        (writer.add_bos_token_id, 2),
        (writer.add_sep_token_id, 3),
        (writer.add_eos_token_id, 3),
    ):
        add(index)


def _tensors() -> dict[str, tuple[int, ...]]:
    layer: dict[str, tuple[int, ...]] = {}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        layer |= {f"{name}.weight": (WIDTH, WIDTH), f"{name}.bias": (WIDTH,)}
    for name in ("attn_output_norm", "layer_output_norm"):
        layer |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    layer |= {"ffn_up.weight": (INNER, WIDTH), "ffn_up.bias": (INNER,)}
    layer |= {"ffn_down.weight": (WIDTH, INNER), "ffn_down.bias": (WIDTH,)}
    whole = {
        "token_embd.weight": (len(_SPECIAL) + len(_WORDS), WIDTH),
        "position_embd.weight": (WINDOW, WIDTH),
        "token_types.weight": (2, WIDTH),
        "token_embd_norm.weight": (WIDTH,),
        "token_embd_norm.bias": (WIDTH,),
    }
    return whole | {f"blk.0.{name}": shape for name, shape in layer.items()}
