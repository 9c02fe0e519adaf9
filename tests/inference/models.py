"""
Small models with random weights, made on the spot: one of each kind of memory that llama.cpp has.

    tiny        llama: every slot remembers every position
    sliding     gemma3: most layers see a window only, and forget what has left it
    recurrent   mamba: one state, no way back
    hybrid      jamba: both kinds of layers
    embedding   bert: no memory; makes vectors
    packed      llama, with matrices in Q4_1; as qwen2 and qwen3 too

They answer nonsense, always the same. A token of text is one byte, but for a few pairs.
"""

from pathlib import Path

import gguf
import numpy as np

CONTEXT = 512
WIDTH, INNER, LAYERS, HEADS, HEADS_KV, HEAD = 64, 128, 2, 2, 1, 32  # quantised memory: by 32
WINDOW = 16
STATE, CONVOLUTION, RANK = 16, 4, 4
PAIRS = [("t", "h"), ("a", "n"), ("i", "n"), ("Ġ", "t"), ("e", "r")]
BOS, END, START = "<|begin|>", "<|im_end|>", "<|im_start|>"
KINDS = ("tiny", "sliding", "recurrent", "hybrid", "embedding")
PACKED = ("packed", "packed qwen2", "packed qwen3")


def make(kind: str, path: Path) -> Path:
    """Writes the model of that kind."""
    architecture = {
        "tiny": "llama",
        "sliding": "gemma3",
        "recurrent": "mamba",
        "hybrid": "jamba",
        "embedding": "bert",
        "packed": "llama",
        "packed qwen2": "qwen2",
        "packed qwen3": "qwen3",
    }[kind]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(f"test {kind}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_layer_norm_rms_eps(1e-5)
    size = _word_pieces(writer) if kind == "embedding" else _byte_pairs(writer)
    _Weights(writer, size, architecture).add(kind.split()[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def unpacked(packed: Path, path: Path) -> Path:
    """The same model with what its matrices are worth in single precision."""
    reader = gguf.GGUFReader(packed)
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, inner[-1] if inner else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type).copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def byte_names() -> list[str]:
    """How byte-level vocabularies write each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def _byte_pairs(writer: gguf.GGUFWriter) -> int:
    tokens = [*byte_names(), *(left + right for left, right in PAIRS), BOS, END, START]
    control = gguf.TokenType.CONTROL
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 3) + [control] * 3
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in PAIRS])
    writer.add_bos_token_id(tokens.index(BOS))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(True)
    return len(tokens)


def _word_pieces(writer: gguf.GGUFWriter) -> int:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    control = len(tokens)
    tokens += [f"▁{letter}" for letter in letters] + list(letters)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * control + [1] * (len(tokens) - control))
    writer.add_token_type_count(1)
    for name, token in (("pad", 0), ("unk", 1), ("bos", 2), ("sep", 3), ("mask", 4)):
        getattr(writer, f"add_{name}_token_id")(token)
    writer.add_eos_token_id(3)
    return len(tokens)


class _Weights:
    """Random, the same each time; large enough that the model has opinions."""

    def __init__(self, writer: gguf.GGUFWriter, vocabulary: int, architecture: str) -> None:
        self._writer = writer
        self._vocabulary = vocabulary
        self._architecture = architecture
        self._is_packed = False
        self._random = np.random.default_rng(7)

    def add(self, kind: str) -> None:
        self._matrix("token_embd.weight", self._vocabulary, WIDTH, scale=1.0)
        getattr(self, f"_{kind}")()

    def _matrix(self, name: str, *shape: int, scale: float | None = None) -> None:
        spread = scale if scale is not None else 1.5 / np.sqrt(shape[-1])
        values = self._random.normal(0, spread, shape).astype(np.float32)
        if self._is_packed and name.startswith("blk."):
            packed = gguf.quantize(values, gguf.GGMLQuantizationType.Q4_1)
            self._writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
        else:
            self._writer.add_tensor(name, values)

    def _ones(self, name: str, size: int) -> None:
        values = 1 + self._random.normal(0, 0.1, size)
        self._writer.add_tensor(name, values.astype(np.float32))

    def _zeros(self, name: str, size: int) -> None:
        self._writer.add_tensor(name, np.zeros(size, np.float32))

    def _attention(self, layer: int, *, kv: int = HEADS_KV) -> None:
        self._matrix(f"blk.{layer}.attn_q.weight", HEADS * HEAD, WIDTH)
        self._matrix(f"blk.{layer}.attn_k.weight", kv * HEAD, WIDTH)
        self._matrix(f"blk.{layer}.attn_v.weight", kv * HEAD, WIDTH)
        self._matrix(f"blk.{layer}.attn_output.weight", WIDTH, HEADS * HEAD)

    def _feed_forward(self, layer: int) -> None:
        self._ones(f"blk.{layer}.ffn_norm.weight", WIDTH)
        self._matrix(f"blk.{layer}.ffn_gate.weight", INNER, WIDTH)
        self._matrix(f"blk.{layer}.ffn_up.weight", INNER, WIDTH)
        self._matrix(f"blk.{layer}.ffn_down.weight", WIDTH, INNER)

    def _heads(self, kv: int | list[int] = HEADS_KV) -> None:
        self._writer.add_head_count(HEADS)
        self._writer.add_head_count_kv(kv)

    def _output(self) -> None:
        self._ones("output_norm.weight", WIDTH)
        self._matrix("output.weight", self._vocabulary, WIDTH)

    def _tiny(self) -> None:
        self._heads()
        self._writer.add_rope_dimension_count(HEAD)
        for layer in range(LAYERS):
            self._ones(f"blk.{layer}.attn_norm.weight", WIDTH)
            self._attention(layer)
            self._feed_forward(layer)
        self._output()

    def _packed(self) -> None:
        self._is_packed = True
        self._tiny()
        for layer in range(LAYERS):
            if self._architecture == "qwen2":
                for name, size in (("q", HEADS * HEAD), ("k", HEADS_KV * HEAD), ("v", HEADS_KV * HEAD)):
                    self._zeros(f"blk.{layer}.attn_{name}.bias", size)
            if self._architecture == "qwen3":
                for name in ("attn_q_norm", "attn_k_norm"):
                    self._ones(f"blk.{layer}.{name}.weight", HEAD)

    def _sliding(self) -> None:
        self._heads()
        self._writer.add_key_length(HEAD)
        self._writer.add_value_length(HEAD)
        self._writer.add_sliding_window(WINDOW)
        self._writer.add_sliding_window_pattern(2)
        for layer in range(LAYERS):
            for name in ("attn_norm", "post_attention_norm", "post_ffw_norm"):
                self._ones(f"blk.{layer}.{name}.weight", WIDTH)
            for name in ("attn_q_norm", "attn_k_norm"):
                self._ones(f"blk.{layer}.{name}.weight", HEAD)
            self._attention(layer)
            self._feed_forward(layer)
        self._output()

    def _state_space(self, layer: int) -> None:
        inner = 2 * WIDTH
        prefix = f"blk.{layer}.ssm"
        self._matrix(f"{prefix}_in.weight", 2 * inner, WIDTH)
        self._matrix(f"{prefix}_conv1d.weight", inner, CONVOLUTION)
        self._zeros(f"{prefix}_conv1d.bias", inner)
        self._matrix(f"{prefix}_x.weight", RANK + 2 * STATE, inner)
        self._matrix(f"{prefix}_dt.weight", inner, RANK)
        self._zeros(f"{prefix}_dt.bias", inner)
        decay = -np.tile(np.arange(1, STATE + 1, dtype=np.float32), (inner, 1))
        self._writer.add_tensor(f"{prefix}_a", decay)
        self._ones(f"{prefix}_d", inner)
        self._matrix(f"{prefix}_out.weight", WIDTH, inner)

    def _state_space_sizes(self) -> None:
        self._writer.add_ssm_conv_kernel(CONVOLUTION)
        self._writer.add_ssm_inner_size(2 * WIDTH)
        self._writer.add_ssm_state_size(STATE)
        self._writer.add_ssm_time_step_rank(RANK)

    def _recurrent(self) -> None:
        self._state_space_sizes()
        for layer in range(LAYERS):
            self._ones(f"blk.{layer}.attn_norm.weight", WIDTH)
            self._state_space(layer)
        self._output()

    def _hybrid(self) -> None:
        self._state_space_sizes()
        self._heads([0, HEADS_KV])
        for layer in range(LAYERS):
            self._ones(f"blk.{layer}.attn_norm.weight", WIDTH)
            if layer == 0:
                self._state_space(layer)
                for name, size in (("dt", RANK), ("b", STATE), ("c", STATE)):
                    self._ones(f"blk.{layer}.ssm_{name}_norm.weight", size)
            else:
                self._attention(layer)
            self._feed_forward(layer)
        self._output()

    def _embedding(self) -> None:
        self._writer.add_head_count(HEADS)
        self._writer.add_layer_norm_eps(1e-5)
        self._writer.add_causal_attention(False)
        self._writer.add_pooling_type(gguf.PoolingType.MEAN)
        self._matrix("position_embd.weight", CONTEXT, WIDTH, scale=0.3)
        self._matrix("token_types.weight", 1, WIDTH, scale=0.1)
        self._norm("token_embd_norm")
        for layer in range(LAYERS):
            self._attention(layer, kv=HEADS)
            self._norm(f"blk.{layer}.attn_output_norm")
            self._matrix(f"blk.{layer}.ffn_up.weight", INNER, WIDTH)
            self._matrix(f"blk.{layer}.ffn_down.weight", WIDTH, INNER)
            self._norm(f"blk.{layer}.layer_output_norm")

    def _norm(self, name: str) -> None:
        self._ones(f"{name}.weight", WIDTH)
        self._zeros(f"{name}.bias", WIDTH)
