#include "engine/scoring/ranker_model.h"

#include "engine/scoring/package_parts.h"
#include <algorithm>
#include <cmath>

namespace engine {
namespace {

Result<> take(const Package &package, const char *name, std::size_t count, std::vector<float> &out)
{
    const auto *entry = package.find(name);
    if (entry == nullptr || entry->dtype != "F32" || entry->bytes != count * sizeof(float))
        return refuseModel("its tensor " + std::string(name) + " is missing or has another form");
    const auto *values = reinterpret_cast<const float *>(package.weights.data() + entry->offset);
    out.assign(values, values + count);
    if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); }))
        return refuseModel("its tensor " + std::string(name) + " holds NaN or infinity");
    return {};
}

Result<> openNets(const Package &package, RankerNets &nets, std::size_t features)
{
    const auto *bias = package.find("net.bias");
    if (bias == nullptr)
        return {};
    if (bias->shape.size() != 2 || bias->shape[0] < 1 || bias->shape[0] > 1024 || bias->shape[1] < 1
        || bias->shape[1] > 65536)
        return refuseModel("its tensor net.bias has another form");
    nets.count = static_cast<std::size_t>(bias->shape[0]);
    nets.width = static_cast<std::size_t>(bias->shape[1]);
    nets.features = features;
    const auto units = nets.count * nets.width;
    DR_RETURN_IF_ERROR(take(package, "net.mean", features, nets.mean));
    DR_RETURN_IF_ERROR(take(package, "net.scale", features, nets.scale));
    DR_RETURN_IF_ERROR(take(package, "net.hidden", units * features, nets.hidden));
    DR_RETURN_IF_ERROR(take(package, "net.bias", units, nets.bias));
    DR_RETURN_IF_ERROR(take(package, "net.out", units, nets.out));
    return take(package, "net.linear", nets.count * features, nets.linear);
}

} // namespace

double RankerNets::score(std::span<const float> row) const
{
    std::vector<double> z(features);
    for (std::size_t f = 0; f < features; ++f)
        z[f] = std::clamp(static_cast<double>(row[f] - mean[f]) * static_cast<double>(scale[f]),
                          -5.0, 5.0);
    const auto dot = [&](const float *weights) {
        double sum = 0;
        for (std::size_t f = 0; f < features; ++f)
            sum += static_cast<double>(weights[f]) * z[f];
        return sum;
    };
    double all = 0;
    for (std::size_t m = 0; m < count; ++m) {
        all += dot(linear.data() + m * features);
        for (std::size_t h = m * width; h < (m + 1) * width; ++h) {
            const double unit = dot(hidden.data() + h * features) + static_cast<double>(bias[h]);
            all += unit > 0 ? unit * static_cast<double>(out[h]) : 0;
        }
    }
    return all / static_cast<double>(count);
}

Result<RankerModel> RankerModel::open(const Package &package)
{
    const auto &settings = package.manifest.settings;
    const auto setting = [&](const char *name) {
        const auto at = settings.find(name);
        return at == settings.end() ? std::nan("") : at->second;
    };
    RankerModel model;
    const double features = setting("rank.features");
    model.bm25 = setting("rank.bm25");
    model.treesWeight = setting("rank.trees");
    model.netsWeight = setting("rank.nets");
    if (!(features >= 1 && features <= 1e6) || features != std::floor(features)
        || !std::isfinite(model.bm25) || !std::isfinite(model.treesWeight)
        || !std::isfinite(model.netsWeight))
        return refuseModel("the settings rank.* are missing or out of range");
    model.features = static_cast<std::size_t>(features);
    if (package.find("trees.roots") != nullptr) {
        auto trees = readTrees(package, "trees", model.features);
        if (!trees)
            return tl::unexpected(trees.error());
        model.trees = std::move(*trees);
    }
    DR_RETURN_IF_ERROR(openNets(package, model.nets, model.features));
    if ((model.treesWeight != 0 && model.trees.roots.empty())
        || (model.netsWeight != 0 && model.nets.count == 0))
        return refuseModel("a part of the ranker is missing");
    return model;
}

double RankerModel::score(std::span<const float> row) const
{
    double sum = bm25 * static_cast<double>(row.front());
    if (treesWeight != 0)
        sum += treesWeight * trees.score(row);
    if (netsWeight != 0)
        sum += netsWeight * nets.score(row);
    return sum;
}

} // namespace engine
