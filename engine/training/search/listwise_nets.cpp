#include "engine/training/search/listwise_nets.h"

#include "engine/base/exact_math.h"
#include "engine/base/random.h"
#include "engine/scoring/torch_guard.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace engine {
namespace {

constexpr std::uint64_t kNetStream = 0x5EED;

/// Adam with decoupled weight decay on one tensor.
class Adam
{
public:
    explicit Adam(at::Tensor value)
        : m_value(std::move(value)), m_mean(at::zeros_like(m_value)),
          m_square(at::zeros_like(m_value))
    {
    }
    void step(const at::Tensor &gradient, double rate, double decay, int number)
    {
        m_mean.mul_(0.9).add_(gradient, 0.1);
        m_square.mul_(0.99).addcmul_(gradient, gradient, 0.01);
        const double meanBy = 1 - exact::pow(0.9, number), squareBy = 1 - exact::pow(0.99, number);
        m_value.mul_(1 - rate * decay);
        m_value.addcdiv_(m_mean, m_square.div(squareBy).sqrt_().add_(1e-8), -rate / meanBy);
    }

private:
    at::Tensor m_value, m_mean, m_square;
};

at::Tensor drawn(std::int64_t rows, std::int64_t columns, double scale, Random &random)
{
    auto out = at::empty({rows, columns});
    float *data = out.data_ptr<float>();
    for (std::int64_t i = 0; i < out.numel(); ++i)
        data[i] = static_cast<float>(random.normal() * scale);
    return out;
}

std::vector<float> copied(const at::Tensor &x)
{
    const auto flat = x.contiguous();
    return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

/// Mean and 1/deviation of each feature; 0 where a feature never changes.
void standardise(const RankingRows &rows, RankerNets &nets, at::Tensor &z)
{
    const auto n = rows.rows(), d = rows.features;
    nets.mean.assign(d, 0);
    nets.scale.assign(d, 0);
    float *out = z.data_ptr<float>();
    for (std::size_t f = 0; f < d; ++f) {
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const auto x = static_cast<double>(rows.values[i * d + f]);
            sum += x;
            squares += x * x;
        }
        const double mean = sum / static_cast<double>(n);
        const double variance = squares / static_cast<double>(n) - mean * mean;
        nets.mean[f] = static_cast<float>(mean);
        nets.scale[f] = variance > 1e-10 ? static_cast<float>(1 / exact::sqrt(variance)) : 0.0f;
        for (std::size_t i = 0; i < n; ++i)
            out[i * d + f] =
                std::clamp((rows.values[i * d + f] - nets.mean[f]) * nets.scale[f], -5.0f, 5.0f);
    }
}

/// d loss / d scores for [rows, nets] scores: softmax over a query's rows less their share of gain.
at::Tensor pull(const RankingRows &rows, const std::vector<double> &gainAt,
                const at::Tensor &scores)
{
    auto out = at::zeros_like(scores);
    const auto m = static_cast<std::size_t>(scores.size(1));
    const float *in = scores.data_ptr<float>();
    float *to = out.data_ptr<float>();
    std::vector<double> share;
    std::size_t counted = 0;
    for (std::size_t q = 0; q < rows.queries(); ++q) {
        const auto begin = rows.starts[q], end = rows.starts[q + 1];
        double gains = 0;
        for (auto i = begin; i < end; ++i)
            gains += gainAt[i];
        if (gains <= 0)
            continue;
        ++counted;
        for (std::size_t net = 0; net < m; ++net) {
            float most = in[begin * m + net];
            for (auto i = begin; i < end; ++i)
                most = std::max(most, in[i * m + net]);
            double sum = 0;
            share.assign(end - begin, 0);
            for (auto i = begin; i < end; ++i) {
                share[i - begin] = static_cast<double>(rows.weights[i])
                                   * exact::exp(static_cast<double>(in[i * m + net] - most));
                sum += share[i - begin];
            }
            for (auto i = begin; i < end; ++i)
                to[i * m + net] = static_cast<float>(share[i - begin] / sum - gainAt[i] / gains);
        }
    }
    return out.div_(static_cast<double>(std::max<std::size_t>(1, counted)));
}

Result<RankerNets> train(const RankingRows &rows, const ListNetOptions &options,
                         const std::stop_token &stop)
{
    RankerNets nets;
    if (rows.rows() == 0)
        return nets;
    const auto n = static_cast<std::int64_t>(rows.rows());
    const auto d = static_cast<std::int64_t>(rows.features);
    const std::int64_t m = options.nets, w = options.width;
    auto z = at::empty({n, d});
    standardise(rows, nets, z);
    std::vector<double> gainAt;
    for (const auto grade : rows.grades)
        gainAt.push_back(gainOf(static_cast<double>(grade)));
    Random random(options.seed, kNetStream);
    const double scale = 1 / exact::sqrt(static_cast<double>(d));
    auto hidden = drawn(m * w, d, scale, random), bias = at::zeros({m * w});
    auto out = drawn(m, w, 0.1, random), linear = at::zeros({m, d});
    Adam hiddenStep(hidden), biasStep(bias), outStep(out), linearStep(linear);
    for (int step = 1; step <= options.steps; ++step) {
        if (stop.stop_requested())
            return RankerNets{};
        const auto units = at::mm(z, hidden.t()).add_(bias).clamp_min_(0); // [n, m w]
        const auto scores = units.view({n, m, w}).mul(out).sum(2).add_(at::mm(z, linear.t()));
        const auto g = pull(rows, gainAt, scores.contiguous()); // [n, m]
        const auto outGradient = units.view({n, m, w}).mul(g.unsqueeze(2)).sum(0);
        const auto unitGradient =
            g.unsqueeze(2).mul(out).view({n, m * w}).mul(units.gt(0)).contiguous();
        const double rate = options.rate;
        linearStep.step(at::mm(g.t(), z), rate, options.decay, step);
        outStep.step(outGradient, rate, options.decay, step);
        hiddenStep.step(at::mm(unitGradient.t(), z), rate, options.decay, step);
        biasStep.step(unitGradient.sum(0), rate, 0, step);
    }
    nets.count = static_cast<std::size_t>(m);
    nets.features = rows.features;
    nets.width = static_cast<std::size_t>(w);
    nets.hidden = copied(hidden);
    nets.bias = copied(bias);
    nets.out = copied(out);
    nets.linear = copied(linear);
    return nets;
}

} // namespace

Result<RankerNets> trainNets(const RankingRows &rows, const ListNetOptions &options,
                             std::stop_token stop)
{
    return torchGuarded([&] {
        const c10::InferenceMode inference;
        return train(rows, options, stop);
    });
}

} // namespace engine
