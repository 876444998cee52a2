// The checkpoint of MfTrainer: where the search stands, the factors of both sides, the best ones.

#include "engine/model/safetensors.h"
#include "engine/training/mf/mf_trainer.h"

#include <ATen/ops/empty.h>

#include <cstring>

namespace engine {
namespace {

TensorSource source(const char *name, const at::Tensor &tensor)
{
    return {name,
            "F32",
            {tensor.size(0), tensor.size(1)},
            {reinterpret_cast<const std::uint8_t *>(tensor.data_ptr<float>()),
             static_cast<std::size_t>(tensor.numel()) * sizeof(float)}};
}

} // namespace

Result<> MfTrainer::save(const FactorTraining &training)
{
    const auto shoppers = training.state().shoppers.contiguous();
    const auto items = training.state().items.contiguous();
    const auto best = m_bestItems.contiguous();
    // Doubles travel as their bits: the format has none.
    std::int64_t numbers[] = {m_search.attempt,
                              m_search.bad,
                              0,
                              0,
                              m_search.bestAttempt,
                              m_search.bestEpoch,
                              m_search.isRefit,
                              m_search.isCut,
                              training.state().epoch};
    std::memcpy(&numbers[2], &m_search.best, sizeof(double));
    std::memcpy(&numbers[3], &m_search.bestOfAttempt, sizeof(double));
    const TensorSource tensors[] = {
        {"search",
         "I64",
         {static_cast<std::int64_t>(std::size(numbers))},
         {reinterpret_cast<const std::uint8_t *>(numbers), sizeof(numbers)}},
        source("shoppers", shoppers),
        source("items", items),
        source("best", best)};
    const auto bytes = writeSafetensors(tensors);
    if (!bytes)
        return tl::unexpected(bytes.error());
    return m_monitor.checkpoint(*bytes);
}

void MfTrainer::load()
{
    const auto bytes = m_monitor.resumeFrom();
    if (!bytes)
        return;
    const auto entries = parseSafetensors(*bytes, "checkpoint");
    const auto find = [&](const char *name) -> const TensorEntry * {
        for (const auto &entry : *entries) {
            if (entry.name == name)
                return &entry;
        }
        return nullptr;
    };
    const TensorEntry *search = entries ? find("search") : nullptr;
    std::int64_t numbers[9];
    if (search == nullptr || search->bytes != sizeof(numbers)) {
        m_monitor.note("The checkpoint is not one of this family; the training starts anew");
        return;
    }
    std::memcpy(numbers, bytes->data() + search->offset, sizeof(numbers));
    const auto tensor = [&](const char *name) {
        const auto *entry = find(name);
        at::Tensor out;
        if (entry != nullptr && entry->dtype == "F32" && entry->shape.size() == 2) {
            out = at::empty(entry->shape);
            std::memcpy(out.data_ptr<float>(), bytes->data() + entry->offset, entry->bytes);
        }
        return out;
    };
    FactorTraining::State state{tensor("shoppers"), tensor("items"), static_cast<int>(numbers[8])};
    auto best = tensor("best");
    const auto width = (m_options.factors + 15) / 16 * 16;
    const auto fits = [&](const at::Tensor &one, std::size_t rows) {
        return one.defined() && one.size(0) == static_cast<std::int64_t>(rows)
               && one.size(1) == width;
    };
    if (!fits(state.shoppers, m_train.shoppers()) || !fits(state.items, m_train.items)
        || !fits(best, m_train.items) || numbers[0] < 0 || numbers[4] < 0
        || numbers[4] >= static_cast<std::int64_t>(m_options.ridges.size())) {
        m_monitor.note("The checkpoint does not fit the data; the training starts anew");
        return;
    }
    m_search = {numbers[0], numbers[1], 0, 0, numbers[4], numbers[5], numbers[6], numbers[7]};
    std::memcpy(&m_search.best, &numbers[2], sizeof(double));
    std::memcpy(&m_search.bestOfAttempt, &numbers[3], sizeof(double));
    m_bestItems = std::move(best);
    m_resumed = std::move(state);
}

} // namespace engine
