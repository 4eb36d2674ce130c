#!/usr/bin/env python3
"""Plants one fault per check of tidy.py and expects it found; plants its lawful twin and expects silence."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

HEADER = "// Thing: a thing.\n#pragma once\n"


def checks(path, text, exists=lambda path: False):
    return [name for _, name, _ in tidy.check_file(path, text, exists)]


class Layers(unittest.TestCase):
    def includes(self, path, target):
        return checks(path, f'#include "{target}"\n')

    def test_upward_include_is_a_fault(self):
        self.assertEqual(["layers"], self.includes("router/ring/ring.cc", "router/forward/request.h"))
        self.assertEqual(["layers"], self.includes("router/base/clock.cc", "router/app/config.h"))

    def test_downward_include_is_fine(self):
        self.assertEqual([], self.includes("router/forward/request.cc", "router/otlp/splitter.h"))
        self.assertEqual([], self.includes("router/ring/ring.cc", "router/ring/point.h"))

    def test_neighbours_do_not_see_each_other(self):
        for path, target in (("router/ring/a.cc", "router/otlp/b.h"), ("router/otlp/a.cc", "router/codec/b.h"),
                             ("router/ingress/a.cc", "router/admin/b.h"), ("router/admin/a.cc", "router/ingress/b.h"),
                             ("router/backend/a.cc", "router/ring/b.h")):
            self.assertEqual(["layers"], self.includes(path, target), f"{path} -> {target}")

    def test_only_the_application_sees_the_resolver(self):
        self.assertEqual([], self.includes("router/app/application.cc", "resolver/dns_resolver.h"))
        self.assertEqual(["layers"], self.includes("router/routing/table.cc", "resolver/dns_resolver.h"))

    def test_the_resolver_sees_nothing_of_the_router(self):
        self.assertEqual(["layers"], self.includes("resolver/dns_resolver.cc", "router/base/result.h"))
        self.assertEqual([], self.includes("resolver/dns_resolver.cc", "resolver/endpoint.h"))

    def test_unknown_folder_is_a_fault(self):
        self.assertEqual(["layers"], checks("router/shiny/a.cc", "int x;\n"))

    def test_include_in_a_comment_does_not_count(self):
        self.assertEqual([], checks("router/base/a.cc", '// #include "router/app/config.h"\n'))

    def test_product_code_includes_no_tests(self):
        self.assertEqual(["layers"], self.includes("router/base/a.cc", "tests/support/fake.h"))


class Bans(unittest.TestCase):
    def test_banned_words_in_product_code(self):
        for line in ("throw 1;", "auto* x = new Thing;", "auto* x = new int[3];", "delete x;", "delete[] x;",
                     "void* p = malloc(3);", "std::free(p);"):
            self.assertEqual(["banned"], checks("router/base/a.cc", line + "\n"), line)

    def test_lawful_look_alikes(self):
        for line in ("Thing(const Thing&) = delete;", "// throw away the new delete", 'Log("throw new");',
                     "int renewed = 1;", "std::make_unique<int[]>(3);", "object.free();", "::new (place) Thing();",
                     "return std::unique_ptr<Thing>(new Thing(1));",
                     "std::shared_ptr<Thing> thing(\n    new Thing(1));",
                     "auto free_bytes = Free(x);", "char quote = '\"'; int x = 1'000'000;"):
            self.assertEqual([], checks("router/base/a.cc", line + "\n"), line)

    def test_std_function_only_outside_the_data_path(self):
        self.assertEqual(["banned"], checks("router/http2/a.cc", "std::function<void()> f;\n"))
        self.assertEqual([], checks("router/app/a.cc", "std::function<void()> f;\n"))

    def test_sleep_in_a_test(self):
        for line in ("std::this_thread::sleep_for(1ms);", "usleep(3);", "::sleep(1);", "sleep(1);"):
            self.assertEqual(["banned"], checks("tests/ring/a.cc", line + "\n"), line)

    def test_an_allowed_line_says_so(self):
        self.assertEqual([], checks("router/base/a.cc", "throw 1;  // tidy: allow, third-party callback\n"))


class Form(unittest.TestCase):
    def test_header_without_comment_or_guard(self):
        self.assertEqual(["header"], checks("router/base/a.h", "#pragma once\n"))
        self.assertEqual(["header"], checks("router/base/a.h", "// A: a.\n"))
        self.assertEqual([], checks("router/base/a.h", HEADER))

    def test_using_namespace_in_a_header(self):
        self.assertEqual(["header"], checks("router/base/a.h", HEADER + "using namespace std;\n"))
        self.assertEqual([], checks("router/base/a.cc", "using namespace std::chrono_literals;\n"))

    def test_empty_type_names(self):
        self.assertEqual(["type-name"], checks("router/base/a.cc", "class PoolManager {\n"))
        self.assertEqual(["type-name"], checks("router/base/a.cc", "struct ConnectionImpl {\n"))
        self.assertEqual([], checks("router/base/a.cc", "class Implementation;\n"))

    def test_a_test_says_what_it_shows(self):
        bare = "TEST(RingTest, PickWraps) {}\n"
        self.assertEqual(["test-comment"], checks("tests/ring/ring_test.cc", bare))
        self.assertEqual([], checks("tests/ring/ring_test.cc", "// Scenario: a.\n// Guarantees: b.\n" + bare))

    def test_registry_hosts(self):
        for host in tidy.REGISTRY_HOSTS:
            self.assertEqual(["registry"], checks("docs/a.md", f"see {host}/simple\n"), host)
        self.assertEqual([], checks("docs/a.md", "see docs.example.org\n"))

    def test_broken_link(self):
        self.assertEqual(["link"], checks("docs/a.md", "see [b](b.md)\n"))
        self.assertEqual([], checks("docs/a.md", "see [b](b.md#part)\n", lambda path: path == "docs/b.md"))
        self.assertEqual([], checks("docs/a.md", "see [b](https://example.org) and `[x](y)`\n"))


class Notes(unittest.TestCase):
    def test_long_file_and_long_function_are_noted_not_faulted(self):
        text = "int F(int x) {\n" + "  x += 1;\n" * 500 + "  return x;\n}\n"
        self.assertEqual([], checks("router/base/a.cc", text))
        what = [what for _, what in tidy.notes(tidy.SourceFile("router/base/a.cc", text))]
        self.assertEqual(2, len(what), what)


class WholeProgram(unittest.TestCase):
    """The script as ctest runs it: a planted upward include ends in exit 1 and names file and line."""

    def run_on(self, content):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "router/ring"))
            with open(os.path.join(root, "router/ring/ring.cc"), "w", encoding="utf-8") as stream:
                stream.write(content)
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy.py")
            return subprocess.run([sys.executable, script, root], capture_output=True, text=True, check=False)

    def test_planted_upward_include(self):
        result = self.run_on('\n#include "router/app/config.h"\n')
        self.assertEqual(1, result.returncode, result.stdout)
        self.assertIn("router/ring/ring.cc:2: [layers]", result.stdout)

    def test_clean_tree(self):
        result = self.run_on('#include "router/base/result.h"\n')
        self.assertEqual(0, result.returncode, result.stdout)

    def test_a_tree_without_sources_is_a_fault(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(1, tidy.main([root]))


if __name__ == "__main__":
    unittest.main()
