#include "envs/mujoco/old_physics.h"

#include <algorithm>
#include <array>
#include <numbers>
#include <vector>

#include "core/error.h"

namespace strider {
namespace {

// A geom as a part of its body, in the body's frame.
struct Part {
  double mass;
  std::array<double, 3> inertia;  // about its own axes
  const mjtNum* position;         // 3
  const mjtNum* orientation;      // quaternion
};

Part OldPart(const mjsGeom& geom, const mjModel& compiled, int id) {
  const mjtNum* size = compiled.geom_size + 3 * id;
  const double r = size[0];
  Part part{0, {}, compiled.geom_pos + 3 * id, compiled.geom_quat + 4 * id};
  if (geom.type == mjGEOM_CAPSULE) {
    const double length = 2 * size[1] + r;
    part.mass = geom.density * std::numbers::pi * r * r * length;
    const double transverse = part.mass * (3 * r * r + length * length) / 12;
    part.inertia = {transverse, transverse, part.mass * r * r / 2};
  } else if (geom.type == mjGEOM_SPHERE) {
    part.mass = geom.density * 4 / 3 * std::numbers::pi * (r * r * r);
    part.inertia.fill(0.4 * part.mass * r * r);
  } else {
    throw WorkError("old physics are known of spheres and capsules only");
  }
  return part;
}

// Writes the body's inertial explicitly, as that of its parts together.
void SetInertial(mjsBody& body, const std::vector<Part>& parts) {
  body.explicitinertial = 1;
  body.mass = 0;
  std::ranges::fill(body.ipos, 0.0);
  for (const Part& part : parts) {
    body.mass += part.mass;
    mju_addToScl3(body.ipos, part.position, part.mass);
  }
  for (double& x : body.ipos) x /= body.mass;

  if (parts.size() == 1) {
    std::copy_n(parts[0].orientation, 4, body.iquat);
    std::ranges::copy(parts[0].inertia, body.inertia);
    return;
  }
  std::array<double, 9> sum{};
  for (const Part& part : parts) {
    std::array<double, 9> rotation;
    mju_quat2Mat(rotation.data(), part.orientation);
    std::array<double, 3> offset;
    mju_sub3(offset.data(), part.position, body.ipos);
    const double distance2 = mju_dot3(offset.data(), offset.data());
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) {
        for (std::size_t k = 0; k < 3; ++k) {
          sum[3 * i + j] += rotation[3 * i + k] * part.inertia[k] * rotation[3 * j + k];
        }
        sum[3 * i + j] += part.mass * ((i == j ? distance2 : 0) - offset[i] * offset[j]);
      }
    }
  }
  const std::array<double, 6> full{sum[0], sum[4], sum[8], sum[1], sum[2], sum[5]};
  std::ranges::copy(full, body.fullinertia);
}

}  // namespace

void UseOldPhysics(mjSpec& spec) {
  const OwnedModel compiled = CompileModel(spec);  // has all geoms by centre, orientation and size
  std::vector<std::vector<Part>> parts(static_cast<std::size_t>(compiled->nbody));
  for (auto* e = mjs_firstElement(&spec, mjOBJ_GEOM); e != nullptr; e = mjs_nextElement(&spec, e)) {
    mjsGeom& geom = *mjs_asGeom(e);
    geom.margin /= 2;
    const int id = mjs_getId(e);
    const int body = compiled->geom_bodyid[id];
    if (body != 0) parts[static_cast<std::size_t>(body)].push_back(OldPart(geom, *compiled, id));
  }
  for (auto* e = mjs_firstElement(&spec, mjOBJ_BODY); e != nullptr; e = mjs_nextElement(&spec, e)) {
    const int id = mjs_getId(e);
    if (id != 0) SetInertial(*mjs_asBody(e), parts[static_cast<std::size_t>(id)]);
  }
  spec.compiler.inertiafromgeom = mjINERTIAFROMGEOM_FALSE;
}

}  // namespace strider
