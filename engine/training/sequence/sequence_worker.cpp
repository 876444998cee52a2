#include "engine/training/sequence/sequence_worker.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

namespace engine {
namespace {

constexpr std::uint64_t kDropStream = 0x5E90'0003;
constexpr std::uint64_t kDrawStream = 0x5E90'0004;

/// Half precision for the products of the encoder on a GPU; does nothing on a CPU, where half
/// products are slower than whole ones.
class Autocast
{
public:
    explicit Autocast(bool isOn) : m_on(isOn)
    {
        if (!m_on)
            return;
        at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
        at::autocast::set_autocast_enabled(at::kCUDA, true);
        at::autocast::increment_nesting();
    }
    ~Autocast()
    {
        if (!m_on)
            return;
        if (at::autocast::decrement_nesting() == 0)
            at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(at::kCUDA, false);
    }
    Autocast(const Autocast &) = delete;
    Autocast &operator=(const Autocast &) = delete;

private:
    bool m_on;
};

/// What a piece reads and what it predicts, with places in the padded [windows, longest].
struct Laid
{
    std::vector<std::int64_t> items;           ///< padded with item 0
    std::vector<std::int64_t> places, targets; ///< of the predictions
    std::vector<std::uint8_t> hidden, real;    ///< task masked
};

Laid lay(const Piece &piece, const Dataset &train, const SequenceOptions &options, Random random)
{
    const bool isMasked = options.task == "masked";
    Laid laid;
    laid.items.assign(piece.padded(), 0);
    if (isMasked) {
        laid.hidden.assign(piece.padded(), 0);
        laid.real.assign(piece.padded(), 0);
    }
    for (std::size_t w = 0; w < piece.windows.size(); ++w) {
        const auto &window = piece.windows[w];
        const auto *events = train.events.data() + window.begin;
        // One is hidden at least; half the time it is the newest, as when the model is asked.
        const auto sure =
            !isMasked || random.below(2) == 0 ? window.length - 1 : random.below(window.length);
        for (std::uint32_t i = 0; i < window.length; ++i) {
            const auto place = w * piece.longest + i;
            laid.items[place] = events[i];
            if (!isMasked) {
                laid.places.push_back(static_cast<std::int64_t>(place));
                laid.targets.push_back(events[i + 1]);
                continue;
            }
            laid.real[place] = 1;
            if (i == sure || random.uniform() < options.maskShare) {
                laid.hidden[place] = 1;
                laid.places.push_back(static_cast<std::int64_t>(place));
                laid.targets.push_back(events[i]);
            }
        }
    }
    return laid;
}

at::Tensor flags(const std::vector<std::uint8_t> &values, at::IntArrayRef shape,
                 const at::Tensor &like)
{
    auto tensor = at::empty(shape, at::kBool);
    bool *out = tensor.data_ptr<bool>();
    for (std::size_t i = 0; i < values.size(); ++i)
        out[i] = values[i] != 0;
    return tensor.to(like.device());
}

} // namespace

SequenceWorker::SequenceWorker(const SequenceNet &net, const Dataset &train,
                               const SequenceOptions &options, const at::Tensor &weights,
                               const at::Tensor &table, const SequenceTeacher *teacher)
    : m_net(net), m_train(train), m_options(options), m_teacher(teacher),
      m_gradient(at::zeros_like(weights)), m_loss(train.items, options)
{
    const auto gradients = net.views(m_gradient);
    m_tableGradient = gradients.front();
    for (const auto &view : net.views(weights))
        m_views.push_back(view.detach());
    m_views.front() = table;
    for (std::size_t i = 1; i < m_views.size(); ++i) {
        m_views[i].requires_grad_(true);
        m_views[i].mutable_grad() = gradients[i]; // backward() adds into it in place
    }
    if (teacher)
        m_teacherViews = teacher->net.views(teacher->flat);
}

SequenceWorker::Outcome SequenceWorker::run(const Piece &piece, double scale, std::uint64_t epoch)
{
    const auto key = epoch << 44 | piece.number << 24; // 2^24 draws for each piece
    Random draws(m_options.seed, kDrawStream, key);
    const auto negatives = drawNegatives(m_train.items, m_options.negatives, draws);
    const auto laid = lay(piece, m_train, m_options, draws);
    const auto windows = static_cast<std::int64_t>(piece.windows.size());
    const auto longest = static_cast<std::int64_t>(piece.longest);
    const auto d = m_net.factors();
    const auto &table = m_views.front();
    const auto index = onDevice(laid.items, table);
    auto rows = table.index_select(0, index).view({windows, longest, d});
    rows.requires_grad_(true);
    SequenceNet::Masked masked;
    const bool isMasked = m_options.task == "masked";
    if (isMasked) {
        masked.hidden = flags(laid.hidden, {windows, longest, 1}, table);
        masked.keys = flags(laid.real, {windows, 1, 1, longest}, table);
    }
    Dropper drop(Random(m_options.seed, kDropStream, key));
    const auto places = onDevice(laid.places, table);
    at::Tensor outputs;
    {
        const Autocast half(table.is_cuda());
        outputs = m_net.encode(m_views, rows, &drop, isMasked ? &masked : nullptr);
    }
    outputs = outputs.view({-1, d}).index_select(0, places).to(at::kFloat);
    at::Tensor outputsGradient;
    double loss = 0;
    {
        const c10::NoGradGuard noGrad;
        SequenceLoss::Teacher teacher;
        if (m_teacher) {
            const auto width = m_teacher->net.factors();
            const auto seen =
                m_teacherViews.front().index_select(0, index).view({windows, longest, width});
            teacher.outputs = m_teacher->net.encode(m_teacherViews, seen, nullptr)
                                  .view({-1, width})
                                  .index_select(0, places);
            teacher.table = m_teacherViews.front();
        }
        outputsGradient = at::empty_like(outputs);
        loss = m_loss(outputs.detach(), laid.targets, negatives, table, scale,
                      m_teacher ? &teacher : nullptr, m_tableGradient, outputsGradient);
    }
    outputs.backward(outputsGradient);
    const c10::NoGradGuard noGrad;
    addRows(m_tableGradient, laid.items, rows.grad().view({-1, d}));
    return {loss, laid.targets.size()};
}

} // namespace engine
