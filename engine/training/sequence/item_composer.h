#pragma once
// An item's embedding as its own vector plus the mean of its attributes' vectors: what is learned
// of a brand helps its rarest item. The network sees the composed table only. Immutable; any
// thread.

#include "engine/data/item_attributes.h"

#include <ATen/core/Tensor.h>

namespace engine {

class ItemComposer
{
public:
    explicit ItemComposer(const ItemAttributes &attributes);

    /// table [n, d] = own [n, d] + mean of attributes [a, d].
    void compose(const at::Tensor &own, const at::Tensor &attributes, at::Tensor &table) const;
    /// attributesGrad [a, d] += what tableGrad [n, d] means for the attributes.
    void spread(const at::Tensor &tableGrad, at::Tensor &attributesGrad) const;

private:
    /// to[toRow] += from[fromRow] * weight for every pair of item and attribute.
    void addPairs(const at::Tensor &from, const std::vector<std::int64_t> &fromRows, at::Tensor &to,
                  const std::vector<std::int64_t> &toRows) const;

    std::vector<std::int64_t> m_items, m_attributes; ///< pairs
    std::vector<float> m_weights;                    ///< 1 / attributes of the item
};

} // namespace engine
