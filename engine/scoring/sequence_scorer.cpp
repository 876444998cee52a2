#include "engine/scoring/sequence_scorer.h"

#include "engine/data/fast_exp.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr double kEpsilon = 1e-5; // of the normalisations, as in LibTorch

/// Softmax of the first `seen` scores; the rest becomes 0.
void softmax(std::span<float> scores, std::size_t seen)
{
    const float most =
        *std::max_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(seen));
    double sum = 0;
    for (std::size_t j = 0; j < seen; ++j) {
        // Below -80 the float would be denormal; fastExp promises nothing below -700.
        const double value =
            fastExp(std::max(-80.0, static_cast<double>(scores[j]) - static_cast<double>(most)));
        scores[j] = static_cast<float>(value);
        sum += value;
    }
    const auto scale = static_cast<float>(1.0 / sum);
    for (std::size_t j = 0; j < seen; ++j)
        scores[j] *= scale;
    std::fill(scores.begin() + static_cast<std::ptrdiff_t>(seen), scores.end(), 0.0f);
}

void add(std::span<float> to, std::span<const float> what)
{
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] += what[i];
}

} // namespace

std::vector<float> SequenceScorer::Layer::operator()(std::span<const float> x) const
{
    const auto width = weight.items(), stride = weight.stride();
    const auto rows = x.size() / weight.factors();
    std::vector<float> wide(rows * stride);
    weight.product(x, wide);
    std::vector<float> out(rows * width);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t k = 0; k < width; ++k)
            out[r * width + k] = wide[r * stride + k] + bias[k];
    }
    return out;
}

std::vector<float> SequenceScorer::Norm::operator()(std::span<const float> x) const
{
    const auto d = weight.size();
    std::vector<float> out(x.size());
    for (std::size_t begin = 0; begin < x.size(); begin += d) {
        double sum = 0, squares = 0;
        for (std::size_t k = 0; k < d; ++k)
            sum += static_cast<double>(x[begin + k]);
        const double mean = sum / static_cast<double>(d);
        for (std::size_t k = 0; k < d; ++k) {
            const double off = static_cast<double>(x[begin + k]) - mean;
            squares += off * off;
        }
        const double scale = 1.0 / std::sqrt(squares / static_cast<double>(d) + kEpsilon);
        for (std::size_t k = 0; k < d; ++k)
            out[begin + k] =
                static_cast<float>((static_cast<double>(x[begin + k]) - mean) * scale) * weight[k]
                + bias[k];
    }
    return out;
}

Result<std::unique_ptr<SequenceScorer>> SequenceScorer::open(const Package &package)
{
    auto weights = SequenceWeights::read(package);
    if (!weights)
        return tl::unexpected(std::move(weights.error()));
    return std::unique_ptr<SequenceScorer>(new SequenceScorer(package, std::move(*weights)));
}

SequenceScorer::SequenceScorer(const Package &package, SequenceWeights weights)
    : FullScorer(package), m_itemCount(weights.items),
      m_factors(static_cast<std::size_t>(weights.factors)),
      m_heads(static_cast<std::size_t>(weights.heads)),
      m_length(static_cast<std::size_t>(weights.length)), m_masked(weights.masked)
{
    auto &parts = weights.parts;
    const auto d = m_factors;
    const auto f = static_cast<std::size_t>(weights.feedForward);
    const auto layer = [](std::span<const float> weight, std::span<const float> bias,
                          std::size_t in) {
        return Layer{ItemPanels(weight, bias.size(), in), {bias.begin(), bias.end()}};
    };
    m_positions = std::move(parts["positions"]);
    m_mask = std::move(parts["mask"]);
    m_norm = {std::move(parts["norm.weight"]), std::move(parts["norm.bias"])};
    for (int b = 0; b < weights.blocks; ++b) {
        const auto part = [&, name = "block" + std::to_string(b) + "."](const char *of) {
            return std::span<const float>(parts.at(name + of));
        };
        const auto norm = [&](const char *weight, const char *bias) {
            const auto w = part(weight), o = part(bias);
            return Norm{{w.begin(), w.end()}, {o.begin(), o.end()}};
        };
        const auto attention = part("attention.weight"), offset = part("attention.bias");
        m_blocks.push_back({norm("norm1.weight", "norm1.bias"), norm("norm2.weight", "norm2.bias"),
                            layer(attention.first(d * d), offset.first(d), d),
                            layer(attention.subspan(d * d), offset.subspan(d), d),
                            layer(part("out.weight"), part("out.bias"), d),
                            layer(part("wide.weight"), part("wide.bias"), d),
                            layer(part("narrow.weight"), part("narrow.bias"), f)});
    }
    if (weights.int8Items) {
        m_int8.emplace(weights.itemBytes, weights.itemScales, m_itemCount, d);
        m_rows = std::move(parts["items"]);
    } else {
        m_items.emplace(parts["items"], m_itemCount, d);
    }
    m_counts = std::move(weights.counts);
    m_counts.resize(stride(), 0.0f);
}

void SequenceScorer::itemRow(std::size_t item, float *out) const
{
    if (m_items)
        m_items->row(item, {out, m_factors});
    else
        std::copy_n(m_rows.data() + item * m_factors, m_factors, out);
}

std::vector<float> SequenceScorer::attend(std::span<const float> queries,
                                          std::span<const float> keysValues) const
{
    const auto d = m_factors, width = d / m_heads;
    const auto count = keysValues.size() / (2 * d), asked = queries.size() / d;
    const float scale = 1.0f / std::sqrt(static_cast<float>(width));
    std::vector<float> out(queries.size(), 0.0f), keys(count * width), asking(asked * width);
    for (std::size_t h = 0; h < m_heads; ++h) {
        for (std::size_t j = 0; j < count; ++j)
            std::copy_n(keysValues.data() + j * 2 * d + h * width, width, keys.data() + j * width);
        for (std::size_t i = 0; i < asked; ++i) {
            for (std::size_t k = 0; k < width; ++k)
                asking[i * width + k] = queries[i * d + h * width + k] * scale;
        }
        const ItemPanels panels(keys, count, width);
        std::vector<float> scores(asked * panels.stride());
        panels.product(asking, scores);
        for (std::size_t i = 0; i < asked; ++i) {
            const std::span row(scores.data() + i * panels.stride(), count);
            const auto seen = m_masked ? count : count - asked + i + 1;
            softmax(row, seen);
            float *to = out.data() + i * d + h * width;
            for (std::size_t j = 0; j < seen; ++j) {
                const float *value = keysValues.data() + j * 2 * d + d + h * width;
                const float weight = row[j];
                for (std::size_t k = 0; k < width; ++k)
                    to[k] += weight * value[k];
            }
        }
    }
    return out;
}

std::vector<float> SequenceScorer::encode(std::span<const std::int64_t> history) const
{
    const auto d = m_factors, count = history.size() + (m_masked ? 1 : 0);
    const auto scale = static_cast<float>(std::sqrt(static_cast<double>(d)));
    std::vector<float> x(count * d);
    for (std::size_t i = 0; i < count; ++i) {
        float *row = x.data() + i * d;
        if (i < history.size())
            itemRow(static_cast<std::size_t>(history[i]), row);
        else
            std::copy(m_mask.begin(), m_mask.end(), row);
        for (std::size_t k = 0; k < d; ++k)
            row[k] = row[k] * scale + m_positions[i * d + k];
    }
    for (std::size_t b = 0; b < m_blocks.size(); ++b) {
        const auto &block = m_blocks[b];
        const auto y = block.norm1(x);
        const auto keysValues = block.keysValues(y);
        // Behind the last block only the newest position is read.
        const auto skipped = b + 1 == m_blocks.size() ? x.size() - d : 0;
        x.erase(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(skipped));
        const auto queries = block.queries(std::span(y).subspan(skipped));
        add(x, block.out(attend(queries, keysValues)));
        auto wide = block.wide(block.norm2(x));
        for (auto &value : wide)
            value = std::max(value, 0.0f);
        add(x, block.narrow(wide));
    }
    return m_norm(x);
}

Result<> SequenceScorer::scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                  std::span<float> out) const
{
    const auto d = m_factors;
    const auto most = m_length - (m_masked ? 1 : 0);
    std::vector<float> shoppers(histories.size() * d, 0.0f);
    std::vector<std::size_t> cold;
    std::vector<std::int64_t> known;
    for (std::size_t h = 0; h < histories.size(); ++h) {
        known.clear();
        for (const auto item : histories[h]) {
            if (item >= 0 && item < static_cast<std::int64_t>(m_itemCount))
                known.push_back(item);
        }
        if (known.empty()) {
            cold.push_back(h);
            continue;
        }
        const auto newest = std::span<const std::int64_t>(known).last(std::min(most, known.size()));
        const auto output = encode(newest);
        std::copy(output.begin(), output.end(),
                  shoppers.begin() + static_cast<std::ptrdiff_t>(h * d));
    }
    if (m_int8)
        m_int8->product(shoppers, out);
    else
        m_items->product(shoppers, out);
    for (const auto h : cold)
        std::copy(m_counts.begin(), m_counts.end(),
                  out.begin() + static_cast<std::ptrdiff_t>(h * stride()));
    return {};
}

} // namespace engine
