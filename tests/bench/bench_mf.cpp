// Figures of family mf.
//   bench_mf quality --train F --test F [--recipe FILE] [--set k=v]... [--seed N] [--threads N]
//   bench_mf speed   --train F [--factors N] [--threads N] [--only ials|bpr]
//     seconds per iteration, triples/s; implicit_als.py --against runs it in turns with PyPI
//     implicit
// Files are lists; pairs with the ending .pairs or --format pairs. Quality trains as `drillctl
// train` does, opens the package and ranks everything; the test is read for the report only.

#include "engine/data/parallel.h"
#include "engine/model/safetensors.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/mf/bpr.h"
#include "engine/training/mf/factoriser.h"
#include "engine/training/mf/mf_trainer.h"
#include "tests/support/quiet_monitor.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unordered_map>

using namespace engine;

namespace {

template <class T>
T orExit(Result<T> result)
{
    if (result)
        return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().text().c_str());
    std::exit(exitCode(result.error().code));
}

struct Arguments
{
    std::string mode, train, test, only, format;
    Recipe recipe;
    std::uint64_t seed = 1;
    unsigned threads = workThreads();
    int factors = 64;
};

Arguments parse(int count, char **values)
{
    Arguments out;
    out.mode = count > 1 ? values[1] : "";
    for (int i = 2; i + 1 < count; i += 2) {
        const std::string name = values[i], value = values[i + 1];
        if (name == "--train")
            out.train = value;
        else if (name == "--test")
            out.test = value;
        else if (name == "--only")
            out.only = value;
        else if (name == "--format")
            out.format = value;
        else if (name == "--seed")
            out.seed = std::stoull(value);
        else if (name == "--threads")
            out.threads = static_cast<unsigned>(std::stoul(value));
        else if (name == "--factors")
            out.factors = std::stoi(value);
        else if (name == "--recipe")
            out.recipe = orExit(readRecipe(value));
        else if (name == "--set") {
            if (const auto set = setSetting(out.recipe, value); !set)
                std::exit(2);
        }
    }
    if ((out.mode != "quality" && out.mode != "speed") || out.train.empty()
        || (out.mode == "quality" && out.test.empty())) {
        std::fprintf(stderr, "bench_mf quality|speed --train F [--test F] ...\n");
        std::exit(2);
    }
    return out;
}

Dataset read(const std::string &path, const std::string &format)
{
    ImportOptions options;
    options.format =
        format == "pairs" || path.ends_with(".pairs") ? ImportFormat::Pairs : ImportFormat::Lists;
    return orExit(importFile(path, options));
}

/// `test` in the numbers of `train`; items and shoppers that train lacks are left out.
Dataset aligned(const Dataset &train, const Dataset &test)
{
    std::unordered_map<std::string, std::uint32_t> items, shoppers;
    for (std::uint32_t i = 0; i < train.items; ++i)
        items.emplace(train.itemIds[i], i);
    for (std::uint32_t s = 0; s < test.shoppers(); ++s)
        shoppers.emplace(test.shopperIds[s], s);
    Dataset out;
    out.items = train.items;
    out.offsets = {0};
    for (const auto &id : train.shopperIds) {
        if (const auto at = shoppers.find(id); at != shoppers.end()) {
            for (const auto event : test.of(at->second)) {
                if (const auto item = items.find(test.itemIds[event]); item != items.end())
                    out.events.push_back(item->second);
            }
        }
        out.offsets.push_back(out.events.size());
    }
    return out;
}

double cpuSeconds()
{
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// The package as a reader would have it, without the signature.
Package opened(const TrainedModel &model)
{
    std::vector<TensorSource> sources;
    for (const auto &tensor : model.tensors)
        sources.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    Package package;
    package.manifest = model.manifest;
    package.weights = orExit(writeSafetensors(sources));
    package.tensors = orExit(parseSafetensors(package.weights, "weights"));
    return package;
}

void quality(const Arguments &arguments)
{
    const auto train = read(arguments.train, arguments.format);
    const auto test = aligned(train, read(arguments.test, arguments.format));
    std::printf("%zu shoppers, %u items, %zu events; test %zu events\n", train.shoppers(),
                train.items, train.events.size(), test.events.size());
    test::QuietMonitor monitor(std::chrono::minutes(30));
    std::string said;
    monitor.onProgress = [&](test::QuietMonitor &at) {
        if (at.lastProgress != said)
            std::fprintf(stderr, "%6.1f s %s\n", cpuSeconds(), at.lastProgress.c_str());
        said = at.lastProgress;
    };
    TrainOrder order;
    order.recipe = arguments.recipe;
    order.seed = arguments.seed;
    order.threads = static_cast<int>(arguments.threads);
    const auto start = systemClock().now();
    const double cpu = cpuSeconds();
    const auto model = orExit(trainMf(train, {}, order, monitor));
    const double trained = static_cast<double>((systemClock().now() - start).count()) / 1e6;
    const double trainedCpu = cpuSeconds() - cpu;
    for (const auto &note : monitor.notes)
        std::printf("note: %s\n", note.c_str());
    for (const auto &[name, points] : monitor.metrics)
        std::printf("%s: last %.4f\n", name.c_str(), points.back().second);
    for (const auto &[name, value] : model.manifest.settings)
        std::printf("%s=%g ", name.c_str(), value);
    for (const auto &[name, value] : model.manifest.metrics)
        std::printf("\n%s %.4f", name.c_str(), value);
    std::printf("\ntraining %.1f s, %.1f s of CPU\n", trained, trainedCpu);
    const auto scorer = orExit(openFullScorer(opened(model)));
    const auto evaluation = orExit(evaluate(*scorer, train, test, systemClock()));
    std::printf("test, %zu shoppers, %.1f s:", evaluation.users, evaluation.seconds);
    for (const auto &[name, value] : evaluation.metrics)
        std::printf(" %s %.4f", name.c_str(), value);
    std::printf("\n");
}

void speed(const Arguments &arguments)
{
    const auto rows = shopperRows(read(arguments.train, arguments.format));
    const c10::InferenceMode inference;
    at::set_num_threads(1);
    const auto timed = [](const char *what, double work, FactorTraining &training, int epochs) {
        std::vector<double> walls, cpus;
        for (int e = 0; e < epochs; ++e) {
            const auto start = systemClock().now();
            const double cpu = cpuSeconds();
            if (!training.epoch({}))
                return;
            walls.push_back(static_cast<double>((systemClock().now() - start).count()) / 1e6);
            cpus.push_back(cpuSeconds() - cpu);
        }
        std::sort(walls.begin(), walls.end());
        std::sort(cpus.begin(), cpus.end());
        const auto middle = walls.size() / 2;
        std::printf("%s: median %.3f s (%.3f s of CPU), best %.3f s", what, walls[middle],
                    cpus[middle], walls.front());
        if (work > 0)
            std::printf(", %.1f million triples per second of CPU", work / cpus[middle] / 1e6);
        std::printf("\n");
    };
    if (arguments.only != "bpr") {
        Factoriser ials(rows, arguments.factors, {0.02, 0.05, 0.5}, 3, 1, arguments.threads);
        timed("iALS iteration", 0, ials, 9);
    }
    if (arguments.only != "ials") {
        Bpr bpr(rows, {arguments.factors, 0.05, 0.002, 1, arguments.threads});
        timed("BPR epoch", static_cast<double>(rows.indices.size()), bpr, 9);
    }
}

} // namespace

int main(int count, char **values)
{
    const auto arguments = parse(count, values);
    arguments.mode == "quality" ? quality(arguments) : speed(arguments);
    std::fflush(nullptr);
    std::_Exit(0);
}
