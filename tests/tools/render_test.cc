// `strider render`: pictures of ways on maps, and wrong calls; `strider evaluate --set`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/files.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Finished Render(const std::string& env, const std::filesystem::path& out,
                const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"render", "random", "--env", env, "--out", out.string()};
  words.insert(words.end(), more.begin(), more.end());
  return Strider(words);
}

TEST(Render, DrawsEveryKindOfMap) {
  const TemporaryFolder folder;
  for (const char* env : {"ItemCollection-v0", "TwoRooms-v0", "AntCoverage-v0", "RaceCar-v0"}) {
    SCOPED_TRACE(env);
    const auto svg = folder.path() / (std::string(env) + ".svg");
    const Finished finished = Render(env, svg);
    EXPECT_EQ(finished.code, 0) << finished.message;
    EXPECT_THAT(finished.message, HasSubstr("return "));
    EXPECT_THAT(ReadText(svg), AllOf(HasSubstr("<svg"), HasSubstr("</svg>")));
  }
  const auto png = folder.path() / "ways.png";
  const Finished finished = Render("GridCoverage-v0", png, {"--episodes", "3", "--set", "env.slip=0.5"});
  EXPECT_EQ(finished.code, 0) << finished.message;
  EXPECT_THAT(finished.message,
              AllOf(HasSubstr("3 episodes, mean return"), HasSubstr("the myopic walk gets")));
  EXPECT_THAT(ReadText(png), StartsWith("\x89PNG"));
}

TEST(Render, SaysWhatTheMyopicWalkGets) {
  const TemporaryFolder folder;
  EXPECT_THAT(Render("ItemCollection-v0", folder.path() / "a.svg").message,
              HasSubstr("(the myopic walk gets 9)"));
  EXPECT_THAT(Render("TwoRooms-v0", folder.path() / "b.svg").message, HasSubstr("(the myopic walk gets 36)"));
  EXPECT_THAT(Render("Biodiversity-v0", folder.path() / "c.svg").message, HasSubstr("synthetic"));
}

TEST(Render, WrongCallsAreNamed) {
  const TemporaryFolder folder;
  const auto refused = [](const Finished& finished, const std::string& why) {
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.message, HasSubstr(why));
  };
  refused(Render("Hopper-v5", folder.path() / "a.png"),
          "Hopper-v5 has no map that a way could be drawn on; expected one of: GridCoverage-v0, ");
  refused(Render("TwoRooms-v0", folder.path() / "a.mp4"), "expected a name that ends in .png or .svg");
  refused(Render("TwoRooms-v0", folder.path() / "a.png", {"--episodes", "0"}), "--episodes 0");
  refused(Render("TwoRooms-v0", folder.path() / "a.png", {"--set", "agent.lr=1"}), "env.NAME=VALUE");
  refused(Strider({"render", "random", "--env", "TwoRooms-v0"}), "--out is missing");
  refused(Strider({"render", "random", "--out", "a.png"}), "random names no environment; expected --env ID");
  refused(Strider({"render", "nowhere", "--out", "a.png"}), "policy 'nowhere' does not exist");
  const Finished no_folder = Render("TwoRooms-v0", folder.path() / "none" / "a.png");
  EXPECT_EQ(no_folder.code, 1);
  EXPECT_THAT(no_folder.message, HasSubstr("a.png: there is no folder " + (folder.path() / "none").string()));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// The modular reward of the same walks is larger: repeats count.
TEST(Evaluate, EnvironmentsCanBeChanged) {
  const std::vector<std::string> words = {"evaluate", "random", "--env", "TwoRooms-v0",
                                          "--seed",   "1",      "--json"};
  auto modular = words;
  modular.insert(modular.end(), {"--set", "env.reward=modular"});
  const double gain = Strider(words).Json()["mean"].get<double>();
  EXPECT_GT(Strider(modular).Json()["mean"].get<double>(), 2 * gain);
}

}  // namespace
}  // namespace strider
