#include "engine/training/ctr/embedding_table.h"

#include "engine/base/random.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::uint64_t kStartStream = 0xC7B0;
constexpr double kStart = 0.05; ///< standard deviation of a fresh embedding

} // namespace

EmbeddingTable::EmbeddingTable(std::size_t codes, std::size_t dimension, double prior,
                               std::uint64_t seed)
    : m_width(dimension + 1), m_values(codes * m_width),
      m_squares(codes * m_width, static_cast<float>(prior)), m_slot(codes, -1)
{
    Random random(seed, kStartStream);
    for (std::size_t code = 0; code < codes; ++code) {
        for (std::size_t j = 0; j < dimension; ++j) {
            // A sum of four uniform draws is normal enough and six times as fast.
            const auto bits = random.bits();
            double sum = -2.0;
            for (int k = 0; k < 4; ++k)
                sum += static_cast<double>((bits >> (16 * k)) & 0xFFFF) / 65536.0;
            m_values[code * m_width + j] = static_cast<float>(kStart * std::sqrt(3.0) * sum);
        }
    }
}

void EmbeddingTable::gather(const ClickRows &rows, std::span<const std::uint32_t> batch,
                            float *out) const
{
    for (const auto row : batch) {
        const auto *codes = rows.codes.data() + row * rows.fields;
        for (std::size_t f = 0; f < rows.fields; ++f, out += m_width)
            std::copy_n(m_values.data() + codes[f] * m_width, m_width, out);
    }
}

void EmbeddingTable::gatherBags(const ClickRows &rows, std::span<const std::uint32_t> batch,
                                float *sums, float *squares) const
{
    const auto d = m_width - 1;
    std::fill_n(sums, batch.size() * m_width, 0.0f);
    std::fill_n(squares, batch.size() * d, 0.0f);
    for (const auto row : batch) {
        for (auto i = rows.bagStart[row]; i < rows.bagStart[row + 1]; ++i) {
            const float *entry = m_values.data() + rows.bagCodes[i] * m_width;
            const float x = rows.bagValues[i];
            for (std::size_t j = 0; j < d; ++j) {
                const float value = x * entry[j];
                sums[j] += value;
                squares[j] += value * value;
            }
            sums[d] += x * entry[d];
        }
        sums += m_width;
        squares += d;
    }
}

float *EmbeddingTable::slot(std::uint32_t code)
{
    auto &place = m_slot[code];
    if (place < 0) {
        place = static_cast<std::int32_t>(m_touched.size());
        m_touched.push_back(code);
        m_gradient.resize(m_touched.size() * m_width, 0.0f);
    }
    return m_gradient.data() + static_cast<std::size_t>(place) * m_width;
}

void EmbeddingTable::add(const ClickRows &rows, std::span<const std::uint32_t> batch,
                         const float *gradient)
{
    for (const auto row : batch) {
        const auto *codes = rows.codes.data() + row * rows.fields;
        for (std::size_t f = 0; f < rows.fields; ++f, gradient += m_width) {
            float *to = slot(codes[f]);
            for (std::size_t j = 0; j < m_width; ++j)
                to[j] += gradient[j];
        }
    }
}

void EmbeddingTable::addBags(const ClickRows &rows, std::span<const std::uint32_t> batch,
                             const float *sums, const float *squares)
{
    const auto d = m_width - 1;
    for (const auto row : batch) {
        for (auto i = rows.bagStart[row]; i < rows.bagStart[row + 1]; ++i) {
            const auto code = rows.bagCodes[i];
            const float x = rows.bagValues[i];
            float *to = slot(code);
            const float *entry = m_values.data() + code * m_width;
            for (std::size_t j = 0; j < d; ++j)
                to[j] += x * sums[j] + 2.0f * x * x * entry[j] * squares[j];
            to[d] += x * sums[d];
        }
        sums += m_width;
        squares += d;
    }
}

void EmbeddingTable::step(double rate, double decay)
{
    const auto size = static_cast<float>(rate), shrink = static_cast<float>(decay);
    for (std::size_t t = 0; t < m_touched.size(); ++t) {
        const std::size_t code = m_touched[t];
        float *value = m_values.data() + code * m_width,
              *square = m_squares.data() + code * m_width;
        float *gradient = m_gradient.data() + t * m_width;
        for (std::size_t j = 0; j < m_width; ++j) {
            const float g = gradient[j] + shrink * value[j];
            square[j] += g * g;
            value[j] -= size * g / (std::sqrt(square[j]) + 1e-8f);
        }
        m_slot[code] = -1;
    }
    m_touched.clear();
    m_gradient.clear();
}

} // namespace engine
