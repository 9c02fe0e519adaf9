"""Cleaned markup, judged by what a browser would make of it: directly in html mode, through a CommonMark
renderer that lets HTML pass in markdown mode."""

from dataclasses import replace

import bleach
import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sanitization.chain import Chain
from sanitization.links import LinkFilter
from sanitization.markdown import MAX_SPAN
from sanitization.markup import ALLOWED, MAX_TAG, VOID, MarkupFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from tests.sanitization.samples import screen

HTML = Policy(html="html")
SCRIPT = "<script>alert(1)</script>"
RENDERERS = [
    MarkdownIt("commonmark", {"html": True}),
    MarkdownIt("commonmark", {"html": True}).enable("table"),
]
# What a renderer makes itself, and what html5lib adds around a fragment.
OWN = {"pre", "img", "table", "thead", "tbody", "tr", "th", "td", "html", "head", "body"}

ATTACKS = [
    SCRIPT,
    "<SCRIPT SRC=//x.example/x.js?<B>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    '<a href="javascript:123">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="&#x6A&#x61vascript&colon;alert(1)">x</a>',
    '<a href=" javascript:alert(1)">x</a>',
    '<a href="\u200bjavascript:alert(1)">x</a>',
    '<a href="data:text/html,x">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="https://x.example" onclick="alert(1)" style="x:y">x</a>',
    '<a title="`" href="x">`' + SCRIPT + "`",
    '<b onmouseover="alert(1)">x</b>',
    "<b/onclick=alert(1)>x</b>",
    '<a href="\n\n<script>alert(1)</script>">',
    "<iframe srcdoc='x'></iframe>",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><b></title><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<!-- x --!><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml x?><script>alert(1)</script>",
    "</ x><script>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<scr<script>ipt>alert(1)</script>",
    "<b <script>alert(1)</script>>",
    "<base href=//x.example><meta http-equiv=refresh content=0>",
    "<form action=javascript:1><button formaction=x>",
    "<https://onclick=alert(1)>",
    "<a\x0chref=javascript:1>x",
]
# Things that look like code and are not, or not to everybody.
TRAPS = [
    "```\ncode\n```\n" + SCRIPT,
    "  ```\ncode\n```\n" + SCRIPT + "\n```",
    "> ```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "- ```\n  a\n" + SCRIPT + "\n```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "para\n<b>x</b>\n```\ncode\n\n```\n" + SCRIPT + "\n",
    "<div>\n```\n" + SCRIPT + "\n```\n</div>",
    "<div>\n`" + SCRIPT + "`\n</div>",
    "~~~\n```\n~~~\n" + SCRIPT + "\n```",
    "```\n~~~\n```\n" + SCRIPT + "\n~~~",
    "````\n```\n" + SCRIPT + "\n````\n" + SCRIPT,
    "``` a`b\n" + SCRIPT + "\n```",
    "```\n    ```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "```\r" + "code\r" + "```\r" + SCRIPT,
    "`a\nb` " + SCRIPT + " `c`",
    "`a\n``x` " + SCRIPT + " ``",
    "\\`" + SCRIPT + "`",
    "``" + SCRIPT + "`",
    "| ` | " + SCRIPT + "` |\n|---|---|\n| a ` | " + SCRIPT + " ` |",
    "1. ```\n   a\n   ```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "     ```\n- item\n     ```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "\t```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "\u00a0```\n" + SCRIPT + "\n```\n" + SCRIPT,
    "``````\n```\n" + SCRIPT,
    "[x]: `\n`" + SCRIPT + "`",
    "-----BEGIN PRIVATE KEY-----\n```\n-----END PRIVATE KEY-----\n" + SCRIPT,
    "`-----BEGIN PRIVATE KEY-----`\nMIIEowIBAAKCAQEA7x\n-----END PRIVATE KEY-----`" + SCRIPT + "`",
]


def dangers(html: str, *, rendered: bool) -> list[str]:
    """Elements and attributes that run, load or submit something, as html5lib's tree has them."""
    found = []
    for element in html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str):
            found.append("comment")
        elif element.tag not in ALLOWED | OWN or (element.tag == "img" and not rendered):
            found.append(element.tag)
        for name, value in element.attrib.items():
            link = name in ("href", "src") and not value.startswith(("http://", "https://", "mailto:"))
            # The renderer checks the schemes of Markdown's own links, relative ones are its to allow.
            if (link and not rendered) or name.startswith("on") or name in ("style", "srcdoc", "action"):
                found.append(f"{name}={value}")
    return found


def assert_harmless(text: str) -> None:
    cleaned, _, _ = screen(text)
    for renderer in RENDERERS:
        assert dangers(renderer.render(cleaned), rendered=True) == [], cleaned
    cleaned, _, _ = screen(text, policy=HTML)
    assert dangers(cleaned, rendered=False) == [], cleaned


@pytest.mark.parametrize("attack", ATTACKS + TRAPS)
def test_nothing_runs_that_an_answer_brings(attack):
    assert_harmless(attack)
    assert_harmless(f"Some text\n\n{attack}\n\nand more `<b>` {attack}")


BLOCKS = [
    "```",
    "~~~",
    "````",
    "`",
    "``",
    "\n",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "  ",
    "   ",
    "    ",
    "\t",
    "- ",
    "> ",
]
PIECES = [
    *BLOCKS,
    *[
        "1. ",
        "* ",
        SCRIPT,
        "<img src=x onerror=alert(1)>",
        "<b>",
        "</b>",
        "<div>",
        "<p>",
        "<li>",
        "<details>",
    ],
    *[
        '<a href="https://x.example">',
        "text",
        "|",
        "\\",
        "js",
        "[x]: /u ",
        "#  ",
        "---",
        "<!--",
        "-->",
        "[^1]: ",
    ],
    *["<https://e.example>", "&lt;", '"', "'", "(", ")", "[", "![", "](", "<", ">", "|-|", "<br/>", "==="],
]


@settings(max_examples=400, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES), max_size=18).map("".join))
@example("para\n<b>x</b>\n```\ncode\n\n```\n" + SCRIPT)
def test_nothing_runs_however_fences_tags_and_lines_are_mixed(text):
    cleaned, _, _ = screen(text)
    for renderer in RENDERERS:
        assert dangers(renderer.render(cleaned), rendered=True) == []


@pytest.mark.parametrize(
    "code",
    [
        "```html\n<script>alert(1)</script>\n```\nafter",
        "```\n<b onclick=x>\n\n<!-- -->\n```",
        "~~~ js `x`\nif (a <b) c();\n~~~\n",
        "text\n```\n<x>\n``` \n\nand `<y>` too",
        "use `<script>` and ``<a `b` c>`` here",
        "```\nunclosed <script>",
        "a list:\n\n```\n<i class=x>\n```\n\n```\n<svg>\n```",
        "1. one:\n   ```\n   x\n   ```\n\nthen `<svg>`",
    ],
)
def test_code_is_left_alone_in_markdown_and_cleaned_in_html(code):
    assert screen(code) == (code, (), False)
    assert screen(code, policy=HTML)[0] != code


@pytest.mark.parametrize("size", range(MAX_SPAN - 6, MAX_SPAN + 3))
@pytest.mark.parametrize("end", ["", "`", " and more\n"])
def test_a_code_span_has_a_length_and_cuts_near_its_end_make_no_difference(size, end):
    text = "`<x>" + "y" * (size - 5) + "`" + end
    whole = screen(text)
    assert (whole[0] == text) == (size < MAX_SPAN and end != "`")
    for cut in range(len(text) - 15, len(text) + 1):
        assert screen(text[:cut], text[cut:]) == whole


def test_after_a_line_that_only_some_take_for_a_fence_nothing_is_code():
    assert screen("\u00a0```\na\n\n`<x>`")[0] == "\u00a0```\na\n\n`&lt;x>`"


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d, x -> y, <- z, 1<2, <3, AT&T &amp; &lt;",
        "<b>bold</b> and <em>more</em><br>",
        '<a href="https://x.example/y?a=1&amp;b=2">link</a>',
        "mail <ann@mail.test.> or <https://x.example/y>",
        "trailing <",
    ],
)
def test_what_is_harmless_is_not_touched(text):
    policy = replace(Policy.build(off=["email"]), links="any")
    assert screen(text, policy=policy) == (text, (), False)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<B CLASS=x>y</B >", "<b>y</b>"),
        ("<br/>", "<br>"),
        ('<a href="https://x.example" target=_blank>', '<a href="https://x.example">'),
        ("<a href='https://x.example' target=_blank>", "<a href='https://x.example'>"),
        ("<a href=https://x.example/&#39;>", "<a href='https://x.example/&#39;'>"),
        ("<script>", "&lt;script>"),
        ("</script>", "&lt;/script>"),
        ("<!-- x -->", "&lt;!-- x -->"),
        ("<a href=", "&lt;a href="),
        ("</", "&lt;/"),
        ("<b " + " " * MAX_TAG + ">", "&lt;b " + " " * MAX_TAG + ">"),
        ("<td>", "&lt;td>"),
    ],
)
def test_markup_is_cleaned_to_one_form(text, clean):
    for policy in (Policy(), HTML):
        assert screen(text, policy=policy)[0] == clean


def test_off_means_off():
    assert screen(SCRIPT, policy=Policy(html="off"))[0] == SCRIPT


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_plain_allowed_tag_is_what_bleach_makes_of_it(name):
    end = "" if name in VOID else f"</{name}>"
    assert bleach.clean(f"<{name}>", tags=ALLOWED) == f"<{name}>{end}"


def test_a_mask_inside_a_tag_is_judged_after_masking():
    text = '<a href="mailto:ann@example.com">ann@example.com</a>'
    assert screen(text)[0] == '<a href="mailto:[EMAIL_1]">[EMAIL_1]</a>'


@pytest.mark.parametrize(
    "pieces",
    [
        ["a\n", "x", " ```\n<script>x</script>\n"],
        ["```\n<b onclick=x>\n", "x", "```\n", "<script>"],
        ["a ", "`", "x", "` <script>"],
        ["a\n\n", " ", "```\n<i onclick=y>"],
        ["> ", "```\n", "x", "\n<script>"],
    ],
)
@pytest.mark.parametrize("mode", ["markdown", "html"])
def test_a_piece_that_only_goes_on_with_its_line_changes_nothing(pieces, mode):
    def streamed(pieces):
        stream = Chain([MarkupFilter(), LinkFilter()]).open_answer(Policy(html=mode), Placeholders())
        return "".join([*map(stream.feed, pieces), stream.finish()])

    text = "".join(pieces)
    assert streamed(pieces) == streamed([text]) == streamed(list(text))
