#include "engine/training/ctr/click_trainer.h"

#include <algorithm>

namespace engine {

ClickOptions defaultClickOptions(std::size_t rows)
{
    ClickOptions options;
    const bool isSmall = rows < 100'000, isLarge = rows >= 1'000'000;
    options.folds = isSmall ? 5 : 1;
    options.holdOut = rows >= 2'000'000 ? 200'000.0 / static_cast<double>(rows) : 0.1;
    options.net.dimension = isSmall ? 8 : 16;
    options.net.hidden = isSmall ? 64 : 128;
    options.net.batch = rows < 5'000 ? 64 : isSmall ? 256 : isLarge ? 2048 : 1024;
    options.net.epochs = isSmall ? 60 : isLarge ? 10 : 20;
    options.net.dropout = isSmall ? 0.2 : isLarge ? 0.0 : 0.1;
    options.trees.leaves = isSmall ? 15 : 63;
    options.trees.rate = isSmall ? 0.03 : 0.1;
    options.trees.leastRows = rows < 2'000 ? 5 : 20;
    return options;
}

Result<ClickOptions> clickOptions(const Recipe &recipe, std::size_t rows)
{
    auto options = defaultClickOptions(rows);
    SettingsReader in(recipe);
    in.choice("models", options.models, {"both", "net", "trees"});
    in.choice("calibration", options.calibration, {"auto", "temperature", "isotonic"});
    in.whole("folds", options.folds, 1, 20);
    in.number("hold_out", options.holdOut, 0.001, 0.5);
    in.whole("members", options.members, 1, 20);
    in.whole("dimension", options.net.dimension, 1, 1024);
    in.whole("hidden", options.net.hidden, 1, 4096);
    in.whole("layers", options.net.layers, 1, 8);
    std::string interaction = options.net.dots ? "dots" : "pool";
    in.choice("interaction", interaction, {"dots", "pool"});
    options.net.dots = interaction == "dots";
    in.flag("concat", options.net.concat);
    in.number("rate", options.net.rate, 1e-6, 1);
    in.number("embedding_rate", options.net.embeddingRate, 0, 1);
    in.number("embedding_prior", options.net.embeddingPrior, 0, 1e9);
    in.number("decay", options.net.decay, 0, 1);
    in.number("embedding_decay", options.net.embeddingDecay, 0, 1);
    in.number("dropout", options.net.dropout, 0, 0.9);
    in.whole("batch", options.net.batch, 1, 1 << 20);
    in.whole("epochs", options.net.epochs, 0, 10'000);
    in.whole("patience", options.net.patience, 1, 10'000);
    in.whole("tree_leaves", options.trees.leaves, 2, 4096);
    in.whole("tree_least_rows", options.trees.leastRows, 1, 1 << 20);
    in.whole("tree_rounds", options.trees.rounds, 0, 100'000);
    in.whole("tree_patience", options.trees.patience, 1, 100'000);
    in.number("tree_rate", options.trees.rate, 1e-4, 1);
    in.number("tree_columns", options.trees.columns, 0.01, 1);
    in.number("tree_rows", options.trees.rows, 0.01, 1);
    in.number("tree_ridge", options.trees.ridge, 0, 1e6);
    in.number("tree_smoothing", options.trees.smoothing, 0.1, 1e6);
    int leastCount = static_cast<int>(options.schema.leastCount);
    int vocabulary = static_cast<int>(options.schema.vocabulary);
    int buckets = static_cast<int>(options.schema.hashBuckets);
    in.whole("least_count", leastCount, 0, 1 << 30);
    in.whole("vocabulary", vocabulary, 0, 10'000'000);
    in.whole("hash_buckets", buckets, 0, 10'000'000);
    options.schema.leastCount = leastCount;
    options.schema.vocabulary = static_cast<std::uint32_t>(vocabulary);
    options.schema.hashBuckets = static_cast<std::uint32_t>(buckets);
    DR_RETURN_IF_ERROR(in.finish());
    return options;
}

} // namespace engine
