#include "engine/training/sequence/sequence_training.h"

#include "engine/model/popularity.h"
#include "engine/scoring/torch_guard.h"
#include "engine/training/sequence/sequence_package.h"

namespace engine {
namespace {

/// Sizes come from the package; a recipe that wants others must not be ignored in silence.
Result<> checkSizes(const Recipe &recipe, const SequenceOptions &wanted,
                    const SequenceOptions &given)
{
    for (const auto &[name, want, is] :
         {std::tuple{"factors", wanted.factors, given.factors},
          std::tuple{"blocks", wanted.blocks, given.blocks},
          std::tuple{"heads", wanted.heads, given.heads},
          std::tuple{"feed-forward", wanted.feedForward, given.feedForward},
          std::tuple{"length", wanted.length, given.length}}) {
        const auto at = recipe.settings.find(name);
        if (at != recipe.settings.end() && want != is)
            return fail(ErrorCode::InvalidInput,
                        "The package to start from has " + std::string(name) + " "
                            + std::to_string(is) + "; leave the setting away",
                        at->second.place);
    }
    return {};
}

Manifest manifestOf(const SequenceOptions &options, const SequenceFit &fit, const Dataset &train)
{
    Manifest manifest;
    manifest.family = "sequence";
    manifest.featureSchema = featureSchema(train.itemIds);
    manifest.seed = options.seed;
    manifest.settings = {{"factors", options.factors},
                         {"blocks", options.blocks},
                         {"heads", options.heads},
                         {"feed-forward", options.feedForward},
                         {"length", options.length},
                         {"masked", options.task == "masked" ? 1 : 0},
                         {"negatives", options.negatives},
                         {"dropout", options.dropout},
                         {"item-dropout", options.itemDropout},
                         {"learning-rate", options.learningRate},
                         {"batch", options.batch},
                         {"average", options.average},
                         {"best epoch", static_cast<double>(fit.bestEpoch)},
                         {"epochs", static_cast<double>(fit.epochs)},
                         {"steps", static_cast<double>(fit.steps)}};
    if (fit.validationShoppers > 0) {
        manifest.metrics = {{"validation ndcg@10", fit.validation.ndcg10},
                            {"validation hr@10", fit.validation.hr10},
                            {"validation shoppers", static_cast<double>(fit.validationShoppers)}};
    }
    return manifest;
}

Result<TrainedModel> trained(const Dataset &train, const Dataset &valid, const TrainOrder &order,
                             TrainMonitor &monitor, const Disturbance &disturb)
{
    auto read = sequenceOptions(order.recipe, defaultSequence(train));
    if (!read)
        return tl::unexpected(std::move(read.error()));
    auto options = *read;
    options.seed = order.seed;
    options.threads = std::max(1, order.threads);
    options.device = order.device;
    options.disturb = disturb;
    const bool isDistilled = options.distil > 0;
    if (isDistilled && !order.initial)
        return fail(ErrorCode::InvalidInput,
                    "distil needs a teacher: finetune --from TEACHER --set distil=0.5");
    at::Tensor flat;
    std::optional<SequenceTeacher> teacher;
    if (order.initial) {
        auto start = startFrom(*order.initial, train, options);
        if (!start)
            return tl::unexpected(std::move(start.error()));
        if (start->newItems > 0)
            monitor.note(std::to_string(start->newItems)
                         + " items are new to the package to start from");
        if (start->lostItems > 0)
            monitor.note(std::to_string(start->lostItems)
                         + " items of the package to start from are not in the data");
        if (isDistilled) {
            options.length = std::min(options.length, start->options.length);
            teacher.emplace(SequenceTeacher{SequenceNet(train.items, start->options), start->flat});
            if (options.device != "cpu")
                teacher->flat = teacher->flat.to(at::Device(options.device));
        } else {
            DR_RETURN_IF_ERROR(checkSizes(order.recipe, options, start->options));
            options = start->options;
            flat = start->flat;
        }
    }
    std::optional<ItemComposer> composer;
    std::uint32_t attributes = 0;
    if (order.products) {
        const auto known = readItemAttributes(*order.products, train.itemIds);
        if (!known)
            return tl::unexpected(known.error());
        monitor.note(std::to_string(known->count) + " attributes; "
                     + std::to_string(known->bareItems) + " items have none, "
                     + std::to_string(known->unknownItems) + " in the file are unknown");
        attributes = known->count;
        if (attributes > 0)
            composer.emplace(*known);
    }
    const SequenceNet net(train.items, options, attributes);
    if (flat.defined() && attributes > 0) {
        // The package's items have theirs within: what is added starts at nothing.
        auto wider = net.start(options.seed);
        wider.zero_();
        wider.narrow(0, 0, flat.size(0)).copy_(flat);
        flat = wider;
    }
    SequenceTrainer trainer(net, train, valid, options, teacher ? &*teacher : nullptr,
                            composer ? &*composer : nullptr, monitor);
    auto fit = trainer.run(flat);
    if (!fit)
        return tl::unexpected(std::move(fit.error()));
    TrainedModel model;
    model.manifest = manifestOf(options, *fit, train);
    model.tensors = packageTensors(net, fit->weights, train, options);
    return model;
}

} // namespace

Result<TrainedModel> trainSequence(const Dataset &train, const Dataset &valid,
                                   const TrainOrder &order, TrainMonitor &monitor,
                                   const Disturbance &disturb)
{
    if (train.items < 2 || train.events.empty())
        return fail(ErrorCode::InvalidInput, "Cannot train: there are fewer than two items");
    if (!valid.events.empty() && valid.shoppers() != train.shoppers())
        return fail(ErrorCode::InvalidInput,
                    "Training and validation data do not have the same shoppers");
    bool hasPair = false;
    for (std::size_t s = 0; s < train.shoppers() && !hasPair; ++s)
        hasPair = train.of(s).size() >= 2;
    if (!hasPair)
        return fail(ErrorCode::InvalidInput,
                    "Cannot train a sequence model: no shopper has two events; try --family mf or "
                    "popularity");
    return trainingGuarded([&] { return trained(train, valid, order, monitor, disturb); });
}

} // namespace engine
