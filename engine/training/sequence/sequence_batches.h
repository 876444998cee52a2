#pragma once
// The data side of a training: histories cut into windows, windows of similar length packed into
// pieces, pieces into steps, and what is drawn for each piece. No LibTorch. Everything is a pure
// function of (data, options, epoch): a resumed training sees the same pieces.

#include "engine/base/random.h"
#include "engine/training/sequence/sequence_options.h"

namespace engine {

/// Events that a piece of a batch reads, shopper by shopper: [begin, begin + length] of
/// Dataset::events; the last is a target only.
struct Window
{
    std::uint64_t begin = 0;
    std::uint32_t length = 0; ///< inputs, at least 1
};

/// Windows of similar length, padded on the right to the longest.
struct Piece
{
    std::vector<Window> windows;
    std::uint32_t longest = 0;
    std::size_t events = 0;   ///< without padding
    std::uint64_t number = 0; ///< of the epoch: key of what is drawn for it

    [[nodiscard]] std::size_t padded() const { return windows.size() * longest; }
};

using Step = std::vector<Piece>;

/// `train` without the last `heldOut[shopper]` events.
[[nodiscard]] std::vector<Window> trainingWindows(const Dataset &train,
                                                  const std::vector<std::uint8_t> &heldOut,
                                                  const SequenceOptions &options);

/// The steps of an epoch in an order drawn from (seed, epoch). Each step mixes pieces of all
/// lengths; a piece holds windows of one length, give or take, so little is padding.
[[nodiscard]] std::vector<Step> epochSteps(const std::vector<Window> &windows,
                                           const SequenceOptions &options, std::uint64_t epoch);

/// `count` different items of [0, items), all of them when count >= items.
[[nodiscard]] std::vector<std::int64_t> drawNegatives(std::uint32_t items, int count,
                                                      Random &random);

} // namespace engine
