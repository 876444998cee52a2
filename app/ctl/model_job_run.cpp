#include "app/ctl/model_job_run.h"

#include "app/composition/train_process.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/output.h"
#include "engine/base/clock.h"

#include <cmath>
#include <fmt/format.h>

namespace ctl {
namespace {

using nlohmann::json;

/// A bar, how fast it goes, how long it will take. A new sentence with a lower part begins anew.
class Bar
{
public:
    explicit Bar(const engine::Clock &clock) : m_clock(clock) {}

    void step(const std::string &what, double part)
    {
        const auto now = m_clock.now();
        if (part < m_part || m_part < 0) {
            m_start = now;
            m_from = std::max(0.0, part);
        }
        m_part = part;
        if (part < 0) {
            m_line.line(what);
            return;
        }
        constexpr int kWide = 24;
        const int full = static_cast<int>(std::lround(std::min(1.0, part) * kWide));
        const double seconds = static_cast<double>((now - m_start).count()) / 1e6;
        const double rate = seconds > 0.5 ? (part - m_from) / seconds : 0;
        auto text =
            fmt::format("[{}{}] {:3.0f} %", std::string(static_cast<std::size_t>(full), '#'),
                        std::string(static_cast<std::size_t>(kWide - full), '-'), 100 * part);
        if (rate > 0) {
            const auto left = static_cast<long>(std::min(1e6, (1 - part) / rate));
            text += fmt::format("  {:.2g} %/s  {}:{:02} left", 100 * rate, left / 60, left % 60);
        }
        m_line.line(text + "  " + what);
    }
    /// A sentence that stays above the bar.
    void note(const std::string &text)
    {
        m_line.clear();
        std::fprintf(stderr, "%s\n", text.c_str());
    }
    void clear() { m_line.clear(); }

private:
    const engine::Clock &m_clock;
    Progress m_line;
    engine::MonoTime m_start{0};
    double m_part = -1, m_from = 0;
};

std::string number(double value)
{
    return std::abs(value) >= 1000 ? fmt::format("{:.1f}", value) : fmt::format("{:.4f}", value);
}

} // namespace

const json &partOf(const json &result, const char *name)
{
    static const json none = json::object();
    const auto at = result.find(name);
    return at == result.end() ? none : *at;
}

std::string metricsText(const json &result)
{
    const auto &intervals = partOf(result, "intervals");
    Table table({"Metric", "Value", "95 %"}, {false, true, false});
    for (const auto &[name, value] : partOf(result, "metrics").items()) {
        std::string interval;
        if (intervals.contains(name))
            interval = number(intervals[name][0].get<double>()) + " .. "
                       + number(intervals[name][1].get<double>());
        table.row({name, value.is_number() ? number(value.get<double>()) : "", interval});
    }
    return table.text();
}

void runModelJob(Context &context, const app::ModelJob &order, bool asJson, const ResultText &text)
{
    auto job = order;
    job.key = context.paths.signingKey().string();
    json result;
    Bar bar(engine::systemClock());
    const Interrupt interrupt;
    app::TrainProcess process;
    process.arguments = {"--job"};
    process.input = app::jobText(job) + "\n";
    process.gentle = true;
    const auto done = app::runTrainProcess(
        context.paths, process,
        [&](const json &line) {
            if (line.contains("result"))
                result = line["result"];
            else if (line.contains("what"))
                bar.step(line.value("what", ""), line.value("part", -1.0));
            else if (line.contains("note"))
                bar.note(line.value("note", ""));
        },
        interrupt.token());
    bar.clear();
    if (!done) {
        context.exit = report(done.error(), asJson);
        return;
    }
    if (asJson)
        printJson(result);
    else
        print(text(result));
}

void addDataOptions(CLI::App &command, app::ModelJob &job)
{
    command.add_option("--format", job.format,
                       "pairs, lists, csv, libsvm or jsonl; told from the file unless given");
    command.add_option("--columns", job.columns,
                       "Columns of a csv: role=name,... e.g. user=CustomerID,item=StockCode");
    command.add_option("--threads", job.threads, "Threads; all cores unless given")
        ->check(CLI::Range(1, 1024));
}

} // namespace ctl
