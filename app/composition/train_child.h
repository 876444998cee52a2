#pragma once
// Runs drillroom-train as a child of low priority and relays its progress; the caller stays free of
// LibTorch.

#include "app/composition/shops.h"

namespace app {

/// Trains, evaluates and signs the first model of the shop in `folder`, and promotes it;
/// `application`: recommend, or another one that it serves (search, ads, inventory). Blocks; stop
/// kills the child.
[[nodiscard]] engine::Result<> trainInChild(const engine::Paths &paths,
                                            const std::filesystem::path &folder,
                                            const std::string &application, std::uint64_t seed,
                                            engine::Micros timeLimit, const BuildProgress &progress,
                                            std::stop_token stop);

} // namespace app
