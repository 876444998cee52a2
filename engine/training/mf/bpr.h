#pragma once
// Bayesian personalised ranking (Rendle et al., UAI 2009): for a pair (u, i) that was taken and an
// item j that was not, a step of gradient ascent on log sigmoid(u.i - u.j) - regularisation. Each
// epoch passes once over all pairs, shopper by shopper in a drawn order, so that the shopper's
// vector stays in the first-level cache. Threads share nothing: shoppers and items are dealt into
// as many blocks as there are threads, and in each of as many rounds a thread has one block of both
// to itself (Gemulla et al., KDD 2011); negatives come from the block of the round. The same seed
// and number of threads give the same bytes. Triples are drawn some hundreds at a time and then
// stepped on (bpr_steps.h).

#include "engine/training/mf/factor_training.h"
#include "engine/training/mf/interactions.h"

namespace engine {

struct BprOptions
{
    int factors = 64;
    double rate = 0.05, regularisation = 0.002;
    std::uint64_t seed = 1;
    unsigned threads = 1;
};

class Bpr final : public FactorTraining
{
public:
    /// Factors are padded with zeros to a multiple of 16. Copies of `rows` are kept.
    Bpr(const SparseRows &rows, const BprOptions &options);
    [[nodiscard]] bool epoch(const std::stop_token &stop) override;

private:
    /// What each shopper took of a block's items: number n of block b is item n blocks + b. With
    /// numbers of its own "was it taken" is a bit in few cache lines, and no table is looked up.
    struct Block
    {
        std::size_t items = 0;
        std::vector<std::uint32_t> offsets; ///< shoppers + 1
        std::vector<std::uint32_t> taken;   ///< numbers
    };
    void deal(const SparseRows &rows);
    void shoppersOf(std::size_t userBlock, std::size_t itemBlock, float *shoppers, float *items,
                    const std::stop_token &stop) const;
    BprOptions m_options;
    std::size_t m_width;
    std::vector<Block> m_blocks;
    State m_spare; ///< memory of an epoch that nobody holds any more; its values are of no use
};

} // namespace engine
