#pragma once
// The golden set: frozen contexts with labels that every model of the shop is scored on, so that
// two models are compared on the same questions. Beside the shop's files:
//   golden/trace.bin               TraceRow records, as the trace of live traffic
//   golden/expected-DIGEST16.bin   float32 per row: what that package earns on exactly that row

#include "engine/data/split.h"

#include <filesystem>

namespace engine {

inline constexpr std::size_t kGoldenRows = 1024;

[[nodiscard]] std::filesystem::path goldenFolder(const std::filesystem::path &shop);

/// How known what is asked for is. Head: the most taken items with half of the events; torso: the
/// next with four tenths; tail: the others; cold: a label nobody took before the test, or a shopper
/// of whom at most four events are known.
enum class GoldenStratum : std::uint32_t { Head, Torso, Tail, Cold };
[[nodiscard]] std::vector<GoldenStratum> goldenStrata(const Split &split,
                                                      std::span<const TraceRow> rows);

/// As many rows of each stratum as there are, up to a quarter of `limit`, filled up from the
/// strata that have more. Drawn from the test; only where that has too few rows, from the
/// validation rows too, whose labels the shop's models have seen. Shopper by shopper, h rising.
[[nodiscard]] std::vector<TraceRow> makeGolden(const Split &split, std::size_t limit,
                                               std::uint64_t seed);

/// What a model is worth against another on the same rows: the ratio of sums and its 95 % bootstrap
/// band (percentiles of 400 resamples of the pairs, from `seed`).
struct PairedQuality
{
    double quality = 0, low = 0, high = 0;
};
/// `earned` and `expected` run parallel. Zeros when nothing is expected.
[[nodiscard]] PairedQuality pairedQuality(std::span<const float> earned,
                                          std::span<const float> expected, std::uint64_t seed);

/// A model is worse when even the upper end of its band is below this: a new training with another
/// seed moves by less than one part in a hundred, a wrong one by tens.
inline constexpr double kGoldenFloor = 0.97;

} // namespace engine
