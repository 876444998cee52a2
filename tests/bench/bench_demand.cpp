// The protocols of the demand data sets as one command each: forecasts of rolling origins, by
// models that never saw what they are judged by, beside plain references on the same rows.
//   bench_demand --data orange-juice --from FOLDER [--seeds 3] [--tune]
// FOLDER holds weekly.csv (orange-juice), monthly.csv (carparts) or transactions.csv (retail);
// synthetic-demand needs none. --tune judges rounds inside the training part, for choosing
// settings.

#include "engine/data/csv_reader.h"
#include "engine/data/field.h"
#include "engine/data/synthetic_demand.h"
#include "engine/scoring/demand_forecaster.h"
#include "engine/training/demand/demand_family.h"
#include "engine/training/demand/forecast_file.h"
#include "tests/support/quiet_monitor.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <set>

using namespace engine;
namespace fs = std::filesystem;

namespace {

struct Arguments
{
    std::string data, from, recipe;
    std::vector<std::string> set;
    int seeds = 3, threads = 2, rounds = 0;
    bool tune = false;
};

template <class T>
T orExit(Result<T> result)
{
    if (!result) {
        fmt::print(stderr, "{}\n", result.error().text());
        std::exit(exitCode(result.error().code));
    }
    return std::move(*result);
}

void check(const Result<> &result)
{
    if (!result)
        orExit<int>(tl::unexpected(result.error()));
}

/// One round: what is known, and what is to be forecast with its covariates.
struct Round
{
    fs::path train, test;
};

struct Protocol
{
    std::vector<Round> rounds;
    Columns columns;
    std::string recipe;
    bool isSynthetic = false;
};

std::vector<std::vector<std::string>> rowsOf(const fs::path &path, std::vector<std::string> &header)
{
    auto csv = orExit(CsvReader::open(path, 1 << 20));
    header = csv.header();
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> row;
    while (orExit(csv.next(row)))
        rows.push_back(row);
    return rows;
}

double number(const std::string &text)
{
    return numberOf(trimmed(text)).value_or(0);
}

/// 10 rounds, two weeks each, one week of gap; units are round(exp(logmove)). The own price is the
/// one of the row's brand; the gap week's price, deal and feature are known, its units are not.
Protocol orangeJuice(const Arguments &arguments, const fs::path &work)
{
    std::vector<std::string> header;
    const auto rows = rowsOf(fs::path(arguments.from) / "weekly.csv", header);
    Protocol protocol;
    protocol.recipe = "orange-juice";
    protocol.columns = {{"series", "store|brand"},
                        {"time", "week"},
                        {"value", "units"},
                        {"price", "price"},
                        {"num", "deal|feat|p1|p2|p3|p4|p5|p6|p7|p8|p9|p10|p11"}};
    const int rounds = arguments.rounds > 0 ? arguments.rounds : 10;
    for (int r = 0; r < rounds; ++r) {
        const int end = (arguments.tune ? 133 - 4 * (rounds - 1 - r) : 135 + 2 * r);
        Round round{work / fmt::format("train{}.csv", r), work / fmt::format("test{}.csv", r)};
        std::ofstream train(round.train), test(round.test);
        for (auto *out : {&train, &test})
            *out << "store,brand,week,units,price,deal,feat,p1,p2,p3,p4,p5,p6,p7,p8,p9,p10,p11\n";
        for (const auto &row : rows) {
            const int week = static_cast<int>(number(row[2]));
            if (week > end + 3)
                continue;
            const auto brand = static_cast<std::size_t>(number(row[1]));
            const auto units = week == end + 1
                                   ? std::string()
                                   : fmt::format("{:.0f}", std::round(std::exp(number(row[3]))));
            auto &out = week <= end ? train : test;
            out << row[0] << ',' << row[1] << ',' << row[2] << ',' << units << ',' << row[4 + brand]
                << ',' << row[16] << ',' << row[17];
            for (std::size_t p = 5; p <= 15; ++p)
                out << ',' << row[p];
            out << '\n';
        }
        protocol.rounds.push_back(round);
    }
    return protocol;
}

/// The last 12 months of every series; missing read as 0.
Protocol carparts(const Arguments &arguments, const fs::path &work)
{
    std::vector<std::string> header;
    const auto rows = rowsOf(fs::path(arguments.from) / "monthly.csv", header);
    Protocol protocol;
    protocol.recipe = "carparts";
    protocol.columns = {{"series", "series"}, {"time", "month"}, {"value", "value"}};
    std::set<std::string> months;
    for (const auto &row : rows)
        months.insert(row[1]);
    std::vector<std::string> sorted(months.begin(), months.end());
    if (arguments.tune)
        sorted.resize(sorted.size() - 12);
    const auto border = sorted[sorted.size() - 12];
    const Round round{work / "train.csv", work / "test.csv"};
    std::ofstream train(round.train), test(round.test);
    train << "series,month,value\n";
    test << "series,month,value\n";
    for (const auto &row : rows) {
        if (row[1] > sorted.back())
            continue;
        const auto value = trimmed(row[2]).empty() ? "0" : row[2];
        (row[1] < border ? train : test) << row[0] << ',' << row[1] << ',' << value << '\n';
    }
    protocol.rounds.push_back(round);
    return protocol;
}

/// Units per code and trading day (Quantity > 0, returns left out), codes sold on at least 100
/// days, 28 trading days from four origins 7 trading days apart. Trading days are numbered; the
/// weekday and the day of the month are known in advance. The median price of a day stands for the
/// past.
Protocol retail(const Arguments &arguments, const fs::path &work)
{
    std::vector<std::string> header;
    std::map<std::string, std::map<std::string, double>> units; // code -> day -> units
    std::set<std::string> daySet;
    for (const auto &row : rowsOf(fs::path(arguments.from) / "transactions.csv", header)) {
        const auto day = row[4].substr(0, 10);
        daySet.insert(day);
        if (number(row[3]) > 0)
            units[row[1]][day] += number(row[3]);
    }
    const std::vector<std::string> days(daySet.begin(), daySet.end());
    const auto begin =
        static_cast<int>(std::lower_bound(days.begin(), days.end(), "2011-08-01") - days.begin());
    Protocol protocol;
    protocol.recipe = "retail-demand";
    protocol.columns = {
        {"series", "code"}, {"time", "day"}, {"value", "units"}, {"num", "weekday|monthday|month"}};
    for (int r = 0; r < 4; ++r) {
        const int origin = begin + 7 * r - (arguments.tune ? 49 : 0); // the first day forecast
        Round round{work / fmt::format("train{}.csv", r), work / fmt::format("test{}.csv", r)};
        std::ofstream train(round.train), test(round.test);
        train << "code,day,units,weekday,monthday,month\n";
        test << "code,day,units,weekday,monthday,month\n";
        for (const auto &[code, sold] : units) {
            if (sold.size() < 100)
                continue;
            for (int d = 0; d < std::min<int>(origin + 28, static_cast<int>(days.size())); ++d) {
                const auto &day = days[static_cast<std::size_t>(d)];
                const auto at = sold.find(day);
                const auto weekday =
                    static_cast<std::int64_t>(timeOf(day).value_or(0) / 86400e6) % 7;
                (d < origin ? train : test)
                    << code << ',' << d << ',' << (at == sold.end() ? 0.0 : at->second) << ','
                    << weekday << ',' << day.substr(8, 2) << ',' << day.substr(5, 2) << '\n';
            }
        }
        protocol.rounds.push_back(round);
    }
    return protocol;
}

Protocol synthetic(const Arguments &arguments, const fs::path &work)
{
    const SyntheticDemand demand(demandSize("demo").value(), 1);
    Protocol protocol;
    protocol.isSynthetic = true;
    protocol.recipe = "synthetic-demand";
    protocol.columns = SyntheticDemand::columns();
    const int end = demand.size().days - 28 - (arguments.tune ? 28 : 0);
    const Round round{work / "train.csv", work / "test.csv"};
    check(demand.write(round.train, 0, end));
    check(demand.write(round.test, end, end + 28));
    protocol.rounds.push_back(round);
    return protocol;
}

/// Plain references as forecasters of one number.
using Reference = std::function<double(const DemandSeries &, std::size_t step)>;

double meanOfLast(const DemandSeries &series, std::size_t most)
{
    double sum = 0, count = 0;
    for (std::size_t k = 0; k < std::min(most, series.values.size()); ++k) {
        const float value = series.values[series.values.size() - 1 - k];
        if (value == value) {
            sum += static_cast<double>(value);
            ++count;
        }
    }
    return count > 0 ? sum / count : 0;
}

/// Solves the normal equations of a small regression with a little ridge.
std::vector<double> leastSquares(std::vector<std::vector<double>> a, std::vector<double> b)
{
    const auto n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i + 1; j < n; ++j) {
            const double f = a[j][i] / a[i][i];
            for (std::size_t k = i; k < n; ++k)
                a[j][k] -= f * a[i][k];
            b[j] -= f * b[i];
        }
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    return b;
}

/// log(units) = a + b' log(all prices) + c deal + d feat, per series: the log-linear price model.
double logLinear(const DemandSeries &series, std::size_t step, std::size_t width)
{
    constexpr std::size_t n = 14;
    const auto row = [&](std::size_t i) {
        std::vector<double> x{1};
        const float *c = series.columns.data() + i * width;
        x.push_back(static_cast<double>(c[1]));
        x.push_back(static_cast<double>(c[2]));
        for (std::size_t p = 3; p < 14; ++p)
            x.push_back(std::log(static_cast<double>(c[p])));
        return x;
    };
    std::vector<std::vector<double>> a(n, std::vector<double>(n, 0.0));
    std::vector<double> b(n, 0.0);
    for (std::size_t i = 0; i < n; ++i)
        a[i][i] = i == 0 ? 1e-9 : 1e-2;
    for (std::size_t i = 0; i < series.values.size(); ++i) {
        const auto x = row(i);
        const double y = std::log(static_cast<double>(series.values[i]));
        bool usable = y == y;
        for (const double v : x)
            usable = usable && v == v;
        if (!usable)
            continue;
        for (std::size_t j = 0; j < n; ++j) {
            b[j] += x[j] * y;
            for (std::size_t k = 0; k < n; ++k)
                a[j][k] += x[j] * x[k];
        }
    }
    const auto beta = leastSquares(a, b);
    const auto x = row(series.values.size() + step);
    double y = 0;
    for (std::size_t j = 0; j < n; ++j)
        y += beta[j] * x[j];
    return std::round(std::exp(y));
}

void printScores(const std::string &name, const DemandScores &scores)
{
    const auto m = scores.metrics();
    const auto at = [&](const char *key) { return m.contains(key) ? m.at(key) : 0.0; };
    fmt::print("{:<24} MAPE {:6.2f} (p50 {:6.2f}, mean {:6.2f})  WAPE {:.3f}  RMSLE {:.3f}  MAE "
               "{:.4f}  RMSE/series {:.4f} (point {:.4f}, MAE {:.4f})  RMSSE {:.4f} (point {:.4f}) "
               " pinball .1 {:.4f} .5 {:.4f} .9 {:.4f} "
               ".95 {:.4f}  80 % covers {:.3f}  rows {}\n",
               name, at("mape"), at("mape_p50"), at("mape_mean"), at("wape"), at("rmsle"),
               at("mae_series"), at("rmse_series"), at("rmse_series_point"), at("mae_series_point"),
               at("rmsse"), at("rmsse_point"), at("pinball@0.1"), at("pinball@0.5"),
               at("pinball@0.9"), at("pinball@0.95"), at("coverage@80"), scores.periods());
    std::fflush(stdout);
}

/// Trains, packs, signs, opens again: what is judged is what would be served.
std::unique_ptr<DemandForecaster> trained(const Protocol &protocol, const Round &round,
                                          const Arguments &arguments, std::uint64_t seed,
                                          const fs::path &work)
{
    TrainOrder order;
    order.train = {round.train, "csv", protocol.columns};
    order.recipe = orExit(readRecipe(arguments.recipe.empty() ? fs::path("resources/recipes")
                                                                    / (protocol.recipe + ".yaml")
                                                              : fs::path(arguments.recipe)));
    for (const auto &set : arguments.set)
        check(setSetting(order.recipe, set));
    order.seed = seed;
    order.threads = arguments.threads;
    test::QuietMonitor monitor(std::chrono::minutes(60));
    auto model = orExit(demandFamily().train(order, monitor));
    for (const auto &note : monitor.notes)
        fmt::print("  note: {}\n", note);
    for (const auto &[name, value] : model.manifest.metrics)
        fmt::print("  {} {:.4f};", name, value);
    fmt::print("\n");
    const auto key = orExit(SigningKey::loadOrCreate(work / "keys" / "signing.key"));
    std::vector<TensorSource> tensors;
    for (const auto &tensor : model.tensors)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    model.manifest.version = "1";
    fs::remove_all(work / "package");
    orExit(writePackage(work / "package", model.manifest, tensors, key, model.files));
    PackagePolicy policy;
    policy.trusted = key.publicKey();
    return orExit(DemandForecaster::open(orExit(readPackage(work / "package", policy))));
}

/// History and plan of a round, as evaluate() of the family joins them.
DemandTable subject(const Protocol &protocol, const Round &round, const DemandSchema &schema)
{
    const TableRules rules;
    const auto history = orExit(readTable({round.train, protocol.columns}, schema, rules, true));
    const auto origin = lastPeriod(history);
    auto table = orExit(readTable({round.test, protocol.columns}, schema, rules, true, origin));
    joinHistory(table, history, schema, origin);
    return table;
}

void judgeReference(const DemandTable &table, const Reference &reference, DemandScores &scores)
{
    for (const auto &series : table.series) {
        scores.begin(series.values);
        for (std::size_t i = 0; i < series.plan; ++i) {
            if (series.actual[i] != series.actual[i])
                continue;
            const double f = reference(series, i);
            scores.add(static_cast<double>(series.actual[i]), {{f, f, f, f, f}, f, f, f});
        }
        scores.end();
    }
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments;
    CLI::App app("Demand protocols");
    app.add_option("--data", arguments.data, "orange-juice, carparts, retail, synthetic-demand")
        ->required();
    app.add_option("--from", arguments.from, "folder of the data");
    app.add_option("--recipe", arguments.recipe, "file; default: the recipe of the data set");
    app.add_option("--set", arguments.set, "name=value");
    app.add_option("--seeds", arguments.seeds);
    app.add_option("--threads", arguments.threads);
    app.add_option("--rounds", arguments.rounds, "orange-juice: fewer than 10");
    app.add_flag("--tune", arguments.tune, "rounds inside the training part");
    CLI11_PARSE(app, argc, argv);

    std::string folder = (fs::temp_directory_path() / "bench_demand.XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        return 6;
    const fs::path work(folder);
    const bool isJuice = arguments.data == "orange-juice";
    const auto protocol = isJuice                                ? orangeJuice(arguments, work)
                          : arguments.data == "carparts"         ? carparts(arguments, work)
                          : arguments.data == "retail"           ? retail(arguments, work)
                          : arguments.data == "synthetic-demand" ? synthetic(arguments, work)
                                                                 : Protocol{};
    if (protocol.rounds.empty()) {
        fmt::print(stderr, "There is no data set {}\n", arguments.data);
        return 2;
    }
    std::map<std::string, DemandScores> references;
    for (int seed = 1; seed <= arguments.seeds; ++seed) {
        DemandScores scores;
        const auto begin = systemClock().now();
        const auto cpu = std::clock();
        for (const auto &round : protocol.rounds) {
            const auto model =
                trained(protocol, round, arguments, static_cast<std::uint64_t>(seed), work);
            const auto table = subject(protocol, round, model->schema());
            test::QuietMonitor monitor;
            check(judge(*model, table, scores, monitor));
            if (seed > 1)
                continue;
            const auto season = static_cast<std::size_t>(std::max(1, model->schema().season));
            const auto width = model->schema().columns.size();
            judgeReference(
                table, [](auto &, auto) { return 0.0; }, references["zero"]);
            judgeReference(
                table, [](auto &s, auto) { return meanOfLast(s, 28); }, references["mean of 28"]);
            judgeReference(
                table, [](auto &s, auto) { return meanOfLast(s, 12); }, references["mean of 12"]);
            judgeReference(
                table, [](auto &s, auto) { return DemandFeatures::intermittent(s.values).sba; },
                references["Croston-SBA"]);
            judgeReference(
                table, [](auto &s, auto) { return DemandFeatures::intermittent(s.values).tsb; },
                references["TSB"]);
            judgeReference(
                table,
                [&](auto &s, std::size_t step) {
                    const auto back = season - step % season;
                    const auto n = s.values.size();
                    const float v = n >= back ? s.values[n - back] : 0.0f;
                    return v == v ? static_cast<double>(v) : 0.0;
                },
                references["seasonal naive"]);
            if (isJuice)
                judgeReference(
                    table, [&](auto &s, std::size_t step) { return logLinear(s, step, width); },
                    references["log-linear price"]);
        }
        printScores(
            fmt::format("model, seed {}{}", seed, protocol.isSynthetic ? " (synthetic)" : ""),
            scores);
        fmt::print("  {:.0f} s, {:.0f} s of CPU, {} series judged\n",
                   static_cast<double>((systemClock().now() - begin).count()) / 1e6,
                   static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC, scores.series());
    }
    for (const auto &[name, scores] : references)
        printScores(name, scores);
    std::error_code ignored; // a temporary folder that stays behind harms nothing
    fs::remove_all(work, ignored);
    return 0;
}
