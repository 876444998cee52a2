#include "engine/training/sequence/sequence_loss.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

namespace engine {
namespace {

/// Scores of a block: 4 MB.
constexpr std::int64_t kBlockFloats = std::int64_t{1} << 20;

} // namespace

at::Tensor onDevice(const std::vector<std::int64_t> &values, const at::Tensor &like)
{
    const auto count = static_cast<std::int64_t>(values.size());
    auto tensor = at::empty({count}, at::kLong);
    std::copy(values.begin(), values.end(), tensor.data_ptr<std::int64_t>());
    return like.device().is_cpu() ? tensor : tensor.to(like.device());
}

void addRows(at::Tensor &out, const std::vector<std::int64_t> &index, const at::Tensor &rows)
{
    if (!out.device().is_cpu()) {
        out.index_add_(0, onDevice(index, out), rows);
        return;
    }
    const auto d = out.size(1);
    const auto dense = rows.contiguous();
    const float *from = dense.data_ptr<float>();
    float *to = out.data_ptr<float>();
    for (std::size_t r = 0; r < index.size(); ++r, from += d) {
        float *row = to + index[r] * d;
        for (std::int64_t k = 0; k < d; ++k)
            row[k] += from[k];
    }
}

SequenceLoss::SequenceLoss(std::uint32_t items, const SequenceOptions &options)
    : m_options(options), m_items(items), m_column(items, -1)
{
}

double SequenceLoss::gradient(at::Tensor &scores, const at::Tensor &teacherScores) const
{
    const auto count = scores.size(1) - 1;
    auto negatives = [&](at::Tensor &of) { return of.narrow(1, 0, count); };
    auto target = [&](at::Tensor &of) { return of.narrow(1, count, 1); };
    if (m_options.loss == "gbce") {
        const double alpha = static_cast<double>(count) / std::max(1.0, m_items - 1);
        const double beta = alpha * (m_options.calibration * (1 - 1 / alpha) + 1 / alpha);
        scores.sigmoid_();
        const double loss =
            -beta * target(scores).clamp_min(1e-30).log().sum().item<double>()
            - negatives(scores).neg().add_(1).clamp_min_(1e-7).log_().sum().item<double>();
        target(scores).sub_(1).mul_(beta);
        return loss;
    }
    at::Tensor taught;
    if (teacherScores.defined()) {
        const double t = m_options.temperature;
        taught = at::softmax(scores.div(t), 1).sub_(at::softmax(teacherScores.div(t), 1));
        taught.mul_(m_options.distil * t);
    }
    scores = at::softmax(scores, 1);
    const double loss = -target(scores).clamp_min(1e-37).log().sum().item<double>();
    if (m_options.smoothing > 0)
        negatives(scores).sub_(m_options.smoothing / static_cast<double>(count));
    target(scores).sub_(1 - m_options.smoothing);
    if (taught.defined())
        scores.mul_(1 - m_options.distil).add_(taught);
    return loss;
}

double SequenceLoss::operator()(const at::Tensor &outputs, const std::vector<std::int64_t> &targets,
                                const std::vector<std::int64_t> &negatives, const at::Tensor &table,
                                double scale, const Teacher *teacher, at::Tensor &tableGrad,
                                at::Tensor &outputsGrad)
{
    const auto count = static_cast<std::int64_t>(negatives.size());
    const auto rows = outputs.size(0);
    const auto block = std::max<std::int64_t>(32, kBlockFloats / (count + 1));
    for (std::size_t c = 0; c < negatives.size(); ++c)
        m_column[static_cast<std::size_t>(negatives[c])] = static_cast<std::int32_t>(c);
    const auto drawn = onDevice(negatives, table);
    const auto others = table.index_select(0, drawn);
    auto othersGrad = at::zeros(others.sizes(), others.options());
    at::Tensor teacherOthers;
    if (teacher)
        teacherOthers = teacher->table.index_select(0, drawn);
    auto space = at::empty({std::min(block, rows), count + 1}, table.options());
    double loss = 0;
    for (std::int64_t begin = 0; begin < rows; begin += block) {
        const auto n = std::min(block, rows - begin);
        const std::vector<std::int64_t> wanted(targets.begin() + begin,
                                               targets.begin() + begin + n);
        const auto h = outputs.narrow(0, begin, n);
        const auto place = onDevice(wanted, table);
        // A negative that is this row's target must not be pushed away.
        std::vector<std::int64_t> hitRows, hitColumns;
        for (std::int64_t r = 0; r < n; ++r) {
            const auto column =
                m_column[static_cast<std::size_t>(wanted[static_cast<std::size_t>(r)])];
            if (column >= 0) {
                hitRows.push_back(r);
                hitColumns.push_back(column);
            }
        }
        const auto hitR = onDevice(hitRows, table), hitC = onDevice(hitColumns, table);
        const auto least = at::scalar_tensor(-1e30f, table.options());
        const auto scoresOf = [&](at::Tensor into, const at::Tensor &out, const at::Tensor &all,
                                  const at::Tensor &from) {
            auto left = into.narrow(1, 0, count);
            at::mm_out(left, out, all.t());
            into.narrow(1, count, 1).copy_(out.mul(from).sum(1, true));
            if (!hitRows.empty())
                into.index_put_({hitR, hitC}, least);
            return into;
        };
        const auto own = table.index_select(0, place);
        auto scores = scoresOf(space.narrow(0, 0, n), h, others, own);
        at::Tensor taught;
        if (teacher)
            taught = scoresOf(at::empty({n, count + 1}, table.options()),
                              teacher->outputs.narrow(0, begin, n), teacherOthers,
                              teacher->table.index_select(0, place));
        loss += gradient(scores, taught);
        scores.mul_(scale);
        const auto toOthers = scores.narrow(1, 0, count), toOwn = scores.narrow(1, count, 1);
        auto out = outputsGrad.narrow(0, begin, n);
        at::mm_out(out, toOthers, others);
        out.addcmul_(toOwn, own);
        othersGrad.addmm_(toOthers.t(), h);
        addRows(tableGrad, wanted, h.mul(toOwn));
    }
    addRows(tableGrad, negatives, othersGrad);
    for (const auto item : negatives)
        m_column[static_cast<std::size_t>(item)] = -1;
    return loss;
}

} // namespace engine
