"""What the checks of circles and floors read from C: modules, includes, and who calls or names whose functions.

A module is name.c and name.h; name_internal.h and name_private.h belong to the module name. The layout is
clang-format's: a brace alone in the first column begins a function's body and nothing else."""

import collections
import os
import re

import tree

BODY = re.compile(r"^\{\n(.*?)^\}", re.M | re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)\n]*\))?((?:[^\n]*\\\n)*[^\n]*)", re.M)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)
NAME = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)(?=\s*\()")
# A name that stands for a value: no member, no designator, no tag, no label.
WORD = re.compile(r"(?<!\.)(?<!->)(?<!\w)(?<!struct )(?<!union )(?<!enum )(?<!goto )([A-Za-z_]\w*)")
INITIALIZER = re.compile(r"=[^;]*;")
STATEMENTS = set("return else case goto sizeof do".split())

Use = collections.namedtuple("Use", "path line caller name")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def module_of(path):
    """@return (folder, name)"""
    folder, file = os.path.split(path)
    return folder, re.sub(r"(_internal|_private)$", "", file.rpartition(".")[0])


def display(module):
    return "/".join(module)


def flat(text):
    """The text with everything inside parentheses blanked, so that only names at the outside are left."""
    out, depth = [], 0
    for char in text:
        depth -= char == ")"
        out.append(char if depth == 0 or char == "\n" else " ")
        depth += char == "("
    return "".join(out)


def declared(text):
    """Names of parameters and local variables, which hide functions of the same name."""
    found = set(re.findall(r"\(\s*\*\s*(\w+)\s*\)\s*\(", text))
    for before, name in re.findall(r"\b([A-Za-z_]\w*)[\s*]+?\**(?<![\w>.])(\w+)(?=\s*[=;,)\[])", text):
        if before not in STATEMENTS:
            found.add(name)
    return found


class File:
    def __init__(self, path, text):
        code = tree.code(text)
        self.path, self.module = path, module_of(path)
        # The name of an included file is a literal, which tree.code() blanks.
        self.includes = [(m.group(1), tree.line_of(text, m.start())) for m in INCLUDE.finditer(text)
                         if code[m.start():m.end()].strip().startswith("#")]
        self.macros = {m.group(1): m.group(3) for m in DEFINE.finditer(code)}
        code = DIRECTIVE.sub(blank, code)
        self.functions = {}  # name: (line, static)
        self.parts = []      # where names are used: (caller, text, first line, hidden names)
        rest, end = [], 0
        for match in BODY.finditer(code):
            start = max(code.rfind(";", end, match.start()), code.rfind("}", end, match.start()), end - 1) + 1
            header = code[start:match.start()]
            names = NAME.findall(flat(header))
            rest.append(code[end:start])
            rest.append(blank(re.match(r"[\s\S]*", code[start:match.end()])))
            end = match.end()
            if names:
                line = tree.line_of(code, match.start())
                self.functions[names[-1]] = (line, re.search(r"\bstatic\b", header) is not None)
                self.parts.append((names[-1], match.group(1), line + 1, declared(header) | declared(match.group(1))))
        rest = "".join(rest) + code[end:]
        for match in INITIALIZER.finditer(rest):
            self.parts.append((None, match.group(0), tree.line_of(rest, match.start()), set()))

    def statics(self):
        return {name for name, (_, static) in self.functions.items() if static}


class Source:
    """All C of the product: edges of modules, each with the uses that make it."""

    def __init__(self, top):
        self.files = {path: File(path, tree.read(top, path)) for path in tree.c_files(top, tree.PRODUCT)}
        self.modules = sorted({file.module for file in self.files.values()})
        self.owners = collections.defaultdict(set)  # function: modules that define it for others
        for file in self.files.values():
            for name, (_, static) in file.functions.items():
                if not static:
                    self.owners[name].add(file.module)
        self.included = self.include_edges()
        self.called = self.call_edges()

    def closure(self, path):
        """The project's headers that a file sees."""
        seen, left = set(), [path]
        while left:
            for header, _ in self.files[left.pop()].includes:
                if header in self.files and header not in seen:
                    seen.add(header)
                    left.append(header)
        return seen

    def include_edges(self):
        edges = collections.defaultdict(list)
        for file in self.files.values():
            for header, line in file.includes:
                if header in self.files and self.files[header].module != file.module:
                    edges[file.module, self.files[header].module].append(Use(file.path, line, None, header))
        return edges

    def owner(self, file, name):
        """The module whose function a name means. Both programs may have one of that name."""
        owners = [o for o in self.owners.get(name, ())
                  if o[0].split("/")[0] in ("common", file.module[0].split("/")[0])]
        return None if not owners or file.module in owners else min(owners)

    def call_edges(self):
        edges = collections.defaultdict(list)
        for file in self.files.values():
            headers = self.closure(file.path)
            macros, inline = {}, {}
            for header in sorted(headers):
                macros.update(self.files[header].macros)
                inline.update({name: self.files[header].module for name in self.files[header].statics()})
            macros.update(file.macros)
            for caller, text, first, hidden in file.parts:
                for match in WORD.finditer(text):
                    name, line = match.group(1), first + text.count("\n", 0, match.start())
                    for meant in self.expand(name, macros, file, hidden):
                        target = inline.get(meant) or self.owner(file, meant)
                        if target and target != file.module:
                            edges[file.module, target].append(Use(file.path, line, caller, meant))
        return edges

    def expand(self, name, macros, file, hidden):
        """The functions that a name stands for: itself, or those in the text of a macro, however deep."""
        found, seen, left = [], set(), [name]
        while left:
            name = left.pop()
            if name in seen or name in hidden or name in file.functions:
                continue
            seen.add(name)
            if name in macros:
                left += WORD.findall(macros[name])
            else:
                found.append(name)
        return found


def components(edges):
    """Strongly connected components of more than one module (Tarjan, without recursion)."""
    after = collections.defaultdict(list)
    for a, b in sorted(edges):
        after[a].append(b)
    index, low, stack, inside, found = {}, {}, [], set(), []
    for root in sorted(after):
        work = [] if root in index else [(root, iter(after[root]))]
        if work:
            index[root] = low[root] = len(index)
            stack.append(root)
            inside.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    inside.add(other)
                    work.append((other, iter(after[other])))
                    break
                if other in inside:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = stack[stack.index(node):]
                    del stack[-len(members):]
                    inside.difference_update(members)
                    if len(members) > 1:
                        found.append(sorted(members))
    return found


def shortest_circle(members, edges):
    """The fewest modules of a component that go round, first and last the same."""
    after = collections.defaultdict(list)
    for a, b in sorted(edges):
        if a in members and b in members:
            after[a].append(b)
    best = None
    for start in members:
        came, left = {start: None}, collections.deque([start])
        while left:
            node = left.popleft()
            if start in after[node]:
                way = [start]
                while node is not None:
                    way.append(node)
                    node = came[node]
                if best is None or len(way) < len(best):
                    best = way[::-1]
                break
            for other in after[node]:
                if other not in came:
                    came[other] = node
                    left.append(other)
    return best
