#pragma once
// Where a version of a shop's registry stands in its life, told from what is really there: its
// signature, its metrics, what has served and what serves. Pure but for isSignedBy.

#include "engine/model/registry.h"

namespace engine {

/// In the order of a model's life.
enum class ModelState : std::uint32_t { Trained, Evaluated, Signed, Canary, Serving, Retired };

[[nodiscard]] std::string_view name(ModelState state);

/// The manifest of this package bears the signature of this key. The weights are not read; a
/// replica does that before it serves them.
[[nodiscard]] bool isSignedBy(const std::filesystem::path &package,
                              const SigningKey::Public &trusted);

/// Retired: revoked, or served before and does not now. `isCanary`: the gateway gives it to some
/// shoppers at this moment.
[[nodiscard]] ModelState stateOf(const Registry &registry, const RegistryEntry &entry,
                                 bool isSigned, bool isCanary);

} // namespace engine
