#include "engine/training/mf/bpr.h"

#include "engine/base/random.h"
#include "engine/scoring/wide.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <thread>

namespace engine {
namespace {

constexpr std::uint64_t kInitStream = 0x1A19, kBlockStream = 0x1A1A, kEpochStream = 0x1A1B;
constexpr std::size_t kLanes = 16;

/// 1 / (1 + e^x) from a table over [-8, 8], linear in between: error below 2e-6, far below the
/// noise of a drawn step.
class Sigmoid
{
public:
    Sigmoid()
    {
        for (std::size_t i = 0; i < m_table.size(); ++i)
            m_table[i] =
                static_cast<float>(1.0 / (1.0 + std::exp(-8.0 + static_cast<double>(i) / 128.0)));
    }
    [[nodiscard]] float ofMinus(float x) const
    {
        const float at = (std::clamp(x, -8.0f, 8.0f) + 8.0f) * 128.0f;
        const auto i = std::min(static_cast<std::size_t>(at), kSteps - 1);
        return m_table[i] + (at - static_cast<float>(i)) * (m_table[i + 1] - m_table[i]);
    }

private:
    static constexpr std::size_t kSteps = 2048;
    std::array<float, kSteps + 1> m_table{};
};

/// One step on (u, i, j); gives nothing back because nothing is summed.
DRILLROOM_INLINE void stepBody(float *u, float *i, float *j, std::size_t width, float rate,
                               float decay, const Sigmoid &sigmoid)
{
    float lanes[kLanes] = {};
    for (std::size_t k = 0; k < width; k += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l)
            lanes[l] += u[k + l] * (i[k + l] - j[k + l]);
    }
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l)
            lanes[l] += lanes[l + half];
    }
    const float step = rate * sigmoid.ofMinus(lanes[0]);
    for (std::size_t k = 0; k < width; k += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) {
            const float a = u[k + l], b = i[k + l], c = j[k + l];
            u[k + l] = decay * a + step * (b - c);
            i[k + l] = decay * b + step * a;
            j[k + l] = decay * c - step * a;
        }
    }
}

void stepPlain(float *u, float *i, float *j, std::size_t width, float rate, float decay,
               const Sigmoid &sigmoid)
{
    stepBody(u, i, j, width, rate, decay, sigmoid);
}
DRILLROOM_WIDE void stepWide(float *u, float *i, float *j, std::size_t width, float rate,
                             float decay, const Sigmoid &sigmoid)
{
    stepBody(u, i, j, width, rate, decay, sigmoid);
}
/// The usual width as a constant, so that the vectors stay in registers.
DRILLROOM_WIDE void stepWide64(float *u, float *i, float *j, std::size_t, float rate, float decay,
                               const Sigmoid &sigmoid)
{
    stepBody(u, i, j, 64, rate, decay, sigmoid);
}

using Step = void (*)(float *, float *, float *, std::size_t, float, float, const Sigmoid &);

Step stepFor(std::size_t width)
{
    if (hasWide())
        return width == 64 ? stepWide64 : stepWide;
    return stepPlain;
}

} // namespace

Bpr::Bpr(const SparseRows &rows, const BprOptions &options)
    : m_rows(rows), m_options(options),
      m_width((static_cast<std::size_t>(options.factors) + kLanes - 1) / kLanes * kLanes)
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
    std::vector<std::uint32_t> order(rows.columns);
    std::iota(order.begin(), order.end(), 0u);
    Random deal(options.seed, kBlockStream);
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
        std::swap(order[i], order[i + deal.below(order.size() - i)]);
    m_itemBlock.resize(rows.columns);
    m_blockItems.resize(m_options.threads);
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto block = static_cast<std::uint32_t>(i % m_options.threads);
        m_itemBlock[order[i]] = block;
        m_blockItems[block].push_back(order[i]);
    }
}

void Bpr::shoppersOf(std::size_t userBlock, std::size_t itemBlock, float *shoppers, float *items,
                     const std::stop_token &stop) const
{
    static const Sigmoid sigmoid;
    const auto step = stepFor(m_width);
    const auto &negatives = m_blockItems[itemBlock];
    const auto blocks = m_blockItems.size();
    Random random(
        m_options.seed, kEpochStream,
        ((static_cast<std::uint64_t>(m_state.epoch) * blocks + userBlock) * blocks + itemBlock)
            << 40);
    std::vector<std::uint32_t> order;
    for (std::size_t u = userBlock; u < m_rows.rows(); u += blocks)
        order.push_back(static_cast<std::uint32_t>(u));
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
        std::swap(order[i], order[i + random.below(order.size() - i)]);
    // taken[item] == the shopper's turn + 1: a look-up instead of a search per draw.
    std::vector<std::uint32_t> taken(m_rows.columns, 0), turn;
    const auto rate = static_cast<float>(m_options.rate);
    const auto decay = static_cast<float>(1.0 - m_options.rate * m_options.regularisation);
    for (std::size_t o = 0; o < order.size() && !stop.stop_requested(); ++o) {
        const auto row = m_rows.of(order[o]);
        const auto stamp = static_cast<std::uint32_t>(o + 1);
        turn.clear();
        for (const auto item : row) {
            taken[static_cast<std::size_t>(item)] = stamp;
            if (m_itemBlock[static_cast<std::size_t>(item)] == itemBlock)
                turn.push_back(static_cast<std::uint32_t>(item));
        }
        if (turn.size() >= negatives.size())
            continue; // nothing was left untaken here
        float *u = shoppers + order[o] * m_width;
        for (const auto item : turn) {
            // One draw of 64 bits serves two tries; a third would help nobody.
            const auto bits = random.bits();
            std::uint32_t other = negatives[((bits & 0xFFFFFFFFu) * negatives.size()) >> 32];
            if (taken[other] == stamp)
                other = negatives[((bits >> 32) * negatives.size()) >> 32];
            if (taken[other] == stamp)
                continue;
            step(u, items + item * m_width, items + other * m_width, m_width, rate, decay, sigmoid);
        }
    }
}

bool Bpr::epoch(const std::stop_token &stop)
{
    auto shoppers = m_state.shoppers.clone(), items = m_state.items.clone();
    float *u = shoppers.data_ptr<float>(), *v = items.data_ptr<float>();
    const auto blocks = m_blockItems.size();
    for (std::size_t round = 0; round < blocks; ++round) {
        std::vector<std::jthread> helpers;
        for (std::size_t t = 1; t < blocks; ++t)
            helpers.emplace_back([&, t] { shoppersOf(t, (t + round) % blocks, u, v, stop); });
        shoppersOf(0, round, u, v, stop);
    }
    if (stop.stop_requested())
        return false;
    m_state = {std::move(shoppers), std::move(items), m_state.epoch + 1};
    return true;
}

} // namespace engine
