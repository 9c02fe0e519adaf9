"""
Trains the scorer of prompt attacks and writes it with a report of how good it is.

    scripts/train_attack_model --data FILE [--out sanitization/attacks/model.npz]

A logistic regression over `sanitization.attacks.features`. Every text is seen as the scorer will see it: as
runs of 1, 2, 4 and 8 blocks. Figures come from texts the model has not seen: each fold of groups, then each
source, is left out in turn. The threshold that ships is where the model says 0.5.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from attack_model.sources import Sample, samples
from sanitization.attacks.features import BUCKETS, SIGNALS, Block, blocks, read
from sanitization.attacks.scorer import (
    RUNS,
    USUAL_CHARS,
    USUAL_WORDS,
    Scorer,
    damped,
    signal_weight,
)

FOLDS = 5
STRENGTH = 3.0
# How much all attacks count, and all benign texts.
SHARES = {True: 1.0, False: 3.0}
# What people wrote counts more than what we made up.
COLLECTED = frozenset({"deepset", "in-the-wild", "wildguard", "cybersec"})
COLLECTED_WEIGHT = 6.0
# The share of the collections' benign texts that the shipped threshold may flag, judged by models that have
# not seen them.
FALSE_ALARMS = 0.0065
HELD = Path(__file__).with_name("lookalikes.txt")


def row(run: list[Block]) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of one run of blocks, as `Scorer` weighs them."""
    chars = np.concatenate([one.grams[: one.chars] for one in run])
    words = np.concatenate([one.grams[one.chars :] for one in run])
    signals = np.sum([one.signals for one in run], axis=0)
    length = sum(one.length for one in run)
    columns = np.concatenate([chars, words, BUCKETS + np.arange(len(SIGNALS))])
    values = np.concatenate(
        [
            np.full(len(chars), damped(len(chars), USUAL_CHARS)),
            np.full(len(words), damped(len(words), USUAL_WORDS)),
            signals * signal_weight(length),
        ]
    )
    return columns, values


def runs_of(read_blocks: list[Block]) -> list[list[Block]]:
    """Every run the scorer would look at."""
    found = []
    for size in RUNS:
        if size <= len(read_blocks) or size == RUNS[0]:
            found += [read_blocks[at : at + size] for at in range(max(1, len(read_blocks) - size + 1))]
    return found


def learned_from(sample: Sample, read_blocks: list[Block]) -> list[list[Block]]:
    """Of an attack the beginning and the whole: not every part of it is one."""
    if not sample.attack:
        return runs_of(read_blocks[:16])
    return [read_blocks[:size] for size in RUNS if size == 1 or size // 2 < len(read_blocks)]


def matrix(rows: list[tuple[np.ndarray, np.ndarray]]) -> sparse.csr_matrix:
    lengths = [len(columns) for columns, _ in rows]
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([columns for columns, _ in rows])
    values = np.concatenate([values for _, values in rows])
    made = sparse.csr_matrix((values, columns, pointers), shape=(len(rows), BUCKETS + len(SIGNALS)))
    made.sum_duplicates()
    return made


class Corpus:
    def __init__(self, found: list[Sample]) -> None:
        self.samples = found
        self.blocks = [[read(block) for block in blocks(one.text)] for one in found]
        rows, owners = [], []
        for number, one in enumerate(found):
            for run in learned_from(one, self.blocks[number]):
                rows.append(row(run))
                owners.append(number)
        self.matrix = matrix(rows)
        self.owners = np.array(owners)
        self.labels = np.array([found[number].attack for number in owners])

    def weights(self, kept: np.ndarray) -> np.ndarray:
        """Sources weigh as the root of their size, and so do texts: not the longest teaches most."""
        sources = np.array([self.samples[number].source for number in self.owners])
        weights = np.zeros(len(self.owners))
        for attack, share in SHARES.items():
            side = kept & (self.labels == attack)
            for source in set(sources[side]):
                here = side & (sources == source)
                texts, counts = np.unique(self.owners[here], return_counts=True)
                runs = dict(zip(texts, counts, strict=True))
                weight = (COLLECTED_WEIGHT if source in COLLECTED else 1.0) / np.sqrt(len(texts))
                weights[here] = [weight / np.sqrt(runs[owner]) for owner in self.owners[here]]
            weights[side] *= share * 5000 / weights[side].sum()
        return weights

    def train(self, kept: np.ndarray, *, shift: float = 0.0) -> Scorer:
        """A scorer that knows the rows in `kept` only. `shift` moves what it calls 0.5."""
        weights = self.weights(kept)
        model = LogisticRegression(C=STRENGTH, solver="lbfgs", max_iter=200, tol=1e-3)
        model.fit(self.matrix[kept], self.labels[kept], sample_weight=weights[kept])
        [found] = model.coef_
        return Scorer.of(found[:BUCKETS], found[BUCKETS:], float(model.intercept_[0]) - shift)

    def rows_without(self, left_out: set[int]) -> np.ndarray:
        return ~np.isin(self.owners, list(left_out))

    def score(self, scorer: Scorer, number: int) -> float:
        return scorer.score(self.blocks[number]).best


def unseen_by_fold(corpus: Corpus) -> np.ndarray:
    """The score of each text from a model that has seen neither it nor its group."""
    groups = sorted({one.group for one in corpus.samples})
    np.random.default_rng(3).shuffle(groups)
    fold_of = {group: number % FOLDS for number, group in enumerate(groups)}
    scores = np.zeros(len(corpus.samples))
    for fold in range(FOLDS):
        out = {n for n, one in enumerate(corpus.samples) if fold_of[one.group] == fold}
        scorer = corpus.train(corpus.rows_without(out))
        for number in out:
            scores[number] = corpus.score(scorer, number)
    return scores


def calibrated(corpus: Corpus, scores: np.ndarray) -> float:
    """By how much the log odds must go down for FALSE_ALARMS, from scores of models that saw no such text."""
    known = zip(corpus.samples, scores, strict=True)
    benign = [score for one, score in known if one.source in COLLECTED and not one.attack]
    limit = float(np.quantile(benign, 1 - FALSE_ALARMS, method="higher"))
    return float(np.log(limit / (1 - limit))) + 1e-6


def unseen_by_source(corpus: Corpus, source: str, *, shift: float) -> float:
    """The share of a source's attacks that a model finds which has seen none of its texts."""
    out = {n for n, one in enumerate(corpus.samples) if one.source == source}
    scorer = corpus.train(corpus.rows_without(out), shift=shift)
    attacks = [n for n in out if corpus.samples[n].attack]
    return float(np.mean([corpus.score(scorer, number) >= 0.5 for number in attacks]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="prompt_injection.jsonl")
    parser.add_argument("--packages", type=Path, default=ROOT / "data/attack_model")
    parser.add_argument("--out", type=Path, default=ROOT / "sanitization/attacks/model.npz")
    parser.add_argument("--quick", action="store_true", help="the folds only, and no files")
    options = parser.parse_args()
    options.packages.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(samples(options.data, options.packages))
    lines = ["| source | kind | texts | flagged, not seen in training |", "|---|---|---|---|"]
    scores = unseen_by_fold(corpus)
    shift = calibrated(corpus, scores)
    limit = 1 / (1 + np.exp(-shift))
    by_source: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for one, score in zip(corpus.samples, scores, strict=True):
        by_source[one.attack, one.source].append(score)
    for (attack, source), values in sorted(by_source.items()):
        flagged = np.mean(np.array(values) >= limit)
        lines.append(f"| {source} | {'attack' if attack else 'benign'} | {len(values)} | {flagged:.3f} |")
    scorer = corpus.train(np.ones(len(corpus.owners), dtype=bool), shift=shift)
    held = [line for line in HELD.read_text("utf-8").split("\n") if line]
    wrong = [text for text in held if scorer.score([read(b) for b in blocks(text)]).best >= 0.5]
    lines.append(
        f"| look-alikes by hand, never trained on | benign | {len(held)} | {len(wrong) / len(held):.3f} |"
    )
    print("\n".join(lines), *wrong, sep="\n")
    apart = ["", "| source left out as a whole | of its attacks found |", "|---|---|"]
    for source in ("deepset", "in-the-wild", "pyrit", "sysprompt", "made:indirect", "made:trick"):
        apart.append(f"| {source} | {unseen_by_source(corpus, source, shift=shift):.3f} |")
    print("\n".join(apart))
    if not options.quick:
        scorer.save(options.out)
        Path(__file__).with_name("report.md").write_text("\n".join([*lines, *apart]) + "\n", "utf-8")
        print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
