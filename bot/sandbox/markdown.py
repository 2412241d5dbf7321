"""Discord's Markdown as HTML: markdown-it's rules without those Discord lacks, and with those it adds.

The HTML holds no markup of whoever wrote the text, so that a page may insert it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

RULES = (
    "autolink", "backticks", "balance_pairs", "blockquote", "emphasis", "escape", "fence", "fragments_join",
    "heading", "inline", "linkify", "link", "list", "newline", "normalize", "paragraph", "strikethrough",
    "block",
)  # fmt: skip

TEXT = re.compile(r"(?:(?!\|\|)[^\n\\`*_~<\[\]!&:])+")
"""Text up to the next character that may begin something else."""
ENTITY = re.compile(
    r"<(?:(?P<user>@!?)(?P<user_id>\d+)|@&(?P<role_id>\d+)|\#(?P<channel_id>\d+)|/(?P<command>[^:>\n]+):\d+"
    r"|t:(?P<seconds>-?\d{1,12})(?::(?P<style>[tTdDfFR]))?|a?:(?P<emoji>\w+):\d+)>"
)


def html(text: str, names: Mapping[int, str]) -> str:
    """The HTML of a text; `names` are what mentioned people, roles and channels are called, by id."""
    return str(PARSER.render(text, {"names": names})).strip()


def _text(state: StateInline, silent: bool) -> bool:
    found = TEXT.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


def _spoiler(state: StateInline, silent: bool) -> bool:
    """`||hidden until pressed||`."""
    if not state.src.startswith("||", state.pos):
        return False
    end = state.src.find("||", state.pos + 2, state.posMax)
    if end <= state.pos + 2:
        return False
    if not silent:
        outer = state.posMax
        opening = state.push("spoiler_open", "span", 1)
        opening.attrs = {
            "class": "spoiler", "role": "button", "tabindex": "0", "aria-label": "Spoiler: press to show",
        }  # fmt: skip
        state.pos, state.posMax = state.pos + 2, end
        state.md.inline.tokenize(state)
        state.push("spoiler_close", "span", -1)
        state.posMax = outer
    state.pos = end + 2
    return True


def _entity(state: StateInline, silent: bool) -> bool:
    """A mention, a time or an emoji of the server's own."""
    found = ENTITY.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("entity", "", 0).meta = found.groupdict()
    state.pos = found.end()
    return True


def _subtext(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """`-# in small letters`."""
    start, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    if not state.src.startswith("-# ", start):
        return False
    if not silent:
        state.line = line + 1
        state.push("subtext_open", "small", 1).block = True
        inline = state.push("inline", "", 0)
        inline.content, inline.map, inline.children = state.src[start + 3 : end].strip(), [line, line + 1], []
        state.push("subtext_close", "small", -1).block = True
    return True


def _render_entity(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    found: dict[str, str | None] = tokens[index].meta
    names: Mapping[int, str] = env["names"]
    if id := found["user_id"] or found["role_id"]:
        return f'<span class="mention">@{escapeHtml(names.get(int(id), "somebody"))}</span>'
    if id := found["channel_id"]:
        name = escapeHtml(names.get(int(id), "a channel"))
        return f'<a class="mention" href="#{id}" data-channel="{id}">#{name}</a>'
    if command := found["command"]:
        return f'<span class="mention">/{escapeHtml(command)}</span>'
    if seconds := found["seconds"]:
        return f'<time data-seconds="{seconds}" data-style="{found["style"] or "f"}"></time>'
    return f":{found['emoji']}:"


def _strong(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """`__underlined__`, which is bold elsewhere."""
    tag = "u" if tokens[index].markup == "__" else "strong"
    return f"<{'/' if tokens[index].nesting < 0 else ''}{tag}>"


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    link = tokens[index]
    link.attrs |= {"target": "_blank", "rel": "noreferrer noopener"}
    return renderer.renderToken(tokens, index, options, env)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"breaks": True, "linkify": True})
    parser.enable(list(RULES), ignoreInvalid=True)
    parser.inline.ruler.at("text", _text)
    parser.inline.ruler.before("emphasis", "spoiler", _spoiler)
    parser.inline.ruler.before("autolink", "entity", _entity)
    parser.block.ruler.before("heading", "subtext", _subtext, {"alt": ["paragraph", "blockquote", "list"]})
    for name, rule in (
        ("strong_open", _strong),
        ("strong_close", _strong),
        ("link_open", _link),
        ("entity", _render_entity),
    ):
        parser.add_render_rule(name, rule)
    return parser


PARSER = _parser()
