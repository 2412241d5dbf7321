"""Discord's Markdown on the sandbox's page, in which nobody can write HTML."""

import pytest

from bot.sandbox.markdown import html

NAMES = {1: "Alice", 2: "dreams <b>"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("**b** *i* __u__", "<p><strong>b</strong> <em>i</em> <u>u</u></p>"),
        ("~~s~~ `c`", "<p><s>s</s> <code>c</code></p>"),
        ("a\nb", "<p>a<br>\nb</p>"),
        ("done\n-# in small", "<p>done</p>\n<small>in small</small>"),
        ("<@1> <@!1> <@&9>", '<p>{0}@Alice</span> {0}@Alice</span> {0}@somebody</span></p>'),
        ("<#2>", '<p><a class="mention" href="#2" data-channel="2">#dreams &lt;b&gt;</a></p>'),
        ("</daily on:7>", "<p>{0}/daily on</span></p>"),
        ("<t:9:R>", '<p><time data-seconds="9" data-style="R"></time></p>'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("snake_case 5<6 a:b ||||", "<p>snake_case 5&lt;6 a:b ||||</p>"),
        ("<script>x</script> <b onclick=x>", "<p>&lt;script&gt;x&lt;/script&gt; &lt;b onclick=x&gt;</p>"),
        ("[x](javascript:x)", "<p>[x](javascript:x)</p>"),
    ],
)  # fmt: skip
def test_a_text_looks_as_in_discord(text: str, wanted: str) -> None:
    assert html(text, NAMES) == wanted.replace("{0}", '<span class="mention">')


def test_a_spoiler_is_covered_and_an_address_is_a_link() -> None:
    assert '<span class="spoiler"' in html("a ||b **c**|| d", {})
    assert html("a ||b **c**|| d", {}).endswith("b <strong>c</strong></span> d</p>")
    link = html("see https://example.org/x?y=1.", {})
    assert 'href="https://example.org/x?y=1" target="_blank" rel="noreferrer noopener"' in link
