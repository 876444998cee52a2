#include "engine/scoring/full_scorer.h"

#include <algorithm>

namespace engine {
namespace {

/// Output of one block stays below this many floats (32 MB).
constexpr std::size_t kBlockFloats = std::size_t{8} << 20;

struct Candidate
{
    float score;
    std::int64_t item;
    [[nodiscard]] bool operator<(const Candidate &other) const
    {
        // "Better first" is the order, so the heap's top is the worst one kept.
        return score > other.score || (score == other.score && item < other.item);
    }
};

} // namespace

std::vector<std::int64_t> knownItems(std::span<const std::int64_t> history, std::uint32_t items)
{
    std::vector<std::int64_t> known;
    known.reserve(history.size());
    for (const auto item : history) {
        if (item >= 0 && item < static_cast<std::int64_t>(items))
            known.push_back(item);
    }
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    return known;
}

TopItems bestOf(std::span<const float> scores, std::span<const std::int64_t> known, int k)
{
    const auto most = std::min(static_cast<std::size_t>(k), scores.size());
    std::vector<Candidate> heap;
    heap.reserve(most);
    std::size_t nextKnown = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        // Items come in rising order, so an equal score never displaces an earlier item.
        if (heap.size() == most && (heap.empty() || !(scores[i] > heap.front().score)))
            continue;
        while (nextKnown < known.size() && known[nextKnown] < static_cast<std::int64_t>(i))
            ++nextKnown;
        if (nextKnown < known.size() && known[nextKnown] == static_cast<std::int64_t>(i))
            continue;
        if (heap.size() == most) {
            std::pop_heap(heap.begin(), heap.end());
            heap.pop_back();
        }
        heap.push_back({scores[i], static_cast<std::int64_t>(i)});
        std::push_heap(heap.begin(), heap.end());
    }
    std::sort_heap(heap.begin(), heap.end());
    TopItems top;
    for (const auto &candidate : heap) {
        top.items.push_back(candidate.item);
        top.scores.push_back(candidate.score);
    }
    return top;
}

Result<std::vector<TopItems>>
FullScorer::score(std::span<const std::vector<std::int64_t>> histories, int k) const
{
    if (k < 1)
        return fail(ErrorCode::InvalidInput,
                    "k is " + std::to_string(k) + "; ask for at least 1 item");
    const auto perBlock =
        std::clamp<std::size_t>(kBlockFloats / std::max<std::size_t>(1, stride()), 1, 64);
    std::vector<float> block(std::min(perBlock, histories.size()) * stride());
    std::vector<TopItems> lists;
    lists.reserve(histories.size());
    for (std::size_t begin = 0; begin < histories.size(); begin += perBlock) {
        const auto part = histories.subspan(begin, std::min(perBlock, histories.size() - begin));
        DR_RETURN_IF_ERROR(scoreAll(part, block));
        for (std::size_t h = 0; h < part.size(); ++h)
            lists.push_back(
                bestOf({block.data() + h * stride(), items()}, knownItems(part[h], items()), k));
    }
    return lists;
}

} // namespace engine
