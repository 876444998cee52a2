#pragma once
// Runs independent pieces of work on several threads; which thread does which piece does not
// matter.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace engine {

/// The number of threads that work by itself, at least 1.
[[nodiscard]] inline unsigned workThreads()
{
    return std::max(1u, std::thread::hardware_concurrency());
}

/// Calls work(first, end) for chunks of [0, count) from `threads` threads, the calling one among
/// them, and progress(part), if there is one, from the calling thread alone. Neither may throw.
template <class Work>
void forChunks(std::size_t count, std::size_t chunk, unsigned threads, const Work &work,
               const std::function<void(double part)> &progress = {})
{
    std::atomic<std::size_t> next{0}, done{0};
    const auto run = [&](bool tells) {
        for (;;) {
            const auto first = next.fetch_add(chunk);
            if (first >= count)
                return;
            const auto end = std::min(first + chunk, count);
            work(first, end);
            const auto finished = done.fetch_add(end - first) + end - first;
            if (tells && progress)
                progress(static_cast<double>(finished) / static_cast<double>(count));
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (unsigned i = 1; i < threads; ++i)
            helpers.emplace_back(run, false);
        run(true);
    }
    if (progress)
        progress(1);
}

} // namespace engine
