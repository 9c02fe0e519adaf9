"""
Precision and recall of everybody on labelled files. A value counts as found when one finding of its kind
covers all of it; a finding that touches no labelled value is false (`sanitization.evaluation`).

Tools have names of their own for what they find. Here a label is what the catalogue's aliases make of it, and
one that no rule is for (the formats of a secret scanner's tests) counts as found whatever kind the finding is
of. A finding of a kind that the file labels nowhere is not counted: that Presidio finds a date or an address
is not wrong where only cards were labelled. A label of a kind that a tool does not offer, or that is off by
default, is not counted for that tool.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.sanitizing.peers import Peers
from sanitization.chain import Chain
from sanitization.evaluation import Labelled, Score
from sanitization.policies import Policy
from sanitization.rules import RULES, Category
from sanitization.spans import Action

Found = Sequence[tuple[int, int, str]]
ANY = "any secret"


@dataclass(slots=True)
class Accuracy:
    """Of one tool on one file. `offered` are the kinds it looks for. `clean` texts have no label; in
    `alarmed` of them it found something.
    """

    offered: frozenset[str]
    scores: dict[str, Score] = field(default_factory=dict)
    clean: int = 0
    alarmed: int = 0

    def add(self, one: Labelled, found: Found, labels: frozenset[str]) -> None:
        """Counts one text; `labels` are those of the whole file."""
        counted = [span for span in found if span[2] in labels or (ANY in labels and span[2] not in KINDS)]
        values = [(start, end, kind(name), name) for start, end, name in one.spans]
        for start, end, wanted, name in values:
            if wanted not in self.offered:
                continue
            score = self.scores.setdefault(wanted if wanted != ANY else name, Score())
            hit = any(b <= start and e >= end for b, e, k in found if wanted in (ANY, k))
            score.found += hit
            score.missed += not hit
        for begin, stop, what in counted:
            if not any(begin < end and start < stop for start, end, _, _ in values):
                self.scores.setdefault(what, Score()).false += 1
        if not values:
            self.clean += 1
            self.alarmed += bool(counted)

    @property
    def macro_recall(self) -> float | None:
        """The mean over the labels."""
        recalls = [score.recall for score in self.scores.values() if score.recall is not None]
        return sum(recalls) / len(recalls) if recalls else None

    @property
    def precision(self) -> float | None:
        found = sum(score.found for score in self.scores.values())
        false = sum(score.false for score in self.scores.values())
        return found / (found + false) if found + false else None

    @property
    def alarm_rate(self) -> float | None:
        return self.alarmed / self.clean if self.clean else None

    def as_dict(self) -> dict[str, object]:
        return {
            "macro_recall": self.macro_recall,
            "precision": self.precision,
            "alarm_rate": self.alarm_rate,
            "scores": {name: score.as_dict() for name, score in sorted(self.scores.items())},
        }


def kind(name: str) -> str:
    """What everybody's name for it is a name of."""
    return _CANONICAL.get(name.lower(), ANY)


def labels_of(texts: Iterable[Labelled]) -> frozenset[str]:
    return frozenset(kind(name) for one in texts for _, _, name in one.spans)


def ours(texts: Sequence[Labelled], chain: Chain, policy: Policy) -> Accuracy:
    on = [rule for rule in chain.rules if policy.action("prompt", rule) is not Action.OFF]
    accuracy, labels = Accuracy(frozenset(map(kind, on))), labels_of(texts)
    for one in texts:
        findings = chain.screen_prompt({"/text": one.text}, policy).findings
        values = [finding for finding in findings if finding.action is not Action.FLAG]
        accuracy.add(one, [(f.start, f.end, kind(f.rule)) for f in values], labels)
    return accuracy


def theirs(texts: Sequence[Labelled], peers: Peers, peer: str) -> Accuracy:
    accuracy, labels = Accuracy(frozenset(map(kind, peers.offers[peer]))), labels_of(texts)
    for one in texts:
        spans = peers.ask(peer, one.text).spans
        accuracy.add(one, [(start, end, kind(name)) for start, end, name in spans], labels)
    return accuracy


# Secrets are not told apart: every tool, and every file, cuts vendors and formats in another way.
_CANONICAL = {
    name.lower(): rule.aliases[0] if rule.aliases else rule.id
    for rule in RULES.values()
    if rule.category is not Category.SECRET
    for name in (rule.id, *rule.aliases)
}
KINDS = frozenset(_CANONICAL.values())
