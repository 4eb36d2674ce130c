#!/usr/bin/env python3
"""tidy: the structure of the source tree, as a test.

usage: tidy.py [--notes] [ROOT]

Prints one line per fault, `path:line: [check] what`, and exits 1 if there was any. --notes adds what is worth a
look but is no fault: files over 400 lines, functions over 70. Only the standard library, only text: no compiler.
Each check is a function from a SourceFile to faults; tidy_test.py plants a fault for each.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

# Folder -> the folders it may include, itself aside. Written out rather than computed: this is the layer drawing
# of docs/architecture.md, and a new edge should be a visible change of this table.
BASE = {"base"}
WIRE = {"ring", "otlp", "codec", "http1", "http2", "transport"}
ABOVE_WIRE = BASE | {"otlp", "codec", "http2", "transport"}
LAYERS = {
    "base": set(),
    "ring": BASE,
    "otlp": BASE,
    "codec": BASE,
    "auth": BASE,
    "transport": BASE,
    "http1": BASE | {"transport"},
    "http2": BASE | {"transport"},
    "backend": ABOVE_WIRE,
    "routing": ABOVE_WIRE | {"ring", "backend"},
    "forward": ABOVE_WIRE | {"ring", "backend", "routing"},
    "ingress": ABOVE_WIRE | {"auth", "http1", "ring", "backend", "routing", "forward"},
    "admin": ABOVE_WIRE | {"ring", "backend", "routing", "forward"},
    "app": BASE | WIRE | {"backend", "routing", "forward", "ingress", "admin", "auth", "resolver"},
}
HOT_FOLDERS = {"http1", "http2", "transport", "otlp", "forward", "backend", "ring"}
SOURCE_ROOTS = ("router", "resolver", "tests", "bench")
FILE_LINES_NOTE = 400
FUNCTION_LINES_NOTE = 70

# Put together from fragments, so that this file does not name what it forbids.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("files", "pythonhosted", "org"), ("proxy", "golang", "org"),
        ("sum", "golang", "org"), ("deb", "debian", "org"), ("security", "debian", "org"),
        ("snapshot", "debian", "org"), ("archive", "ubuntu", "com"), ("crates", "io"),
        ("registry", "npmjs", "org"), ("repo", "maven", "apache", "org"),
        ("repo1", "maven", "org"), ("rubygems", "org"),
        ("registry-1", "docker", "io"), ("apt", "llvm", "org"))
]


@dataclass
class SourceFile:
    path: str  # from the root, with slashes
    text: str
    lines: list = field(init=False)
    code: list = field(init=False)  # the same lines with comments and literals blanked (C++ only)

    def __post_init__(self):
        self.lines = self.text.split("\n")
        self.code = blank_comments_and_literals(self.text).split("\n") if self.is_cpp() else self.lines

    def is_cpp(self):
        return self.path.endswith((".h", ".cc"))

    def is_header(self):
        return self.path.endswith(".h")

    def is_product(self):
        return self.path.startswith(("router/", "resolver/"))

    def layer(self):
        """"ring" of router/ring/x.h, "resolver" of resolver/x.h, None elsewhere."""
        parts = self.path.split("/")
        if parts[0] == "resolver":
            return "resolver"
        return parts[1] if parts[0] == "router" and len(parts) > 2 else None


CPP_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^(\s]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'', re.S)


def blank_comments_and_literals(text):
    """Keeps every newline and the quotes of #include lines."""
    def blank(match):
        token = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if token[0] == '"' and text[line_start:match.start()].lstrip().startswith("#include"):
            return token
        return re.sub(r"[^\n]", " ", token)
    return CPP_TOKENS.sub(blank, text)


# ---- checks: each yields (line number, what) --------------------------------------------------------------------

def check_layers(file):
    layer = file.layer()
    if layer is None or not file.is_cpp():
        return
    if layer != "resolver" and layer not in LAYERS:
        yield 1, f"folder router/{layer} is in no layer; add it to LAYERS and to docs/architecture.md"
        return
    for number, line in enumerate(file.code, 1):
        match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if not match:
            continue
        target = match.group(1).split("/")
        if line.lstrip().startswith("#") and '"' in line and len(target) == 1:
            yield number, f'include "{target[0]}" from the repository root'
        if target[0] == "tests" or target[0] == "bench":
            yield number, f"product code includes {match.group(1)}"
        goal = "resolver" if target[0] == "resolver" else target[1] if target[0] == "router" and len(target) > 2 else None
        if goal is None or goal == layer:
            continue
        if goal not in LAYERS.get(layer, set()):
            yield number, f"layer {layer} may not include {match.group(1)} (layer {goal})"


# A smart pointer that opens right before `new` is the one way to call a private constructor.
OWNED_NEW = re.compile(r"\b(?:unique|shared)_ptr<.*>\s*\w*\(\s*new\b")
# Product code only: tests count allocations and own gRPC reactors, which delete themselves.
PRODUCT_BANS = [
    (re.compile(r"(?<![\w:])throw\b"), "throw: return a Result or an enum"),
    (re.compile(r"(?<![\w:])new\b(?!\s*\()\s*[\w:<(]"),
     "new: use make_unique, make_unique_for_overwrite or a container"),
    (re.compile(r"(?<!= )(?<![\w])delete\b\s*(?:\[\s*\])?\s*[\w(*]"), "delete: let an owner free it"),
    (re.compile(r"(?<![\w.>])(?:std::)?(?:malloc|calloc|realloc|free)\s*\("), "malloc family: let an owner free it"),
]
HOT_BANS = [(re.compile(r"\bstd::(?:move_only_)?function\b"), "std::function in a data-path folder")]
TEST_BANS = [
    (re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.>:])(?:::)?sleep\s*\("),
     "a sleep in a test: wait for the event, with a deadline"),
]


def check_bans(file):
    if not file.is_cpp():
        return
    bans = []
    if file.is_product():
        bans += PRODUCT_BANS
    if file.layer() in HOT_FOLDERS:
        bans += HOT_BANS
    if file.path.startswith("tests/"):
        bans += TEST_BANS
    for number, line in enumerate(file.code, 1):
        for pattern, what in bans:
            if not pattern.search(line) or "tidy: allow" in file.lines[number - 1]:
                continue
            if what.startswith("new:") and OWNED_NEW.search(f"{file.code[number - 2] if number > 1 else ''} {line.strip()}"):
                continue
            yield number, what


def check_header_form(file):
    if not file.is_header():
        return
    if not file.text.startswith("//"):
        yield 1, "a header starts with a comment that says what it is"
    if not re.search(r"^#pragma once$", file.text, re.M):
        yield 1, "a header has #pragma once"
    for number, line in enumerate(file.code, 1):
        if re.match(r"using namespace\b", line):
            yield number, "using namespace at namespace scope of a header"


BANNED_TYPE_NAME = re.compile(r"\b(?:class|struct|enum class)\s+(?:\[\[\w+\]\]\s+)?(\w*(?:Manager|Helper|Util|Utils|Impl))\b")


def check_type_names(file):
    if not file.is_cpp():
        return
    for number, line in enumerate(file.code, 1):
        match = BANNED_TYPE_NAME.search(line)
        if match:
            yield number, f"type {match.group(1)}: name it after what it is"


def check_test_comments(file):
    """Scenario and Guarantees above each TEST."""
    if not re.match(r"tests/.*_test\.cc$", file.path):
        return
    for number, line in enumerate(file.code, 1):
        if not re.match(r"(?:TYPED_)?TEST(?:_[FP])?\s*\(", line):
            continue
        above = []
        at = number - 2
        while at >= 0 and file.lines[at].startswith("//"):
            above.append(file.lines[at])
            at -= 1
        text = "\n".join(above)
        if "Scenario:" not in text or "Guarantees:" not in text:
            yield number, "above a TEST stand `// Scenario: …` and `// Guarantees: …`"


def check_registry_hosts(file):
    for number, line in enumerate(file.lines, 1):
        for host in REGISTRY_HOSTS:
            if re.search(r"(?<![\w.-])" + re.escape(host) + r"(?![\w-])", line):
                yield number, f"names the package registry {host[:4]}…; registries are the user's own setting"


def check_links(file, exists):
    if not file.path.endswith(".md"):
        return
    in_fence = False
    for number, line in enumerate(file.lines, 1):
        if line.lstrip().startswith("```"):
            in_fence = not in_fence
        if in_fence:
            continue
        for target in re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z][a-z0-9+.-]*:", target) or target.startswith("#"):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(file.path), target.split("#")[0]))
            if not exists(path):
                yield number, f"link to {target}, which is not there"


def notes(file):
    if not file.is_cpp():
        return
    if len(file.lines) > FILE_LINES_NOTE:
        yield 1, f"{len(file.lines)} lines (over {FILE_LINES_NOTE})"
    # A function at namespace or class scope starts on a line of at most two columns of indent that ends in `{`
    # after a `)`, and ends at the first `}` of the same indent: what clang-format guarantees.
    start = None
    for number, line in enumerate(file.code, 1):
        indent = len(line) - len(line.lstrip())
        if start is None and indent <= 2 and line.rstrip().endswith("{") and ")" in line \
                and not re.match(r"\s*(?:class|struct|enum|namespace|if|for|while|switch)\b", line):
            start = (number, indent)
        elif start is not None and line.startswith(" " * start[1] + "}"):
            if number - start[0] > FUNCTION_LINES_NOTE:
                yield start[0], f"function of {number - start[0]} lines (over {FUNCTION_LINES_NOTE})"
            start = None


# ---- running them -----------------------------------------------------------------------------------------------

CHECKS = {
    "layers": check_layers,
    "banned": check_bans,
    "header": check_header_form,
    "type-name": check_type_names,
    "test-comment": check_test_comments,
    "registry": check_registry_hosts,
}


def check_file(path, text, exists=os.path.exists):
    """All faults of one file, as (line, check, what)."""
    file = SourceFile(path, text)
    found = [(line, name, what) for name, check in CHECKS.items() for line, what in check(file)]
    found += [(line, "link", what) for line, what in check_links(file, exists)]
    return sorted(found)


def tree_files(root):
    """Tracked files and new ones git does not ignore; without git (a release archive) every file outside build/."""
    try:
        out = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True).stdout.decode()
        return sorted(name for name in set(out.split("\0")) if name)
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in ("build", ".git", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
        return sorted(found)


def read_text(path):
    """None for what is not text: corpora, images."""
    try:
        if os.path.islink(path) or os.path.getsize(path) > 4 * 1024 * 1024:
            return None
        with open(path, encoding="utf-8", newline="") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text


def main(arguments):
    with_notes = "--notes" in arguments
    roots = [argument for argument in arguments if not argument.startswith("-")]
    root = roots[0] if roots else "."
    files = faults = sources = 0
    for path in tree_files(root):
        text = read_text(os.path.join(root, path))
        if text is None or path.startswith("tests/fuzz/corpus/"):
            continue
        files += 1
        sources += path.endswith((".h", ".cc")) and path.startswith(SOURCE_ROOTS)
        for line, name, what in check_file(path, text, lambda target: os.path.exists(os.path.join(root, target))):
            print(f"{path}:{line}: [{name}] {what}")
            faults += 1
        if with_notes:
            for line, what in notes(SourceFile(path, text)):
                print(f"{path}:{line}: note: {what}")
    print(f"tidy: {files} files, {sources} of them C++, {faults} fault(s)")
    if sources == 0:
        print("tidy: found no C++ source at all: wrong folder?")
        return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
