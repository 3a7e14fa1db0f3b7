// That Minari itself reads what we write. Where STRIDER_MINARI_PYTHON names a Python with minari 0.5.4 and
// h5py, it is asked; a transcript of its answer is kept beside the golden data, and compared in any case.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/files.h"
#include "datasets/minari.h"
#include "datasets/writer.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

// 32 steps, the last episode unfinished.
void WriteSample(const std::filesystem::path& folder) {
  Dataset dataset = MakeDataset(32, 3, 2);
  dataset.metadata = {
      {"env_id", "Hopper-v5"},
      {"algorithm", "SAC"},
      {"action_space", R"({"type":"Box","dtype":"float32","shape":[2],"low":[-2.0,-2.0],"high":[2.0,2.0]})"}};
  WriteDataset(DatasetFormat::kMinari, folder, dataset);
}

std::string NumpyType(const Hdf5Info& info) {
  if (info.kind == Hdf5Kind::kFlag) return "bool";
  if (info.type == "32-bit float") return "float32";
  return info.type == "64-bit float" ? "float64" : info.type;
}

// The same lines as read_with_minari.py prints, from our own reading of the files.
std::string Transcript(const std::filesystem::path& folder) {
  const MinariReader reader(folder / "data");
  const MinariInspection& found = reader.inspection();
  const auto metadata = reader.Metadata();
  std::string text =
      fmt::format("{}: {} episodes, {} steps, of {}\n", metadata.at("dataset_id"),
                  found.metadata.total_episodes, found.metadata.total_steps, metadata.at("env_id"));
  const auto box = [](const GymSpace& space) {
    return fmt::format("Box({:#.1g}, {:#.1g}, ({},), {})", space.low[0], space.high[0], space.shape[0],
                       space.dtype);
  };
  text += "observations: " + box(*found.metadata.observation_space) + "\n";
  text += "actions: " + box(*found.metadata.action_space) + "\n";
  for (std::size_t k = 0; k < found.episodes(); ++k) {
    text += fmt::format("episode {}: {} steps\n", k, found.length(k));
    for (const char* key : {"observations", "actions", "rewards", "terminations", "truncations",
                            "infos/action_log_probs", "infos/qpos", "infos/qvel"}) {
      const Array<double> array = reader.file().Read<double>(EpisodeKey(k, key));
      text += fmt::format("  {} [{}] {} {:.9g} {:.9g}\n", key, fmt::join(array.shape, ", "),
                          NumpyType(reader.file().Info(EpisodeKey(k, key))), array.values.front(),
                          array.values.back());
    }
  }
  return text;
}

TEST(MinariTranscript, MinariReadsWhatWeWrite) {
  const TemporaryFolder folder;
  const auto sample = folder.path() / "sample-v0";
  WriteSample(sample);
  const std::string recorded = ReadText(GoldenPath("datasets/minari/transcript.txt"));
  EXPECT_EQ(Transcript(sample), recorded);
  const char* python = std::getenv("STRIDER_MINARI_PYTHON");
  if (python == nullptr)
    GTEST_SKIP() << "no STRIDER_MINARI_PYTHON; compared with the recorded transcript only";
  FILE* pipe =
      ::popen(fmt::format("{} {} {}", python, STRIDER_READ_WITH_MINARI, sample.string()).c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string printed;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) printed += static_cast<char>(c);
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(printed, recorded);
}

}  // namespace
}  // namespace strider
