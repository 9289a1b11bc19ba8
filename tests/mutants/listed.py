# SPDX-License-Identifier: GPL-2.0
"""
The mutations of list.d: which function, what changes there, which tests notice.

A stanza is lines of "key: value" up to an empty line:

  mutant      its name
  in          the function, in whichever file of src/ it is defined
  why         what would go wrong
  tests       words for tests/board/run --tests
  options     more options for tests/board/run
  equivalent  instead of tests: why no test can notice
  check       "yes": 'make check' runs it
  meta        declarations of Coccinelle metavariables
  patch       last: the lines that follow are the body of a semantic patch
  replace     last: lines that begin with - and + are C tokens, to be found once
"""
import difflib
import glob
import os
import subprocess
import tempfile

import csource


class Problem(Exception):
    pass


class Listed:
    def __init__(self, where):
        self.where = where
        self.fields = {}
        self.body = []
        self.how = None

    def __getattr__(self, name):
        return self.fields.get(name, '')

    @property
    def name(self):
        return self.fields['mutant']


def read(directory):
    found, names = [], set()
    for path in sorted(glob.glob(os.path.join(directory, '*.conf'))):
        stanza = None
        with open(path) as f:
            lines = f.read().split('\n') + ['']
        for number, line in enumerate(lines, 1):
            where = '%s:%d' % (os.path.basename(path), number)
            if not line.strip():
                if stanza:
                    found.append(stanza)
                stanza = None
            elif line.startswith('#') and not stanza:
                continue
            elif stanza and stanza.how:
                stanza.body.append(line)
            else:
                key, colon, value = line.partition(':')
                if not colon:
                    raise Problem('%s: no "key: value"' % where)
                stanza = stanza or Listed(where)
                if key in ('patch', 'replace'):
                    stanza.how = key
                else:
                    stanza.fields[key] = value.strip()
    for m in found:
        for key in ('mutant', 'in', 'why'):
            if key not in m.fields:
                raise Problem('%s: no "%s:"' % (m.where, key))
        if not m.body or bool(m.tests) == bool(m.equivalent):
            raise Problem('%s: needs a change, and either tests or a reason' % m.name)
        if m.name in names:
            raise Problem('%s: two mutations of this name' % m.name)
        names.add(m.name)
    return found


def _definition(tree, function):
    """The file that defines a function, and its source."""
    hits = []
    for path in sorted(glob.glob(os.path.join(tree, 'src/**/*.[ch]'), recursive=True)):
        with open(path) as f:
            text = f.read()
        if function in text:
            src = csource.Source(text)
            hits += [(path, src, x) for x in src.functions if x.name == function]
    if len(hits) != 1:
        raise Problem('%d definitions of %s()' % (len(hits), function))
    return hits[0]


def _by_coccinelle(m, path, function):
    rule = '@@\n%s\n@@\n%s(...)\n{\n<+...\n%s\n...+>\n}\n' % (
        m.meta, function, '\n'.join(m.body))
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, 'out.c')
        cocci = os.path.join(scratch, 'm.cocci')
        with open(cocci, 'w') as f:
            f.write(rule)
        ran = subprocess.run(['spatch', '--very-quiet', '--sp-file', cocci, path, '-o', out],
                             capture_output=True, text=True)
        if ran.returncode or not os.path.exists(out):
            raise Problem('%s: %s' % (m.name, ran.stderr.strip()[-300:] or 'no match'))
        with open(out) as f:
            return f.read()


def _by_tokens(m, src, function):
    old = csource.tokens('\n'.join(x[1:] for x in m.body if x[0] == '-'))
    new = '\n'.join(x[1:].strip() for x in m.body if x[0] == '+')
    words = [t.text for t in old]
    places = [i for i in range(function.open, function.close - len(words) + 1)
              if [t.text for t in src.toks[i:i + len(words)]] == words]
    if not words or len(places) != 1:
        raise Problem('%s: %d places' % (m.name, len(places)))
    first, last = src.toks[places[0]], src.toks[places[0] + len(words) - 1]
    return src.replaced([(first.start, last.end, new)])


def apply(m, tree):
    """The file that a mutation changes, and its new text."""
    path, src, function = _definition(tree, m.fields['in'])
    if m.how == 'patch':
        text = _by_coccinelle(m, path, function.name)
    else:
        text = _by_tokens(m, src, function)
    changed = [x for x in difflib.SequenceMatcher(
        None, src.text.split('\n'), text.split('\n'), False).get_opcodes() if x[0] != 'equal']
    first = src.text.count('\n', 0, src.toks[function.open].start)
    last = src.text.count('\n', 0, src.toks[function.close].end)
    if len(changed) != 1:
        raise Problem('%s: changes %d places' % (m.name, len(changed)))
    if any(x[1] < first or x[2] > last + 1 for x in changed):
        raise Problem('%s: changes more than %s()' % (m.name, function.name))
    return path, text
