#pragma once
// Validation while a training runs: the rank that the network gives to each held-out next item
// among all items, the history masked, ties against the model. Immutable; measure() from the
// training's thread.

#include "engine/training/sequence/sequence_net.h"
#include "engine/training/sequence/work_team.h"

namespace engine {

struct SequenceQuality
{
    double ndcg10 = 0, hr10 = 0;
};

class SequenceJudge
{
public:
    /// `valid` empty of events: the last event of each shopper with at least three that the rest
    /// does not hold. At most options.validationShoppers, spread evenly.
    SequenceJudge(const Dataset &train, const Dataset &valid, const SequenceOptions &options);

    /// How many last events of each shopper must not be trained on.
    [[nodiscard]] const std::vector<std::uint8_t> &heldOut() const { return m_heldOut; }
    [[nodiscard]] std::size_t shoppers() const { return m_cases.size(); }
    /// `table`: the items' embeddings, composed if they have attributes.
    [[nodiscard]] SequenceQuality measure(const SequenceNet &net, const at::Tensor &flat,
                                          const at::Tensor &table, WorkTeam &team) const;

private:
    struct Case
    {
        std::uint64_t begin = 0;           ///< of Dataset::events
        std::uint32_t length = 0;          ///< events that are known
        std::vector<std::uint32_t> labels; ///< not in the history, each once
        std::vector<std::int64_t> known;   ///< sorted
    };
    /// Sums over cases [first, end), which are of similar length.
    [[nodiscard]] SequenceQuality block(std::size_t first, std::size_t end, const SequenceNet &net,
                                        const std::vector<at::Tensor> &views) const;

    const Dataset &m_train;
    int m_length;
    bool m_masked;
    std::vector<std::uint8_t> m_heldOut;
    std::vector<Case> m_cases; ///< by length read
};

} // namespace engine
