// A set function along an episode.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "envs/discrete.h"
#include "envs/submodular/set_function.h"

namespace strider {

// What has been collected so far, in its order, and what the set function says of it: where an environment
// and a set function meet. The environment turns its states into elements and pays the gains. Extending
// allocates nothing.
class Trail {
 public:
  // At most `capacity` elements fit in.
  Trail(std::unique_ptr<SetFunction> objective, int capacity)
      : objective_(std::move(objective)), capacity_(static_cast<std::size_t>(capacity)) {
    elements_.reserve(capacity_);
    objective_->Clear();
  }

  // Begins anew with one element. Returns its gain.
  double Start(int element) {
    elements_.clear();
    objective_->Clear();
    return Extend(element);
  }

  // REQUIRES: !full(). Returns the marginal gain.
  double Extend(int element) {
    elements_.push_back(element);
    return objective_->Add(element);
  }

  bool full() const { return elements_.size() == capacity_; }
  std::span<const int> elements() const { return elements_; }
  const SetFunction& objective() const { return *objective_; }

  // As `capacity` numbers, -1 after the last element.
  void AppendTo(std::vector<double>& state) const {
    state.insert(state.end(), elements_.begin(), elements_.end());
    state.insert(state.end(), capacity_ - elements_.size(), -1.0);
  }

  // Takes them back, at least one element. Throws InputError where a number is no element or follows a -1;
  // the trail then stays as it was.
  void Restore(WholeNumbers& numbers) {
    std::vector<int> elements;
    bool ended = false;
    for (std::size_t i = 0; i < capacity_; ++i) {
      const int element = numbers.Next(i == 0 ? 0 : -1, ended ? -1 : objective_->size() - 1);
      ended = element == -1;
      if (!ended) elements.push_back(element);
    }
    Start(elements[0]);
    for (const int element : std::span(elements).subspan(1)) Extend(element);
  }

 private:
  std::unique_ptr<SetFunction> objective_;
  std::size_t capacity_;
  std::vector<int> elements_;
};

}  // namespace strider
