#include "envs/augmented_env.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

// Streams of stocks are not those of environments, which have the same seeds.
Pcg64 StockStream(std::uint64_t seed) { return Pcg64(SeedSequence(seed, {1})); }

EnvSpec AugmentedSpec(EnvSpec spec, const Augmentation& augmentation) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  spec.action_space = augmentation.ActionSpace(spec);
  spec.observation_space = UniformBox(augmentation.RowSize(spec), -kInfinity, kInfinity);
  return spec;
}

}  // namespace

int Augmentation::OwnSize(const EnvSpec& spec) const {
  const auto* discrete = std::get_if<Discrete>(&spec.observation_space);
  return one_hot && discrete != nullptr ? discrete->n : spec.observation_size();
}

int Augmentation::RowSize(const EnvSpec& spec) const {
  return OwnSize(spec) + (time ? 1 : 0) + (stock ? kStockColumns : 0) + options;
}

Space Augmentation::ActionSpace(const EnvSpec& spec) const {
  if (options == 0) return spec.action_space;
  const auto* own = std::get_if<Box>(&spec.action_space);
  if (own == nullptr) {
    throw InputError("an agent with options needs continuous actions, but those of {} are discrete", spec.id);
  }
  Box box{own->low, own->high};
  box.low.push_back(-0.5);
  box.high.push_back(options - 0.5);
  return box;
}

Augmenter::Augmenter(const EnvSpec& spec, const Augmentation& augmentation)
    : augmentation_(augmentation),
      states_(augmentation.OwnSize(spec) != spec.observation_size() ? augmentation.OwnSize(spec) : 0),
      limit_(spec.max_episode_steps),
      random_(StockStream(0)) {}

void Augmenter::Seed(std::uint64_t seed) { random_ = StockStream(seed); }

void Augmenter::Start(std::span<const double> own, std::span<double> row) {
  steps_ = 0;
  option_ = kNoOption;
  if (augmentation_.stock) {
    const StockRule& rule = *augmentation_.stock;
    stock_ = std::clamp(random_.Uniform(rule.low, rule.high), -rule.bound, rule.bound);
  }
  Write(own, row);
}

void Augmenter::Step(std::span<const double> own, double reward, std::span<double> row) {
  ++steps_;
  if (augmentation_.stock) {
    const StockRule& rule = *augmentation_.stock;
    stock_ = std::clamp((stock_ + reward) / rule.discount, -rule.bound, rule.bound);
  }
  Write(own, row);
}

void Augmenter::Write(std::span<const double> own, std::span<double> row) const {
  auto next = row.begin();
  if (states_ > 0) {
    std::fill_n(next, states_, 0.0);
    next[static_cast<std::ptrdiff_t>(own[0])] = 1;
    next += states_;
  } else {
    next = std::ranges::copy(own, next).out;
  }
  if (augmentation_.time) *next++ = static_cast<double>(steps_) / limit_;
  if (augmentation_.stock) {
    const double shown = augmentation_.stock->hidden ? 0 : stock_;
    *next++ = shown / augmentation_.stock->bound;
    *next++ = std::copysign(std::log1p(std::abs(shown)), shown);
  }
  std::fill_n(next, augmentation_.options, 0.0);
  if (option_ != kNoOption) next[option_] = 1;
}

void Augmenter::Save(StateWriter& out) const {
  random_.Save(out);
  out.Put(steps_);
  out.Put(stock_);
}

void Augmenter::Load(StateReader& in) {
  random_.Load(in);
  steps_ = in.Get<int>();
  stock_ = in.Get<double>();
}

AugmentedEnv::AugmentedEnv(std::unique_ptr<Env> inside, const Augmentation& augmentation)
    : Env(AugmentedSpec(inside->spec(), augmentation)),
      inside_(std::move(inside)),
      augmenter_(inside_->spec(), augmentation),
      time_ends_(augmentation.time),
      options_(augmentation.options),
      own_(static_cast<std::size_t>(inside_->spec().observation_size())) {}

std::vector<double> AugmentedEnv::State() const {
  std::vector<double> state = inside_->State();
  if (options_ > 0) state.push_back(augmenter_.option());
  state.push_back(augmenter_.stock());
  return state;
}

void AugmentedEnv::SetState(std::span<const double> state) {
  const std::size_t more = options_ > 0 ? 2 : 1;
  if (state.size() < more) {
    throw InputError("state of {} numbers given to {}; expected {}a stock", state.size(), spec().id,
                     options_ > 0 ? "an option and " : "");
  }
  if (options_ > 0) {
    const double option = state[state.size() - more];
    if (!(option >= Augmenter::kNoOption && option < options_ && option == std::trunc(option))) {
      throw InputError("option {} given to {}; expected a whole number from {} to {}", option, spec().id,
                       Augmenter::kNoOption, options_ - 1);
    }
    augmenter_.SetOption(static_cast<int>(option));
  }
  inside_->SetState(state.first(state.size() - more));
  augmenter_.SetStock(state.back());
}

void AugmentedEnv::DoSeed(std::uint64_t seed) {
  seed_ = seed;
  augmenter_.Seed(seed);
}

void AugmentedEnv::DoReset(std::span<double> observation) {
  if (seed_) {
    inside_->Reset(*seed_, own_);
    seed_.reset();
  } else {
    inside_->Reset(own_);
  }
  augmenter_.Start(own_, observation);
}

StepResult AugmentedEnv::DoStep(const ActionRow& action, std::span<double> observation) {
  StepResult result = action.Visit([this](auto row) { return inside_->Step(augmenter_.Take(row), own_); });
  if (time_ends_) result.terminated = result.terminated || result.truncated;
  augmenter_.Step(own_, result.reward, observation);
  return result;
}

void AugmentedEnv::DoSave(StateWriter& out) const {
  inside_->Save(out);
  augmenter_.Save(out);
}

void AugmentedEnv::DoLoad(StateReader& in) {
  inside_->Load(in);
  augmenter_.Load(in);
}

std::unique_ptr<Env> Augmented(std::unique_ptr<Env> env, const Augmentation& augmentation) {
  if (!augmentation.Changes(env->spec())) return env;
  return std::make_unique<AugmentedEnv>(std::move(env), augmentation);
}

std::vector<float> OwnRows(std::span<const float> rows, const EnvSpec& spec,
                           const Augmentation& augmentation) {
  const auto width = static_cast<std::size_t>(augmentation.RowSize(spec));
  const auto own = static_cast<std::size_t>(augmentation.OwnSize(spec));
  const bool coded = own != static_cast<std::size_t>(spec.observation_size());
  std::vector<float> result;
  for (std::size_t start = 0; start < rows.size(); start += width) {
    const auto row = rows.subspan(start, own);
    if (coded) {
      result.push_back(static_cast<float>(std::ranges::max_element(row) - row.begin()));
    } else {
      result.insert(result.end(), row.begin(), row.end());
    }
  }
  return result;
}

}  // namespace strider
