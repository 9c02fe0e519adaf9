"""How one answer goes through its chain: in which pieces."""

from inference.backends import Ending, Piece
from prompts.choices import GATHERED_CHARS, Choice
from sanitization.chain import Sanitized

HALF = "x" * (GATHERED_CHARS // 2 + 1)


class Recorder:
    """A chain that lets everything out, and says in which passages it came."""

    blocked = False
    findings = ()

    def __init__(self):
        self.passages = []

    def feed(self, text):
        self.passages.append(("feed", text))
        return Sanitized(text)

    def whole(self, text):
        self.passages.append(("whole", text))
        return Sanitized(text)


def passages(pieces, *, streamed):
    recorder = Recorder()
    choice = Choice(0, lambda: None, streamed=streamed)
    choice.open(lambda part: recorder, lambda *call: None)
    heard = [text for piece in pieces for text in choice.hear(Piece(piece))]
    heard += choice.end(Ending("stop", 1, 1, 0.0, 0.0))
    assert "".join(heard) == choice.sanitized == "".join(pieces)
    return recorder.passages


def test_an_answer_that_comes_in_one_piece_goes_through_the_chain_once():
    text = "y" * 3 * GATHERED_CHARS
    assert passages([text], streamed=False) == [("whole", text)]


def test_of_an_answer_that_nobody_reads_along_the_last_piece_goes_through_together_with_the_end():
    first = ("feed", HALF + HALF)
    assert passages([HALF] * 4, streamed=False) == [first, ("whole", HALF + HALF)]
    assert passages([HALF] * 3, streamed=False) == [first, ("whole", HALF)]


def test_an_answer_that_is_read_along_goes_through_as_it_comes():
    assert passages(["a", "b"], streamed=True) == [("feed", "a"), ("feed", "b"), ("whole", "")]
