#include "engine/training/mf/factoriser.h"

#include "engine/base/random.h"
#include "engine/training/mf/row_cg.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace engine {
namespace {

constexpr std::uint64_t kInitStream = 0x1A16;

std::int64_t padded(int factors)
{
    return (static_cast<std::int64_t>(factors) + 15) / 16 * 16;
}

} // namespace

Factoriser::Factoriser(const SparseRows &rows, int factors, const Ridge &ridge, int cgSteps,
                       std::uint64_t seed, unsigned threads)
    : m_rows(rows), m_columns(transposed(rows)), m_width(padded(factors)), m_ridge(ridge),
      m_steps(cgSteps), m_threads(threads)
{
    m_state.shoppers = at::zeros({static_cast<std::int64_t>(rows.rows()), m_width});
    m_state.items = at::zeros({static_cast<std::int64_t>(rows.columns), m_width});
    Random random(seed, kInitStream);
    const double scale = 0.1 / std::sqrt(static_cast<double>(factors));
    float *data = m_state.items.data_ptr<float>();
    for (std::size_t i = 0; i < rows.columns; ++i) {
        for (int k = 0; k < factors; ++k)
            data[i * static_cast<std::size_t>(m_width) + static_cast<std::size_t>(k)] =
                static_cast<float>(random.normal() * scale);
    }
}

bool Factoriser::half(const SparseRows &rows, const at::Tensor &fixed, at::Tensor &out,
                      const std::stop_token &stop) const
{
    // In double, so that the smallest directions of 1,000s of rows keep their digits.
    const auto gram = at::mm(fixed.t(), fixed).to(at::kDouble);
    const auto [values, vectors] = at::linalg_eigh(gram);
    const auto basis = vectors.to(at::kFloat).contiguous();
    const auto shared = values.clamp_min(0).mul(m_ridge.alpha0).to(at::kFloat).contiguous();
    const auto rotated = at::mm(fixed, basis);
    auto x = at::mm(out, basis);
    RowSystem system;
    system.fixed = rotated.data_ptr<float>();
    system.width = static_cast<std::size_t>(m_width);
    system.shared = shared.data_ptr<float>();
    system.steps = m_steps;
    const double all = m_ridge.alpha0 * static_cast<double>(rows.columns);
    system.ridge = [&](std::size_t entries) {
        return m_ridge.lambda * std::pow(static_cast<double>(entries) + all, m_ridge.nu);
    };
    if (!solveRows(rows, system, x.data_ptr<float>(), m_threads, stop))
        return false;
    out = at::mm(x, basis.t());
    return true;
}

bool Factoriser::epoch(const std::stop_token &stop)
{
    auto shoppers = m_state.shoppers, items = m_state.items;
    if (!half(m_rows, items, shoppers, stop) || !half(m_columns, shoppers, items, stop))
        return false;
    m_state = {std::move(shoppers), std::move(items), m_state.epoch + 1};
    return true;
}

bool FactorTraining::isFinite() const
{
    return at::isfinite(m_state.items).all().item<bool>()
           && at::isfinite(m_state.shoppers).all().item<bool>();
}

} // namespace engine
