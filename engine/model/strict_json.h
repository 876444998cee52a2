#pragma once
// JSON of model packages and registries, read as if an attacker wrote it: duplicate keys, nesting
// and size are bounded, and every error names the byte.

#include "engine/base/error.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace engine {

/// An object or an error; `file` goes into the place, `base` is added to the byte (JSON inside
/// another file). At most 8 levels deep.
[[nodiscard]] Result<nlohmann::json> parseStrictJson(std::span<const std::uint8_t> text,
                                                     const std::string &file, std::size_t base = 0);

/// The member, or an error that names it when it is missing or has another type.
[[nodiscard]] Result<std::string> jsonText(const nlohmann::json &object, const char *key,
                                           const std::string &file);
[[nodiscard]] Result<std::uint64_t> jsonCount(const nlohmann::json &object, const char *key,
                                              const std::string &file);
[[nodiscard]] Result<std::map<std::string, double>>
jsonNumbers(const nlohmann::json &object, const char *key, const std::string &file);

} // namespace engine
