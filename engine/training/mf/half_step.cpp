#include "engine/training/mf/half_step.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

namespace engine {
namespace {

/// Floats of gathered factors and of normal matrices per block: 16 MB each.
constexpr std::size_t kBlockFloats = std::size_t{4} << 20;

/// (D + X^T X) w = X^T 1 as it stands, for rows with at least as many entries as factors.
at::Tensor solveInFactors(const at::Tensor &gathered, const at::Tensor &shared)
{
    auto normal = at::bmm(gathered.transpose(1, 2), gathered);
    normal.diagonal(0, 1, 2).add_(shared);
    return at::cholesky_solve(gathered.sum(1).unsqueeze(2), at::linalg_cholesky(normal)).squeeze(2);
}

/// The same w as D^-1 X^T y with (I + X D^-1 X^T) y = 1: a system as large as the row is long.
/// Padding gives y = 1 there, times factors that are zero.
at::Tensor solveInRows(const at::Tensor &gathered, const at::Tensor &shared)
{
    const auto count = gathered.size(0), longest = gathered.size(1);
    const auto scaled = gathered.div(shared.unsqueeze(1));
    const auto kernel = at::baddbmm(at::eye(longest).expand({count, longest, longest}), scaled,
                                    gathered.transpose(1, 2));
    const auto y = at::cholesky_solve(at::ones({count, longest, 1}), at::linalg_cholesky(kernel));
    return at::bmm(scaled.transpose(1, 2), y).squeeze(2);
}

} // namespace

HalfStep::HalfStep(const SparseRows &rows, int factors) : m_rows(rows), m_factors(factors)
{
    std::vector<std::size_t> order(rows.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return rows.of(a).size() > rows.of(b).size();
    });
    const auto d = static_cast<std::size_t>(factors);
    const std::size_t mostMatrices = std::max<std::size_t>(1, kBlockFloats / (d * d));
    for (const auto row : order) {
        const auto length = rows.of(row).size();
        if (length == 0)
            break;
        const bool fits =
            !m_blocks.empty() && m_blocks.back().rows.size() < mostMatrices
            && (m_blocks.back().rows.size() + 1) * m_blocks.back().longest * d <= kBlockFloats;
        if (!fits)
            m_blocks.push_back({{}, length});
        m_blocks.back().rows.push_back(row);
    }
}

bool HalfStep::solve(const at::Tensor &fixed, const Ridge &ridge, at::Tensor &out, int threads,
                     std::stop_token stop) const
{
    // In the basis of the Gram matrix's eigenvectors the part that all rows share is diagonal. The
    // padding row of `fixed` is zero and adds nothing.
    const auto [values, basis] = at::linalg_eigh(at::mm(fixed.t(), fixed));
    const Side side{at::mm(fixed, basis), values.clamp_min(0).mul_(ridge.alpha0), basis.t(), ridge};
    out.zero_();
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure; // guarded by mutex
    const auto work = [&] {
        const c10::InferenceMode inference; // is a setting of each thread
        try {
            for (auto b = next++; b < m_blocks.size() && !stop.stop_requested(); b = next++)
                solveBlock(m_blocks[b], side, out);
        } catch (...) {
            const std::lock_guard lock(mutex);
            failure = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (int t = 1; t < threads; ++t)
            helpers.emplace_back(work);
        work();
    }
    if (failure)
        std::rethrow_exception(failure);
    return !stop.stop_requested();
}

void HalfStep::solveBlock(const Block &block, const Side &side, at::Tensor &out) const
{
    const auto count = static_cast<std::int64_t>(block.rows.size());
    const auto longest = static_cast<std::int64_t>(block.longest);
    const auto padding = static_cast<std::int64_t>(m_rows.columns);
    std::vector<std::int64_t> columns(block.rows.size() * block.longest, padding);
    std::vector<std::int64_t> targets;
    std::vector<float> ridges;
    for (std::size_t r = 0; r < block.rows.size(); ++r) {
        const auto row = m_rows.of(block.rows[r]);
        std::copy(row.begin(), row.end(),
                  columns.begin() + static_cast<std::ptrdiff_t>(r * block.longest));
        targets.push_back(static_cast<std::int64_t>(block.rows[r]));
        ridges.push_back(static_cast<float>(
            side.ridge.lambda
            * std::pow(static_cast<double>(row.size())
                           + side.ridge.alpha0 * static_cast<double>(m_rows.columns),
                       side.ridge.nu)));
    }
    const auto gathered =
        at::index_select(side.rotated, 0,
                         at::from_blob(columns.data(), {count * longest}, at::kLong))
            .view({count, longest, m_factors});
    const auto shared = side.values.add(at::from_blob(ridges.data(), {count, 1}, at::kFloat));
    const auto solution =
        longest < m_factors ? solveInRows(gathered, shared) : solveInFactors(gathered, shared);
    out.index_copy_(0, at::from_blob(targets.data(), {count}, at::kLong),
                    at::mm(solution, side.back));
}

} // namespace engine
