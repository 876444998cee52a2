#include "engine/training/mf/bpr.h"

#include "engine/base/random.h"
#include "engine/training/mf/bpr_steps.h"
#include "engine/training/mf/factor_memory.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

namespace engine {
namespace {

constexpr std::uint64_t kInitStream = 0x1A19, kEpochStream = 0x1A1B;
constexpr std::size_t kPadding = 16;
/// Triples drawn before they are stepped on: 6 kB, and a shopper's list more.
constexpr std::size_t kDrawn = 512;
constexpr std::size_t kListsAhead = 4;

/// 64 bits from a counter (splitmix64, Steele et al., OOPSLA 2014). Some nanoseconds where the ten
/// rounds of Random take 30: a draw per triple has to cost little beside a step. Its start comes
/// from Random, so that it depends on seed, epoch and block alone.
class Draws
{
public:
    explicit Draws(std::uint64_t start) : m_state(start) {}
    std::uint64_t bits()
    {
        auto z = m_state += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }

private:
    std::uint64_t m_state;
};

/// Below `count`, from 32 bits.
std::uint32_t scaled(std::uint64_t bits, std::size_t count)
{
    return static_cast<std::uint32_t>(((bits & 0xFFFFFFFFu) * count) >> 32);
}

/// `values` in memory that may be changed: that of `spare` where nobody else holds it.
at::Tensor copied(const at::Tensor &values, at::Tensor spare)
{
    if (!spare.defined() || spare.use_count() > 1 || spare.sizes() != values.sizes())
        spare = roomLike(values);
    spare.copy_(values);
    return spare;
}

} // namespace

Bpr::Bpr(const SparseRows &rows, const BprOptions &options)
    : m_options(options),
      m_width((static_cast<std::size_t>(options.factors) + kPadding - 1) / kPadding * kPadding)
{
    const auto width = static_cast<std::int64_t>(m_width);
    m_state.shoppers = at::zeros({static_cast<std::int64_t>(rows.rows()), width});
    m_state.items = at::zeros({static_cast<std::int64_t>(rows.columns), width});
    Random random(options.seed, kInitStream);
    const double scale = 0.1 / std::sqrt(static_cast<double>(options.factors));
    for (auto *side : {&m_state.shoppers, &m_state.items}) {
        float *data = side->data_ptr<float>();
        for (std::int64_t r = 0; r < side->size(0); ++r) {
            for (int k = 0; k < options.factors; ++k)
                data[r * width + k] = static_cast<float>(random.normal() * scale);
        }
    }
    // A catalogue of two items cannot be shared out: negatives need company.
    m_options.threads = static_cast<unsigned>(
        std::clamp<std::size_t>(rows.columns / 64, 1, std::max(1u, options.threads)));
    deal(rows);
}

void Bpr::deal(const SparseRows &rows)
{
    const std::size_t blocks = m_options.threads;
    m_blocks.resize(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
        m_blocks[b].items = (rows.columns + blocks - 1 - b) / blocks;
        m_blocks[b].offsets.push_back(0);
    }
    for (std::size_t r = 0; r < rows.rows(); ++r) {
        for (const auto column : rows.of(r)) {
            const auto item = static_cast<std::size_t>(column);
            m_blocks[item % blocks].taken.push_back(static_cast<std::uint32_t>(item / blocks));
        }
        for (auto &block : m_blocks)
            block.offsets.push_back(static_cast<std::uint32_t>(block.taken.size()));
    }
}

void Bpr::shoppersOf(std::size_t userBlock, std::size_t itemBlock, float *shoppers, float *items,
                     const std::stop_token &stop) const
{
    const auto &block = m_blocks[itemBlock];
    const auto blocks = m_blocks.size();
    const auto index =
        (static_cast<std::uint64_t>(m_state.epoch) * blocks + userBlock) * blocks + itemBlock;
    Draws draws(Random(m_options.seed, kEpochStream, index).bits());
    std::vector<std::uint32_t> order;
    for (std::size_t u = userBlock; u + 1 < block.offsets.size(); u += blocks)
        order.push_back(static_cast<std::uint32_t>(u));
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
        std::swap(order[i], order[i + scaled(draws.bits(), order.size() - i)]);

    const BprFactors factors{shoppers, items, m_width, static_cast<float>(m_options.rate),
                             static_cast<float>(1.0 - m_options.rate * m_options.regularisation)};
    std::vector<std::uint64_t> isTaken((block.items + 63) / 64, 0);
    const auto isFree = [&](std::uint32_t number) {
        return (isTaken[number / 64] >> (number % 64) & 1u) == 0;
    };
    const auto itemOf = [&](std::uint32_t number) {
        return static_cast<std::uint32_t>(number * blocks + itemBlock);
    };
    std::vector<BprTriple> triples;
    std::size_t drawn = 0;
    for (std::size_t o = 0; o < order.size(); ++o) {
        // The lists of shoppers in a drawn order lie anywhere: ask for them early, too.
        if (o + 2 * kListsAhead < order.size())
            __builtin_prefetch(&block.offsets[order[o + 2 * kListsAhead]]);
        if (o + kListsAhead < order.size())
            __builtin_prefetch(block.taken.data() + block.offsets[order[o + kListsAhead]]);
        const auto shopper = order[o];
        const auto first = block.offsets[shopper], end = block.offsets[shopper + 1];
        if (end - first >= block.items)
            continue; // nothing was left untaken here
        const std::span<const std::uint32_t> row(block.taken.data() + first, end - first);
        for (const auto number : row)
            isTaken[number / 64] |= std::uint64_t{1} << (number % 64);
        if (triples.size() < drawn + row.size())
            triples.resize(drawn + row.size());
        for (const auto number : row) {
            // One draw of 64 bits serves two tries; a third would help nobody.
            const auto bits = draws.bits();
            const auto one = scaled(bits, block.items), two = scaled(bits >> 32, block.items);
            const auto other = isFree(one) ? one : two;
            triples[drawn] = {shopper, itemOf(number), itemOf(other)};
            drawn += isFree(other) ? 1 : 0;
        }
        for (const auto number : row)
            isTaken[number / 64] = 0;
        if (drawn >= kDrawn) {
            if (stop.stop_requested())
                return;
            takeSteps(factors, std::span(triples).first(drawn));
            drawn = 0;
        }
    }
    takeSteps(factors, std::span(triples).first(drawn));
}

bool Bpr::epoch(const std::stop_token &stop)
{
    auto shoppers = copied(m_state.shoppers, std::exchange(m_spare.shoppers, {}));
    auto items = copied(m_state.items, std::exchange(m_spare.items, {}));
    float *u = shoppers.data_ptr<float>(), *v = items.data_ptr<float>();
    const auto blocks = m_blocks.size();
    for (std::size_t round = 0; round < blocks; ++round) {
        std::vector<std::jthread> helpers;
        for (std::size_t t = 1; t < blocks; ++t)
            helpers.emplace_back([&, t] { shoppersOf(t, (t + round) % blocks, u, v, stop); });
        shoppersOf(0, round, u, v, stop);
    }
    if (stop.stop_requested())
        return false;
    m_spare = std::exchange(m_state, {std::move(shoppers), std::move(items), m_state.epoch + 1});
    return true;
}

} // namespace engine
