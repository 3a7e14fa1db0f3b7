// What an environment is told to do.
#pragma once

#include <span>
#include <variant>

namespace strider {

// An action, or the actions of several environments one after the other, in the precision that it was given
// in. Numpy computes with the type that it is handed, so that costs of an action differ in their last digits
// between the two (environments sheet, rule 9): Visit gives the row in its own type. A view, cheap to copy.
class ActionRow {
 public:
  explicit ActionRow(std::span<const float> row) : row_(row) {}
  explicit ActionRow(std::span<const double> row) : row_(row) {}

  // f(std::span<const float>) or f(std::span<const double>).
  template <class F>
  decltype(auto) Visit(F&& f) const {
    if (const auto* single = std::get_if<std::span<const float>>(&row_)) return f(*single);
    return f(*std::get_if<std::span<const double>>(&row_));
  }

  std::size_t size() const {
    return Visit([](auto row) { return row.size(); });
  }
  // Exact in both precisions.
  double operator[](std::size_t i) const {
    return Visit([i](auto row) { return static_cast<double>(row[i]); });
  }

 private:
  std::variant<std::span<const float>, std::span<const double>> row_;
};

}  // namespace strider
