"""
Scores how much a text reads like an attack on the model: a linear model over `features`, no network, no
download. How it was trained and what it can and cannot do stands in MODEL.md beside this file.

A score is a probability in the model's own opinion; 0.5 is the shipped threshold. A long text is judged in
runs of 1, 2, 4 and 8 blocks, and the worst run counts, so that an attack in the middle of a book is not
drowned by the book.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sanitization.attacks.features import BUCKETS, SIGNALS, Block

RUNS = (1, 2, 4, 8)
# A sum of weights is divided by a power of how many there are: between a plain sum, which length alone makes
# extreme, and a mean, in which an attack drowns. 0.65 was the best of 0.5 to 0.8. The usual numbers keep the
# kinds of features to one scale in training.
DAMPING = 0.65
USUAL_CHARS, USUAL_WORDS = 300, 80
SIGNAL_SHARE = 0.5
MODEL = Path(__file__).with_name("model.npz")
_LEVELS = 127

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sums:
    """What a block adds to the score of every run that it is in."""

    chars: float
    words: float
    signals: float
    char_grams: int
    word_grams: int
    length: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run of blocks by the index of its first, how many they are, and its score from 0 to 1."""

    first: int
    size: int
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score of every run, and the best of them; 0 for an empty text."""

    runs: tuple[Run, ...]

    @property
    def best(self) -> float:
        return max((run.score for run in self.runs), default=0.0)


def damped(count: int, usual: int) -> float:
    """The weight of one of so many grams. A quarter of the usual number is the least that is counted on: a
    word or two prove nothing.
    """
    return float(usual ** (DAMPING - 0.5) * max(usual // 4, count) ** -DAMPING)


def signal_weight(length: int) -> float:
    """The weight of a signal in a text of so many words and marks."""
    return float(SIGNAL_SHARE / max(8, length) ** 0.5)


class Scorer:
    """Weights for buckets and signals, and a bias. Serves any number of threads."""

    def __init__(self, buckets: Weights, signals: Weights, bias: float) -> None:
        if buckets.shape != (BUCKETS,) or signals.shape != (len(SIGNALS),):
            raise ValueError("this model was trained for other features")
        self._buckets = buckets
        self._signals = [float(weight) for weight in signals]
        self._bias = bias

    @classmethod
    def of(cls, buckets: npt.ArrayLike, signals: npt.ArrayLike, bias: float) -> "Scorer":
        """From a trained model's coefficients, rounded as the file will hold them."""
        weights = np.asarray(buckets, dtype=np.float32)
        scale = float(np.abs(weights).max()) / _LEVELS or 1.0
        # A root brings small weights more levels: most of them are small, and there are many.
        levels = np.round(np.sign(weights) * np.sqrt(np.abs(weights) / (scale * _LEVELS)) * _LEVELS)
        rounded = (np.sign(levels) * (levels / _LEVELS) ** 2 * scale * _LEVELS).astype(np.float32)
        made = cls(rounded, np.asarray(signals, dtype=np.float32), bias)
        made._levels, made._scale = levels.astype(np.int8), scale  # type: ignore[attr-defined]
        return made

    def save(self, path: Path) -> None:
        """Only for a scorer that `of` made."""
        signals = np.array(self._signals, dtype=np.float32)
        facts = np.array([self._scale, self._bias])  # type: ignore[attr-defined]
        np.savez_compressed(path, levels=self._levels, signals=signals, facts=facts)  # type: ignore[attr-defined]

    @classmethod
    def load(cls, path: Path) -> "Scorer":
        """Raises ValueError or OSError where the file is not such a model."""
        with np.load(path, allow_pickle=False) as file:
            levels, (scale, bias) = file["levels"].astype(np.float32), file["facts"]
            weights = np.sign(levels) * (levels / _LEVELS) ** 2 * np.float32(scale * _LEVELS)
            return cls(weights.astype(np.float32), file["signals"], float(bias))

    def add_up(self, block: Block) -> Sums:
        """What this block adds."""
        weights = self._buckets[block.grams]
        return Sums(
            chars=float(weights[: block.chars].sum()),
            words=float(weights[block.chars :].sum()),
            signals=sum(weight * count for weight, count in zip(self._signals, block.signals, strict=True)),
            char_grams=block.chars,
            word_grams=len(block.grams) - block.chars,
            length=block.length,
        )

    def score(self, blocks: Sequence[Block]) -> Verdict:
        """The verdict on a text's blocks."""
        return self.judge([self.add_up(block) for block in blocks])

    def judge(self, sums: Sequence[Sums]) -> Verdict:
        """The verdict on blocks that have been added up."""
        found = []
        for size in RUNS:
            if size == 1 or size <= len(sums):
                found += [
                    Run(first, size, self._of(sums[first : first + size]))
                    for first in range(len(sums) - size + 1)
                ]
        return Verdict(tuple(found))

    def _of(self, run: Sequence[Sums]) -> float:
        total = self._bias
        total += sum(one.chars for one in run) * damped(sum(one.char_grams for one in run), USUAL_CHARS)
        total += sum(one.words for one in run) * damped(sum(one.word_grams for one in run), USUAL_WORDS)
        total += sum(one.signals for one in run) * signal_weight(sum(one.length for one in run))
        return 1 / (1 + exp(-max(-60.0, min(60.0, total))))


@cache
def shipped() -> Scorer:
    """The scorer that comes with the gateway, read once."""
    return Scorer.load(MODEL)
