#include "envs/demonstrator.h"

#include "core/error.h"

namespace strider {

const Demonstrator& FindDemonstrator(const Env& env) {
  const auto* demonstrator = dynamic_cast<const Demonstrator*>(&env);
  if (demonstrator != nullptr) return *demonstrator;
  throw InputError(
      "{} has no behaviour policy of its own; expected a run's directory, an HDF5 file, or random",
      env.spec().id);
}

}  // namespace strider
