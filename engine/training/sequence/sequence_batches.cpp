#include "engine/training/sequence/sequence_batches.h"

#include <algorithm>
#include <numeric>

namespace engine {
namespace {

constexpr std::uint64_t kOrderStream = 0x5E90'0001;
/// Windows that are sorted by length together, in steps: enough to fill pieces of one length,
/// few enough that the order stays random.
constexpr std::size_t kPoolSteps = 24;

template <class T>
void shuffle(std::vector<T> &values, Random &random)
{
    for (std::size_t i = values.size(); i > 1; --i)
        std::swap(values[i - 1], values[random.below(i)]);
}

} // namespace

std::vector<Window> trainingWindows(const Dataset &train, const std::vector<std::uint8_t> &heldOut,
                                    const SequenceOptions &options)
{
    std::vector<Window> windows;
    const auto length = static_cast<std::uint64_t>(options.length);
    for (std::size_t s = 0; s < train.shoppers(); ++s) {
        const auto begin = train.offsets[s];
        auto end = train.offsets[s + 1] - (heldOut.empty() ? 0 : heldOut[s]);
        // From the newest backwards; consecutive windows share one event, which is a target in
        // the older one and an input in the newer.
        while (end >= begin + 2) {
            const auto inputs = std::min(length, end - begin - 1);
            windows.push_back({end - 1 - inputs, static_cast<std::uint32_t>(inputs)});
            end -= inputs;
            if (!options.allWindows)
                break;
        }
    }
    return windows;
}

std::vector<Step> epochSteps(const std::vector<Window> &windows, const SequenceOptions &options,
                             std::uint64_t epoch)
{
    Random random(options.seed, kOrderStream, epoch << 40);
    auto order = windows;
    shuffle(order, random);
    const auto batch = static_cast<std::size_t>(options.batch);
    const auto most = static_cast<std::size_t>(std::min(options.piece, options.batch));
    std::vector<Step> steps;
    std::uint64_t number = 0;
    for (std::size_t begin = 0; begin < order.size();) {
        std::size_t end = begin;
        for (std::size_t events = 0; end < order.size() && events < batch * kPoolSteps; ++end)
            events += order[end].length;
        const auto at = [&](std::size_t i) {
            return order.begin() + static_cast<std::ptrdiff_t>(i);
        };
        std::stable_sort(at(begin), at(end),
                         [](const Window &a, const Window &b) { return a.length < b.length; });
        std::vector<Piece> pieces;
        for (std::size_t i = begin; i < end; ++i) {
            const auto length = order[i].length;
            if (pieces.empty() || (pieces.back().windows.size() + 1) * length > most)
                pieces.emplace_back();
            auto &piece = pieces.back();
            piece.windows.push_back(order[i]);
            piece.longest = length;
            piece.events += length;
        }
        shuffle(pieces, random);
        std::size_t filled = batch; // a pool starts a new step
        for (auto &piece : pieces) {
            piece.number = number++;
            if (filled >= batch) {
                steps.emplace_back();
                filled = 0;
            }
            filled += piece.events;
            steps.back().push_back(std::move(piece));
        }
        begin = end;
    }
    return steps;
}

std::vector<std::int64_t> drawNegatives(std::uint32_t items, int count, Random &random)
{
    const auto wanted = static_cast<std::size_t>(count);
    std::vector<std::int64_t> drawn;
    if (wanted >= items) {
        drawn.resize(items);
        std::iota(drawn.begin(), drawn.end(), 0);
        return drawn;
    }
    // Floyd's sampling keeps a set; with a bit per item it costs no hashing.
    std::vector<bool> has(items, false);
    drawn.reserve(wanted);
    for (std::uint64_t last = items - wanted; last < items; ++last) {
        const auto pick = random.below(last + 1);
        const auto taken = has[pick] ? last : pick;
        has[taken] = true;
        drawn.push_back(static_cast<std::int64_t>(taken));
    }
    std::sort(drawn.begin(), drawn.end()); // gathers run through the table in order
    return drawn;
}

} // namespace engine
