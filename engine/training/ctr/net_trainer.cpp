#include "engine/training/ctr/net_trainer.h"

#include "engine/base/random.h"
#include "engine/scoring/torch_guard.h"
#include "engine/training/ctr/embedding_table.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace engine {
namespace {

constexpr std::uint64_t kOrderStream = 0xC7B100000000, kDropStream = 0xC7B2, kWeightStream = 0xC7B3;
constexpr std::size_t kRoundRows = 500'000;
constexpr int kWarmUp = 50; ///< steps until Adam's rate is reached

/// Bags are mostly linear, and a linear weight has further to go than an embedding.
constexpr double kTableRate = 0.03, kBagRate = 0.2;

/// Sum of squared gradients of so many rows, each of which is wrong by a half. A step's gradient is
/// the mean over the batch.
double priorSquares(const NetOptions &options)
{
    const double each = 0.5 / static_cast<double>(options.batch);
    return options.embeddingPrior * each * each;
}

/// Copies of everything that a later round may have to come back to.
struct Snapshot
{
    std::vector<float> table;
    std::vector<at::Tensor> weights;
};

class Trainer
{
public:
    Trainer(const ClickRows &rows, const ClickNetShape &shape, const NetOptions &options)
        : m_rows(rows), m_shape(shape), m_options(options), m_device(options.device),
          m_table(shape.codes, shape.dimension, priorSquares(options), options.seed),
          m_embeddingRate(options.embeddingRate > 0 ? options.embeddingRate
                          : shape.hasBag            ? kBagRate
                                                    : kTableRate),
          m_net(emptyNet(shape)), m_drop(options.seed, kDropStream)
    {
        Random random(options.seed, kWeightStream);
        if (shape.dense > 0) {
            m_weights.push_back(fresh({count(shape.dense), 1}, 0, random)); // linear
            for (const auto &layer : m_net.bottom)
                addLayer(layer, random);
        }
        for (const auto &layer : m_net.top)
            addLayer(layer, random);
        for (const auto &weight : m_weights) {
            m_first.push_back(at::zeros_like(weight));
            m_second.push_back(at::zeros_like(weight));
            m_steps.push_back(at::zeros({}, at::TensorOptions().device(m_device)));
        }
        std::vector<std::int64_t> pairs;
        const auto n = shape.vectors();
        for (std::size_t a = 0; a < n; ++a) {
            for (std::size_t b = a + 1; b < n; ++b)
                pairs.push_back(count(a * n + b));
        }
        m_pairs =
            at::from_blob(pairs.data(), {count(pairs.size())}, at::kLong).clone().to(m_device);
    }

    /// One step of both optimisers; gives the mean loss of the batch.
    double step(std::span<const std::uint32_t> batch)
    {
        auto in = inputs(batch, true);
        const auto logits = forward(in, true);
        const auto loss = at::binary_cross_entropy_with_logits(logits, labels(batch));
        const double value = loss.item<double>();
        if (!std::isfinite(value))
            return value;
        for (auto &weight : m_weights)
            weight.mutable_grad() = at::Tensor();
        loss.backward();
        std::vector<at::Tensor> gradients;
        for (auto &weight : m_weights)
            gradients.push_back(weight.grad().defined() ? weight.grad() : at::zeros_like(weight));
        {
            const c10::NoGradGuard guard;
            for (auto &each : m_steps)
                each.add_(1);
            const double warm = std::min(1.0, static_cast<double>(++m_stepCount) / kWarmUp);
            at::_fused_adamw_(m_weights, gradients, m_first, m_second, {}, m_steps, m_rate * warm,
                              0.9, 0.999, m_options.decay, 1e-8, false, false);
        }
        const auto back = [](const at::Tensor &leaf) {
            return leaf.grad().to(at::kCPU).contiguous();
        };
        if (in.fields.defined())
            m_table.add(m_rows, batch, back(in.fields).data_ptr<float>());
        if (in.bag.defined())
            m_table.addBags(m_rows, batch, back(in.bag).data_ptr<float>(),
                            back(in.bagSquares).data_ptr<float>());
        m_table.step(m_embeddingRate * m_rate / m_options.rate, m_options.embeddingDecay);
        return value;
    }

    /// Mean loss of the rows; their log-odds go to `logits`.
    double evaluate(std::span<const std::uint32_t> rows, std::vector<double> &logits)
    {
        const c10::NoGradGuard guard;
        logits.clear();
        double sum = 0;
        constexpr std::size_t kBlock = 4096;
        for (std::size_t at = 0; at < rows.size(); at += kBlock) {
            const auto batch = rows.subspan(at, std::min(kBlock, rows.size() - at));
            auto in = inputs(batch, false);
            const auto out = forward(in, false).to(at::kCPU).contiguous();
            const auto *values = out.data_ptr<float>();
            for (std::size_t i = 0; i < batch.size(); ++i) {
                const auto z = static_cast<double>(values[i]);
                logits.push_back(z);
                // log(1 + e^-|z|) without overflow.
                sum += std::log1p(std::exp(-std::fabs(z))) + std::max(z, 0.0)
                       - (m_rows.labels[batch[i]] ? z : 0.0);
            }
        }
        return sum / static_cast<double>(std::max<std::size_t>(rows.size(), 1));
    }

    void slow(double factor) { m_rate *= factor; }

    Snapshot snapshot()
    {
        Snapshot copy{m_table.values(), {}};
        for (const auto &weight : m_weights)
            copy.weights.push_back(weight.detach().clone());
        return copy;
    }

    void restore(const Snapshot &copy)
    {
        const c10::NoGradGuard guard;
        m_table.values() = copy.table;
        for (std::size_t i = 0; i < m_weights.size(); ++i) {
            m_weights[i].copy_(copy.weights[i]);
            m_first[i].zero_();
            m_second[i].zero_();
            m_steps[i].zero_();
        }
    }

    ClickNet net(const Snapshot &copy)
    {
        auto net = std::move(m_net);
        net.table = copy.table;
        std::size_t at = 0;
        const auto take = [&](std::vector<float> &to) {
            const auto from = copy.weights[at++].to(at::kCPU).contiguous();
            std::memcpy(to.data(), from.data_ptr<float>(), to.size() * sizeof(float));
        };
        if (m_shape.dense > 0)
            take(net.linear);
        for (auto *layers : {&net.bottom, &net.top}) {
            for (auto &layer : *layers) {
                take(layer.weight);
                take(layer.bias);
            }
        }
        return net;
    }

private:
    struct Inputs
    {
        at::Tensor fields;          ///< [B, fields, d + 1], leaf
        at::Tensor bag, bagSquares; ///< [B, d + 1], [B, d], leaves
        at::Tensor dense;           ///< [B, dense]
        std::int64_t size = 0;
    };

    static std::int64_t count(std::size_t n) { return static_cast<std::int64_t>(n); }

    at::Tensor fresh(at::IntArrayRef shape, double deviation, Random &random)
    {
        auto tensor = at::zeros(shape);
        auto *data = tensor.data_ptr<float>();
        for (std::int64_t i = 0; deviation > 0 && i < tensor.numel(); ++i)
            data[i] = static_cast<float>(random.normal() * deviation);
        return tensor.to(m_device).set_requires_grad(true);
    }

    void addLayer(const NetLayer &layer, Random &random)
    {
        const double deviation = std::sqrt(2.0 / static_cast<double>(layer.inputs));
        m_weights.push_back(fresh({count(layer.inputs), count(layer.outputs)},
                                  layer.outputs == 1 ? 0.1 * deviation : deviation, random));
        m_weights.push_back(fresh({count(layer.outputs)}, 0, random));
    }

    Inputs inputs(std::span<const std::uint32_t> batch, bool learns)
    {
        Inputs in;
        in.size = count(batch.size());
        const auto d = count(m_shape.dimension);
        const auto leaf = [&](at::Tensor tensor) {
            return tensor.to(m_device).set_requires_grad(learns);
        };
        if (m_shape.fields > 0) {
            auto fields = at::empty({in.size, count(m_shape.fields), d + 1});
            m_table.gather(m_rows, batch, fields.data_ptr<float>());
            in.fields = leaf(fields);
        }
        if (m_shape.hasBag) {
            auto bag = at::empty({in.size, d + 1}), squares = at::empty({in.size, d});
            m_table.gatherBags(m_rows, batch, bag.data_ptr<float>(), squares.data_ptr<float>());
            in.bag = leaf(bag);
            in.bagSquares = leaf(squares);
        }
        if (m_shape.dense > 0) {
            auto dense = at::empty({in.size, count(m_shape.dense)});
            auto *to = dense.data_ptr<float>();
            for (const auto row : batch)
                to = std::copy_n(m_rows.dense.data() + row * m_shape.dense, m_shape.dense, to);
            in.dense = dense.to(m_device);
        }
        return in;
    }

    at::Tensor labels(std::span<const std::uint32_t> batch)
    {
        auto labels = at::empty({count(batch.size())});
        auto *to = labels.data_ptr<float>();
        for (const auto row : batch)
            *to++ = m_rows.labels[row] ? 1.0f : 0.0f;
        return labels.to(m_device);
    }

    /// Layers from m_weights[at] on, ReLU between them.
    at::Tensor mlp(at::Tensor x, std::size_t &at, std::size_t layers, bool drops)
    {
        for (std::size_t l = 0; l < layers; ++l, at += 2) {
            x = at::addmm(m_weights[at + 1], x, m_weights[at]);
            if (l + 1 < layers) {
                x = at::relu(x);
                if (drops && m_options.dropout > 0)
                    x = x.mul(mask(x.sizes()));
            }
        }
        return x;
    }

    /// Inverted dropout from our own counter-based draws: LibTorch's generator is shared by
    /// threads.
    at::Tensor mask(at::IntArrayRef shape)
    {
        auto mask = at::empty(shape);
        auto *data = mask.data_ptr<float>();
        const auto border = static_cast<std::uint64_t>(m_options.dropout * 65536.0);
        const float keep = static_cast<float>(1.0 / (1.0 - m_options.dropout));
        std::uint64_t bits = 0;
        for (std::int64_t i = 0; i < mask.numel(); ++i, bits >>= 16) {
            if (i % 4 == 0)
                bits = m_drop.bits();
            data[i] = (bits & 0xFFFF) < border ? 0.0f : keep;
        }
        return mask.to(m_device);
    }

    at::Tensor forward(const Inputs &in, bool learns)
    {
        const auto d = count(m_shape.dimension);
        std::vector<at::Tensor> vectors, top;
        at::Tensor sum;
        std::size_t at = 0;
        if (m_shape.dense > 0) {
            sum = in.dense.mm(m_weights[at++]).squeeze(1);
            const auto bottom = mlp(in.dense, at, m_net.bottom.size(), false);
            vectors.push_back(bottom.unsqueeze(1));
            top.push_back(bottom);
        }
        if (in.fields.defined()) {
            const auto linear = in.fields.select(2, d).sum(1);
            sum = sum.defined() ? sum.add(linear) : linear;
            vectors.push_back(in.fields.narrow(2, 0, d));
        }
        if (in.bag.defined()) {
            const auto linear = in.bag.select(1, d);
            sum = sum.defined() ? sum.add(linear) : linear;
            vectors.push_back(in.bag.narrow(1, 0, d).unsqueeze(1));
        }
        const auto all = vectors.size() == 1 ? vectors[0].contiguous() : at::cat(vectors, 1);
        if (m_shape.dots) {
            const auto n = count(m_shape.vectors());
            const auto products = at::bmm(all, all.transpose(1, 2)).reshape({in.size, n * n});
            top.push_back(products.index_select(1, m_pairs));
        } else {
            const auto whole = all.sum(1);
            auto pooled = whole.mul(whole);
            const auto fields = in.bag.defined() ? all.narrow(1, 0, all.size(1) - 1) : all;
            pooled = pooled.sub(fields.mul(fields).sum(1));
            if (in.bag.defined())
                pooled = pooled.sub(in.bagSquares);
            top.push_back(pooled.mul(0.5));
        }
        if (m_shape.concat) {
            const auto skip = m_shape.dense > 0 ? 1 : 0;
            top.push_back(all.narrow(1, skip, all.size(1) - skip).reshape({in.size, -1}));
        }
        const auto x = top.size() == 1 ? top[0] : at::cat(top, 1);
        return mlp(x, at, m_net.top.size(), learns).squeeze(1).add(sum);
    }

    const ClickRows &m_rows;
    ClickNetShape m_shape;
    NetOptions m_options;
    c10::Device m_device;
    EmbeddingTable m_table;
    double m_embeddingRate;
    ClickNet m_net; ///< zero weights: the layers' sizes
    Random m_drop;
    std::vector<at::Tensor> m_weights, m_first, m_second, m_steps;
    at::Tensor m_pairs;
    double m_rate = m_options.rate;
    int m_stepCount = 0;
};

/// Draws the order of the rows for an epoch.
std::vector<std::uint32_t> shuffled(std::span<const std::uint32_t> rows, std::uint64_t seed,
                                    int epoch)
{
    std::vector<std::uint32_t> order(rows.begin(), rows.end());
    Random random(seed, kOrderStream + static_cast<std::uint64_t>(epoch));
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[random.below(i)]);
    return order;
}

Result<TrainedNet> train(const ClickRows &rows, const ClickNetShape &shape,
                         std::span<const std::uint32_t> trainRows,
                         std::span<const std::uint32_t> validation, const NetOptions &options,
                         const Clock &clock, const std::function<bool(const NetRound &)> &onRound)
{
    Trainer trainer(rows, shape, options);
    TrainedNet result;
    Snapshot best = trainer.snapshot();
    std::vector<double> logits;
    result.bestLoss = trainer.evaluate(validation, result.validationLogits);
    int bad = 0, round = 0;
    double seconds = 0, seen = 0;
    bool goesOn = true;
    for (int epoch = 0; epoch < options.epochs && goesOn; ++epoch) {
        const auto order = shuffled(trainRows, options.seed, epoch);
        for (std::size_t at = 0; at < order.size() && goesOn;) {
            const auto end = std::min(order.size(), at + kRoundRows);
            const auto start = clock.now();
            const auto count = static_cast<double>(end - at);
            double sum = 0;
            while (at < end && std::isfinite(sum)) {
                const auto size = std::min(static_cast<std::size_t>(options.batch), end - at);
                sum += trainer.step(std::span(order).subspan(at, size)) * static_cast<double>(size);
                at += size;
            }
            sum /= count;
            seconds += static_cast<double>((clock.now() - start).count()) / 1e6;
            seen += count;
            const double loss = trainer.evaluate(validation, logits);
            if (!std::isfinite(sum) || !std::isfinite(loss)) {
                if (++result.rollBacks > 3)
                    return fail(ErrorCode::Internal,
                                "The training diverged four times; set a smaller rate");
                trainer.restore(best);
                trainer.slow(0.25);
                at = end;
                continue;
            }
            result.rounds.push_back(
                {++round, epoch + static_cast<double>(at) / static_cast<double>(order.size()), sum,
                 loss});
            if (loss < result.bestLoss) {
                bad = loss < result.bestLoss - 1e-5 ? 0 : bad + 1;
                result.bestLoss = loss;
                result.validationLogits = logits;
                best = trainer.snapshot();
            } else {
                ++bad;
                trainer.slow(0.5);
            }
            goesOn = onRound(result.rounds.back()) && bad < options.patience;
        }
    }
    result.rowsPerSecond = seconds > 0 ? seen / seconds : 0;
    result.net = trainer.net(best);
    return result;
}

} // namespace

void setNetThreads(int threads)
{
    at::set_num_threads(std::max(1, threads));
}

Result<TrainedNet> trainNet(const ClickRows &rows, const ClickNetShape &shape,
                            std::span<const std::uint32_t> trainRows,
                            std::span<const std::uint32_t> validation, const NetOptions &options,
                            const Clock &clock,
                            const std::function<bool(const NetRound &)> &onRound)
{
    return torchGuarded(
        [&] { return train(rows, shape, trainRows, validation, options, clock, onRound); });
}

} // namespace engine
