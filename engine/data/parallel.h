#pragma once
// Runs independent pieces of work on several threads; which thread does which piece does not
// matter.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace engine {

/// The number of threads that work by itself, at least 1.
[[nodiscard]] inline unsigned workThreads()
{
    return std::max(1u, std::thread::hardware_concurrency());
}

/// Calls work(first, end) for chunks of [0, count) from
/// `threads` threads, the calling one among them. work must not throw.
template <class Work>
void forChunks(std::size_t count, std::size_t chunk, unsigned threads, const Work &work)
{
    std::atomic<std::size_t> next{0};
    const auto run = [&] {
        for (;;) {
            const auto first = next.fetch_add(chunk);
            if (first >= count)
                return;
            work(first, std::min(first + chunk, count));
        }
    };
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < threads; ++i)
        helpers.emplace_back(run);
    run();
}

} // namespace engine
