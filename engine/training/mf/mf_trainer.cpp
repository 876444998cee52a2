#include "engine/training/mf/mf_trainer.h"

#include "engine/model/popularity.h"
#include "engine/scoring/torch_guard.h"
#include "engine/training/mf/bpr.h"
#include "engine/training/mf/factoriser.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr const char *kNames[] = {"factors", "spectral", "transition"};
/// Fewer labels than this choose nothing; the defaults are kept.
constexpr std::size_t kFewestLabels = 20;

tl::unexpected<Error> stopped()
{
    return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
}

std::string text(double value)
{
    auto out = std::to_string(value);
    return out.substr(0, out.find('.') + 5);
}

std::size_t bestOf(const std::vector<double> &values)
{
    return static_cast<std::size_t>(std::max_element(values.begin(), values.end())
                                    - values.begin());
}

Bytes bytesOf(const void *data, std::size_t size)
{
    const auto *begin = static_cast<const std::uint8_t *>(data);
    return {begin, begin + size};
}

} // namespace

MfTrainer::MfTrainer(const Dataset &train, const Dataset &valid, const MfOptions &options,
                     std::uint64_t seed, unsigned threads, TrainMonitor &monitor)
    : m_train(train), m_valid(valid), m_options(options), m_seed(seed), m_threads(threads),
      m_monitor(monitor)
{
    m_secondsAtStart = std::max(1.0, secondsLeft());
}

double MfTrainer::secondsLeft() const
{
    return static_cast<double>((m_monitor.deadline() - m_monitor.clock().now()).count()) / 1e6;
}

std::unique_ptr<FactorTraining> MfTrainer::makeTraining(const SparseRows &rows,
                                                        const Ridge &ridge) const
{
    if (m_options.method == "bpr")
        return std::make_unique<Bpr>(rows, BprOptions{m_options.factors, m_options.rate,
                                                      m_options.regularisation, m_seed, m_threads});
    return std::make_unique<Factoriser>(rows, m_options.factors, ridge, m_options.cgSteps, m_seed,
                                        m_threads);
}

double MfTrainer::judged(const BuiltPart &built, const ValidationSet &set) const
{
    const ItemPanels panels(built.candidates, m_train.items, built.part.width);
    const ScoredPart parts[] = {{&panels, partVectors(built, set, m_train.items, m_threads)}};
    const Mix mixes[] = {{{1.0f}, nullptr}};
    return judgeMixes(set, parts, mixes, static_cast<std::size_t>(m_options.cutoff), m_threads)
        .front();
}

Result<> MfTrainer::searchAttempt(const Carved &carved, FactorTraining &training,
                                  const Ridge &ridge)
{
    const auto name = "validation ndcg@" + std::to_string(m_options.cutoff);
    const bool judges = carved.validation.shoppers() >= kFewestLabels;
    while (training.state().epoch < m_options.epochs && m_search.bad < m_options.patience) {
        const auto before = training.state();
        const auto left = secondsLeft();
        if (!training.epoch(m_monitor.stop()))
            return stopped();
        if (!training.isFinite()) {
            m_monitor.note("Epoch " + std::to_string(training.state().epoch)
                           + " gave numbers that are not finite; rolled back to the epoch before");
            training.restore(before);
            break;
        }
        const auto epoch = training.state().epoch;
        const double value =
            judges ? judged(factorPart(training.state().items, m_options.factors, ridge),
                            carved.validation)
                   : epoch; // nothing to choose by: the last epoch counts
        m_epochSeconds = std::max(m_epochSeconds, left - secondsLeft());
        if (judges)
            m_monitor.metric(name, m_search.attempt * m_options.epochs + epoch, value);
        if (value > m_search.bestOfAttempt) {
            m_search.bestOfAttempt = value;
            m_search.bad = 0;
        } else {
            ++m_search.bad;
        }
        if (value > m_search.best) {
            m_search.best = value;
            m_search.bestAttempt = m_search.attempt;
            m_search.bestEpoch = epoch;
            m_bestItems = training.state().items;
        }
        m_monitor.progress("factors, settings " + std::to_string(m_search.attempt + 1) + " of "
                               + std::to_string(m_options.ridges.size()) + ", epoch "
                               + std::to_string(epoch)
                               + (judges ? ", " + name + " " + text(value) : ""),
                           0.5
                               * (static_cast<double>(m_search.attempt)
                                  + static_cast<double>(epoch) / m_options.epochs)
                               / static_cast<double>(m_options.ridges.size()));
        if (m_monitor.isCheckpointDue())
            DR_RETURN_IF_ERROR(save(training));
        // Half of the time belongs to the training on everything and to the linear parts.
        if (secondsLeft() < 0.5 * m_secondsAtStart) {
            m_search.isCut = 1;
            break;
        }
    }
    return {};
}

Result<> MfTrainer::searchFactors(const Carved &carved, const SparseRows &rows)
{
    const auto attempts = static_cast<std::int64_t>(
        carved.validation.shoppers() >= kFewestLabels ? m_options.ridges.size() : 1);
    for (; m_search.attempt < attempts && m_search.isCut == 0; ++m_search.attempt) {
        const auto &ridge = m_options.ridges[static_cast<std::size_t>(m_search.attempt)];
        const auto training = makeTraining(rows, ridge);
        if (m_resumed) {
            training->restore(std::move(*m_resumed));
            m_resumed.reset();
        } else {
            m_search.bad = 0;
            m_search.bestOfAttempt = -1;
        }
        DR_RETURN_IF_ERROR(searchAttempt(carved, *training, ridge));
    }
    if (!m_bestItems.defined())
        return fail(ErrorCode::Internal, "No epoch gave finite factors; try a larger lambda");
    return {};
}

Result<at::Tensor> MfTrainer::refitFactors(const SparseRows &rows)
{
    const auto &ridge = m_options.ridges[static_cast<std::size_t>(m_search.bestAttempt)];
    const auto training = makeTraining(rows, ridge);
    if (m_resumed) {
        training->restore(std::move(*m_resumed));
        m_resumed.reset();
    }
    m_search.isRefit = 1;
    while (training->state().epoch < m_search.bestEpoch) {
        if (secondsLeft() < m_epochSeconds) {
            m_monitor.note("The time limit cut the training on everything short after "
                           + std::to_string(training->state().epoch) + " of "
                           + std::to_string(m_search.bestEpoch)
                           + " epochs; the factors of the validation stay");
            return m_bestItems;
        }
        if (!training->epoch(m_monitor.stop()))
            return stopped();
        if (!training->isFinite()) {
            m_monitor.note("The training on everything gave numbers that are not finite; the "
                           "factors of the validation stay");
            return m_bestItems;
        }
        m_monitor.progress(
            "training on everything, epoch " + std::to_string(training->state().epoch) + " of "
                + std::to_string(m_search.bestEpoch),
            0.7 + 0.2 * training->state().epoch / static_cast<double>(m_search.bestEpoch));
        if (m_monitor.isCheckpointDue())
            DR_RETURN_IF_ERROR(save(*training));
    }
    return training->state().items;
}

Result<LinearSource> MfTrainer::linearSource(Part which, const Dataset &data,
                                             const SparseRows &rows)
{
    m_monitor.progress(std::string("singular vectors of the ") + kNames[which] + " part", -1);
    LinearSource source;
    WeightedRows matrix;
    if (which == Spectral) {
        matrix = takenMatrix(rows, m_options.shopperPower, m_options.itemPower);
        source.historyDegree = source.candidateDegree = columnCounts(rows);
    } else {
        matrix = followedMatrix(data, m_options.window, m_options.itemPower, source.historyDegree,
                                source.candidateDegree);
    }
    auto spectrum =
        leadingSpectrum(matrix, which == Spectral ? m_options.spectral : m_options.transition,
                        m_options.iterations, m_seed, m_threads, m_monitor.stop());
    if (!spectrum)
        return stopped();
    source.spectrum = std::move(*spectrum);
    if (which == Spectral)
        source.spectrum.left = source.spectrum.right; // of items, not of shoppers
    return source;
}

BuiltPart MfTrainer::chooseLinear(Part which, const LinearSource &source, const ValidationSet &set)
{
    LinearChoice choice;
    choice.historyPower = m_options.itemPower;
    choice.candidatePower = 0.25;
    choice.filter = which == Spectral ? 0 : 1;
    choice.decay = which == Spectral ? 0 : 1;
    if (set.shoppers() < kFewestLabels) {
        m_chosen.linear[which] = choice;
        return linearPart(source, choice);
    }
    // Candidates are scaled behind the product, so all their powers cost one product.
    const std::vector<double> powers{0, 0.1, 0.2, 0.3, 0.4, 0.5};
    std::vector<std::vector<float>> scales;
    for (const auto power : powers) {
        scales.emplace_back(m_train.items, 0.0f);
        for (std::size_t i = 0; i < m_train.items; ++i) {
            if (source.candidateDegree[i] > 0)
                scales.back()[i] = static_cast<float>(std::pow(source.candidateDegree[i], power));
        }
    }
    double best = -1;
    const auto attempt = [&](LinearChoice one) {
        one.candidatePower = 0;
        const auto built = linearPart(source, one);
        const ItemPanels panels(built.candidates, m_train.items, built.part.width);
        const ScoredPart parts[] = {{&panels, partVectors(built, set, m_train.items, m_threads)}};
        std::vector<Mix> mixes;
        for (const auto &scale : scales)
            mixes.push_back({{1.0f}, &scale});
        const auto values =
            judgeMixes(set, parts, mixes, static_cast<std::size_t>(m_options.cutoff), m_threads);
        const auto at = bestOf(values);
        if (values[at] > best) {
            best = values[at];
            choice = one;
            choice.candidatePower = powers[at];
        }
    };
    const std::vector<double> filters =
        which == Spectral ? std::vector<double>{-0.5, 0, 0.5, 1} : std::vector<double>{0.5, 1};
    const auto start = choice;
    for (const auto filter : filters) {
        auto one = start;
        one.filter = filter;
        attempt(one);
    }
    if (m_options.isOrdered) {
        const auto found = choice;
        for (const auto decay : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0}) {
            auto one = found;
            one.decay = decay;
            if (decay != found.decay)
                attempt(one);
        }
    }
    m_chosen.linear[which] = choice;
    m_monitor.metric(std::string("validation ndcg of ") + kNames[which], 0, best);
    return linearPart(source, choice);
}

void MfTrainer::chooseFactorDecay(BuiltPart &built, const ValidationSet &set)
{
    if (!m_options.isOrdered || set.shoppers() < kFewestLabels)
        return;
    double best = -1;
    for (const auto decay : {0.0, 0.25, 0.5, 0.75, 1.0, 1.5}) {
        built.part.decay = decay;
        const double value = judged(built, set);
        if (value > best) {
            best = value;
            m_chosen.factorDecay = decay;
        }
    }
    built.part.decay = m_chosen.factorDecay;
    m_monitor.metric("validation ndcg of factors", 0, best);
}

void MfTrainer::chooseMix(std::vector<BuiltPart> &built, const std::vector<Part> &which,
                          const ValidationSet &set)
{
    if (set.shoppers() < kFewestLabels)
        return;
    std::vector<ItemPanels> panels;
    std::vector<ScoredPart> parts;
    for (const auto &one : built)
        panels.emplace_back(one.candidates, m_train.items, one.part.width);
    for (std::size_t p = 0; p < built.size(); ++p)
        parts.push_back({&panels[p], partVectors(built[p], set, m_train.items, m_threads)});
    const std::vector<float> steps{0, 0.15f, 0.3f, 0.5f, 0.75f, 1, 1.5f, 2, 3, 5};
    std::vector<Mix> mixes;
    // The first part weighs 1; it is left out only when another stands alone.
    if (parts.size() == 1)
        mixes.push_back({{1.0f}, nullptr});
    for (const auto a : steps) {
        if (parts.size() == 2)
            mixes.push_back({{1.0f, a}, nullptr});
        for (const auto b : steps) {
            if (parts.size() == 3)
                mixes.push_back({{1.0f, a, b}, nullptr});
        }
    }
    for (std::size_t p = 1; p < parts.size(); ++p) {
        Mix alone{std::vector<float>(parts.size(), 0.0f), nullptr};
        alone.weights[p] = 1;
        mixes.push_back(alone);
    }
    if (parts.size() == 3) {
        for (const auto a : steps)
            mixes.push_back({{0.0f, 1.0f, a}, nullptr});
    }
    const auto values =
        judgeMixes(set, parts, mixes, static_cast<std::size_t>(m_options.cutoff), m_threads);
    const auto at = bestOf(values);
    for (std::size_t p = 0; p < built.size(); ++p)
        m_chosen.weights[which[p]] = static_cast<double>(mixes[at].weights[p]);
    m_chosen.ndcg = values[at];
}

TrainedModel MfTrainer::packed(std::vector<BuiltPart> built, const std::vector<Part> &which) const
{
    const auto n = static_cast<std::size_t>(m_train.items);
    std::size_t width = 0, historyWidth = 0;
    for (const auto &one : built) {
        width += one.part.width;
        historyWidth += one.history.empty() ? 0 : one.part.width;
    }
    std::vector<float> items(n * width), history(n * historyWidth), spectrum;
    std::size_t first = 0, historyFirst = 0;
    TrainedModel model;
    auto &settings = model.manifest.settings;
    for (const auto *name : kNames)
        settings[name] = 0;
    for (std::size_t p = 0; p < built.size(); ++p) {
        const auto &one = built[p];
        const auto w = one.part.width;
        for (std::size_t i = 0; i < n; ++i) {
            std::copy_n(one.candidates.data() + i * w, w, items.data() + i * width + first);
            if (!one.history.empty())
                std::copy_n(one.history.data() + i * w, w,
                            history.data() + i * historyWidth + historyFirst);
        }
        for (const auto value : one.part.spectrum)
            spectrum.push_back(static_cast<float>(value));
        first += w;
        historyFirst += one.history.empty() ? 0 : w;
        const std::string name = kNames[which[p]];
        settings[name] = static_cast<double>(w);
        settings[name + "_weight"] = m_chosen.weights[which[p]];
        settings[name + "_decay"] = one.part.decay;
        if (which[p] == Factors) {
            settings["alpha0"] = one.part.alpha0;
            settings["lambda"] = one.part.lambda;
            settings["nu"] = one.part.nu;
            settings["epochs"] = static_cast<double>(m_search.bestEpoch);
        } else {
            settings[name + "_filter"] = m_chosen.linear[which[p]].filter;
            settings[name + "_candidate_power"] = m_chosen.linear[which[p]].candidatePower;
        }
    }
    const auto add = [&](const char *name, const char *type, std::vector<std::int64_t> shape,
                         const void *data, std::size_t size) {
        model.tensors.push_back({name, type, std::move(shape), bytesOf(data, size)});
    };
    const auto rows = static_cast<std::int64_t>(n);
    // First, because its numbers must stand on multiples of 8.
    const auto counts = popularityCounts(m_train);
    add("counts", "I64", {rows}, counts.data(), counts.size() * sizeof(std::int64_t));
    add("items", "F32", {rows, static_cast<std::int64_t>(width)}, items.data(),
        items.size() * sizeof(float));
    add("spectrum", "F32", {static_cast<std::int64_t>(width)}, spectrum.data(),
        spectrum.size() * sizeof(float));
    if (historyWidth > 0)
        add("history", "F32", {rows, static_cast<std::int64_t>(historyWidth)}, history.data(),
            history.size() * sizeof(float));
    model.manifest.family = "mf";
    model.manifest.featureSchema = featureSchema(m_train.itemIds);
    model.manifest.seed = m_seed;
    if (m_chosen.ndcg > 0)
        model.manifest.metrics["validation ndcg@" + std::to_string(m_options.cutoff)] =
            m_chosen.ndcg;
    return model;
}

Result<TrainedModel> MfTrainer::run()
{
    const auto carved = carve(m_train, m_valid, m_options.isOrdered, m_options.share,
                              static_cast<std::size_t>(m_options.validationShoppers), m_seed);
    const auto &set = carved.validation;
    if (set.shoppers() < kFewestLabels)
        m_monitor.note("Only " + std::to_string(set.shoppers())
                       + " shoppers can validate; settings are the defaults and all epochs run");
    load();
    const auto rows = shopperRows(carved.train);
    std::vector<Part> which;
    std::vector<BuiltPart> built;
    if (m_options.factors > 0) {
        if (m_search.isRefit == 0)
            DR_RETURN_IF_ERROR(searchFactors(carved, rows));
        built.push_back(
            factorPart(m_bestItems, m_options.factors,
                       m_options.ridges[static_cast<std::size_t>(m_search.bestAttempt)]));
        which.push_back(Factors);
        chooseFactorDecay(built.back(), set);
    }
    for (const auto part : {Spectral, Transition}) {
        if ((part == Spectral ? m_options.spectral : m_options.transition) == 0)
            continue;
        const auto source = linearSource(part, carved.train, rows);
        if (!source)
            return tl::unexpected(source.error());
        if (source->spectrum.values.size(0) == 0)
            continue;
        built.push_back(chooseLinear(part, *source, set));
        which.push_back(part);
    }
    m_monitor.progress("choosing how the parts are mixed", 0.65);
    chooseMix(built, which, set);
    for (std::size_t p = 0; p < which.size(); ++p)
        built[p].part.weight = m_chosen.weights[which[p]];
    if (isStopped())
        return stopped();
    if (!m_options.refit)
        return packed(std::move(built), which);

    // The same on everything; a part that is not wanted is not trained again.
    std::vector<Part> kept;
    std::vector<BuiltPart> whole;
    const auto all = shopperRows(m_train);
    for (std::size_t p = 0; p < which.size(); ++p) {
        if (m_chosen.weights[which[p]] == 0)
            continue;
        if (which[p] == Factors) {
            const auto items = refitFactors(all);
            if (!items)
                return tl::unexpected(items.error());
            whole.push_back(
                factorPart(*items, m_options.factors,
                           m_options.ridges[static_cast<std::size_t>(m_search.bestAttempt)]));
            whole.back().part.decay = m_chosen.factorDecay;
        } else {
            const auto source = linearSource(which[p], m_train, all);
            if (!source)
                return tl::unexpected(source.error());
            whole.push_back(linearPart(*source, m_chosen.linear[which[p]]));
        }
        whole.back().part.weight = m_chosen.weights[which[p]];
        kept.push_back(which[p]);
    }
    return packed(std::move(whole), kept);
}

Result<TrainedModel> trainMf(const Dataset &train, const Dataset &valid, const TrainOrder &order,
                             TrainMonitor &monitor)
{
    if (train.items == 0 || train.shoppers() == 0 || train.events.empty())
        return fail(ErrorCode::InvalidInput, "Cannot train: there are no events");
    if (valid.shoppers() != 0 && valid.shoppers() != train.shoppers())
        return fail(ErrorCode::InvalidInput,
                    "Cannot train: the validation part has other shoppers than the training part");
    const auto options = readMfOptions(order.recipe, train);
    if (!options)
        return tl::unexpected(options.error());
    if (order.device != "cpu")
        monitor.note("The family mf trains on the CPU; --device " + order.device
                     + " changes nothing");
    return trainingGuarded([&] {
        const c10::InferenceMode inference;
        at::set_num_threads(1); // the threads are ours, see half_step.h
        return MfTrainer(train, valid, *options, order.seed,
                         static_cast<unsigned>(std::max(1, order.threads)), monitor)
            .run();
    });
}

} // namespace engine
