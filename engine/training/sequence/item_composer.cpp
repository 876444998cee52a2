#include "engine/training/sequence/item_composer.h"

#include "engine/training/sequence/sequence_loss.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace engine {

ItemComposer::ItemComposer(const ItemAttributes &attributes)
{
    for (std::size_t item = 0; item < attributes.of.size(); ++item) {
        for (const auto attribute : attributes.of[item]) {
            m_items.push_back(static_cast<std::int64_t>(item));
            m_attributes.push_back(attribute);
            m_weights.push_back(1.0f / static_cast<float>(attributes.of[item].size()));
        }
    }
}

void ItemComposer::addPairs(const at::Tensor &from, const std::vector<std::int64_t> &fromRows,
                            at::Tensor &to, const std::vector<std::int64_t> &toRows) const
{
    if (!to.device().is_cpu()) {
        const auto count = static_cast<std::int64_t>(m_weights.size());
        auto weights = at::empty({count, 1}, at::kFloat);
        std::copy(m_weights.begin(), m_weights.end(), weights.data_ptr<float>());
        to.index_add_(0, onDevice(toRows, to),
                      from.index_select(0, onDevice(fromRows, to)).mul(weights.to(to.device())));
        return;
    }
    const auto d = to.size(1);
    const float *source = from.data_ptr<float>();
    float *target = to.data_ptr<float>();
    for (std::size_t p = 0; p < m_weights.size(); ++p) {
        const float *row = source + fromRows[p] * d;
        float *sum = target + toRows[p] * d;
        for (std::int64_t k = 0; k < d; ++k)
            sum[k] += m_weights[p] * row[k];
    }
}

void ItemComposer::compose(const at::Tensor &own, const at::Tensor &attributes,
                           at::Tensor &table) const
{
    table.copy_(own);
    addPairs(attributes, m_attributes, table, m_items);
}

void ItemComposer::spread(const at::Tensor &tableGrad, at::Tensor &attributesGrad) const
{
    addPairs(tableGrad, m_items, attributesGrad, m_attributes);
}

} // namespace engine
