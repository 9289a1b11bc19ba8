# SPDX-License-Identifier: GPL-2.0
"""
Just enough C to find functions and statements in kernel sources: tokens with
their place in the text. No preprocessing; macros are names like others.
"""
import collections
import re

Token = collections.namedtuple('Token', 'kind text start end')
Function = collections.namedtuple('Function', 'name open close')

_token = re.compile(r'''
      (?P<comment> /\*.*?\*/ | //[^\n]*)
    | (?P<directive> ^[ \t]*\#(?:[^\n\\]|\\\n|\\.)*)
    | (?P<string> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
    | (?P<name> [A-Za-z_]\w*)
    | (?P<number> \d[\w.]*)
    | (?P<op> <<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w])
    ''', re.X | re.S | re.M)

_open = {'(': ')', '[': ']', '{': '}'}


def tokens(text):
    """All tokens but comments and preprocessor lines."""
    return [Token(m.lastgroup, m.group(), m.start(), m.end())
            for m in _token.finditer(text)
            if m.lastgroup not in ('comment', 'directive')]


def partners(toks):
    """For each bracket the index of the one that belongs to it."""
    stack, pair = [], {}
    for i, t in enumerate(toks):
        if t.text in _open:
            stack.append(i)
        elif t.text in _open.values() and stack:
            pair[i] = stack.pop()
            pair[pair[i]] = i
    return pair


def functions(toks, pair):
    """Function definitions: a name, parameters, a body at the outermost level."""
    found, i = [], 0
    while i < len(toks):
        if toks[i].text == '{':
            before = i - 1
            if before > 0 and toks[before].text == ')' and before in pair:
                name = toks[pair[before] - 1]
                if name.kind == 'name':
                    found.append(Function(name.text, i, pair.get(i, i)))
            i = pair.get(i, i)
        elif toks[i].text in ('(', '['):
            i = pair.get(i, i)
        i += 1
    return found


def key(toks):
    """Text of tokens, one blank between two: the same however it was broken."""
    return ' '.join(t.text for t in toks)


class Source:
    def __init__(self, text):
        self.text = text
        self.toks = tokens(text)
        self.pair = partners(self.toks)
        self.functions = functions(self.toks, self.pair)

    def replaced(self, edits):
        """The text with (start, end, new) done; later lines keep their numbers."""
        out = self.text
        lost = sum(self.text.count('\n', start, end) - new.count('\n')
                   for start, end, new in edits)
        for start, end, new in sorted(edits, reverse=True):
            out = out[:start] + new + '\n' * lost + out[end:]
            lost = 0
        return out
