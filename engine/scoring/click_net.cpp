#include "engine/scoring/click_net.h"

#include "engine/scoring/package_parts.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace engine {
namespace {

Result<> readFloats(const Package &package, const std::string &name, std::vector<float> &values)
{
    const auto *entry = package.find(name);
    if (entry == nullptr || entry->dtype != "F32")
        return refuseModel("it lacks the tensor " + name + " of type F32");
    if (entry->bytes != values.size() * sizeof(float))
        return refuseModel("the tensor " + name + " has another size than its schema asks for");
    if (!values.empty())
        std::memcpy(values.data(), package.weights.data() + entry->offset, entry->bytes);
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }))
        return refuseModel("the tensor " + name + " holds NaN or infinity");
    return {};
}

/// Inputs that are 0 (half of them after a ReLU) add nothing and are left out.
void affine(const NetLayer &layer, const float *x, float *y)
{
    const auto outputs = layer.outputs;
    std::copy(layer.bias.begin(), layer.bias.end(), y);
    for (std::size_t i = 0; i < layer.inputs; ++i) {
        const float value = x[i];
        if (value == 0.0f)
            continue;
        const float *weight = layer.weight.data() + i * outputs;
        for (std::size_t j = 0; j < outputs; ++j)
            y[j] += value * weight[j];
    }
}

/// Through all layers, ReLU between them; the result lies in `x`.
void mlp(const std::vector<NetLayer> &layers, std::vector<float> &x, std::vector<float> &work)
{
    for (std::size_t l = 0; l < layers.size(); ++l) {
        work.resize(layers[l].outputs);
        affine(layers[l], x.data(), work.data());
        if (l + 1 < layers.size()) {
            for (auto &value : work)
                value = value > 0.0f ? value : 0.0f;
        }
        std::swap(x, work);
    }
}

} // namespace

double ClickNet::logit(const EncodedRow &row, Scratch &scratch) const
{
    const auto d = shape.dimension, stride = d + 1;
    auto &vectors = scratch.vectors;
    auto &inputs = scratch.top;
    vectors.assign(shape.vectors() * d, 0.0f);
    inputs.clear();
    double sum = 0;
    std::size_t at = 0;
    if (shape.dense > 0) {
        for (std::size_t i = 0; i < shape.dense; ++i)
            sum += static_cast<double>(row.dense[i]) * static_cast<double>(linear[i]);
        auto &hidden = scratch.bag;
        hidden = row.dense;
        mlp(bottom, hidden, scratch.work);
        std::copy(hidden.begin(), hidden.end(), vectors.begin());
        inputs.insert(inputs.end(), hidden.begin(), hidden.end());
        at = d;
    }
    const auto firstField = at;
    for (const auto code : row.codes) {
        const float *entry = table.data() + code * stride;
        std::copy(entry, entry + d, vectors.begin() + static_cast<std::ptrdiff_t>(at));
        sum += static_cast<double>(entry[d]);
        at += d;
    }
    auto &squares = scratch.bag;
    squares.assign(d, 0.0f);
    if (shape.hasBag) {
        for (std::size_t i = 0; i < row.bagCodes.size(); ++i) {
            const float *entry = table.data() + row.bagCodes[i] * stride;
            const float x = row.bagValues[i];
            for (std::size_t j = 0; j < d; ++j) {
                const float value = x * entry[j];
                vectors[at + j] += value;
                squares[j] += value * value;
            }
            sum += static_cast<double>(x) * static_cast<double>(entry[d]);
        }
    }
    const auto count = shape.vectors();
    if (shape.dots) {
        for (std::size_t a = 0; a < count; ++a) {
            for (std::size_t b = a + 1; b < count; ++b) {
                float dot = 0;
                for (std::size_t j = 0; j < d; ++j)
                    dot += vectors[a * d + j] * vectors[b * d + j];
                inputs.push_back(dot);
            }
        }
    } else {
        const auto fields = count - (shape.hasBag ? 1 : 0);
        for (std::size_t j = 0; j < d; ++j) {
            float whole = 0, each = squares[j];
            for (std::size_t a = 0; a < count; ++a)
                whole += vectors[a * d + j];
            for (std::size_t a = 0; a < fields; ++a)
                each += vectors[a * d + j] * vectors[a * d + j];
            inputs.push_back(0.5f * (whole * whole - each));
        }
    }
    if (shape.concat)
        inputs.insert(inputs.end(), vectors.begin() + static_cast<std::ptrdiff_t>(firstField),
                      vectors.end());
    mlp(top, inputs, scratch.work);
    return sum + static_cast<double>(inputs.front());
}

ClickNet emptyNet(const ClickNetShape &shape)
{
    ClickNet net;
    net.shape = shape;
    const auto layer = [](std::size_t inputs, std::size_t outputs) {
        return NetLayer{inputs, outputs, std::vector<float>(inputs * outputs),
                        std::vector<float>(outputs)};
    };
    net.table.resize(shape.codes * (shape.dimension + 1));
    net.linear.resize(shape.dense);
    if (shape.dense > 0) {
        net.bottom.push_back(layer(shape.dense, shape.hidden));
        net.bottom.push_back(layer(shape.hidden, shape.dimension));
    }
    auto inputs = shape.topInputs();
    for (std::size_t l = 0; l < shape.layers; ++l) {
        net.top.push_back(layer(inputs, shape.hidden));
        inputs = shape.hidden;
    }
    net.top.push_back(layer(inputs, 1));
    return net;
}

Result<ClickNet> readNet(const Package &package, const std::string &name,
                         const ClickNetShape &shape)
{
    // The table is looked for first: a hostile schema must not make us allocate what the file
    // cannot hold.
    const auto *table = package.find(name + ".table");
    if (table == nullptr || table->bytes != shape.codes * (shape.dimension + 1) * sizeof(float))
        return refuseModel("the tensor " + name + ".table does not fit the feature schema");
    auto net = emptyNet(shape);
    DR_RETURN_IF_ERROR(readFloats(package, name + ".table", net.table));
    DR_RETURN_IF_ERROR(readFloats(package, name + ".linear", net.linear));
    for (auto *part : {&net.bottom, &net.top}) {
        const std::string prefix = name + (part == &net.bottom ? ".bottom" : ".top");
        for (std::size_t l = 0; l < part->size(); ++l) {
            const auto layer = prefix + std::to_string(l);
            DR_RETURN_IF_ERROR(readFloats(package, layer + ".weight", (*part)[l].weight));
            DR_RETURN_IF_ERROR(readFloats(package, layer + ".bias", (*part)[l].bias));
        }
    }
    return net;
}

} // namespace engine
