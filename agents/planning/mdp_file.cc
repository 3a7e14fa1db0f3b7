#include "agents/planning/mdp_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/memory.h"
#include "core/names.h"
#include "datasets/hdf5.h"

namespace strider::planning {
namespace {

using Json = nlohmann::json;

struct Transition {
  std::int64_t state = 0;
  std::int64_t action = 0;
  double probability = 1;
  std::int64_t next = 0;
  std::vector<double> reward;
  bool terminal = false;
};

// What either kind of file says.
struct Contents {
  std::int64_t states = 0;
  std::int64_t actions = 0;
  std::vector<std::string> state_names;
  std::vector<std::string> action_names;
  double discount = 1;
  std::int64_t horizon = 0;
  std::vector<double> start;
  std::vector<Transition> transitions;
};

void CheckIndex(const std::string& where, std::string_view what, std::int64_t index, std::int64_t count) {
  if (index < 0 || index >= count) {
    throw InputError("{}: {} is {}; expected 0 to {}", where, what, index, count - 1);
  }
}

// States and actions must be known before memory is taken for them.
void CheckCounts(const std::string& path, std::int64_t states, std::int64_t actions) {
  constexpr std::int64_t kMost = 1'000'000'000;
  for (const auto& [what, count] : {std::pair("states", states), {"actions", actions}}) {
    if (count < 1 || count > kMost) {
      throw InputError("{}: {} is {}; expected a whole number from 1 to {}", path, what, count, kMost);
    }
  }
  // A list for each pair of state and action, and room for one transition in it.
  const double bytes = static_cast<double>(states) * static_cast<double>(actions) *
                       (sizeof(std::vector<Outcome>) + sizeof(Outcome) + sizeof(Branch));
  const auto memory = static_cast<double>(MachineMemory());
  if (bytes > memory / 2) {
    throw InputError("{}: {} states x {} actions need at least {:.1f} GB; this machine has {:.1f} GB", path,
                     states, actions, bytes / 1e9, memory / 1e9);
  }
}

Mdp Build(const std::string& path, Contents contents) {
  CheckCounts(path, contents.states, contents.actions);
  TabularMdp table(static_cast<int>(contents.states), static_cast<int>(contents.actions));
  table.state_names = std::move(contents.state_names);
  table.action_names = std::move(contents.action_names);
  if (contents.start.empty()) {
    table.start[0] = 1;
  } else {
    table.start = std::move(contents.start);
  }
  const std::size_t size = contents.transitions.empty() ? 1 : contents.transitions[0].reward.size();
  std::vector<std::vector<std::vector<double>>> rewards(table.outcomes.size());
  std::vector<bool> is_end(static_cast<std::size_t>(table.states), true);
  std::size_t number = 0;
  for (Transition& transition : contents.transitions) {
    const std::string where = fmt::format("{}: transitions[{}]", path, number++);
    CheckIndex(where, "state", transition.state, contents.states);
    CheckIndex(where, "action", transition.action, contents.actions);
    if (!transition.terminal) CheckIndex(where, "next", transition.next, contents.states);
    if (!(transition.probability >= 0 && transition.probability <= 1)) {
      throw InputError("{}: probability is {}; expected a number in [0, 1]", where, transition.probability);
    }
    if (transition.reward.size() != size) {
      throw InputError("{}: reward has {} numbers; expected {}, as those before", where,
                       transition.reward.size(), size);
    }
    for (const double reward : transition.reward) {
      if (!std::isfinite(reward))
        throw InputError("{}: reward is {}; expected finite numbers", where, reward);
    }
    const auto state = static_cast<int>(transition.state);
    const auto action = static_cast<int>(transition.action);
    table.Outcomes(state, action)
        .push_back({transition.probability, transition.terminal ? state : static_cast<int>(transition.next),
                    transition.reward[0], transition.terminal});
    rewards[table.Index(state, action)].push_back(std::move(transition.reward));
    is_end[static_cast<std::size_t>(state)] = false;
  }
  std::vector<double> flat;
  for (int state = 0; state < table.states; ++state) {
    for (int action = 0; action < table.actions; ++action) {
      auto& rows = rewards[table.Index(state, action)];
      if (is_end[static_cast<std::size_t>(state)]) {
        table.Outcomes(state, action) = {{1, state, 0, true}};
        rows.assign(1, std::vector<double>(size, 0));
      }
      for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
    }
  }
  // What leads to a state that ends episodes has ended them.
  for (auto& outcomes : table.outcomes) {
    for (Outcome& outcome : outcomes)
      outcome.terminal = outcome.terminal || is_end[static_cast<std::size_t>(outcome.next_state)];
  }
  if (contents.horizon < 0 || contents.horizon > 1'000'000) {
    throw InputError("{}: horizon is {}; expected 0 to 1000000", path, contents.horizon);
  }
  return Mdp(path, table, contents.discount, static_cast<int>(contents.horizon), static_cast<int>(size),
             flat);
}

class JsonReader {
 public:
  explicit JsonReader(std::string path) : path_(std::move(path)) {}

  Contents Read() {
    Json json;
    try {
      json = Json::parse(ReadText(path_));
    } catch (const Json::exception& error) {
      throw InputError("{}: not JSON: {}", path_, error.what());
    }
    CheckKeys(json, path_, {"states", "actions", "discount", "horizon", "start", "transitions"});
    contents_.states = Count(json, "states", contents_.state_names);
    contents_.actions = Count(json, "actions", contents_.action_names);
    CheckCounts(path_, contents_.states, contents_.actions);
    if (json.contains("discount")) contents_.discount = Number(json["discount"], path_ + ": discount");
    if (json.contains("horizon")) contents_.horizon = Whole(json["horizon"], path_ + ": horizon");
    if (json.contains("start")) ReadStart(json["start"]);
    const Json& transitions = Member(json, path_, "transitions");
    if (!transitions.is_array()) throw InputError("{}: transitions is not a list", path_);
    for (std::size_t i = 0; i < transitions.size(); ++i) {
      contents_.transitions.push_back(
          ReadTransition(transitions[i], fmt::format("{}: transitions[{}]", path_, i)));
    }
    return std::move(contents_);
  }

 private:
  static void CheckKeys(const Json& json, const std::string& where, const std::vector<std::string>& keys) {
    if (!json.is_object()) throw InputError("{}: expected an object, {{\"{}\": ...}}", where, keys[0]);
    for (const auto& item : json.items()) {
      if (std::ranges::find(keys, item.key()) != keys.end()) continue;
      throw InputError("{}: {}", where, UnknownName("key", item.key(), keys).what());
    }
  }

  static const Json& Member(const Json& json, const std::string& where, const char* key) {
    const auto member = json.find(key);
    if (member == json.end()) throw InputError("{}: {} is missing", where, key);
    return *member;
  }

  static double Number(const Json& json, const std::string& where) {
    if (!json.is_number()) throw InputError("{} is {}; expected a number", where, json.dump());
    return json.get<double>();
  }

  static std::int64_t Whole(const Json& json, const std::string& where) {
    if (!json.is_number_integer()) throw InputError("{} is {}; expected a whole number", where, json.dump());
    return json.get<std::int64_t>();
  }

  std::int64_t Count(const Json& json, const char* key, std::vector<std::string>& names) const {
    const Json& member = Member(json, path_, key);
    if (!member.is_array()) return Whole(member, fmt::format("{}: {}", path_, key));
    for (const Json& name : member) {
      if (!name.is_string()) throw InputError("{}: {} has {} among the names", path_, key, name.dump());
      if (std::ranges::find(names, name.get<std::string>()) != names.end()) {
        throw InputError("{}: {} has {} twice", path_, key, name.dump());
      }
      names.push_back(name);
    }
    return static_cast<std::int64_t>(names.size());
  }

  // A number, or a name where there are names.
  static std::int64_t Index(const Json& json, const std::string& where,
                            const std::vector<std::string>& names) {
    if (!json.is_string()) return Whole(json, where);
    const auto found = std::ranges::find(names, json.get<std::string>());
    if (found == names.end()) {
      throw InputError("{} is {}; expected one of {} names, or a number", where, json.dump(), names.size());
    }
    return found - names.begin();
  }

  void ReadStart(const Json& json) {
    const auto states = static_cast<std::size_t>(contents_.states);
    const std::string where = path_ + ": start";
    contents_.start.assign(states, 0);
    if (!json.is_array()) {
      const std::int64_t state = Index(json, where, contents_.state_names);
      CheckIndex(path_, "start", state, contents_.states);
      contents_.start[static_cast<std::size_t>(state)] = 1;
      return;
    }
    if (json.size() != states) {
      throw InputError("{} has {} probabilities; expected {}", where, json.size(), states);
    }
    for (std::size_t i = 0; i < states; ++i) contents_.start[i] = Number(json[i], where);
  }

  Transition ReadTransition(const Json& json, const std::string& where) const {
    CheckKeys(json, where, {"state", "action", "probability", "next", "reward", "terminal"});
    Transition transition;
    transition.state = Index(Member(json, where, "state"), where + ": state", contents_.state_names);
    transition.action = Index(Member(json, where, "action"), where + ": action", contents_.action_names);
    if (json.contains("probability")) {
      transition.probability = Number(json["probability"], where + ": probability");
    }
    if (json.contains("terminal")) {
      if (!json["terminal"].is_boolean()) {
        throw InputError("{}: terminal is {}; expected true or false", where, json["terminal"].dump());
      }
      transition.terminal = json["terminal"];
    }
    if (json.contains("next") || !transition.terminal) {
      transition.next = Index(Member(json, where, "next"), where + ": next", contents_.state_names);
    }
    const Json& reward = Member(json, where, "reward");
    if (reward.is_array() && !reward.empty()) {
      for (const Json& number : reward) transition.reward.push_back(Number(number, where + ": reward"));
    } else {
      transition.reward = {Number(reward, where + ": reward")};
    }
    return transition;
  }

  std::string path_;
  Contents contents_;
};

Contents ReadHdf5(const std::string& path) {
  const Hdf5File file = Hdf5File::Open(path);
  Contents contents;
  contents.states = file.ReadScalar<std::int64_t>("states");
  contents.actions = file.ReadScalar<std::int64_t>("actions");
  CheckCounts(path, contents.states, contents.actions);
  if (file.Has("discount")) contents.discount = file.ReadScalar<double>("discount");
  if (file.Has("horizon")) contents.horizon = file.ReadScalar<std::int64_t>("horizon");
  if (file.Has("start") && file.Info("start").shape.empty()) {
    const auto state = file.ReadScalar<std::int64_t>("start");
    CheckIndex(path, "start", state, contents.states);
    contents.start.assign(static_cast<std::size_t>(contents.states), 0);
    contents.start[static_cast<std::size_t>(state)] = 1;
  } else if (file.Has("start")) {
    contents.start = file.Read<double>("start").values;
  }
  const auto states = file.Read<std::int64_t>("transitions/state").values;
  const std::size_t count = states.size();
  const auto check = [&](std::string_view key, std::size_t rows) {
    if (rows != count) {
      throw InputError("{}: {} has {} rows; expected {}, as transitions/state", path, key, rows, count);
    }
  };
  const auto column = [&]<class T>(const std::string& key, T missing) {
    if (!file.Has(key)) return std::vector<T>(count, missing);
    std::vector<T> values = file.Read<T>(key).values;
    check(key, values.size());
    return values;
  };
  for (const char* needed : {"transitions/action", "transitions/next", "transitions/reward"})
    file.Info(needed);
  const auto actions = column("transitions/action", std::int64_t{});
  const auto nexts = column("transitions/next", std::int64_t{});
  const auto probabilities = column("transitions/probability", 1.0);
  const auto terminals = column("transitions/terminal", std::uint8_t{});
  const Array<double> rewards = file.Read<double>("transitions/reward");
  if (rewards.shape.empty() || rewards.shape.size() > 2) {
    throw InputError("{}: transitions/reward has shape {}; expected ({}) or ({}, components)", path,
                     ShapeText(rewards.shape), count, count);
  }
  check("transitions/reward", rewards.shape[0]);
  const std::size_t size = rewards.shape.size() == 2 ? rewards.shape[1] : 1;
  if (size == 0) throw InputError("{}: transitions/reward has no components; expected at least 1", path);
  for (std::size_t i = 0; i < count; ++i) {
    const auto reward = std::span(rewards.values).subspan(i * size, size);
    contents.transitions.push_back({states[i],
                                    actions[i],
                                    probabilities[i],
                                    nexts[i],
                                    {reward.begin(), reward.end()},
                                    terminals[i] != 0});
  }
  return contents;
}

}  // namespace

Mdp ReadMdpFile(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".json") return Build(path.string(), JsonReader(path.string()).Read());
  if (extension == ".hdf5" || extension == ".h5") return Build(path.string(), ReadHdf5(path.string()));
  throw InputError("{}: expected a file that ends in .json, .hdf5 or .h5", path.string());
}

std::string_view MdpFileHelp() {
  return R"(  .json  {"states": ["home", "away"], "actions": ["stay", "go"],   names, or how many there are
          "discount": 0.9, "horizon": 20,                          1 and none where left out
          "start": "home",                                         a state, or probabilities; else the first
          "transitions": [{"state": "home", "action": "go", "probability": 0.5, "next": "away",
                           "reward": 1, "terminal": false}, ...]}
         States and actions go by name or number. Probability is 1 and terminal false where left out; an
         end needs no next. Rewards may be vectors, [1, -1]. A state without transitions ends episodes.
  .hdf5  the same by datasets states, actions (whole numbers), discount, horizon, start (a state, or a
         probability for each), and columns transitions/state, action, probability, next, reward (N, or
         N x components) and terminal
)";
}

}  // namespace strider::planning
