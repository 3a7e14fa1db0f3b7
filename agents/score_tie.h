// When two actions are as good as each other.
#pragma once

namespace strider {

// Scores that differ by less, relative to 1 + their size, are a tie: to a policy, and to the learner that it
// comes from.
inline constexpr double kScoreTie = 1e-6;

}  // namespace strider
