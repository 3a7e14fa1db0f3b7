// Environments that know how their own offline data are collected.
#pragma once

#include <span>
#include <string_view>

#include "core/random.h"
#include "envs/env.h"

namespace strider {

// A behaviour policy that comes with its environment and may look behind its observations.
class Demonstrator {
 public:
  virtual ~Demonstrator() = default;

  // Draws the next action in the environment's frame (action_size numbers). REQUIRES: the episode has not
  // ended.
  virtual void Demonstrate(Pcg64& random, std::span<float> action) const = 0;
};

// What --policy calls it.
inline constexpr std::string_view kBehaviorPolicy = "behavior";

// Throws InputError where the environment has none.
const Demonstrator& FindDemonstrator(const Env& env);

}  // namespace strider
