#include "engine/base/digest.h"
#include "engine/scoring/demand_features.h"
#include "engine/training/demand/demand_family.h"
#include "engine/training/demand/stored_history.h"

#include <algorithm>

namespace engine {
namespace {

template <class T>
OwnedTensor tensor(std::string name, const char *dtype, const std::vector<T> &values)
{
    const auto *bytes = reinterpret_cast<const std::uint8_t *>(values.data());
    return {std::move(name),
            dtype,
            {static_cast<std::int64_t>(values.size())},
            Bytes(bytes, bytes + values.size() * sizeof(T))};
}

void add(TrainedModel &out, const std::string &name, const TreeModel &model)
{
    std::vector<std::int32_t> feature, left;
    std::vector<float> value;
    std::vector<std::int8_t> missing;
    for (const auto &node : model.nodes) {
        feature.push_back(node.feature);
        left.push_back(node.left);
        value.push_back(node.value);
        missing.push_back(node.missingLeft ? 1 : 0);
    }
    out.tensors.push_back(tensor(name + ".feature", "I32", feature));
    out.tensors.push_back(tensor(name + ".left", "I32", left));
    out.tensors.push_back(tensor(name + ".value", "F32", value));
    out.tensors.push_back(tensor(name + ".missing", "I8", missing));
    out.tensors.push_back(tensor(name + ".roots", "I32", model.roots));
    out.manifest.settings[name + ".base"] = model.base;
}

} // namespace

TrainedModel packDemand(const DemandModel &model, const DemandOptions &options,
                        const DemandTable *history)
{
    TrainedModel out;
    out.manifest.family = "demand";
    add(out, "location", model.location);
    add(out, "spread", model.spread);
    if (model.positive)
        add(out, "positive", *model.positive);
    if (model.mean)
        add(out, "mean", *model.mean);
    // Wide elements first: a tensor must begin on a multiple of its element size.
    std::stable_sort(out.tensors.begin(), out.tensors.end(), [](const auto &a, const auto &b) {
        return (a.dtype != "I8") > (b.dtype != "I8");
    });
    auto &settings = out.manifest.settings;
    settings["horizon"] = options.horizon;
    settings["first_step"] = options.firstStep;
    settings["window"] = model.schema.window;
    settings["season"] = model.schema.season;
    settings["leaves"] = options.leaves;
    settings["rate"] = options.rate;
    settings["point"] = options.point == "relative" ? 1 : options.point == "root" ? 2 : 0;
    settings["sum_duplicates"] = options.rules.duplicates == "sum"    ? 1
                                 : options.rules.duplicates == "last" ? 0
                                                                      : 2;
    out.manifest.metrics = model.metrics;
    auto schema = model.schema.bytes();
    out.manifest.featureSchema = hex(sha256(schema));
    out.files["schema.bin"] = std::move(schema);
    if (history) {
        if (auto tail = storeHistory(*history, model.schema))
            out.files["history.bin"] = std::move(*tail);
    }
    return out;
}

Result<DemandModel> unpackDemand(const Package &package)
{
    const auto file = package.files.find("schema.bin");
    if (package.manifest.family != "demand" || file == package.files.end())
        return fail(ErrorCode::InvalidInput,
                    "Fine-tuning needs a demand model, not one of the family \""
                        + package.manifest.family + "\"");
    auto schema = DemandSchema::read(file->second);
    if (!schema)
        return tl::unexpected(schema.error());
    DemandModel model;
    model.schema = std::move(*schema);
    const auto features = DemandFeatures(model.schema).count();
    const auto read = [&](const std::string &name) { return readTrees(package, name, features); };
    auto location = read("location");
    if (!location)
        return tl::unexpected(location.error());
    model.location = std::move(*location);
    for (auto [name, part] :
         {std::pair("positive", &model.positive), std::pair("mean", &model.mean)}) {
        if (package.find(std::string(name) + ".roots") == nullptr)
            continue;
        auto trees = read(name);
        if (!trees)
            return tl::unexpected(trees.error());
        *part = std::move(*trees);
    }
    return model;
}

} // namespace engine
