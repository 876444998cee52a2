#include "engine/base/digest.h"
#include "engine/scoring/demand_features.h"
#include "engine/training/demand/demand_family.h"
#include "engine/training/demand/stored_history.h"
#include "engine/training/trees/tree_columns.h"

namespace engine {
TrainedModel packDemand(const DemandModel &model, const DemandOptions &options,
                        const DemandTable *history)
{
    TrainedModel out;
    out.manifest.family = "demand";
    addTrees(out, "location", model.location);
    addTrees(out, "spread", model.spread);
    if (model.positive)
        addTrees(out, "positive", *model.positive);
    if (model.mean)
        addTrees(out, "mean", *model.mean);
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
