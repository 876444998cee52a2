#include "engine/model/expected_quality.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace engine {
namespace {

constexpr std::size_t kRowsPerBlock = 64;

Result<> scoreBlock(const Scorer &scorer, const Dataset &history, std::span<const TraceRow> rows,
                    const Earned &earned, int k, std::span<float> out)
{
    std::vector<std::vector<std::int64_t>> histories(rows.size());
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto events = history.of(rows[r].shopper).first(rows[r].h);
        histories[r].assign(events.begin(), events.end());
    }
    auto lists = scorer.score(histories, k);
    if (!lists)
        return tl::unexpected(std::move(lists.error()));
    for (std::size_t r = 0; r < rows.size(); ++r)
        out[r] = static_cast<float>(earned.quality(rows[r], (*lists)[r].items));
    return {};
}

} // namespace

Result<std::vector<float>> expectedQuality(const Scorer &scorer, const Dataset &history,
                                           std::span<const TraceRow> rows, const Earned &earned,
                                           const ExpectedOptions &options)
{
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (rows[r].shopper >= history.shoppers() || rows[r].h > history.of(rows[r].shopper).size())
            return fail(ErrorCode::InvalidInput,
                        "Trace row " + std::to_string(r) + " points outside the history");
    }
    std::vector<float> expected(rows.size());
    std::atomic<std::size_t> next{0}, done{0};
    std::mutex mutex;
    Result<> outcome; // guarded by mutex; the first failure ends the others
    std::atomic<bool> failed{false};
    const auto work = [&] {
        while (!failed && !options.stop.stop_requested()) {
            const auto begin = next.fetch_add(kRowsPerBlock);
            if (begin >= rows.size())
                return;
            const auto count = std::min(kRowsPerBlock, rows.size() - begin);
            auto scored = scoreBlock(scorer, history, rows.subspan(begin, count), earned, options.k,
                                     std::span(expected).subspan(begin, count));
            if (!scored) {
                const std::lock_guard lock(mutex);
                outcome = std::move(scored);
                failed = true;
                return;
            }
            const auto sum = done.fetch_add(count) + count;
            if (options.onRows)
                options.onRows(sum);
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (int t = 1; t < options.threads; ++t)
            helpers.emplace_back(work);
        work();
    }
    if (!outcome)
        return tl::unexpected(std::move(outcome.error()));
    if (done != rows.size())
        return fail(ErrorCode::Halted, "Stopped before every trace row was scored");
    return expected;
}

} // namespace engine
