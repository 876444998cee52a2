#include "engine/training/mf/ials.h"

#include "engine/base/random.h"
#include "engine/model/popularity.h"
#include "engine/scoring/torch_guard.h"
#include "engine/training/mf/half_step.h"
#include "engine/training/rank_metrics.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace engine {
namespace {

constexpr std::uint64_t kInitStream = 0x1A15;

/// Shoppers whose last event is held out, and the rank that the factors give it.
class Validation
{
public:
    Validation(const Dataset &train, const SparseRows &rows, int most, const IalsOptions &options)
        : m_ridge{options.alpha0, options.lambda, options.nu}, m_threads(options.threads)
    {
        std::vector<std::size_t> eligible;
        for (std::size_t s = 0; s < train.shoppers(); ++s) {
            const auto row = rows.of(s);
            const auto events = train.of(s);
            // A label that was taken before is masked with the history and can rank nowhere.
            if (!row.empty() && events.size() >= 3
                && !std::binary_search(row.begin(), row.end(),
                                       static_cast<std::int64_t>(events.back())))
                eligible.push_back(s);
        }
        const auto count = std::min(eligible.size(), static_cast<std::size_t>(std::max(0, most)));
        m_rows.columns = rows.columns;
        m_rows.offsets.push_back(0);
        for (std::size_t i = 0; i < count; ++i) {
            const auto shopper = eligible[i * eligible.size() / count];
            const auto row = rows.of(shopper);
            m_rows.indices.insert(m_rows.indices.end(), row.begin(), row.end());
            m_rows.offsets.push_back(static_cast<std::int64_t>(m_rows.indices.size()));
            m_labels.push_back(train.of(shopper).back());
        }
        m_step.emplace(m_rows, options.factors);
    }

    [[nodiscard]] std::size_t shoppers() const { return m_labels.size(); }

    /// Mean NDCG@10 of the held-out events.
    [[nodiscard]] double measure(const at::Tensor &items, std::stop_token stop) const
    {
        const auto n = static_cast<std::int64_t>(m_rows.columns);
        auto shopperFactors =
            at::empty({static_cast<std::int64_t>(m_labels.size()), items.size(1)});
        if (m_labels.empty() || !m_step->solve(items, m_ridge, shopperFactors, m_threads, stop))
            return 0;
        constexpr std::int64_t kBlock = 128;
        auto scores = at::empty({kBlock, n});
        double sum = 0;
        for (std::int64_t begin = 0; begin < shopperFactors.size(0); begin += kBlock) {
            const auto count = std::min(kBlock, shopperFactors.size(0) - begin);
            auto part = scores.narrow(0, 0, count);
            at::mm_out(part, shopperFactors.narrow(0, begin, count), items.narrow(0, 0, n).t());
            for (std::int64_t r = 0; r < count; ++r) {
                const auto shopper = static_cast<std::size_t>(begin + r);
                const auto rank =
                    rankAgainstModel({part.data_ptr<float>() + r * n, static_cast<std::size_t>(n)},
                                     m_rows.of(shopper), m_labels[shopper]);
                sum += rank <= 10 ? 1.0 / std::log2(1.0 + static_cast<double>(rank)) : 0.0;
            }
        }
        return sum / static_cast<double>(m_labels.size());
    }

private:
    Ridge m_ridge;
    int m_threads;
    SparseRows m_rows;
    std::vector<std::uint32_t> m_labels;
    std::optional<HalfStep> m_step;
};

at::Tensor startFactors(std::size_t items, const IalsOptions &options)
{
    const auto d = static_cast<std::int64_t>(options.factors);
    auto factors = at::zeros({static_cast<std::int64_t>(items) + 1, d});
    Random random(options.seed, kInitStream);
    const double scale = 0.1 / std::sqrt(static_cast<double>(d));
    float *data = factors.data_ptr<float>();
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(items) * d; ++i)
        data[i] = static_cast<float>(random.normal() * scale);
    return factors;
}

/// Runs the two passes and keeps the accounts of time.
class Trainer
{
public:
    Trainer(const Dataset &train, const IalsOptions &options, const Clock &clock,
            const IalsListener &listener, std::stop_token stop)
        : m_train(train), m_options(options), m_clock(clock), m_listener(listener),
          m_stop(std::move(stop)), m_start(clock.now())
    {
    }

    Result<IalsModel> run()
    {
        m_model.items = m_train.items;
        m_model.factors = m_options.factors;
        m_model.options = m_options;
        int epochs = m_options.epochs;
        at::Tensor items;
        if (m_options.patience > 0 && m_options.validationShoppers > 0) {
            auto found = validated(items);
            if (!found)
                return tl::unexpected(std::move(found.error()));
            epochs = *found;
        }
        const bool isFinal = items.defined() && (!m_options.refit || isOutOfTime());
        if (!isFinal) {
            auto fitted = fit(shopperRows(m_train), epochs, items);
            if (!fitted)
                return tl::unexpected(std::move(fitted.error()));
            epochs = *fitted;
        }
        m_model.options.epochs = epochs;
        const auto n = static_cast<std::int64_t>(m_train.items);
        const auto factors = items.narrow(0, 0, n).contiguous();
        const auto gram = at::mm(factors.t(), factors).contiguous();
        m_model.itemFactors.assign(factors.data_ptr<float>(),
                                   factors.data_ptr<float>() + factors.numel());
        m_model.gram.assign(gram.data_ptr<float>(), gram.data_ptr<float>() + gram.numel());
        m_model.seconds = elapsed();
        return std::move(m_model);
    }

private:
    [[nodiscard]] double elapsed() const
    {
        return static_cast<double>((m_clock.now() - m_start).count()) / 1e6;
    }
    [[nodiscard]] bool isOutOfTime() const
    {
        return m_clock.now() - m_start >= m_options.timeLimit;
    }
    static tl::unexpected<Error> stopped()
    {
        return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
    }
    [[nodiscard]] Ridge ridge() const { return {m_options.alpha0, m_options.lambda, m_options.nu}; }

    /// One epoch: shoppers given items, then items given shoppers.
    [[nodiscard]] bool epoch(const HalfStep &shoppers, const HalfStep &itemStep, at::Tensor &u,
                             at::Tensor &v)
    {
        const auto begin = elapsed();
        if (!shoppers.solve(v, ridge(), u, m_options.threads, m_stop)
            || !itemStep.solve(u, ridge(), v, m_options.threads, m_stop))
            return false;
        m_model.epochSeconds.push_back(elapsed() - begin);
        return true;
    }

    void report(int epoch, int epochs, bool isRefit, double validation)
    {
        if (!m_listener)
            return;
        const double seconds = elapsed();
        m_listener({epoch, epochs, isRefit, validation, seconds,
                    epoch > 0 ? seconds / epoch * (epochs - epoch) : 0});
    }

    /// Trains without each shopper's last event; gives the best number of epochs and its factors.
    Result<int> validated(at::Tensor &best)
    {
        std::vector<std::uint8_t> heldOut(m_train.shoppers());
        for (std::size_t s = 0; s < heldOut.size(); ++s)
            heldOut[s] = m_train.of(s).size() >= 3 ? 1 : 0;
        const auto rows = shopperRows(m_train, heldOut);
        const auto columns = transposed(rows);
        const Validation validation(m_train, rows, m_options.validationShoppers, m_options);
        if (validation.shoppers() == 0)
            return m_options.epochs;
        const HalfStep shoppers(rows, m_options.factors), items(columns, m_options.factors);
        auto v = startFactors(m_train.items, m_options);
        auto u = at::zeros({static_cast<std::int64_t>(rows.rows()) + 1, v.size(1)});
        int bestEpoch = 0, bad = 0;
        const int total = m_options.epochs * (m_options.refit ? 2 : 1);
        for (int e = 1; e <= m_options.epochs; ++e) {
            if (!epoch(shoppers, items, u, v))
                return stopped();
            const double value = validation.measure(v, m_stop);
            if (m_stop.stop_requested())
                return stopped();
            report(e, total, false, value);
            if (value > m_model.validation || bestEpoch == 0) {
                m_model.validation = value;
                bestEpoch = e;
                best = v.clone();
                bad = 0;
            } else if (++bad >= m_options.patience) {
                break;
            }
            if (isOutOfTime())
                break;
        }
        return bestEpoch;
    }

    /// Trains on everything; gives the epochs that fitted into the time.
    Result<int> fit(const SparseRows &rows, int epochs, at::Tensor &out)
    {
        const auto columns = transposed(rows);
        const HalfStep shoppers(rows, m_options.factors), items(columns, m_options.factors);
        auto v = startFactors(m_train.items, m_options);
        auto u = at::zeros({static_cast<std::int64_t>(rows.rows()) + 1, v.size(1)});
        const int before = static_cast<int>(m_model.epochSeconds.size());
        int done = 0;
        while (done < epochs) {
            if (!epoch(shoppers, items, u, v))
                return stopped();
            ++done;
            report(before + done, before + epochs, before > 0, 0);
            if (isOutOfTime())
                break;
        }
        // Cut short by the time limit, the validated factors may be better than a raw half pass.
        if (done == epochs || !out.defined())
            out = v;
        return done;
    }

    const Dataset &m_train;
    const IalsOptions &m_options;
    const Clock &m_clock;
    const IalsListener &m_listener;
    std::stop_token m_stop;
    MonoTime m_start;
    IalsModel m_model;
};

Result<> check(const Dataset &train, const IalsOptions &options)
{
    const auto refuse = [](const std::string &why) {
        return fail(ErrorCode::InvalidInput, "Cannot train: " + why);
    };
    if (train.items == 0 || train.shoppers() == 0 || train.events.empty())
        return refuse("there are no events");
    if (options.factors < 4 || options.factors > 2048 || options.factors % 4 != 0)
        return refuse("factors must be a multiple of 4 from 4 to 2048");
    if (!(options.lambda > 0) || !(options.alpha0 >= 0) || !(options.nu >= 0 && options.nu <= 4))
        return refuse("lambda must be above 0, alpha0 at least 0, nu from 0 to 4");
    if (options.epochs < 1 || options.threads < 1)
        return refuse("epochs and threads must be at least 1");
    return {};
}

} // namespace

IalsOptions defaultIals(const Dataset &train)
{
    IalsOptions options;
    const auto events = train.events.size();
    options.factors = events < 50'000 ? 32 : events < 1'000'000 ? 64 : 128;
    return options;
}

Result<IalsModel> trainIals(const Dataset &train, const IalsOptions &options, const Clock &clock,
                            const IalsListener &listener, std::stop_token stop)
{
    DR_RETURN_IF_ERROR(check(train, options));
    return trainingGuarded([&] {
        const c10::InferenceMode inference;
        at::set_num_threads(1); // the threads are ours, see half_step.h
        return Trainer(train, options, clock, listener, std::move(stop)).run();
    });
}

Result<std::string> writeMfPackage(const std::filesystem::path &folder, const IalsModel &model,
                                   const Dataset &train, Manifest manifest, const SigningKey &key)
{
    const auto counts = popularityCounts(train);
    const auto bytes = [](const auto &values) {
        return std::span(reinterpret_cast<const std::uint8_t *>(values.data()),
                         values.size() * sizeof(values[0]));
    };
    const auto n = static_cast<std::int64_t>(model.items);
    const auto d = static_cast<std::int64_t>(model.factors);
    const TensorSource tensors[] = {{"items", "F32", {n, d}, bytes(model.itemFactors)},
                                    {"gram", "F32", {d, d}, bytes(model.gram)},
                                    {"counts", "I64", {n}, bytes(counts)}};
    manifest.family = "mf";
    manifest.featureSchema = featureSchema(train.itemIds);
    manifest.seed = model.options.seed;
    manifest.settings["factors"] = model.factors;
    manifest.settings["alpha0"] = model.options.alpha0;
    manifest.settings["lambda"] = model.options.lambda;
    manifest.settings["nu"] = model.options.nu;
    manifest.settings["epochs"] = model.options.epochs;
    if (model.validation > 0) // a training without validation has none to tell
        manifest.metrics["validation_ndcg@10"] = model.validation;
    if (manifest.recipe.empty())
        manifest.recipe = "ials";
    return writePackage(folder, manifest, tensors, key);
}

} // namespace engine
