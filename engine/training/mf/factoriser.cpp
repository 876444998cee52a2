#include "engine/training/mf/factoriser.h"

#include "engine/base/random.h"
#include "engine/data/parallel.h"
#include "engine/training/mf/factor_memory.h"
#include "engine/training/mf/row_cg.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <exception>
#include <mutex>

namespace engine {
namespace {

constexpr std::uint64_t kInitStream = 0x1A16;

std::int64_t padded(int factors)
{
    return (static_cast<std::int64_t>(factors) + 15) / 16 * 16;
}

/// Rows that one product takes: a fixed number, so that the threads change no bit.
constexpr std::int64_t kBlock = 4096;

/// work(first, count) for each block; what LibTorch throws comes out here.
template <class Work>
void forBlocks(std::int64_t rows, unsigned threads, const Work &work)
{
    std::mutex mutex;
    std::exception_ptr failure; // guarded by mutex
    forChunks(static_cast<std::size_t>(rows), static_cast<std::size_t>(kBlock), threads,
              [&](std::size_t first, std::size_t end) {
                  try {
                      const c10::InferenceMode inference; // is a setting of each thread
                      work(static_cast<std::int64_t>(first),
                           static_cast<std::int64_t>(end - first));
                  } catch (...) {
                      const std::lock_guard lock(mutex);
                      failure = std::current_exception();
                  }
              });
    if (failure)
        std::rethrow_exception(failure);
}

/// X^T X in double, so that the smallest directions of 1,000s of rows keep their digits.
at::Tensor gramOf(const at::Tensor &x, unsigned threads)
{
    const auto width = x.size(1), blocks = (x.size(0) + kBlock - 1) / kBlock;
    auto parts = at::empty({blocks, width, width});
    forBlocks(x.size(0), threads, [&](std::int64_t first, std::int64_t count) {
        const auto rows = x.narrow(0, first, count);
        auto part = parts.select(0, first / kBlock);
        at::mm_out(part, rows.t(), rows);
    });
    return parts.sum({0}, false, at::kDouble);
}

/// Every row times `basis`.
at::Tensor turned(const at::Tensor &x, const at::Tensor &basis, unsigned threads)
{
    auto out = roomLike(x);
    forBlocks(x.size(0), threads, [&](std::int64_t first, std::int64_t count) {
        auto part = out.narrow(0, first, count);
        at::mm_out(part, x.narrow(0, first, count), basis);
    });
    return out;
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

bool Factoriser::half(const SparseRows &rows, at::Tensor &fixed, at::Tensor &out,
                      const std::stop_token &stop) const
{
    const auto [values, vectors] = at::linalg_eigh(gramOf(fixed, m_threads));
    // The largest first, so that the padding stays behind.
    const auto basis = vectors.flip(1).to(at::kFloat).contiguous();
    const auto shared = values.flip(0).clamp_min(0).mul(m_ridge.alpha0).to(at::kFloat).contiguous();
    fixed = turned(fixed, basis, m_threads);
    out = turned(out, basis, m_threads);
    RowSystem system;
    system.fixed = fixed.data_ptr<float>();
    system.width = static_cast<std::size_t>(m_width);
    system.shared = shared.data_ptr<float>();
    system.steps = m_steps;
    const double all = m_ridge.alpha0 * static_cast<double>(rows.columns);
    system.ridge = [&](std::size_t entries) {
        return m_ridge.lambda * std::pow(static_cast<double>(entries) + all, m_ridge.nu);
    };
    return solveRows(rows, system, out.data_ptr<float>(), m_threads, stop);
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
