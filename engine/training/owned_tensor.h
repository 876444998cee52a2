#pragma once
// Makes the tensors of a trained model from plain values.

#include "engine/training/family.h"

#include <cstring>

namespace engine {

/// A copy of `values`, row-major; without a shape: one dimension.
template <class T>
[[nodiscard]] OwnedTensor ownedTensor(std::string name, const char *dtype,
                                      const std::vector<T> &values,
                                      std::vector<std::int64_t> shape = {})
{
    if (shape.empty())
        shape = {static_cast<std::int64_t>(values.size())};
    OwnedTensor tensor{std::move(name), dtype, std::move(shape), {}};
    tensor.data.resize(values.size() * sizeof(T));
    if (!values.empty())
        std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
    return tensor;
}

} // namespace engine
