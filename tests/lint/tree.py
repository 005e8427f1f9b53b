"""What the checks of this folder share: which files there are, code without comments, how a finding is reported."""

import os
import re
import sys

PRODUCT = ("common", "producer", "consumer")
SKIPPED = {".git", "build", "node_modules", "__pycache__", ".pytest_cache"}


def root():
    """The tree to check: the first argument, by default the one that this file belongs to."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", ".."))


def files(top, folders=("",), endings=("",)):
    """Paths relative to top, sorted."""
    found = []
    for folder in folders:
        for at, subfolders, names in os.walk(os.path.join(top, folder)):
            subfolders[:] = [name for name in subfolders if name not in SKIPPED]
            found += [os.path.relpath(os.path.join(at, name), top) for name in names
                      if name.endswith(endings) and name not in SKIPPED]  # .git: a file in a worktree
    return sorted(set(found))


def c_files(top, folders=PRODUCT + ("tests",)):
    return files(top, folders, (".c", ".h"))


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8", errors="replace") as file:
        return file.read()


TOKENS = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code(text):
    """C with comments and the inside of literals blanked; every character keeps its line."""
    def blank(match):
        token = match.group(0)
        kept = re.sub(r"[^\n]", " ", token)
        return token[0] + kept[1:-1] + token[-1] if token[0] in "\"'" else kept
    return TOKENS.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, path, line, what):
        print(f"{path}:{line}: {what}")
        self.count += 1

    def end(self):
        name = os.path.basename(sys.argv[0])
        print(f"{name}: " + (f"{self.count} found" if self.count else "ok"))
        sys.exit(1 if self.count else 0)
