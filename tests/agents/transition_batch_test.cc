#include "agents/transition_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "core/error.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kRows = 10;

// Row i holds i in every column, times one, ten, a hundred ...
class Sampling : public ::testing::Test {
 protected:
  Sampling() {
    for (std::int64_t i = 0; i < kRows; ++i) {
      const auto x = static_cast<float>(i);
      observations_.insert(observations_.end(), {x, -x});
      actions_.push_back(10 * x);
      rewards_.push_back(100 * x);
      next_observations_.insert(next_observations_.end(), {1000 * x, -1000 * x});
      terminals_.push_back(i == 7 ? 1.0F : 0.0F);
    }
  }

  BatchSampler Make(std::uint64_t seed) const {
    return BatchSampler({kRows, 2, 1, observations_, actions_, rewards_, next_observations_, terminals_},
                        at::kCPU, seed);
  }

  std::vector<float> observations_;
  std::vector<float> actions_;
  std::vector<float> rewards_;
  std::vector<float> next_observations_;
  std::vector<float> terminals_;
};

TEST_F(Sampling, DrawsWholeRowsFromTheFirstOnes) {
  BatchSampler sampler = Make(1);
  const TransitionBatch batch = sampler.Sample(2000, 8);
  const at::Tensor counts = at::bincount(batch.indices, {}, kRows);
  for (std::int64_t row = 0; row < kRows; ++row) {
    // Five standard deviations of a binomial about 250.
    EXPECT_NEAR(counts[row].item<double>(), row < 8 ? 250 : 0, row < 8 ? 74 : 0) << row;
  }
  const at::Tensor x = batch.indices.to(at::kFloat);
  EXPECT_TRUE(at::equal(batch.observations, at::stack({x, -x}, 1)));
  EXPECT_TRUE(at::equal(batch.actions, 10 * x.unsqueeze(1)));
  EXPECT_TRUE(at::equal(batch.rewards, 100 * x));
  EXPECT_TRUE(at::equal(batch.next_observations, 1000 * at::stack({x, -x}, 1)));
  EXPECT_TRUE(at::equal(batch.terminals, (batch.indices == 7).to(at::kFloat)));
}

TEST_F(Sampling, SeesWhatTheHostChanges) {
  BatchSampler sampler = Make(1);
  rewards_[3] = 42;
  sampler.Upload(3, 1);
  EXPECT_EQ(sampler.Gather(at::tensor({3}, at::kLong)).rewards.item<double>(), 42);
}

TEST_F(Sampling, FollowsItsSeedAndResumes) {
  BatchSampler a = Make(1);
  BatchSampler b = Make(1);
  BatchSampler c = Make(2);
  const at::Tensor first = a.Sample(50, kRows).indices;
  EXPECT_TRUE(at::equal(first, b.Sample(50, kRows).indices));
  EXPECT_FALSE(at::equal(first, c.Sample(50, kRows).indices));
  StateWriter saved;
  a.Save(saved);
  StateReader reader(saved.bytes());
  c.Load(reader);
  EXPECT_TRUE(at::equal(a.Sample(50, kRows).indices, c.Sample(50, kRows).indices));
}

// Those of a GPU are of another length: a run that goes on elsewhere begins its noise anew.
TEST(GeneratorState, OfAnotherDeviceIsLeftAlone) {
  at::Generator generator = MakeGenerator(at::kCPU, 1);
  const at::Tensor first = at::randn({8}, generator);
  StateWriter saved;
  SaveGenerator(saved, generator);
  const at::Tensor second = at::randn({8}, generator);
  StateReader own(saved.bytes());
  LoadGenerator(own, generator);
  EXPECT_TRUE(at::equal(at::randn({8}, generator), second));

  StateWriter foreign;
  foreign.PutSpan(std::span<const std::uint8_t>(std::array<std::uint8_t, 16>{}));
  foreign.Put(7);
  StateReader other(foreign.bytes());
  at::Generator fresh = MakeGenerator(at::kCPU, 1);
  LoadGenerator(other, fresh);
  EXPECT_TRUE(at::equal(at::randn({8}, fresh), first));
  EXPECT_EQ(other.Get<int>(), 7) << "what follows it";
}

TEST_F(Sampling, DrawsTheNumbersThatSampleWouldHaveDrawn) {
  BatchSampler a = Make(1);
  BatchSampler b = Make(1);
  EXPECT_TRUE(at::equal(a.Draw(20, kRows), b.Sample(20, kRows).indices));
  EXPECT_TRUE(at::equal(a.Sample(20, kRows).indices, b.Draw(20, kRows)));
}

TEST_F(Sampling, MixesTheDatasetsRowsAndTheReplays) {
  const BatchSampler sampler = Make(1);
  const TransitionBatch logged = sampler.Gather(at::tensor({7, 2}, at::kLong));
  const TransitionBatch replayed = sampler.Gather(at::tensor({3, 0, 5}, at::kLong));
  const TransitionBatch mixed = Mix(logged, replayed);
  EXPECT_TRUE(at::equal(mixed.indices, at::tensor({7, 2, -1, -1, -1}, at::kLong)));
  const at::Tensor x = at::tensor({7, 2, 3, 0, 5}, at::kFloat);
  EXPECT_TRUE(at::equal(mixed.observations, at::stack({x, -x}, 1)));
  EXPECT_TRUE(at::equal(mixed.actions, 10 * x.unsqueeze(1)));
  EXPECT_TRUE(at::equal(mixed.rewards, 100 * x));
  EXPECT_TRUE(at::equal(mixed.next_observations, 1000 * at::stack({x, -x}, 1)));
  EXPECT_TRUE(at::equal(mixed.terminals, (x == 7).to(at::kFloat)));
  EXPECT_FALSE(mixed.next_actions.defined());
  // One part may be empty.
  const TransitionBatch none = sampler.Gather(at::empty({0}, at::kLong));
  EXPECT_TRUE(at::equal(Mix(none, replayed).rewards, replayed.rewards));
  EXPECT_TRUE(at::equal(Mix(logged, none).rewards, logged.rewards));
}

TEST(Device, IsReadFromText) {
  EXPECT_TRUE(ParseDevice("cpu").is_cpu());
  for (const char* wrong : {"", "gpu", "cuda:", "cuda:x", "CPU", "cuda:1000"}) {
    const std::string message = MessageOf<InputError>([&] { ParseDevice(wrong); });
    EXPECT_THAT(message, HasSubstr(std::string("'") + wrong + "'"));
    EXPECT_THAT(message, HasSubstr("expected cpu, cuda or cuda:N"));
  }
}

TEST(Device, SaysWhatIsMissing) {
  if (at::hasCUDA()) {
    EXPECT_THAT(MessageOf<InputError>([] { ParseDevice("cuda:999"); }), HasSubstr("GPUs"));
    return;
  }
  for (const char* device : {"cuda", "cuda:1"}) {
    const std::string message = MessageOf<InputError>([&] { ParseDevice(device); });
    EXPECT_THAT(message, HasSubstr(std::string("'") + device + "'"));
    EXPECT_THAT(message, HasSubstr("GPU"));
    EXPECT_THAT(message, HasSubstr("--device cpu"));
  }
}

}  // namespace
}  // namespace strider
