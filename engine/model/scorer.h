#pragma once
// A model that answers requests. engine/scoring implements it with LibTorch; nothing above sees a
// tensor.

#include "engine/base/error.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace engine {

struct TopItems
{
    std::vector<std::int64_t>
        items;                 ///< [k], best first; ties by lower item number; history removed
    std::vector<float> scores; ///< [k]
};

/// Loaded from a verified package; immutable. score() may be called from several threads at once.
class Scorer
{
public:
    virtual ~Scorer() = default;
    /// One list per history (item numbers, oldest first; unknown numbers are ignored). k >= 1.
    [[nodiscard]] virtual Result<std::vector<TopItems>>
    score(std::span<const std::vector<std::int64_t>> histories, int k) const = 0;
    [[nodiscard]] virtual std::uint32_t items() const = 0;
    [[nodiscard]] virtual std::string version() const = 0;
    [[nodiscard]] virtual std::string digest() const = 0; ///< SHA-256 of manifest.json, hex
    [[nodiscard]] virtual std::string family() const = 0;
};

} // namespace engine
