// What the experts of a mixture are to each other.
#pragma once

namespace strider {

// What a mixture's action is drawn from.
enum class Blend {
  kNone,       // one expert, chosen by the router
  kGated,      // a Gaussian whose mean and log deviation are the experts', weighed by the router's softmax
  kMultiplied  // the normalised product of the experts' Gaussians, each to the power of the router's sigmoid
};

}  // namespace strider
