#!/usr/bin/env python3
"""Shows that check_includes.py finds what it is there to find, on small trees written for the purpose."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECKER = pathlib.Path(__file__).with_name("check_includes.py")


class CheckIncludesTest(unittest.TestCase):
    def setUp(self):
        tree = tempfile.TemporaryDirectory()
        self.addCleanup(tree.cleanup)
        self.root = pathlib.Path(tree.name)
        self.write("core/error.h", "#pragma once\n#include <string>\n#include <fmt/format.h>\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def run_checker(self):
        done = subprocess.run([sys.executable, CHECKER, self.root], capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout.splitlines()

    def expect_fault(self, path, text, expected):
        self.write(path, text)
        code, lines = self.run_checker()
        self.assertEqual(code, 1)
        self.assertEqual(lines[:-1], [expected])

    def test_every_allowed_direction_passes(self):
        self.write("envs/env.h", '#include "core/random.h"\n#include "envs/space.h"\n#include <mujoco/mujoco.h>\n')
        self.write("datasets/d4rl.cc", '#include <hdf5.h>\n#include "core/files.h"\n#include "datasets/columns.h"\n')
        self.write("agents/nn/mlp.h", '#include <ATen/ATen.h>\n#include "envs/space.h"\n')
        self.write("agents/sac.cc", '#include "datasets/replay_buffer.h"\n#include "agents/nn/mlp.h"\n')
        self.write("offline/bc.h", '#include "agents/agent.h"\n#include <torch/csrc/autograd/autograd.h>\n')
        self.write("experiments/run.h", '#include "offline/bc.h"\n#include "agents/agent.h"\n')
        self.write("tools/main.cc", '#include "experiments/run.h"\n#include <ATen/Parallel.h>\n')
        code, lines = self.run_checker()
        self.assertEqual((code, lines), (0, ["8 files read, 0 includes against the direction"]))

    def test_core_includes_nothing_of_ours(self):
        self.expect_fault("core/bad.cc", '\n#include "envs/env.h"\n',
                          "core/bad.cc:2: 'envs/env.h': core/ may include none of the other folders")

    def test_envs_and_datasets_do_not_know_each_other(self):
        self.expect_fault("envs/bad.h", '#include "datasets/columns.h"\n',
                          "envs/bad.h:1: 'datasets/columns.h': envs/ may include core")
        (self.root / "envs/bad.h").unlink()
        self.expect_fault("datasets/bad.cc", '// one\n// two\n#  include <envs/env.h>\n',
                          "datasets/bad.cc:3: 'envs/env.h': datasets/ may include core")

    def test_agents_do_not_know_offline_nor_experiments(self):
        self.write("agents/bad.cc", '#include "offline/bc.h"\n#include "core/error.h"\n#include "experiments/run.h"\n')
        code, lines = self.run_checker()
        self.assertEqual(code, 1)
        self.assertEqual(lines, [
            "agents/bad.cc:1: 'offline/bc.h': agents/ may include core, datasets, envs",
            "agents/bad.cc:3: 'experiments/run.h': agents/ may include core, datasets, envs",
            "2 files read, 2 includes against the direction",
        ])

    def test_nothing_includes_tools(self):
        self.expect_fault("experiments/bad.h", '#include "tools/options.h"\n',
                          "experiments/bad.h:1: 'tools/options.h': experiments/ may include "
                          "agents, core, datasets, envs, offline")

    def test_libraries_stay_where_they_belong(self):
        for path, header, message in [
            ("envs/bad.cc", "ATen/ATen.h", "envs/ must not know LibTorch"),
            ("envs/bad.h", "hdf5.h", "envs/ must not know HDF5"),
            ("datasets/bad.cc", "torch/torch.h", "datasets/ must not know LibTorch"),
            ("datasets/bad.h", "mujoco/mujoco.h", "datasets/ must not know MuJoCo"),
            ("core/bad.h", "c10/util/Half.h", "core/ must not know LibTorch"),
            ("tools/bad.h", "ATen/ATen.h", "no header of tools/ may include LibTorch"),
        ]:
            with self.subTest(path=path, header=header):
                self.expect_fault(path, f"#include <{header}>\n", f"{path}:1: '{header}': {message}")
                (self.root / path).unlink()

    def test_our_headers_are_named_from_the_root(self):
        self.expect_fault("envs/bad.cc", '#include "env.h"\n',
                          "envs/bad.cc:1: 'env.h': our headers are included by their path from the repository's root")

    def test_nothing_includes_the_tests(self):
        self.expect_fault("tools/bad.cc", '#include "tests/support/golden.h"\n',
                          "tools/bad.cc:1: 'tests/support/golden.h': only tests may include what is in tests/")

    def test_a_tree_without_sources_does_not_pass(self):
        (self.root / "core/error.h").unlink()
        self.assertEqual(self.run_checker(), (1, ["0 files read, 0 includes against the direction"]))


if __name__ == "__main__":
    unittest.main()
