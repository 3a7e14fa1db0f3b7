#include "envs/submodular/race_car.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "envs/submodular/changed_settings.h"

namespace strider {
namespace {

constexpr double kPeriod = 0.03;  // s
constexpr double kFinish = 16.4;  // m
constexpr double kStepCost = 0.01;
constexpr double kBorderCost = 1;
constexpr double kFinishReward = 1;

// Motor, rolling resistance and drag.
constexpr double kCm1 = 0.287;
constexpr double kCm2 = 0.054527;
constexpr double kCr0 = 0.051891;
constexpr double kCr2 = 0.000348;
// Tyres: force D sin(C atan(B slip)).
struct Tyre {
  double b, c, d;
  double Force(double slip) const { return d * std::sin(c * std::atan(b * slip)); }
};
constexpr Tyre kFront{2.579, 1.2, 1.05 * 0.192};
constexpr Tyre kRear{3.3852 / 1.2, 1.2691, 0.1737 * 1.2};
constexpr double kMass = 0.041;       // kg
constexpr double kInertia = 27.8e-6;  // kg m^2
constexpr double kFrontAxle = 0.029;  // m from the centre of mass
constexpr double kRearAxle = 0.033;   // m
constexpr double kSlowest = 1e-5;     // m/s, so that slip angles exist at rest

constexpr int kPoints = 50;
constexpr std::array<double, kPoints> kCurvature{
    1.90,  .98,   -.06,  -.14,  .58,   2.53,  4.63, 2.51, -1.31, -4.24, -3.30, -1.66, -1.11,
    -.81,  -1.41, -1.41, -1.65, -1.66, -1.18, -.37, 1.22, 1.93,  3.18,  1.76,  1.97,  .13,
    -4.34, -.48,  4.26,  2.04,  1.19,  .52,   -.46, -.26, .84,   .78,   .77,   .83,   .73,
    .65,   .62,   .63,   .70,   .79,   .66,   .30,  .28,  .31,   1.31,  2.35};
constexpr std::array<double, kPoints> kLeftBorder{
    .204, .271, .270, .266, .275, .242, .074, .224, .219, .275, .181, .224, .273, .239, .203, .246, .268,
    .277, .255, .233, .243, .164, .198, .266, .225, .094, .266, .208, .300, .259, .265, .163, .216, .246,
    .149, .076, .088, .184, .263, .275, .227, .134, .084, .081, .116, .190, .246, .272, .258, .152};
constexpr std::array<double, kPoints> kRightBorder{
    -.212, -.081, -.080, -.084, -.075, -.149, -.276, -.139, -.132, -.074, -.175, -.133, -.077,
    -.122, -.149, -.103, -.080, -.070, -.095, -.118, -.108, -.241, -.231, -.085, -.195, -.272,
    -.212, -.202, -.266, -.111, -.091, -.230, -.250, -.118, -.216, -.276, -.266, -.188, -.092,
    -.076, -.137, -.224, -.267, -.269, -.238, -.168, -.108, -.078, -.100, -.259};

// s, d, mu and the speed v of the kinematic model.
using KinematicState = std::array<double, 4>;

double SlipAtCentre(double steering) {
  return std::atan(kRearAxle * std::tan(steering) / (kFrontAxle + kRearAxle));
}

KinematicState KinematicSlope(const KinematicState& state, double duty, double steering) {
  const auto& [s, d, mu, v] = state;
  const double slip = SlipAtCentre(steering);
  const double curvature = Track::At(s).curvature;
  const double along = v * std::cos(slip + mu) / (1 - curvature * d);
  // A car at rest is not pushed back by its own resistance.
  if (v <= 0.1) duty = std::max(duty, (kCr0 + kCr2 * v * v) / (kCm1 - kCm2 * v));
  return {along, v * std::sin(slip + mu), v * std::sin(slip) / kRearAxle - curvature * along,
          (kCm1 * duty - kCm2 * v * duty - kCr0 - kCr2 * v * v) / kMass};
}

template <std::size_t kSize, class Slope>
std::array<double, kSize> RungeKutta(const std::array<double, kSize>& start, const Slope& slope) {
  const auto ahead = [&](const std::array<double, kSize>& direction, double time) {
    std::array<double, kSize> state = start;
    for (std::size_t i = 0; i < kSize; ++i) state[i] += time * direction[i];
    return state;
  };
  const auto k1 = slope(start);
  const auto k2 = slope(ahead(k1, kPeriod / 2));
  const auto k3 = slope(ahead(k2, kPeriod / 2));
  const auto k4 = slope(ahead(k3, kPeriod));
  std::array<double, kSize> end = start;
  for (std::size_t i = 0; i < kSize; ++i) end[i] += kPeriod / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  return end;
}

CarState KinematicStep(const CarState& state, double duty, double steering) {
  const KinematicState start{state[0], state[1], state[2], std::hypot(state[3], state[4])};
  const auto [s, d, mu, v] =
      RungeKutta(start, [&](const KinematicState& at) { return KinematicSlope(at, duty, steering); });
  const double slip = SlipAtCentre(steering);
  const double vx = v * std::cos(slip);
  return {s, d, mu, vx, v * std::sin(slip), vx * std::tan(steering) / (kFrontAxle + kRearAxle)};
}

// The centre line in the plane, from the origin along x, by steps short against its bends; and, between its
// sample points, where something lies that is d to the left of it.
class PlaneTrack {
 public:
  explicit PlaneTrack(double until) {
    for (double s = 0; s < until; s += kStep) {
      x_ += kStep * std::cos(heading_);
      y_ += kStep * std::sin(heading_);
      heading_ += kStep * Track::At(s + kStep / 2).curvature;
    }
  }
  MapPoint Beside(double d) const { return {x_ - d * std::sin(heading_), y_ + d * std::cos(heading_)}; }

 private:
  static constexpr double kStep = 0.002;  // m
  double x_ = 0;
  double y_ = 0;
  double heading_ = 0;
};

}  // namespace

Track::Section Track::At(double s) {
  const double turns = s / kLength;
  const double place = (turns - std::floor(turns)) * kPoints;
  const auto before = static_cast<std::size_t>(place) % kPoints;
  const std::size_t after = (before + 1) % kPoints;
  const double share = place - std::floor(place);
  const auto between = [&](const std::array<double, kPoints>& values) {
    return values[before] + share * (values[after] - values[before]);
  };
  return {between(kCurvature), between(kLeftBorder), between(kRightBorder)};
}

CarState DynamicSlope(const CarState& state, double duty, double steering) {
  const auto& [s, d, mu, vx, vy, r] = state;
  const double curvature = Track::At(s).curvature;
  const double front = kFront.Force(-std::atan((kFrontAxle * r + vy) / (vx + kSlowest)) + steering);
  const double rear = kRear.Force(std::atan((kRearAxle * r - vy) / (vx + kSlowest)));
  const double drive = kCm1 * duty - kCm2 * vx * duty - kCr2 * vx * vx - kCr0;
  const double along = (vx * std::cos(mu) - vy * std::sin(mu)) / (1 - curvature * d);
  return {along,
          vx * std::sin(mu) + vy * std::cos(mu),
          r - curvature * along,
          (drive - front * std::sin(steering) + kMass * vy * r) / kMass,
          (rear + front * std::cos(steering) - kMass * vx * r) / kMass,
          (front * kFrontAxle * std::cos(steering) - rear * kRearAxle) / kInertia};
}

CarState StepCar(const CarState& state, double duty, double steering) {
  const double share = std::clamp((state[3] - 0.3) / 0.2, 0.0, 1.0);
  // Where one of the models does not count it need not make sense either.
  if (share == 0) return KinematicStep(state, duty, steering);
  const CarState dynamic =
      RungeKutta(state, [&](const CarState& at) { return DynamicSlope(at, duty, steering); });
  if (share == 1) return dynamic;
  CarState mixed = KinematicStep(state, duty, steering);
  for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] += share * (dynamic[i] - mixed[i]);
  return mixed;
}

RaceCar::RaceCar(std::string_view id, const Config& config)
    : Env({std::string(id),
           UniformBox(5, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()),
           UniformBox(2, -1, 1),
           config.max_episode_steps,
           {}}),
      start_offset_(config.start_offset),
      modular_(config.reward == "modular") {
  SetInstance(InstanceName(ChangedSettings(config)));
}

bool RaceCar::OffTrack() const {
  const Track::Section here = Track::At(car_[0]);
  return !(here.right <= car_[1] && car_[1] <= here.left);
}

bool RaceCar::Finished() const { return car_[0] >= kFinish; }

void RaceCar::DoReset(std::span<double> observation) {
  car_ = {0, random().Integers(0, 2) == 0 ? start_offset_ : -start_offset_, 0, 0, 0, 0};
  std::copy_n(car_.begin(), observation.size(), observation.begin());
}

StepResult RaceCar::DoStep(const ActionRow& action, std::span<double> observation) {
  StepResult result;
  if (OffTrack() || Finished()) {
    result.terminated = true;
  } else {
    const double before = car_[0];
    car_ = StepCar(car_, std::clamp(action[0], -1.0, 1.0), std::clamp(action[1], -1.0, 1.0));
    result.reward = (modular_ ? car_[0] : car_[0] - before) - kStepCost;
    if (OffTrack()) result.reward -= kBorderCost;
    if (Finished()) result.reward += kFinishReward;
    result.terminated = OffTrack() || Finished();
  }
  std::copy_n(car_.begin(), observation.size(), observation.begin());
  return result;
}

void RaceCar::SetState(std::span<const double> state) {
  if (state.size() != car_.size()) {
    throw InputError("state of {} numbers given to {}; expected {}", state.size(), spec().id, car_.size());
  }
  const auto wrong = std::ranges::find_if_not(state, [](double x) { return std::isfinite(x); });
  if (wrong != state.end()) {
    throw InputError("state number {} given to {} is {}; expected a finite number", wrong - state.begin(),
                     spec().id, *wrong);
  }
  std::ranges::copy(state, car_.begin());
}

MapPicture RaceCar::Map() const {
  constexpr double kMark = 0.05;  // m
  MapPicture map;
  map.legend = "track rebuilt from every 20th of its points, an approximation";
  MapLine left;
  MapLine right;
  for (double s = 0; s <= Track::kLength; s += kMark) {
    const PlaneTrack centre(s);
    left.push_back(centre.Beside(Track::At(s).left));
    right.push_back(centre.Beside(Track::At(s).right));
  }
  map.lines = {std::move(left), std::move(right)};
  return map;
}

MapPoint RaceCar::Position() const { return PlaneTrack(car_[0]).Beside(car_[1]); }

}  // namespace strider
