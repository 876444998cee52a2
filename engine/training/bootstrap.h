#pragma once
// 95 % intervals of means by resampling the rows (percentile bootstrap, Efron 1979). Pure: the same
// rows and seed give the same interval on every machine and with any number of threads.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

struct Interval
{
    double low = 0, high = 0;
};

/// `rows` holds rows of `width` values each (a shopper's metrics); gives one interval per column.
/// 1,000 resamples, fewer (200 at least) of more than 20,000 rows; empty without rows.
[[nodiscard]] std::vector<Interval> bootstrapMeans(std::span<const double> rows, std::size_t width,
                                                   std::uint64_t seed, unsigned threads);

} // namespace engine
