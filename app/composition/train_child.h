#pragma once
// Runs drillroom-train as a child of low priority and relays its progress; the caller stays free of
// LibTorch.

#include "app/composition/shops.h"

namespace app {

/// Trains, evaluates and signs the first model of the shop in `folder`, and promotes it. Blocks;
/// stop kills the child.
[[nodiscard]] engine::Result<> trainInChild(const engine::Paths &paths,
                                            const std::filesystem::path &folder, std::uint64_t seed,
                                            engine::Micros timeLimit, const BuildProgress &progress,
                                            std::stop_token stop);
/// The same for one of its other applications: search, ads, inventory.
[[nodiscard]] engine::Result<> trainApplicationInChild(const engine::Paths &paths,
                                                       const std::filesystem::path &folder,
                                                       const std::string &application,
                                                       std::uint64_t seed, engine::Micros timeLimit,
                                                       const BuildProgress &progress,
                                                       std::stop_token stop);

} // namespace app
