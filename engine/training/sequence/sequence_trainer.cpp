#include "engine/training/sequence/sequence_trainer.h"

#include "engine/training/sequence/sequence_start.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <malloc.h>

namespace engine {
namespace {

constexpr std::int64_t kMostRollBacks = 5;
constexpr double kRollBackRate = 0.3;
constexpr double kLastRate = 0.05; ///< of the learning rate, where the cosine ends

/// Freed tensors stay with the process: giving every 4 MB back to the system and asking for it
/// again costs a third of the time in page faults.
void keepFreedMemory()
{
#ifdef __GLIBC__
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, INT32_MAX);
#endif
}

std::string fourDigits(double value)
{
    return std::to_string(value).substr(0, 6); // to_string gives six decimals
}

} // namespace

SequenceTrainer::SequenceTrainer(const SequenceNet &net, const Dataset &train, const Dataset &valid,
                                 const SequenceOptions &options, const SequenceTeacher *teacher,
                                 const ItemComposer *composer, TrainMonitor &monitor)
    : m_net(net), m_options(options), m_monitor(monitor), m_judge(train, valid, options),
      m_windows(trainingWindows(train, m_judge.heldOut(), options)), m_train(train),
      m_teacher(teacher), m_composer(composer),
      m_team(options.device == "cpu" ? options.threads : 1, [] { at::set_num_threads(1); })
{
    keepFreedMemory();
    at::set_num_threads(1);
}

double SequenceTrainer::learningRate(double share) const
{
    double rate = m_options.learningRate * m_state.rate;
    if (m_state.steps < m_options.warmUp)
        rate *= static_cast<double>(m_state.steps + 1) / m_options.warmUp;
    if (m_options.decay == "cosine") {
        const double done =
            std::min(1.0, (static_cast<double>(m_state.epoch) + share) / m_options.epochs);
        rate *= kLastRate + (1 - kLastRate) * 0.5 * (1 + std::cos(3.14159265358979 * done));
    }
    return rate;
}

std::uint64_t SequenceTrainer::drawKey() const
{
    // A roll-back goes on with other draws, else it would meet the same NaN.
    return static_cast<std::uint64_t>(m_state.epoch + m_state.rollBacks * 16384);
}

bool SequenceTrainer::isOutOfTime() const
{
    if (m_options.steps > 0 && m_state.steps >= m_options.steps)
        return true;
    return m_monitor.clock().now() >= m_monitor.deadline();
}

SequenceTrainer::StepEnd SequenceTrainer::step(const Step &step, double share)
{
    double predictions = 0;
    for (const auto &piece : step)
        predictions += static_cast<double>(piece.events);
    const auto members = static_cast<std::size_t>(m_team.members());
    // The piece with the most work goes to whoever has the least so far: the same for every run.
    std::vector<std::vector<const Piece *>> shares(members);
    std::vector<std::size_t> load(members, 0);
    for (const auto &piece : step) {
        const auto least =
            static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
        shares[least].push_back(&piece);
        load[least] += piece.padded();
    }
    std::vector<SequenceWorker::Outcome> outcomes(members);
    const auto key = drawKey();
    m_team.run([&](int member) {
        const auto m = static_cast<std::size_t>(member);
        m_workers[m].gradient().zero_();
        for (const auto *piece : shares[m]) {
            const auto outcome = m_workers[m].run(*piece, 1.0 / predictions, key);
            outcomes[m].loss += outcome.loss;
            outcomes[m].predictions += outcome.predictions;
        }
    });
    const c10::NoGradGuard noGrad;
    auto &gradient = m_workers.front().gradient();
    for (std::size_t m = 1; m < members; ++m)
        gradient.add_(m_workers[m].gradient());
    auto gradients = m_net.views(gradient);
    if (m_composer)
        m_composer->spread(gradients.front(), gradients.back());
    double loss = 0;
    std::size_t summed = 0;
    for (const auto &outcome : outcomes) {
        loss += outcome.loss;
        summed += outcome.predictions;
    }
    if (m_options.disturb)
        m_options.disturb(m_state.steps, loss);
    const double norm = gradient.norm().item<double>();
    if (!std::isfinite(loss) || !std::isfinite(norm))
        return StepEnd::Spoilt;
    if (m_options.clip > 0 && norm > m_options.clip)
        gradient.mul_(m_options.clip / norm);
    const double rate = learningRate(share);
    ++m_state.steps;
    const auto count =
        at::full({}, static_cast<double>(m_state.steps), gradient.options().dtype(at::kFloat));
    at::_fused_adamw_({m_weights}, {gradient}, {m_state.moment}, {m_state.square}, {}, {count},
                      rate, 0.9, 0.98, m_options.weightDecay, 1e-8, false, false);
    if (m_options.average > 0) {
        // The average forgets its start quickly.
        const double keep =
            std::min(m_options.average, (1.0 + static_cast<double>(m_state.steps))
                                            / (10.0 + static_cast<double>(m_state.steps)));
        m_state.average.lerp_(m_weights, 1 - keep);
    }
    if (m_composer)
        m_table = tableOf(m_weights, m_table);
    m_state.lossSum += loss;
    m_state.predictions += static_cast<double>(summed);
    return StepEnd::Done;
}

Result<> SequenceTrainer::rollBack()
{
    if (m_safe.rollBacks >= kMostRollBacks)
        return fail(ErrorCode::InvalidInput,
                    "The training diverges: NaN or infinity after " + std::to_string(kMostRollBacks)
                        + " roll-backs; lower learning-rate, or look for absurd values in the "
                          "package to start from");
    const auto step = m_state.steps;
    ++m_safe.rollBacks;
    m_safe.rate *= kRollBackRate;
    m_state = m_safe.clone();
    m_weights.copy_(m_state.weights);
    m_state.weights = m_weights;
    m_table = tableOf(m_weights, m_table);
    m_monitor.note("NaN or infinity at step " + std::to_string(step) + ": rolled back to step "
                   + std::to_string(m_state.steps) + ", learning rate lowered to "
                   + std::to_string(m_state.rate) + " of what was asked");
    return {};
}

Result<> SequenceTrainer::keepCheckpoint()
{
    auto bytes = m_state.bytes();
    if (!bytes)
        return tl::unexpected(std::move(bytes.error()));
    DR_RETURN_IF_ERROR(m_monitor.checkpoint(*bytes));
    m_safe = m_state.clone(); // so that a resumed training rolls back to the same place
    return {};
}

at::Tensor SequenceTrainer::tableOf(const at::Tensor &flat, at::Tensor &space) const
{
    const auto views = m_net.views(flat);
    if (!m_composer)
        return views.front();
    if (!space.defined())
        space = at::zeros_like(views.front());
    m_composer->compose(views.front(), views.back(), space);
    return space;
}

SequenceQuality SequenceTrainer::quality(const at::Tensor &flat)
{
    return m_judge.measure(m_net, flat, tableOf(flat, m_judgedTable), m_team);
}

void SequenceTrainer::judge()
{
    const auto &judged = m_options.average > 0 ? m_state.average : m_weights;
    if (m_judge.shoppers() == 0) {
        m_state.best.copy_(judged);
        m_state.bestEpoch = m_state.epoch;
        return;
    }
    const auto found = quality(judged);
    m_monitor.metric("validation ndcg@10", m_state.epoch, found.ndcg10);
    m_monitor.metric("validation hr@10", m_state.epoch, found.hr10);
    if (found.ndcg10 > m_state.bestValue) {
        m_state.bestValue = found.ndcg10;
        m_state.bestEpoch = m_state.epoch;
        m_state.best.copy_(judged);
        m_state.bad = 0;
    } else {
        ++m_state.bad;
    }
}

/// False when there was no time for a whole one.
Result<bool> SequenceTrainer::epoch()
{
    const auto begin = m_monitor.clock().now();
    auto steps = epochSteps(m_windows, m_options, drawKey());
    while (m_state.at < static_cast<std::int64_t>(steps.size())) {
        if (m_monitor.stop().stop_requested()) {
            DR_RETURN_IF_ERROR(keepCheckpoint());
            return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
        }
        if (isOutOfTime())
            return false;
        const double share = static_cast<double>(m_state.at) / static_cast<double>(steps.size());
        if (step(steps[static_cast<std::size_t>(m_state.at)], share) == StepEnd::Spoilt) {
            DR_RETURN_IF_ERROR(rollBack());
            steps = epochSteps(m_windows, m_options, drawKey());
            continue;
        }
        ++m_state.at;
        m_monitor.progress(
            "epoch " + std::to_string(m_state.epoch + 1) + ", step " + std::to_string(m_state.at)
                + " of " + std::to_string(steps.size())
                + (m_state.bestValue > 0 ? ", best ndcg@10 " + fourDigits(m_state.bestValue) : ""),
            (static_cast<double>(m_state.epoch) + share) / m_options.epochs);
        if (m_monitor.isCheckpointDue())
            DR_RETURN_IF_ERROR(keepCheckpoint());
    }
    m_epochSeconds.push_back(static_cast<double>((m_monitor.clock().now() - begin).count()) / 1e6);
    m_monitor.metric("train loss", m_state.epoch + 1,
                     m_state.lossSum / std::max(1.0, m_state.predictions));
    return true;
}

Result<SequenceFit> SequenceTrainer::run(const at::Tensor &start)
{
    const auto onto = [&](const at::Tensor &tensor) {
        return m_options.device == "cpu" ? tensor : tensor.to(at::Device(m_options.device));
    };
    if (const auto saved = m_monitor.resumeFrom()) {
        auto state = SequenceState::read(*saved, m_net.size());
        if (!state)
            return tl::unexpected(std::move(state.error()));
        m_state = std::move(*state);
        for (auto *tensor :
             {&m_state.weights, &m_state.moment, &m_state.square, &m_state.average, &m_state.best})
            *tensor = onto(*tensor);
        m_monitor.note("Resumed at epoch " + std::to_string(m_state.epoch + 1) + ", step "
                       + std::to_string(m_state.at));
    } else {
        m_state.weights = onto(start.defined() ? start
                                               : freshWeights(m_net, m_train, m_judge.heldOut(),
                                                              m_options, m_monitor.stop()));
        m_state.moment = at::zeros_like(m_state.weights);
        m_state.square = at::zeros_like(m_state.weights);
        m_state.average = m_state.weights.clone();
        m_state.best = m_state.weights.clone();
    }
    m_weights = m_state.weights;
    m_table = tableOf(m_weights, m_table);
    for (int m = 0; m < m_team.members(); ++m)
        m_workers.emplace_back(m_net, m_train, m_options, m_weights, m_table, m_teacher);
    m_safe = m_state.clone();
    while (m_state.epoch < m_options.epochs && m_state.bad < m_options.patience) {
        auto isWhole = epoch();
        if (!isWhole)
            return tl::unexpected(std::move(isWhole.error()));
        if (!*isWhole && m_state.at == 0)
            break;
        ++m_state.epoch;
        m_state.at = 0;
        m_state.lossSum = m_state.predictions = 0;
        judge();
        m_safe = m_state.clone();
        if (!*isWhole || isOutOfTime()) {
            m_monitor.note("The limit of time or steps ended the training in epoch "
                           + std::to_string(m_state.epoch) + "; the best epoch so far is kept");
            break;
        }
        if (m_monitor.isCheckpointDue())
            DR_RETURN_IF_ERROR(keepCheckpoint());
    }
    SequenceFit fit;
    fit.epochs = m_state.epoch;
    fit.bestEpoch = m_state.bestEpoch;
    fit.steps = m_state.steps;
    fit.validationShoppers = m_judge.shoppers();
    fit.epochSeconds = std::move(m_epochSeconds);
    if (fit.validationShoppers > 0)
        fit.validation = quality(m_state.best);
    // What is kept needs no attributes: they are part of every item.
    if (m_composer)
        m_net.views(m_state.best).front().copy_(tableOf(m_state.best, m_judgedTable));
    fit.weights = m_state.best.cpu();
    return fit;
}

} // namespace engine
