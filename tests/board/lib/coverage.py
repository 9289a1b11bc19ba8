#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
Line and branch coverage of src/, from the counters of any number of boots.

usage: coverage.py GCOV BUILD SOURCE REPORT ARCHIVE...
  GCOV     the gcov program of the compiler that built the module
  BUILD    where it was built: the .gcno files are there
  SOURCE   the checkout, for the text of lines
  REPORT   file to write: the table, and what is not covered
  ARCHIVE  .tar.gz of .gcda files, one a boot

gcov does the reading; this adds up over the boots and prints.
"""
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile


class File:
    def __init__(self):
        self.lines = collections.Counter()      # line: times executed
        self.functions = collections.Counter()  # (first line, name): times
        # A function that is inlined in two places has its branches twice:
        # same line, same number of ways, so each way is counted once.
        self.branches = {}                      # (line, ways): [times]


def die(text):
    sys.exit("coverage: " + text)


def gcov(program, build, archive):
    """Yield what gcov says of each source file, for one boot."""
    with tempfile.TemporaryDirectory() as tmp:
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                if not member.name.endswith(".gcda"):
                    continue
                name = os.path.basename(member.name)
                # of src/ and below; no two files there have one name
                notes = glob.glob(os.path.join(
                    build, "src", "**", name.removesuffix("gcda") + "gcno"),
                    recursive=True)
                if not notes:
                    continue
                with open(os.path.join(tmp, name), "wb") as out:
                    shutil.copyfileobj(tar.extractfile(member), out)
                shutil.copy(notes[0], tmp)
        counters = sorted(f for f in os.listdir(tmp) if f.endswith(".gcda"))
        if not counters:
            die(f"{archive}: no counters of this build in it")
        run = subprocess.run([program, "--json-format", "--stdout",
                              "--branch-probabilities"] + counters,
                             cwd=tmp, capture_output=True, text=True)
        # It goes on after a mismatch, as if nothing had been executed.
        if run.returncode or run.stderr.strip():
            die(f"{archive}: {program}: {run.stderr.strip()}")
        for line in run.stdout.splitlines():
            unit = json.loads(line)
            for data in unit["files"]:
                data["file"] = os.path.normpath(os.path.join(
                    unit["current_working_directory"], data["file"]))
                yield data


def add(files, build, data):
    name = os.path.relpath(data["file"], build)
    if not name.startswith("src/"):
        return                                  # the kernel's inlines
    f = files[name]
    for function in data["functions"]:
        f.functions[(function["start_line"], function["name"])] += \
            function["execution_count"]
    for line in data["lines"]:
        number = line["line_number"]
        f.lines[number] += line["count"]
        ways = [b["count"] for b in line["branches"]]
        if ways:
            sums = f.branches.setdefault((number, len(ways)), [0] * len(ways))
            for i, count in enumerate(ways):
                sums[i] += count


def ranges(numbers, known):
    """Runs of NUMBERS; lines without code do not end one."""
    out = []
    for n in sorted(numbers):
        if out and not any(out[-1][1] < k < n for k in known):
            out[-1][1] = n
        else:
            out.append([n, n])
    return out


def percent(part, whole):
    return f"{100 * part / whole:5.1f}%" if whole else "     -"


def row(name, lines, branches, functions):
    cells = [f"{percent(*c)} {c[0]:>5}/{c[1]:<5}"
             for c in (lines, branches, functions)]
    return f"{name:<24} " + " ".join(cells)


def text_of(source, number):
    return source[number - 1].strip() if number <= len(source) else ""


def report(files, top, out):
    totals = [[0, 0], [0, 0], [0, 0]]
    table = [f"{'file':<24} {'lines':^18} {'branches':^18} {'functions':^18}"]
    details = []

    for name in sorted(files):
        f = files[name]
        with open(os.path.join(top, name), encoding="utf-8") as stream:
            source = stream.read().splitlines()
        ways = [c for sums in f.branches.values() for c in sums]
        cells = [(sum(1 for c in counts if c), len(counts)) for counts in
                 (list(f.lines.values()), ways, list(f.functions.values()))]
        for total, cell in zip(totals, cells):
            total[0] += cell[0]
            total[1] += cell[1]
        table.append(row(name, *cells))

        details += ["", name]
        for (line, function), count in sorted(f.functions.items()):
            if not count:
                details.append(f"  never entered: {function}() at {line}")
        missed = [n for n, count in f.lines.items() if not count]
        for first, last in ranges(missed, f.lines):
            span = str(first) if first == last else f"{first}-{last}"
            details.append(f"  line {span:<9} {text_of(source, first)}")
        for (line, _), sums in sorted(f.branches.items()):
            idle = sum(1 for c in sums if not c)
            if idle and f.lines[line]:
                details.append(f"  branch {line:<7} {idle} of {len(sums)} "
                               f"ways not taken: {text_of(source, line)}")
        if details[-1] == name:
            details.append("  all of it")
    table.append(row("src/", *totals))

    with open(out + ".new", "w", encoding="utf-8") as stream:
        stream.write("\n".join(table + details) + "\n")
    os.replace(out + ".new", out)
    print("\n".join(table))


def main():
    if len(sys.argv) < 6:
        sys.exit(__doc__.strip())
    program, build, top, out = sys.argv[1:5]
    files = collections.defaultdict(File)
    for archive in sys.argv[5:]:
        for data in gcov(program, build, archive):
            add(files, build, data)
    if not files:
        die("nothing of src/ is in the counters")
    report(files, top, out)


main()
