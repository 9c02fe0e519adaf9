"""Model files that hold nothing but what their header says."""

import struct


def write_header(path, *, weights=1 << 20, **values):
    """A GGUF file (version 3), of the architecture llama, with these numbers and `weights` empty bytes."""
    numbers = {
        "context_length": 2048,
        "embedding_length": 64,
        "block_count": 2,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "feed_forward_length": 128,
        "vocab_size": 256,
    } | values
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(numbers) + 1))
        file.write(_text("general.architecture") + struct.pack("<I", 8) + _text("llama"))
        for name, number in numbers.items():
            file.write(_text(f"llama.{name}") + struct.pack("<II", 4, number))
        file.truncate(file.tell() + weights)
    return path


def _text(text):
    return struct.pack("<Q", len(text)) + text.encode()
