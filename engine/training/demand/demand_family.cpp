#include "engine/training/demand/demand_family.h"

#include "engine/scoring/demand_forecaster.h"
#include "engine/training/demand/forecast_file.h"
#include "engine/training/demand/stored_history.h"

#include <algorithm>
#include <limits>

namespace engine {
namespace {

constexpr const char *kHelp =
    "demand: quantiles of future demand over many series, by boosted trees.\n"
    "Format: csv with a header, one row per series and period; the order of the rows is free.\n"
    "Columns:\n"
    "  series=A|B   the columns that together name a series (default: series)\n"
    "  time=NAME    whole numbers, 2010-12, 2010-12-01 or 2010-12-01 08:00 (default: time)\n"
    "  value=NAME   what was sold; empty, nan or na: not known (default: value, else label)\n"
    "  price=NAME   the own price; it is known in advance\n"
    "  num=A|B      numbers known in advance\n"
    "  cat=A|B      categories known in advance\n"
    "  known=A|B    what is known in advance, exactly: these and the price, nothing else\n"
    "  Columns without a role: text and whole numbers count as known in advance, fractions only\n"
    "  by their past, except names that begin with \"price\". What never changes within a series\n"
    "  is an attribute of it.\n"
    "forecast --in FILE [--horizon N]: rows with a value are history, rows behind it with an "
    "empty\n"
    "  value are the plan (price, promotion ...). A file without any value goes on from the end "
    "of\n"
    "  the training data. Out: series,time,p10,p50,p90,mean.\n"
    "Settings (--set or a recipe): horizon, first_step, season, window, lags, validation, trees,\n"
    "  leaves, least_rows, rate, columns, rows, patience, most_rows, missing=auto|zero|unknown,\n"
    "  duplicates=auto|last|sum, mean=auto|law|trees, point=none|relative|root.\n";

TableFile tableFile(const InputFile &file)
{
    return {file.path, file.columns};
}

Result<> checkFormat(const InputFile &file)
{
    if (file.format.empty() || file.format == "csv")
        return {};
    return fail(ErrorCode::Usage,
                "The family demand reads csv, not " + file.format + "; use --format csv");
}

void tell(const DemandTable &table, TrainMonitor &monitor)
{
    for (const auto &[what, count] : table.notes)
        monitor.note(std::to_string(count) + " " + what);
}

TableRules rulesOf(const Package &package)
{
    TableRules rules;
    const auto at = package.manifest.settings.find("sum_duplicates");
    if (at != package.manifest.settings.end())
        rules.duplicates = at->second == 1 ? "sum" : at->second == 0 ? "last" : "auto";
    return rules;
}

class DemandFamily final : public Family
{
public:
    [[nodiscard]] std::string name() const override { return "demand"; }
    [[nodiscard]] std::string help() const override { return kHelp; }

    [[nodiscard]] Result<TrainedModel> train(const TrainOrder &order,
                                             TrainMonitor &monitor) const override
    {
        DR_RETURN_IF_ERROR(checkFormat(order.train));
        auto read = demandOptions(order.recipe);
        if (!read)
            return tl::unexpected(read.error());
        auto options = std::move(*read);
        if (order.valid)
            monitor.note("The validation file is not used: the last periods of the training file "
                         "are held out instead");
        std::optional<DemandModel> initial;
        if (order.initial) {
            auto parts = unpackDemand(*order.initial);
            if (!parts)
                return tl::unexpected(parts.error());
            initial = std::move(*parts);
        }
        monitor.progress("Reading " + order.train.path.filename().string(), 0);
        const auto file = tableFile(order.train);
        auto schema =
            initial ? Result<DemandSchema>(initial->schema) : learnSchema(file, options.rules);
        if (!schema)
            return tl::unexpected(schema.error());
        const auto table = readTable(file, *schema, options.rules, true);
        if (!table)
            return tl::unexpected(table.error());
        tell(*table, monitor);
        if (initial)
            options.horizon = initial->schema.horizon;
        else
            settle(options, *table, *schema);
        if (initial && options.leaves == 0)
            options.leaves = 31;
        auto model = trainDemand(*table, std::move(*schema), options, order.seed, order.threads,
                                 monitor, initial ? &*initial : nullptr);
        if (!model)
            return tl::unexpected(model.error());
        return packDemand(*model, options, &*table);
    }

    [[nodiscard]] Result<Evaluation> evaluate(const Package &package, const EvalOrder &order,
                                              TrainMonitor &monitor) const override
    {
        DR_RETURN_IF_ERROR(checkFormat(order.test));
        const auto start = monitor.clock().now();
        const auto model = DemandForecaster::open(package);
        if (!model)
            return tl::unexpected(model.error());
        const auto &schema = (*model)->schema();
        const auto rules = rulesOf(package);
        auto history = order.train ? readTable(tableFile(*order.train), schema, rules, true)
                                   : stored(package, schema);
        if (!history)
            return tl::unexpected(history.error());
        auto test = readTable(tableFile(order.test), schema, rules, true);
        if (!test)
            return tl::unexpected(test.error());
        auto first = std::numeric_limits<std::int64_t>::max();
        for (const auto &series : test->series)
            first = std::min(first, series.first);
        auto origin = lastPeriod(*history);
        if (first <= origin) {
            monitor.note("The test file begins inside the training data; "
                         + std::to_string(origin - first + 1)
                         + " periods of history were left out of the judgement's history");
            origin = first - 1;
        }
        test = readTable(tableFile(order.test), schema, rules, true, origin);
        if (!test)
            return tl::unexpected(test.error());
        joinHistory(*test, *history, schema, origin);
        tell(*test, monitor);
        DemandScores scores;
        DR_RETURN_IF_ERROR(judge(**model, *test, scores, monitor));
        if (scores.periods() == 0)
            return fail(ErrorCode::InvalidInput,
                        "No row of the test file has a value behind the history");
        Evaluation out;
        out.metrics = scores.metrics();
        out.standardErrors = scores.standardErrors();
        out.users = scores.series();
        out.seconds = static_cast<double>((monitor.clock().now() - start).count()) / 1e6;
        return out;
    }

    [[nodiscard]] Result<Answered> answer(const Package &package, const AnswerOrder &order,
                                          TrainMonitor &monitor) const override
    {
        if (order.kind != Answer::Forecast)
            return fail(ErrorCode::InvalidInput, "A demand model forecasts; use drillctl forecast");
        DR_RETURN_IF_ERROR(checkFormat(order.in));
        if (order.horizon < 0 || order.horizon > Forecaster::kMostHorizon)
            return fail(ErrorCode::Usage, "--horizon must be from 1 to "
                                              + std::to_string(Forecaster::kMostHorizon) + ", not "
                                              + std::to_string(order.horizon));
        const auto model = DemandForecaster::open(package);
        if (!model)
            return tl::unexpected(model.error());
        const auto &schema = (*model)->schema();
        auto table = readTable(tableFile(order.in), schema, rulesOf(package), false);
        if (!table)
            return tl::unexpected(table.error());
        if (table->valued == 0) {
            auto joined = planAlone(package, order, schema, *table);
            if (!joined)
                return tl::unexpected(joined.error());
        }
        std::size_t furthest = static_cast<std::size_t>(order.horizon);
        for (const auto &series : table->series)
            furthest = std::max(furthest, series.plan);
        if (furthest == 0)
            return fail(ErrorCode::Usage,
                        "Nothing is asked for: give --horizon N, or rows with an empty value "
                        "behind the history");
        Answered out;
        for (const auto &series : table->series) {
            if (!(*model)->knowsSeries(series.id))
                ++out.notes["series unseen in training"];
        }
        if (furthest > static_cast<std::size_t>(schema.horizon))
            out.notes["steps beyond the trained horizon of " + std::to_string(schema.horizon)] =
                furthest - static_cast<std::size_t>(schema.horizon);
        const auto point = package.manifest.settings.find("point");
        using Point = ForecastOrder::Point;
        const auto wanted = point == package.manifest.settings.end() ? Point::None
                            : point->second == 1                     ? Point::Relative
                            : point->second == 2                     ? Point::Root
                                                                     : Point::None;
        const auto lines =
            writeForecasts(**model, *table, {order.out, order.horizon, wanted}, monitor);
        if (!lines)
            return tl::unexpected(lines.error());
        out.rows = *lines;
        out.notes.insert(table->notes.begin(), table->notes.end());
        return out;
    }

private:
    static Result<DemandTable> stored(const Package &package, const DemandSchema &schema)
    {
        const auto file = package.files.find("history.bin");
        if (file == package.files.end())
            return fail(ErrorCode::InvalidInput,
                        "This model carries no history (its training data was too large); name "
                        "the training file with --train");
        return readHistory(file->second, schema);
    }

    /// A file in which no row has a value is a plan behind the training data.
    static Result<> planAlone(const Package &package, const AnswerOrder &order,
                              const DemandSchema &schema, DemandTable &table)
    {
        if (!package.files.contains("history.bin"))
            return {};
        const auto history = stored(package, schema);
        if (!history)
            return tl::unexpected(history.error());
        const auto origin = lastPeriod(*history);
        auto plan = readTable(tableFile(order.in), schema, rulesOf(package), false, origin);
        if (!plan)
            return tl::unexpected(plan.error());
        table = std::move(*plan);
        joinHistory(table, *history, schema, origin);
        return {};
    }
};

} // namespace

const Family &demandFamily()
{
    static const DemandFamily family;
    return family;
}

Result<DemandOptions> demandOptions(const Recipe &recipe)
{
    DemandOptions options;
    SettingsReader in(recipe);
    in.whole("horizon", options.horizon, 1, 1000);
    in.whole("first_step", options.firstStep, 1, 1000);
    in.whole("season", options.rules.season, 0, 1000);
    in.whole("window", options.window, 4, 5000);
    in.whole("lags", options.lags, 1, 400);
    in.whole("validation", options.validation, 1, 5000);
    in.whole("trees", options.trees, 1, 20000);
    in.whole("leaves", options.leaves, 2, 4096);
    in.whole("least_rows", options.leastRows, 1, 100000);
    in.number("rate", options.rate, 1e-4, 1);
    in.number("columns", options.columns, 0.01, 1);
    in.number("rows", options.rows, 0.05, 1);
    in.whole("patience", options.patience, 10, 100000);
    in.whole("most_rows", options.mostRows, 100, 20'000'000);
    in.choice("missing", options.rules.missing, {"auto", "zero", "unknown"});
    in.choice("duplicates", options.rules.duplicates, {"auto", "last", "sum"});
    in.choice("mean", options.mean, {"auto", "law", "trees"});
    in.choice("point", options.point, {"none", "relative", "root"});
    DR_RETURN_IF_ERROR(in.finish());
    return options;
}

} // namespace engine
