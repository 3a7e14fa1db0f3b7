// What the actions of an episode are credited with, where its return is a set function that grows step by
// step.
#pragma once

#include <span>
#include <string_view>

namespace strider {

enum class Credit {
  kToGo,    // the gains from the action's step on: the policy gradient of F (SubPO, the paper's theorem)
  kPrefix,  // F after the action's step, as the authors' code for grids has it: in expectation kMyopic
  kMyopic,  // the gain of the action's step alone
};

// "to_go", "prefix" or "myopic". REQUIRES: one of these.
inline Credit ParseCredit(std::string_view name) {
  return name == "to_go" ? Credit::kToGo : name == "prefix" ? Credit::kPrefix : Credit::kMyopic;
}

// Turns the gains of one episode's steps, in place, into what their actions are credited with. `stride` apart
// from the first on, so that an episode may be a column of a table. Discounts what comes later (kToGo) only.
template <class Number>
void AssignCredit(std::span<Number> gains, std::size_t stride, Credit credit, double discount) {
  const std::size_t steps = gains.empty() ? 0 : (gains.size() - 1) / stride + 1;
  double sum = 0;
  for (std::size_t i = 0; i < steps && credit != Credit::kMyopic; ++i) {
    Number& gain = gains[stride * (credit == Credit::kToGo ? steps - 1 - i : i)];
    sum = gain + (credit == Credit::kToGo ? discount : 1) * sum;
    gain = static_cast<Number>(sum);
  }
}

}  // namespace strider
