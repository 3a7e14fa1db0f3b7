// A person's own processes, read from files.
//
// JSON:
//   {"states": ["home", "away"], "actions": ["stay", "go"],   names, or how many there are
//    "discount": 0.9, "horizon": 20,                          1 and none where left out
//    "start": "home",                                         a state, or probabilities; the first if left
//    out "transitions": [{"state": "home", "action": "go", "probability": 0.5, "next": "away", "reward": 1,
//                     "terminal": false}, ...]}
// States and actions go by name or number. Probability is 1 and terminal false where left out; an end needs
// no next. Rewards may be vectors, [1, -1]. A state without transitions ends episodes.
//
// HDF5: the same by datasets `states`, `actions` (whole numbers), `discount`, `horizon`, `start` (a state or
// (states) probabilities), and columns `transitions/state`, `action`, `probability`, `next`, `reward` (N, or
// N x components) and `terminal`.
#pragma once

#include <filesystem>

#include "agents/planning/mdp.h"

namespace strider::planning {

// Throws InputError that names the file, the place and what was expected.
Mdp ReadMdpFile(const std::filesystem::path& path);

}  // namespace strider::planning
