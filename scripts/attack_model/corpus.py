"""
The texts of `sources` as the scorer sees them: read once, cut into windows, each window a row of a matrix.

Of an attack the beginning, the whole, or the place that is known teach; of a harmless text the whole and some
windows by chance. Then the model says which windows it finds worst, and those teach too: of an attack the one
that it is judged by anyway, of a harmless text what it would be flagged for.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import scipy.sparse as sparse
from sklearn.linear_model import LogisticRegression

from attack_model.sources import Sample
from sanitization.attacks.features import BIN, BUCKETS, CHAR_GRAMS, NONE, Reading, chunks, read
from sanitization.attacks.scorer import (
    SIZES,
    USUAL_CHARS,
    USUAL_WORDS,
    Scorer,
    damped,
    windows,
)

MAX_CHUNKS = 4
ROUNDS = 2  # of looking for the worst windows
STRENGTH = 3.0
# How much all attacks count, and all harmless texts.
SHARES = {True: 1.0, False: 3.0}
# What people wrote counts more than what we made up.
COLLECTED = frozenset({"deepset", "in-the-wild", "wildguard", "cybersec"})
COLLECTED_WEIGHT = 6.0
BY_CHANCE = 4  # windows of each chunk of a harmless text
WORST = 2
HARMLESS_ENOUGH = 0.12  # a harmless window below this teaches nothing new

# A window: number of the text, of its chunk, first bin, bin behind the last.
Window = tuple[int, int, int, int]


class Corpus:
    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples
        self.readings = [[_kept(read(chunk)) for chunk in chunks(one.text)[:MAX_CHUNKS]] for one in samples]
        self.attacks = np.array([one.attack for one in samples])
        self.sources = np.array([one.source for one in samples])
        self.windows = [window for number in range(len(samples)) for window in self._first_windows(number)]
        self.matrix = self._matrix(self.windows)
        self.owners = np.array([window[0] for window in self.windows])

    def _first_windows(self, number: int) -> Iterable[Window]:
        one, found = self.samples[number], self.readings[number]
        if one.place is not None:
            return self._around(number, *one.place)
        if one.attack:
            bins = len(found[0].places) - 1 if found else 0
            sizes = [size for size in SIZES[:-1] if size < bins]
            return [(number, 0, 0, size) for size in (*sizes, bins) if found]
        chance = np.random.default_rng(number)
        taken: dict[Window, None] = {}
        for at, reading in enumerate(found):
            firsts, lasts, _ = windows(len(reading.places) - 1)
            for which in (len(firsts) - 1, *chance.permutation(len(firsts))[:BY_CHANCE]):
                taken[number, at, int(firsts[which]), int(lasts[which])] = None
        return taken

    def _around(self, number: int, start: int, end: int) -> Iterable[Window]:
        """The smallest windows that hold an attack whose place is known."""
        bins = len(self.readings[number][0].places) - 1
        first, last = start // BIN, min(end // BIN + 1, bins)
        if first >= bins:
            return []
        size = min((size for size in SIZES if size >= last - first), default=bins)
        if size >= bins:
            return [(number, 0, 0, bins)]
        places = {max(0, min(at, bins - size)) for at in (first, last - size)}
        return [(number, 0, at, at + size) for at in sorted(places)]

    def _matrix(self, wanted: list[Window]) -> sparse.csr_matrix:
        rows = [_row(self.readings[number][at], first, last) for number, at, first, last in wanted]
        ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns = np.concatenate([columns for columns, _ in rows]).astype(np.int32)
        values = np.concatenate([values for _, values in rows]).astype(np.float32)
        return sparse.csr_matrix((values, columns, ends), shape=(len(rows), BUCKETS))

    def train(self, left_out: Collection[int] = (), *, shift: float = 0.0) -> Scorer:
        """A scorer that knows nothing of the texts left out. `shift` moves what it calls 0.5."""
        kept = np.flatnonzero(~np.isin(self.owners, list(left_out)))
        matrix, owners = self.matrix[kept], self.owners[kept]
        known = {self.windows[at] for at in kept}
        model = LogisticRegression(C=STRENGTH, solver="lbfgs", max_iter=60, tol=1e-3, warm_start=True)
        for left in reversed(range(ROUNDS + 1)):
            model.fit(matrix, self.attacks[owners], sample_weight=self._weights(owners))
            scorer = Scorer.of(model.coef_[0], float(model.intercept_[0]) - (0.0 if left else shift))
            if left and (worst := self._worst(scorer, known, set(left_out))):
                matrix = sparse.vstack([matrix, self._matrix(worst)]).tocsr()
                owners = np.concatenate([owners, [window[0] for window in worst]])
                known.update(worst)
        return scorer

    def _worst(self, scorer: Scorer, known: set[Window], left_out: set[int]) -> list[Window]:
        """The windows of each text that this scorer finds worst, if they have not taught yet."""
        found: list[Window] = []
        for number, one in enumerate(self.samples):
            if number in left_out or one.place is not None:
                continue
            ranked: list[tuple[float, Window]] = []
            for at, reading in enumerate(self.readings[number]):
                verdict = scorer.judge(reading)
                for which in np.argsort(-verdict.scores)[:WORST]:
                    window = (number, at, int(verdict.firsts[which]), int(verdict.lasts[which]))
                    ranked.append((float(verdict.scores[which]), window))
            for score, window in sorted(ranked, reverse=True)[: 1 if one.attack else WORST]:
                if window not in known and (one.attack or score > HARMLESS_ENOUGH):
                    found.append(window)
        return found

    def _weights(self, owners: np.ndarray) -> np.ndarray:
        """Sources weigh as the root of their size, and so do texts: not the longest teaches most."""
        weights = np.zeros(len(owners))
        attacks, sources = self.attacks[owners], self.sources[owners]
        for attack, share in SHARES.items():
            side = attacks == attack
            for source in set(sources[side]):
                here = side & (sources == source)
                texts, where, counts = np.unique(owners[here], return_inverse=True, return_counts=True)
                weight = (COLLECTED_WEIGHT if source in COLLECTED else 1.0) / np.sqrt(len(texts))
                weights[here] = weight / np.sqrt(counts[where])
            weights[side] *= share * 5000 / weights[side].sum()
        return weights

    def score(self, scorer: Scorer, number: int) -> float:
        return max((scorer.judge(one).best for one in self.readings[number]), default=0.0)


def _kept(reading: Reading) -> Reading:
    """In half the memory: all of the corpus is kept."""
    return replace(reading, grams=reading.grams.astype(np.uint32))


def _row(reading: Reading, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of one window, as `Scorer` weighs them."""
    buckets, values = [], []
    at = reading.chars * len(CHAR_GRAMS)
    counts = reading.counts & (reading.grams != NONE)
    for part, size, edges, usual in (
        (slice(None, at), reading.chars, reading.edges[0], USUAL_CHARS),
        (slice(at, None), reading.words, reading.edges[1], USUAL_WORDS),
    ):
        window = slice(edges[first], edges[last])
        kinds = (-1, size) if size else (0, 0)
        grams, counted = (every[part].reshape(kinds)[:, window] for every in (reading.grams, counts))
        buckets.append(grams[counted])
        values.append(np.full(len(buckets[-1]), damped(np.array(len(buckets[-1])), usual)))
    return np.concatenate(buckets), np.concatenate(values)
