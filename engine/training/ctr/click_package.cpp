#include "engine/training/ctr/click_package.h"

#include "engine/model/safetensors.h"
#include "engine/training/owned_tensor.h"
#include "engine/training/trees/tree_columns.h"

namespace engine {
namespace {

template <class T>
void put(TrainedModel &to, const std::string &name, const std::vector<T> &values,
         std::vector<std::int64_t> shape = {})
{
    to.tensors.push_back(ownedTensor(name, "F32", values, std::move(shape)));
}

void putNet(TrainedModel &to, const std::string &name, const ClickNet &net)
{
    const auto n = [](std::size_t size) { return static_cast<std::int64_t>(size); };
    put(to, name + ".table", net.table, {n(net.shape.codes), n(net.shape.dimension + 1)});
    put(to, name + ".linear", net.linear);
    for (const auto *part : {&net.bottom, &net.top}) {
        const std::string prefix = name + (part == &net.bottom ? ".bottom" : ".top");
        for (std::size_t l = 0; l < part->size(); ++l) {
            const auto &layer = (*part)[l];
            const auto at = prefix + std::to_string(l);
            put(to, at + ".weight", layer.weight, {n(layer.inputs), n(layer.outputs)});
            put(to, at + ".bias", layer.bias);
        }
    }
}

struct SavedPart
{
    std::uint32_t number = 0;
    bool isNet = false;
    std::vector<double> logits;
    double loss = 0, rowsPerSecond = 0;
    std::vector<float> table, linear, means;
    std::vector<std::vector<float>> layers;
    TreeColumns trees;

    template <class A>
    void fields(A &a)
    {
        a(number), a(isNet), a(logits), a(loss), a(rowsPerSecond), a(table), a(linear), a(means);
        a(layers), a(trees);
    }
};

struct SavedParts
{
    std::vector<SavedPart> parts;
    template <class A>
    void fields(A &a)
    {
        a(parts);
    }
};

template <class Use>
void eachLayer(ClickNet &net, const Use &use)
{
    for (auto *part : {&net.bottom, &net.top}) {
        for (auto &layer : *part) {
            use(layer.weight);
            use(layer.bias);
        }
    }
}

} // namespace

TrainedModel clickPackage(const ClickModel &model, const FeatureSchema &schema)
{
    TrainedModel trained;
    trained.manifest.family = "ctr";
    auto &settings = trained.manifest.settings;
    settings["dimension"] = static_cast<double>(model.shape.dimension);
    settings["hidden"] = static_cast<double>(model.shape.hidden);
    settings["layers"] = static_cast<double>(model.shape.layers);
    settings["dots"] = model.shape.dots ? 1 : 0;
    settings["concat"] = model.shape.concat ? 1 : 0;
    settings["nets"] = static_cast<double>(model.nets.size());
    settings["tree sets"] = static_cast<double>(model.treeSets.size());
    settings["blend bias"] = model.blend.bias;
    settings["blend trees"] = model.blend.trees;
    settings["blend nets"] = model.blend.nets;
    for (std::size_t k = 0; k < model.nets.size(); ++k)
        putNet(trained, "net" + std::to_string(k), model.nets[k]);
    for (std::size_t k = 0; k < model.treeSets.size(); ++k) {
        const auto name = "trees" + std::to_string(k);
        addTrees(trained, name, model.treeSets[k].trees);
        put(trained, name + ".means", model.treeSets[k].means);
    }
    if (!model.blend.points.empty())
        put(trained, "calibration", model.blend.points,
            {static_cast<std::int64_t>(model.blend.points.size()), 2});
    auto features = encode(schema);
    trained.manifest.featureSchema = hex(sha256(features));
    trained.files["features.bin"] = std::move(features);
    for (const auto &[name, value] : model.validation)
        trained.manifest.metrics["validation " + name] = value;
    if (model.netLoss > 0)
        trained.manifest.metrics["validation logloss of the nets"] = model.netLoss;
    if (model.treeLoss > 0)
        trained.manifest.metrics["validation logloss of the trees"] = model.treeLoss;
    return trained;
}

Result<Bytes> saveParts(const std::map<std::uint32_t, ClickPart> &parts)
{
    SavedParts saved;
    for (const auto &[number, part] : parts) {
        SavedPart one;
        one.number = number;
        one.isNet = part.isNet;
        one.logits = part.logits;
        one.loss = part.loss;
        one.rowsPerSecond = part.rowsPerSecond;
        if (part.isNet) {
            one.table = part.net.table;
            one.linear = part.net.linear;
            auto net = part.net;
            eachLayer(net, [&](std::vector<float> &values) { one.layers.push_back(values); });
        } else {
            one.means = part.trees.means;
            one.trees = columnsOf(part.trees.trees);
        }
        saved.parts.push_back(std::move(one));
    }
    const auto bytes = encode(saved);
    const TensorSource tensor{"parts", "I8", {static_cast<std::int64_t>(bytes.size())}, bytes};
    return writeSafetensors({&tensor, 1});
}

Result<std::map<std::uint32_t, ClickPart>> loadParts(std::span<const std::uint8_t> bytes,
                                                     const ClickNetShape &shape)
{
    const auto refuse = [] {
        return fail(ErrorCode::InvalidInput,
                    "The checkpoint belongs to another training; start anew");
    };
    const auto tensors = parseSafetensors(bytes, "checkpoint");
    if (!tensors)
        return tl::unexpected(tensors.error());
    if (tensors->size() != 1 || tensors->front().name != "parts")
        return refuse();
    auto saved = decode<SavedParts>(bytes.subspan(tensors->front().offset, tensors->front().bytes));
    if (!saved)
        return refuse();
    std::map<std::uint32_t, ClickPart> parts;
    for (auto &one : saved->parts) {
        ClickPart part;
        part.isNet = one.isNet;
        part.logits = std::move(one.logits);
        part.loss = one.loss;
        part.rowsPerSecond = one.rowsPerSecond;
        if (one.isNet) {
            part.net = emptyNet(shape);
            bool fits = one.table.size() == part.net.table.size()
                        && one.linear.size() == part.net.linear.size()
                        && one.layers.size() == 2 * (part.net.bottom.size() + part.net.top.size());
            std::size_t at = 0;
            if (fits)
                eachLayer(part.net, [&](std::vector<float> &values) {
                    fits = fits && values.size() == one.layers[at].size();
                    values = std::move(one.layers[at++]);
                });
            if (!fits)
                return refuse();
            part.net.table = std::move(one.table);
            part.net.linear = std::move(one.linear);
        } else {
            part.trees.means = std::move(one.means);
            const auto nodes = one.trees.feature.size();
            if (one.trees.left.size() != nodes || one.trees.value.size() != nodes
                || one.trees.missing.size() != nodes)
                return refuse();
            for (std::size_t i = 0; i < nodes; ++i)
                part.trees.trees.nodes.push_back({one.trees.feature[i], one.trees.left[i],
                                                  one.trees.value[i], one.trees.missing[i] != 0});
            part.trees.trees.roots = std::move(one.trees.roots);
            part.trees.trees.base = one.trees.base;
        }
        parts.emplace(one.number, std::move(part));
    }
    return parts;
}

} // namespace engine
