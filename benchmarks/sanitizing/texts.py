"""
Texts to measure with: made up from a seed, every one different, with a value to find now and then. No text is
used twice, because what is read again is faster than anybody's next prompt.
"""

import json
import random
from collections.abc import Callable

ENGLISH = """
    the a of and to in is that for it as was with be by on not he his but at are this have from or had an they
    which one you were all her she there would their we him been has when who will no more if out so up said
    what its about than into them can only other time new some could these two may first then do any like my
    now over such our man me even most made after also did many fore must through years where much your way
    well down should because each just those people too little state good very make world still see own work
    report customer invoice meeting deadline weather garden recipe library question answer project schedule
"""
RUSSIAN = """
    и в не на я быть он с что а по это она этот к но они мы весь который из у то за свой от так о для же как
    год мочь один человек такой тот только себя сказать другой время если дело ещё жизнь говорить большой
    новый хороший первый день рука вопрос работа город место слово дом мир случай письмо отчёт договор погода
"""
PERSIAN = """
    و در به از که این را با است برای آن یک خود تا کرد بر هم نیز شد می‌شود باید او ما اما یا های شده می‌کند
    دیگر هر بود گفت کار سال روز مردم کشور زبان کتاب نامه گزارش پرسش پاسخ شهر خانه هوا باران قرارداد
"""
CHINESE = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经三之进着等部度家电力里如水化高自理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处理世车"  # noqa: E501
NAMES = [
    "anna",
    "boris",
    "chen",
    "dana",
    "emil",
    "farah",
    "goran",
    "hana",
    "igor",
    "julia",
    "kofi",
    "lena",
    "marta",
    "nils",
    "omar",
    "petra",
    "quentin",
    "rosa",
]
HOSTS = ["example.com", "example.org", "mail.example.net", "corp.example"]

CODE = (
    'def {a}_{b}({a}, {b}=None):\n    if {a} is None:\n        raise ValueError("{c} {d}")\n',
    "    for {a} in range(len({b})):\n        {c}[{a}] = {b}[{a}] * {n} + {d}({a})\n",
    'const {a} = await fetch(`/api/{b}/${{{c}}}`, {{ method: "POST", headers }});\n',
    "SELECT {a}, {b} FROM {c} WHERE {d} > {n} ORDER BY {a} DESC LIMIT 20;\n",
    '    # {a} {b} {c} {d}\n    self.{a}.append(({b}, {n}, "{c}"))\n',
)


def luhn_complete(digits: str) -> str:
    """The number with its check digit."""
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


class Writer:
    """Makes texts. The same seed makes the same ones, in the same order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.kinds: dict[str, Callable[[], str]] = {
            "English": lambda: self._sentence(ENGLISH),
            "Russian": lambda: self._sentence(RUSSIAN),
            "Persian": lambda: self._sentence(PERSIAN),
            "Chinese": self._chinese,
            "code": self._code,
            "JSON": self._json,
        }

    def text(self, kind: str, size: int) -> str:
        """`size` characters of a kind, with about one value in two thousand characters."""
        make, parts, length = self.kinds[kind], [], 0
        while length < size:
            part = make()
            if self._chance.random() < len(part) / 2000:
                part = self._with_value(kind, part)
            parts.append(part)
            length += len(part)
        return "".join(parts)[:size]

    def plain(self, size: int) -> str:
        """English without values."""
        parts, length = [], 0
        while length < size:
            parts.append(self._sentence(ENGLISH))
            length += len(parts[-1])
        return "".join(parts)[:size]

    def _with_value(self, kind: str, part: str) -> str:
        value = self.value()
        if kind == "JSON":
            return json.dumps({"note": value}) + "\n"
        return f"{part}contact: {value}\n" if kind == "code" else f"{part}({value}) "

    def value(self) -> str:
        chance = self._chance
        digits = "".join(chance.choice("0123456789") for _ in range(14))
        return chance.choice(
            (
                f"{chance.choice(NAMES)}.{digits[:3]}@{chance.choice(HOSTS)}",
                f"+1 415 555 0{digits[:3]}",
                f"10.{int(digits[:2])}.{int(digits[2:4])}.7",
                luhn_complete("4" + digits),
                f"password={''.join(chance.choices('abcdefghkmnpqrstuvw', k=6))}{digits[:6]}!Q",
                "AKIA" + "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)),
            )
        )

    def _sentence(self, vocabulary: str) -> str:
        words = self._chance.choices(vocabulary.split(), k=self._chance.randint(5, 22))
        for at in range(len(words)):
            if self._chance.random() < 0.02:
                words[at] = str(self._chance.randrange(10_000))
        joined = " ".join(words)
        end = self._chance.choice([". ", ". ", "? ", ", ", ".\n"])
        return joined[0].upper() + joined[1:] + end

    def _chinese(self) -> str:
        return (
            "".join(self._chance.choices(CHINESE, k=self._chance.randint(6, 24)))
            + "，。"[self._chance.randrange(2)]
        )

    def _code(self) -> str:
        names = self._chance.choices(ENGLISH.split(), k=4)
        return self._chance.choice(CODE).format(
            **dict(zip("abcd", names, strict=True)), n=self._chance.randrange(1000)
        )

    def _json(self) -> str:
        names = self._chance.choices(ENGLISH.split(), k=3)
        record = {names[0]: self._chance.randrange(10_000), names[1]: self._sentence(ENGLISH), names[2]: None}
        return json.dumps(record) + "\n"
