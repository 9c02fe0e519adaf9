"""
Trains the scorer of prompt attacks and writes it with a report of how good it is.

    scripts/train_attack_model --data FILE [--out sanitization/attacks/model.npz]

A logistic regression over `sanitization.attacks.features`. Figures come from texts the model has not seen:
each fold of groups, then each source, is left out in turn. The threshold that ships is where the model says
0.5.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from attack_model.corpus import COLLECTED, Corpus
from attack_model.sources import samples
from sanitization.attacks.scorer import Scorer

FOLDS = 4
# The share of the collections' harmless texts that the shipped threshold may flag, and that of the worst
# other source of harmless texts that people wrote, judged by models that have not seen them.
FALSE_ALARMS, FALSE_ALARMS_ELSEWHERE = 0.005, 0.015
# What the log odds go down beyond that: the harmless texts of others are not those of the collections.
MARGIN = 0.25
HELD = Path(__file__).with_name("lookalikes.txt")
APART = (
    "deepset",
    "in-the-wild",
    "pyrit",
    "spikee",
    "sysprompt",
    "made:agent",
    "made:hidden",
    "made:extract",
)


def unseen_by_fold(corpus: Corpus) -> np.ndarray:
    """The score of each text from a model that has seen neither it nor its group."""
    groups = sorted({one.group for one in corpus.samples})
    np.random.default_rng(3).shuffle(groups)
    fold_of = {group: number % FOLDS for number, group in enumerate(groups)}
    scores = np.zeros(len(corpus.samples))
    for fold in range(FOLDS):
        out = {n for n, one in enumerate(corpus.samples) if fold_of[one.group] == fold}
        scorer = corpus.train(out)
        for number in out:
            scores[number] = corpus.score(scorer, number)
    return scores


def calibrated(corpus: Corpus, scores: np.ndarray) -> float:
    """By how much the log odds must go down for few enough false alarms, with a margin."""
    benign: dict[str, list[float]] = defaultdict(list)
    for one, score in zip(corpus.samples, scores, strict=True):
        if not one.attack and not one.source.startswith("made:"):
            benign["" if one.source in COLLECTED else one.source].append(score)
    limit = max(
        float(np.quantile(found, 1 - (FALSE_ALARMS_ELSEWHERE if source else FALSE_ALARMS), method="higher"))
        for source, found in benign.items()
    )
    return float(np.log(limit / (1 - limit))) + MARGIN


def unseen_by_source(corpus: Corpus, source: str, *, shift: float) -> float:
    """The share of a source's attacks that a model finds which has seen none of its texts."""
    out = {n for n, one in enumerate(corpus.samples) if one.source == source}
    scorer = corpus.train(out, shift=shift)
    attacks = [n for n in out if corpus.samples[n].attack]
    return float(np.mean([corpus.score(scorer, number) >= 0.5 for number in attacks]))


def table_by_fold(corpus: Corpus, scores: np.ndarray, limit: float) -> list[str]:
    lines = ["| source | kind | texts | flagged, not seen in training |", "|---|---|---|---|"]
    by_source: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for one, score in zip(corpus.samples, scores, strict=True):
        by_source[one.attack, one.source].append(score)
    for (attack, source), values in sorted(by_source.items()):
        flagged = np.mean(np.array(values) >= limit)
        lines.append(f"| {source} | {'attack' if attack else 'benign'} | {len(values)} | {flagged:.3f} |")
    return lines


def table_of_held(scorer: Scorer) -> list[str]:
    """How the finished scorer does on look-alikes that it was never trained on, and those it flags."""
    held = [line for line in HELD.read_text("utf-8").split("\n") if line]
    wrong = [text for text in held if scorer.score(text) >= 0.5]
    print(*wrong, sep="\n")
    share = len(wrong) / len(held)
    return [f"| look-alikes by hand, never trained on | benign | {len(held)} | {share:.3f} |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="prompt_injection.jsonl")
    parser.add_argument("--packages", type=Path, default=ROOT / "data/attack_model")
    parser.add_argument("--out", type=Path, default=ROOT / "sanitization/attacks/model.npz")
    parser.add_argument("--quick", action="store_true", help="the folds only, and no report")
    options = parser.parse_args()
    options.packages.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(samples(options.data, options.packages))
    scores = unseen_by_fold(corpus)
    np.save(options.packages / "scores.npy", scores)  # for whoever wants another threshold
    shift = calibrated(corpus, scores)
    lines = table_by_fold(corpus, scores, 1 / (1 + float(np.exp(-shift))))
    scorer = corpus.train(shift=shift)
    scorer.save(options.out)
    lines += table_of_held(scorer)
    print("\n".join(lines), f"{options.out}: {options.out.stat().st_size} bytes", sep="\n", flush=True)
    if options.quick:
        return
    apart = ["", "| source left out as a whole | of its attacks found |", "|---|---|"]
    apart += [f"| {source} | {unseen_by_source(corpus, source, shift=shift):.3f} |" for source in APART]
    print("\n".join(apart))
    Path(__file__).with_name("report.md").write_text("\n".join([*lines, *apart]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
