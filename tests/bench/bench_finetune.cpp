// What pretraining is worth on the retail data at equal total steps: pretrain to 2011-07, fine-tune
// on 2011-08, test on 2011-09, against training from scratch on 2011-08 and on everything to
// 2011-08. Every side chooses its epoch by its own last events. NDCG@10 by full ranking, the
// history masked, with a paired bootstrap over shoppers.

#include "engine/base/random.h"
#include "engine/data/importer.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/rank_metrics.h"
#include "tests/bench/sequence_bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <unordered_map>

using namespace engine;
using namespace bench;
namespace fs = std::filesystem;

namespace {

constexpr const char *kColumns = "user=CustomerID,item=StockCode,time=InvoiceDate,order=InvoiceNo,"
                                 "price=UnitPrice,value=Quantity";

/// The lines of the file whose month is within [from, to], "2011-08": a csv of the same columns.
Dataset months(const fs::path &file, const std::string &from, const std::string &to,
               const fs::path &scratch)
{
    const auto part = scratch / (from + ".csv");
    {
        std::ifstream in(file);
        std::ofstream out(part);
        std::string line;
        for (bool isHeader = true; std::getline(in, line); isHeader = false) {
            // The date is the one field of this form: ",2011-08-01 08:26:00,".
            auto at = line.find(",201");
            while (at != std::string::npos
                   && (line.size() < at + 21 || line[at + 5] != '-' || line[at + 11] != ' '))
                at = line.find(",201", at + 1);
            const auto month = at == std::string::npos ? std::string() : line.substr(at + 1, 7);
            if (isHeader || (month >= from && month <= to))
                out << line << '\n';
        }
    }
    ImportOptions options;
    options.columns = orExit(parseColumns(kColumns));
    return orExit(importFile(part, options));
}

/// `data` with the item numbers and the shoppers of `whole`.
Dataset renumbered(const Dataset &data, const Dataset &whole)
{
    std::unordered_map<std::string, std::uint32_t> items;
    for (std::uint32_t i = 0; i < whole.items; ++i)
        items.emplace(whole.itemIds[i], i);
    std::unordered_map<std::string, std::size_t> shoppers;
    for (std::size_t s = 0; s < data.shoppers(); ++s)
        shoppers.emplace(data.shopperIds[s], s);
    Dataset out = whole;
    out.events.clear();
    out.offsets = {0};
    for (const auto &id : whole.shopperIds) {
        if (const auto at = shoppers.find(id); at != shoppers.end()) {
            for (const auto item : data.of(at->second)) {
                // Codes that are goods only in part of the file are left out there.
                if (const auto known = items.find(data.itemIds[item]); known != items.end())
                    out.events.push_back(known->second);
            }
        }
        out.offsets.push_back(out.events.size());
    }
    return out;
}

Dataset joined(const Dataset &a, const Dataset &b)
{
    Dataset out = a;
    out.events.clear();
    out.offsets = {0};
    for (std::size_t s = 0; s < a.shoppers(); ++s) {
        for (const auto *part : {&a, &b}) {
            const auto events = part->of(s);
            out.events.insert(out.events.end(), events.begin(), events.end());
        }
        out.offsets.push_back(out.events.size());
    }
    return out;
}

/// NDCG@10 of each shopper with a history and a new item in the test, in their order.
std::vector<double> perShopper(const Package &package, const Dataset &history, const Dataset &test)
{
    const auto scorer = orExit(openFullScorer(package));
    std::vector<double> all;
    std::vector<float> scores(scorer->stride());
    for (std::size_t s = 0; s < history.shoppers(); ++s) {
        const auto events = history.of(s);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        const auto known = knownItems(one[0], history.items);
        std::vector<std::uint32_t> labels(test.of(s).begin(), test.of(s).end());
        std::sort(labels.begin(), labels.end());
        labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
        std::erase_if(labels, [&](std::uint32_t item) {
            return std::binary_search(known.begin(), known.end(), static_cast<std::int64_t>(item));
        });
        if (labels.empty() || events.empty())
            continue;
        orExit(scorer->scoreAll(one, scores));
        double dcg = 0, ideal = 0;
        for (std::size_t l = 0; l < labels.size(); ++l) {
            const auto rank = rankAgainstModel({scores.data(), scorer->items()}, known, labels[l]);
            dcg += rank <= 10 ? 1 / std::log2(1.0 + static_cast<double>(rank)) : 0;
            ideal += l < 10 ? 1 / std::log2(2.0 + static_cast<double>(l)) : 0;
        }
        all.push_back(dcg / ideal);
    }
    return all;
}

double mean(const std::vector<double> &values)
{
    double sum = 0;
    for (const auto value : values)
        sum += value;
    return sum / static_cast<double>(values.size());
}

void printGain(const char *what, const std::vector<double> &with,
               const std::vector<double> &without)
{
    Random random(1, 0xB007);
    std::vector<double> gains;
    for (int round = 0; round < 2000; ++round) {
        double a = 0, b = 0;
        for (std::size_t i = 0; i < with.size(); ++i) {
            const auto pick = random.below(with.size());
            a += with[pick];
            b += without[pick];
        }
        gains.push_back(a / b - 1);
    }
    std::sort(gains.begin(), gains.end());
    fmt::print("{}: {:.4f} against {:.4f}, gain {:+.1f} % [{:+.1f}, {:+.1f}] (95 %, paired "
               "bootstrap, {} shoppers)\n",
               what, mean(with), mean(without), 100 * (mean(with) / mean(without) - 1),
               100 * gains[50], 100 * gains[1949], with.size());
}

struct Arguments
{
    std::string data;
    std::vector<std::string> set;
    std::uint64_t seed = 1;
    int threads = 2, pretrainSteps = 600, finetuneSteps = 200;
};

/// Trains for `steps`, gives the package.
Package fit(const Dataset &data, const Arguments &arguments, const std::string &task, int steps,
            const std::optional<Package> &from, const fs::path &folder)
{
    TrainOrder order;
    for (const auto &setting : arguments.set) {
        // Sizes are the package's when there is one.
        const bool isSize = setting.starts_with("factors=") || setting.starts_with("blocks=")
                            || setting.starts_with("length=") || setting.starts_with("heads=");
        if (!from || !isSize)
            orExit(setSetting(order.recipe, setting));
    }
    for (const auto &setting : {"task=" + task, "steps=" + std::to_string(steps),
                                std::string("patience=10000"), std::string("epochs=10000")})
        orExit(setSetting(order.recipe, setting));
    order.seed = arguments.seed;
    order.threads = arguments.threads;
    order.initial = from;
    Printer monitor(60, false);
    const auto start = systemClock().now();
    const auto model = orExit(trainSequence(data, {}, order, monitor));
    fmt::print("  {} events, task {}, {} steps in {:.1f} s, best epoch {}, validation {:.4f}\n",
               data.events.size(), task, model.manifest.settings.at("steps"), secondsSince(start),
               model.manifest.settings.at("best epoch"),
               model.manifest.metrics.at("validation ndcg@10"));
    std::fflush(stdout);
    return packaged(model, data, folder);
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments;
    CLI::App app{"The gain of pretraining at equal total steps"};
    app.add_option("--data", arguments.data, "transactions.csv of retail")->required();
    app.add_option("--set", arguments.set, "name=value, for all sides");
    app.add_option("--seed", arguments.seed);
    app.add_option("--threads", arguments.threads);
    app.add_option("--pretrain-steps", arguments.pretrainSteps);
    app.add_option("--finetune-steps", arguments.finetuneSteps);
    CLI11_PARSE(app, argc, argv);

    std::string scratch = (fs::temp_directory_path() / "bench_finetune.XXXXXX").string();
    if (::mkdtemp(scratch.data()) == nullptr)
        return 6;
    const fs::path folder = scratch;
    const auto known = months(arguments.data, "2010-12", "2011-08", folder);
    const auto before = renumbered(months(arguments.data, "2010-12", "2011-07", folder), known);
    const auto recent = renumbered(months(arguments.data, "2011-08", "2011-08", folder), known);
    const auto test = renumbered(months(arguments.data, "2011-09", "2011-09", folder), known);
    const auto history = joined(before, recent);
    fmt::print("{} shoppers, {} items; events: {} to July, {} in August, {} in September\n",
               known.shoppers(), known.items, before.events.size(), recent.events.size(),
               test.events.size());
    const int total = arguments.pretrainSteps + arguments.finetuneSteps;
    const auto judged = [&](const Package &package) { return perShopper(package, history, test); };
    const auto scratchRecent = judged(fit(recent, arguments, "next", total, {}, folder / "recent"));
    const auto scratchAll = judged(fit(history, arguments, "next", total, {}, folder / "all"));
    for (const std::string task : {"next", "masked"}) {
        const auto pretrained =
            fit(before, arguments, task, arguments.pretrainSteps, {}, folder / ("pre" + task));
        const auto tuned = judged(fit(recent, arguments, "next", arguments.finetuneSteps,
                                      pretrained, folder / ("tuned" + task)));
        printGain(
            ("pretrained (" + task + ") and fine-tuned against from scratch on August").c_str(),
            tuned, scratchRecent);
        printGain(("pretrained (" + task + ") and fine-tuned against from scratch on all").c_str(),
                  tuned, scratchAll);
    }
    std::error_code ignored; // a temporary folder that stays behind harms nothing
    fs::remove_all(folder, ignored);
    return 0;
}
