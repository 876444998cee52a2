#include "engine/training/sequence/sequence_options.h"

#include <algorithm>

namespace engine {
namespace {

int rounded(std::uint64_t value, int to)
{
    return static_cast<int>((value + static_cast<std::uint64_t>(to) - 1)
                            / static_cast<std::uint64_t>(to))
           * to;
}

} // namespace

SequenceOptions defaultSequence(const Dataset &train)
{
    SequenceOptions options;
    std::vector<std::uint64_t> lengths;
    for (std::size_t s = 0; s < train.shoppers(); ++s)
        lengths.push_back(train.of(s).size());
    std::sort(lengths.begin(), lengths.end());
    const auto long95 = lengths.empty() ? 1 : lengths[lengths.size() * 95 / 100];
    const auto events = train.events.size();
    const double perShopper =
        static_cast<double>(events) / static_cast<double>(std::max<std::size_t>(1, lengths.size()));
    options.length = std::clamp(rounded(long95, 10), 20, 200);
    options.factors = events < 20'000 ? 32 : 64;
    options.feedForward = 2 * options.factors;
    options.dropout = perShopper < 30 ? 0.5 : perShopper < 80 ? 0.3 : 0.2;
    options.itemDropout = options.dropout;
    // Few events need small steps, so that there are enough of them.
    options.batch = events < 50'000 ? 256 : events < 500'000 ? 768 : 8192;
    options.piece = std::clamp(options.batch / 2, 128, 2048);
    options.learningRate = events < 50'000 ? 3e-3 : 1e-3;
    options.average = events < 50'000 ? 0.99 : 0.999;
    options.start = events < 50'000 ? "spectrum" : "random";
    // A step costs about as much for 1,000 items as for one; huge catalogues gain from more.
    options.negatives = static_cast<int>(std::clamp<std::uint64_t>(train.items / 4, 1000, 3000));
    return options;
}

Result<SequenceOptions> sequenceOptions(const Recipe &recipe, SequenceOptions options)
{
    SettingsReader in(recipe);
    const bool hasWidth = in.has("feed-forward");
    in.whole("factors", options.factors, 8, 1024);
    in.whole("blocks", options.blocks, 1, 12);
    in.whole("heads", options.heads, 1, 16);
    if (!hasWidth)
        options.feedForward = 2 * options.factors;
    in.whole("feed-forward", options.feedForward, 8, 4096);
    in.whole("length", options.length, 2, 1000);
    in.choice("start", options.start, {"random", "spectrum"});
    in.number("start-scale", options.startScale, 0.001, 10);
    in.choice("task", options.task, {"next", "masked"});
    in.choice("loss", options.loss, {"softmax", "gbce"});
    in.whole("negatives", options.negatives, 1, 100'000);
    in.number("calibration", options.calibration, 0, 1);
    in.number("mask-share", options.maskShare, 0.01, 0.9);
    in.number("smoothing", options.smoothing, 0, 0.5);
    in.number("dropout", options.dropout, 0, 0.9);
    options.itemDropout = in.has("dropout") ? options.dropout : options.itemDropout;
    in.number("item-dropout", options.itemDropout, 0, 0.9);
    in.number("weight-decay", options.weightDecay, 0, 1);
    in.number("average", options.average, 0, 0.99999);
    in.number("learning-rate", options.learningRate, 1e-7, 1);
    in.whole("batch", options.batch, 16, 1'000'000);
    in.whole("piece", options.piece, 16, 100'000);
    in.whole("warm-up", options.warmUp, 0, 1'000'000);
    in.choice("decay", options.decay, {"none", "cosine"});
    in.number("clip", options.clip, 0, 1e6);
    in.whole("epochs", options.epochs, 1, 10'000);
    in.whole("steps", options.steps, 0, 100'000'000);
    in.whole("patience", options.patience, 1, 10'000);
    in.whole("validation-shoppers", options.validationShoppers, 10, 1'000'000);
    in.flag("all-windows", options.allWindows);
    in.number("distil", options.distil, 0, 1);
    in.number("temperature", options.temperature, 0.1, 20);
    in.flag("int8", options.int8);
    DR_RETURN_IF_ERROR(in.finish());
    if (options.factors % options.heads != 0)
        return fail(ErrorCode::InvalidInput, "factors (" + std::to_string(options.factors)
                                                 + ") must be a multiple of heads ("
                                                 + std::to_string(options.heads) + ")");
    if (options.task == "masked" && options.distil > 0)
        return fail(ErrorCode::InvalidInput,
                    "A teacher shows the next item: distil needs task=next");
    return options;
}

} // namespace engine
