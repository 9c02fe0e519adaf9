"""
Scores how much a text reads like an attack on the model: a linear model over `features`, no network, no
download. How it was trained and what it can and cannot do stands in MODEL.md beside this file.

A score is a probability in the model's own opinion; 0.5 is the shipped threshold. A chunk is judged in
windows of 2, 4, 8, 16 and 32 bins and as a whole, and the worst window counts, so that an attack in the
middle of a book is not drowned by the book. A window needs the stronger evidence the more of its kind there
are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sanitization.attacks.features import BUCKETS, Reading, chunks, read, read_each

SIZES = (2, 4, 8, 16, 32)
# A sum of weights is divided by a power of how many there are: between a plain sum, which length alone makes
# extreme, and a mean, in which an attack drowns. 0.65 was the best of 0.5 to 0.8. The usual numbers keep the
# kinds of features to one scale in training.
DAMPING = 0.65
USUAL_CHARS, USUAL_WORDS = 900, 240
# What the log odds of a window lose for each time that the chunk is e times as long.
DOUBT = 0.4
MODEL = Path(__file__).with_name("model.npz")
_LEVELS = 127
# How often an n-gram was counted stands in a number of 64 bits above the sum of what it is worth, so that one
# sum says both: of half a million n-grams, the most that a chunk can have, each below _COUNTED. A level is
# looked up by its last eight bits; NOTHING is the one that no weight has.
_COUNTED, _NOTHING = 1 << 40, -128
_LEVEL = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
_WORTH = np.where(_LEVEL == _NOTHING, 0, _LEVEL * np.abs(_LEVEL) + _COUNTED)

Weights = npt.NDArray[np.float32]
Levels = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Bins = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The windows of a chunk: the first bin of each, the one behind its last, its score from 0 to 1."""

    firsts: Bins
    lasts: Bins
    scores: Floats

    @property
    def best(self) -> float:
        return float(self.scores.max())


@lru_cache(maxsize=256)
def windows(bins: int) -> tuple[Bins, Bins, Floats]:
    """The windows of a chunk of so many bins: first bin, bin behind the last, and what doubt takes off."""
    found = [(at, at + size) for size in SIZES if size < bins for at in range(bins - size + 1)]
    firsts, lasts = np.array([*found, (0, bins)], dtype=np.intp).T
    return firsts, lasts, DOUBT * np.log(bins / (lasts - firsts))


def damped(counts: Floats, usual: float | Floats) -> Floats:
    """The weight of one of so many grams. An eighth of the usual number is the least that is counted on: a
    word or two prove nothing.
    """
    weights: Floats = usual ** (DAMPING - 0.5) * np.maximum(counts, usual // 8) ** -DAMPING
    return weights


# What `damped` makes of the usual numbers, once: of short texts every call of numpy counts.
_USUAL = np.array([[USUAL_CHARS], [USUAL_WORDS]], dtype=np.float64)
_USUAL_SCALE, _LEAST = _USUAL ** (DAMPING - 0.5), _USUAL // 8


class Scorer:
    """Weights for buckets, and a bias. Serves any number of threads."""

    def __init__(self, levels: Levels, scale: float, bias: float) -> None:
        if levels.shape != (BUCKETS,):
            raise ValueError("this model was trained for other features")
        self._levels, self._scale, self._bias = levels, scale, bias
        self._signs = np.append(levels, np.int8(_NOTHING)).view(np.uint8)  # with one more, for no n-gram

    @classmethod
    def of(cls, buckets: npt.ArrayLike, bias: float) -> "Scorer":
        """From a trained model's coefficients, rounded as the file holds them."""
        return cls(*_leveled(np.asarray(buckets, dtype=np.float32)), bias)

    def save(self, path: Path) -> None:
        np.savez_compressed(path, levels=self._levels, facts=np.array([self._scale, self._bias]))

    @classmethod
    def load(cls, path: Path) -> "Scorer":
        """Raises ValueError, KeyError or OSError where the file is not such a model."""
        with np.load(path, allow_pickle=False) as file:
            scale, bias = file["facts"]
            return cls(file["levels"], float(scale), float(bias))

    def judge(self, reading: Reading) -> Verdict:
        """The verdict on a chunk."""
        firsts, lasts, doubt = windows(reading.sizes[0])
        return Verdict(firsts, lasts, self._scores(reading, firsts, lasts, doubt))

    def score(self, text: str) -> float:
        """The score of a text that is whole; 0 for an empty one."""
        return max((self.judge(read(chunk)).best for chunk in chunks(text)), default=0.0)

    def score_each(self, texts: Sequence[str]) -> list[float]:
        """What `score` says of each of many texts, for a fraction of what that costs where they are short."""
        parts = [(number, chunk) for number, text in enumerate(texts) for chunk in chunks(text)]
        best = [0.0] * len(texts)
        if not parts:
            return best
        readings = read_each([chunk for _, chunk in parts])
        own = [windows(size) for size in readings.sizes]
        counts = np.array([len(one[0]) for one in own], dtype=np.intp)
        firsts, lasts, doubt = (np.concatenate(every) for every in zip(*own, strict=True))
        before = np.repeat(np.cumsum(readings.sizes) - readings.sizes, counts)
        scores = self._scores(readings, before + firsts, before + lasts, doubt)
        worst = np.maximum.reduceat(scores, np.cumsum(counts) - counts)
        for (number, _), score in zip(parts, worst.tolist(), strict=True):
            best[number] = max(best[number], score)
        return best

    def _scores(self, reading: Reading, firsts: Bins, lasts: Bins, doubt: Floats) -> Floats:
        """The scores of windows of the bins that were read."""
        # Whole numbers, whose sum is the same in any order. "clip" spares what checks each index.
        values = _WORTH.take(self._signs.take(reading.grams, mode="clip"), mode="clip")
        values *= reading.counts
        running = reading.running(values)
        sums = running.take(lasts, axis=1)
        sums -= running.take(firsts, axis=1)
        numbers = (sums + _COUNTED // 2) // _COUNTED
        sums -= numbers * _COUNTED
        weights = sums * (self._scale / _LEVELS**2 * _USUAL_SCALE) * np.maximum(numbers, _LEAST) ** -DAMPING
        odds = weights.sum(axis=0) - doubt + self._bias
        scores: Floats = np.tanh(odds / 2) / 2 + 0.5
        return scores


def _leveled(weights: Weights) -> tuple[Levels, float]:
    """Weights as one of 255 levels, and the most there is. A root brings small ones more of them: most are
    small."""
    most = float(np.abs(weights).max()) or 1.0
    levels = np.round(np.sign(weights) * np.sqrt(np.abs(weights) / most) * _LEVELS)
    return levels.astype(np.int8), most


@cache
def shipped() -> Scorer:
    """The scorer that comes with the gateway, read once."""
    return Scorer.load(MODEL)
