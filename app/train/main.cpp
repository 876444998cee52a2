// drillroom-train: trains, evaluates, signs and promotes a model of one shop. A child of the
// console or of drillctl, so that it can run at low priority and be killed without harm; progress
// goes to standard output as JSON lines.

#include "engine/base/digest.h"
#include "engine/data/earned.h"
#include "engine/data/parallel.h"
#include "engine/data/split.h"
#include "engine/model/expected_quality.h"
#include "engine/model/popularity.h"
#include "engine/model/registry.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/mf/ials.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace {

using engine::Result;

struct Order
{
    std::string shop, key;
    std::uint64_t seed = 1;
    std::int64_t timeLimit = 1800;
};

void say(const nlohmann::json &line)
{
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

void progress(const std::string &what, double part)
{
    say({{"what", what}, {"part", part}});
}

/// Test items by shopper, in the form that evaluate() takes.
engine::Dataset asTest(const engine::Dataset &train, std::span<const engine::TraceRow> rows)
{
    std::vector<std::vector<std::uint32_t>> labels(train.shoppers());
    for (const auto &row : rows)
        labels[row.shopper].push_back(row.label);
    engine::Dataset test;
    test.items = train.items;
    test.offsets.push_back(0);
    for (const auto &shopper : labels) {
        test.events.insert(test.events.end(), shopper.begin(), shopper.end());
        test.offsets.push_back(test.events.size());
    }
    return test;
}

Result<> writeExpectations(const std::filesystem::path &shop, const engine::ShopInfo &info,
                           const engine::Dataset &whole, const engine::Scorer &scorer)
{
    const auto trace = engine::readTrace(shop / "trace.bin");
    if (!trace)
        return tl::unexpected(trace.error());
    const auto earned = engine::Earned::open(shop, info);
    if (!earned)
        return tl::unexpected(earned.error());
    engine::ExpectedOptions options;
    options.threads = static_cast<int>(engine::workThreads());
    progress("computing what the model earns on the trace", -1);
    const auto expected = engine::expectedQuality(scorer, whole, *trace, **earned, options);
    if (!expected)
        return tl::unexpected(expected.error());
    return engine::writeExpected(shop, scorer.digest(), *expected);
}

Result<std::unique_ptr<engine::FullScorer>> openPackage(const std::filesystem::path &folder,
                                                        const engine::SigningKey &key)
{
    engine::PackagePolicy policy;
    policy.trusted = key.publicKey();
    auto package = engine::readPackage(folder, policy);
    if (!package)
        return tl::unexpected(package.error());
    return engine::openFullScorer(*package);
}

Result<> train(const Order &order)
{
    const std::filesystem::path shop = order.shop;
    auto info = engine::readShopInfo(shop);
    if (!info)
        return tl::unexpected(info.error());
    const auto whole = engine::readDataset(shop / "history.bin");
    if (!whole)
        return tl::unexpected(whole.error());
    const auto key = engine::SigningKey::loadOrCreate(order.key);
    if (!key)
        return tl::unexpected(key.error());
    auto registry = engine::Registry::open(shop);
    if (!registry)
        return tl::unexpected(registry.error());
    const auto split = engine::splitByTime(*whole);

    auto options = engine::defaultIals(split.train);
    options.seed = order.seed;
    options.threads = static_cast<int>(engine::workThreads());
    options.timeLimit = std::chrono::seconds(order.timeLimit);
    const auto model = engine::trainIals(
        split.train, options, engine::systemClock(), [](const engine::IalsProgress &at) {
            progress("training, epoch " + std::to_string(at.epoch) + " of "
                         + std::to_string(at.epochs)
                         + (at.refit ? " (on everything)"
                                     : ", validation NDCG@10 " + std::to_string(at.validation)),
                     at.epochs ? static_cast<double>(at.epoch) / at.epochs : -1);
        });
    if (!model)
        return tl::unexpected(model.error());

    engine::Manifest manifest;
    manifest.version = registry->nextVersion();
    manifest.trainingData = info->source;
    manifest.metrics = {{"validation ndcg@10", model->validation}};
    const auto folder = registry->packageFolder(manifest.version);
    const auto digest = engine::writeMfPackage(folder, *model, split.train, manifest, *key);
    if (!digest)
        return tl::unexpected(digest.error());
    // From here on the model is what a replica would load: read back, verified, and only then
    // judged.
    const auto scorer = openPackage(folder, *key);
    if (!scorer)
        return tl::unexpected(scorer.error());

    const auto test = asTest(split.train, split.test);
    progress("evaluating over all items", -1);
    const auto quality = engine::evaluate(**scorer, split.train, test, engine::systemClock());
    if (!quality)
        return tl::unexpected(quality.error());
    engine::Manifest plain;
    plain.version = manifest.version;
    plain.trainingData = info->source;
    const auto popularFolder = shop / "packages" / ("popularity-" + manifest.version);
    DR_RETURN_IF_ERROR(engine::writePopularityPackage(popularFolder, split.train, plain, *key));
    const auto popular = openPackage(popularFolder, *key);
    if (!popular)
        return tl::unexpected(popular.error());
    const auto floor = engine::evaluate(**popular, split.train, test, engine::systemClock());
    if (!floor)
        return tl::unexpected(floor.error());
    for (const auto &[name, value] : quality->metrics)
        info->metrics["model " + name] = value;
    for (const auto &[name, value] : floor->metrics)
        info->metrics["popularity " + name] = value;
    info->metrics["training seconds"] = model->seconds;

    engine::RegistryEntry entry;
    entry.version = manifest.version;
    entry.digest = *digest;
    entry.family = "mf";
    entry.metrics = quality->metrics;
    // The gate: a model that does not beat the list of best-sellers is not worth a replica.
    entry.gatePassed = quality->metrics.at("ndcg@10") > floor->metrics.at("ndcg@10");
    DR_RETURN_IF_ERROR(registry->add(entry));
    if (!entry.gatePassed)
        return engine::fail(
            engine::ErrorCode::InvalidInput,
            "The trained model is no better than the list of best-sellers, so it was "
            "not promoted; more events per shopper are needed",
            info->source);
    DR_RETURN_IF_ERROR(writeExpectations(shop, *info, *whole, **scorer));
    DR_RETURN_IF_ERROR(registry->promote(entry.version));
    return engine::writeShopInfo(shop, *info);
}

} // namespace

int main(int argc, char **argv)
{
    CLI::App app{"Trains, evaluates, signs and promotes a model of one shop.", "drillroom-train"};
    app.set_version_flag("--version", "drillroom-train " DRILLROOM_VERSION);
    Order order;
    app.add_option("--shop", order.shop, "The shop's folder")->required();
    app.add_option("--key", order.key, "The signing key's file")->required();
    app.add_option("--seed", order.seed, "The seed of everything drawn");
    app.add_option("--time-limit", order.timeLimit, "Seconds; the best model so far is kept then");
    CLI11_PARSE(app, argc, argv);
    int exit = 0;
    try {
        if (const auto done = train(order); !done) {
            say({{"error", done.error().message},
                 {"code", static_cast<int>(done.error().code)},
                 {"place", done.error().place}});
            exit = engine::exitCode(done.error().code);
        }
    } catch (const std::exception &error) {
        say({{"error", error.what()}, {"code", static_cast<int>(engine::ErrorCode::Internal)}});
        exit = 6;
    }
    // LibTorch's threads may still be there: leave without running destructors beside them.
    std::fflush(nullptr);
    ::_exit(exit);
}
