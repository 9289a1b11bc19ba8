# SPDX-License-Identifier: GPL-2.0
"""
Generated mutations, each a single change inside a function:

  delete    a call whose result is unused is left out
  negate    a condition is negated
  bound     < becomes <=, > becomes >=
  operand   one operand of && is dropped
  swap      two register writes that follow each other change places
  errno     an error number becomes its neighbour

Left out are calls that change nothing but what a log, a trace or a checker says.
"""
import collections
import errno

import csource

Mutation = collections.namedtuple('Mutation', 'file function kind place text edits')

_quiet = ('dev_', 'pr_', 'trace_', 'lockdep_', 'might_', 'static_assert', 'BUILD_',
          'WARN', 'MODULE_', 'EXPORT_', 'DEFINE_', 'DECLARE_', 'cond_resched',
          'mutex_destroy')
_writes = ('writel', 'writeq', 'writew', 'writeb')
_words = ('if', 'while', 'for', 'switch', 'return', 'sizeof', 'do', 'else', 'guard',
          'scoped_guard')


def _statement_begins(toks, i):
    return toks[i - 1].text in (';', '{', '}', ')', 'else', ':', 'do')


def _call(src, i):
    """Index of the ';' when toks[i] begins a statement that is just a call."""
    toks = src.toks
    if toks[i].kind != 'name' or toks[i].text in _words or toks[i + 1].text != '(' or \
       not _statement_begins(toks, i):
        return None
    close = src.pair.get(i + 1)
    if close is None or toks[close + 1].text != ';':
        return None
    return close + 1


def _operand(toks, pair, i, step):
    """Where the operand of the && at toks[i] ends, going by step."""
    j, last = i + step, i
    while True:
        t = toks[j].text
        if t in ('&&', '||', '?', ':', ';', ',', '=', 'return', '{', '}') or \
           (step > 0 and t in (')', ']')) or (step < 0 and t in ('(', '[')):
            return last
        last = pair[j] if (step > 0 and t in ('(', '[')) or \
            (step < 0 and t in (')', ']')) else j
        j = last + step


def _next_errno(name):
    codes = {c: n for n, c in vars(errno).items() if n.startswith('E') and c < 133}
    codes[errno.EAGAIN], codes[errno.EDEADLK] = 'EAGAIN', 'EDEADLK'
    code = getattr(errno, name, None)
    while code is not None:
        code += 1
        if codes.get(code, '').startswith('E') and codes[code] != name:
            return codes[code]
        if code > 140:
            return None
    return None


def _in_function(name, src, f):
    toks, pair = src.toks, src.pair

    def made(kind, first, last, edits):
        return kind, toks[first].start, csource.key(toks[first:last + 1]), edits

    for i in range(f.open + 1, f.close):
        t = toks[i]
        end = _call(src, i)
        if end and not t.text.startswith(_quiet):
            yield made('delete', i, end, [(t.start, toks[end].end, ';')])
        if end and t.text in _writes:
            after = _call(src, end + 1)
            if after and toks[end + 1].text in _writes:
                a = src.text[t.start:toks[end].end]
                b = src.text[toks[end + 1].start:toks[after].end]
                yield made('swap', i, after, [(t.start, toks[end].end, b),
                                              (toks[end + 1].start, toks[after].end, a)])
        if t.text in ('if', 'while') and toks[i + 1].text == '(':
            close = pair[i + 1]
            yield made('negate', i, close,
                       [(toks[i + 1].end, toks[i + 1].end, '!('),
                        (toks[close].start, toks[close].start, ')')])
        if t.text in ('<', '>'):
            yield made('bound', i - 1, i + 1, [(t.start, t.end, t.text + '=')])
        if t.text == '&&':
            left = _operand(toks, pair, i, -1)
            right = _operand(toks, pair, i, 1)
            yield made('operand', left, right, [(toks[left].start, toks[i + 1].start, '')])
            yield made('operand', left, right,
                       [(toks[left].start, toks[right].end,
                         src.text[toks[left].start:toks[i - 1].end])])
        if t.text == '-' and toks[i - 1].text in ('return', '=', '?', ':') and \
           toks[i + 1].kind == 'name' and toks[i + 1].text[0] == 'E':
            other = _next_errno(toks[i + 1].text)
            if other:
                yield made('errno', i - 1, i + 2,
                           [(toks[i + 1].start, toks[i + 1].end, other)])


def mutations(file, text):
    """Every mutation of a file; their names do not depend on line numbers."""
    src = csource.Source(text)
    found = []
    for f in src.functions:
        count = collections.Counter()
        for kind, _, words, edits in _in_function(file, src, f):
            count[kind] += 1
            found.append(Mutation(file, f.name, kind, count[kind], words, edits))
    return src, found


def name(m):
    return '%s/%s.%d' % (m.function, m.kind, m.place)
