#include "engine/training/bootstrap.h"

#include "engine/base/random.h"
#include "engine/data/parallel.h"

#include <algorithm>

namespace engine {

std::vector<Interval> bootstrapMeans(std::span<const double> rows, std::size_t width,
                                     std::uint64_t seed, unsigned threads)
{
    constexpr std::uint64_t kStream = 0xB0075;
    const auto n = width ? rows.size() / width : 0;
    if (n == 0)
        return {};
    const auto resamples = std::clamp<std::size_t>(20'000'000 / n, 200, 1000);
    std::vector<double> means(resamples * width, 0.0); // column by column
    forChunks(resamples, 1, threads, [&](std::size_t first, std::size_t) {
        Random random(seed, kStream, first * (n + 1));
        // How often each row is drawn, and only then the rows, in their order: they are far larger
        // than the counts.
        std::vector<std::uint32_t> drawn(n, 0);
        // A 32-bit draw times n: its bias is below n / 2^32.
        const auto draw = [&](std::uint64_t half) { ++drawn[(half * n) >> 32]; };
        for (std::size_t i = 0; i < n; i += 2) {
            const auto bits = random.bits();
            draw(bits & 0xFFFFFFFFu);
            if (i + 1 < n)
                draw(bits >> 32);
        }
        std::vector<double> sums(width, 0.0);
        for (std::size_t i = 0; i < n; ++i) {
            const auto times = static_cast<double>(drawn[i]);
            for (std::size_t c = 0; c < width; ++c)
                sums[c] += times * rows[i * width + c];
        }
        for (std::size_t c = 0; c < width; ++c)
            means[c * resamples + first] = sums[c] / static_cast<double>(n);
    });
    std::vector<Interval> intervals(width);
    for (std::size_t c = 0; c < width; ++c) {
        const auto begin = means.begin() + static_cast<std::ptrdiff_t>(c * resamples);
        std::sort(begin, begin + static_cast<std::ptrdiff_t>(resamples));
        const auto at = [&](double part) {
            return begin[static_cast<std::ptrdiff_t>(part * static_cast<double>(resamples - 1))];
        };
        intervals[c] = {at(0.025), at(0.975)};
    }
    return intervals;
}

} // namespace engine
