// Runs the tests of the learners on one thread: their networks are too small to share out, and on a busy
// machine LibTorch's threads wait for each other far longer than they work.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  at::set_num_threads(1);
  return RUN_ALL_TESTS();
}
