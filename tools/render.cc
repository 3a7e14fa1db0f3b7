#include <iostream>

#include "agents/policy.h"
#include "envs/augmented_env.h"
#include "envs/registry.h"
#include "envs/submodular/survey.h"
#include "experiments/collect.h"
#include "experiments/gnuplot.h"
#include "experiments/pictures.h"
#include "tools/options.h"
#include "tools/run_env.h"

namespace strider::tools {
namespace {

// The ways that a policy takes, one an episode, and the map as the first leaves it.
struct Journey {
  MapPicture map;
  std::vector<MapLine> ways;
  double mean_return = 0;
};

const MapView& ViewOf(const Env& env) {
  if (const auto* view = dynamic_cast<const MapView*>(&env)) return *view;
  std::string drawn;
  for (const EnvEntry& entry : EnvRegistry()) {
    if (entry.has_map) drawn += (drawn.empty() ? "" : ", ") + std::string(entry.id);
  }
  throw InputError("{} has no map that a way could be drawn on; expected one of: {}", env.spec().id, drawn);
}

Journey Travel(Env& env, const Policy& policy, int episodes, std::uint64_t seed, bool deterministic) {
  const MapView& view = ViewOf(env);
  Journey journey;
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size()));
  std::vector<float> action(static_cast<std::size_t>(RowSize(policy.action_space)));
  Augmenter augmenter(env.spec(), policy.augmentation);
  std::vector<double> seen(static_cast<std::size_t>(policy.observation_size));
  Pcg64 random(StreamSeed(seed, Purpose::kEvaluation));
  for (int episode = 0; episode < episodes; ++episode) {
    env.Reset(seed + static_cast<std::uint64_t>(episode), observation);
    augmenter.Start(observation, seen);
    MapLine& way = journey.ways.emplace_back(1, view.Position());
    for (StepResult step; !step.terminated && !step.truncated;) {
      policy.Act(seen, deterministic, random, action);
      step = env.Step(augmenter.Take(std::span<const float>(action)), observation);
      augmenter.Step(observation, step.reward, seen);
      journey.mean_return += step.reward / episodes;
      way.push_back(view.Position());
    }
    if (episode == 0) journey.map = view.Map();
  }
  return journey;
}

std::string Subtitle(const Env& env, const Journey& journey) {
  std::string text = fmt::format("return {:.4g}", journey.mean_return);
  if (journey.ways.size() > 1) text = fmt::format("{} episodes, mean {}", journey.ways.size(), text);
  if (const auto* survey = dynamic_cast<const Survey*>(&env)) {
    const auto walk = GreedyWalk(survey->task(), survey->visited().front(), survey->spec().max_episode_steps);
    text += fmt::format(" (the myopic walk gets {:.4g})", WalkValue(survey->task(), walk));
  }
  return text + "; " + journey.map.legend;
}

}  // namespace

int Render(const Words& words) {
  CommandLine line;
  line.usage = "strider render DIR|FILE.hdf5 --out FILE.png|FILE.svg [--env ID] [--episodes N] [--seed N]";
  line.about =
      "Draws the ways that a run's policy takes on the map of its environment, with what it has covered: the "
      "submodular tasks, on grids, on four legs, and the car on its track. Of several ways the first "
      "one's cover is shown.";
  auto add = line.options.add_options();
  add("policy", po::value<std::string>(), "a run's directory, a file in D4RL's policy layout, or random");
  add("out", po::value<std::string>(), "the picture, .png or .svg");
  add("env", po::value<std::string>(), "environment; a run's own where it is left out");
  add("set", po::value<std::vector<std::string>>()->composing(), "env.NAME=VALUE; may be repeated");
  add("episodes", po::value<int>()->default_value(1), "how many ways to draw");
  add("seed", po::value<std::int64_t>()->default_value(0), "episode i starts from reset(seed + i)");
  add("sampled", po::bool_switch(), "sampled actions instead of the mean one");
  line.positional.add("policy", 1);
  const auto values = Parse(line, words);
  if (!values) return 0;

  const auto source = RequiredWord<std::string>(*values, "policy", "DIR or FILE.hdf5");
  const std::filesystem::path out = Required<std::string>(*values, "out");
  const int episodes = (*values)["episodes"].as<int>();
  if (episodes < 1) throw InputError("--episodes {}: expected at least 1", episodes);
  PictureFormat(out);
  const EnvChoice choice =
      ChooseEnv(source, Given<std::string>(*values, "env"),
                Given<std::vector<std::string>>(*values, "set").value_or(std::vector<std::string>()));
  const auto env = MakeEnv(choice.id, choice.options);
  ViewOf(*env);
  WarnOfOtherWorld(source, env->spec());
  const Policy policy = LoadPolicy(source, env->spec());
  const Journey journey = Travel(*env, policy, episodes, Seed(*values), !(*values)["sampled"].as<bool>());
  WriteMapPicture(fmt::format("{} in {}", source, choice.id), Subtitle(*env, journey), journey.map,
                  journey.ways, out);
  std::cerr << fmt::format("{}: {}\n", out.string(), Subtitle(*env, journey));
  return 0;
}

}  // namespace strider::tools
