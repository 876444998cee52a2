#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/agent/local_cluster.h"

#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace ctl {
namespace {

using nlohmann::json;

struct Options
{
    double seconds = 10;
    bool json = false;
};

/// What a process has used so far, and what it holds; zeros when it is gone.
struct Usage
{
    double cpuSeconds = 0, residentMb = 0;
};

Usage usageOf(int pid)
{
    Usage out;
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string skipped;
    std::getline(stat, skipped, ')'); // the name may hold spaces
    for (int i = 0; i < 11; ++i)
        stat >> skipped;
    double user = 0, system = 0;
    stat >> user >> system;
    out.cpuSeconds = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    std::ifstream statm(fmt::format("/proc/{}/statm", pid));
    double pages = 0, resident = 0;
    statm >> pages >> resident;
    out.residentMb = resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
    return out;
}

void measure(Context &context, const Options &options)
{
    const auto &clock = engine::systemClock();
    auto cluster = engine::LocalCluster::open(
        context.paths, clock, {.name = "drillctl bench shop", .readOnly = true, .spawn = false});
    if (!cluster) {
        context.exit = report(cluster.error(), options.json);
        return;
    }
    const auto status = (*cluster)->shopStatus();
    const auto agent = (*cluster)->agent();
    if (!status || !agent) {
        context.exit = report(!status ? status.error() : agent.error(), options.json);
        return;
    }
    std::vector<std::pair<std::string, int>> processes{{"agent", agent->pid}};
    for (const auto &process : status->processes)
        if (process.pid > 0)
            processes.emplace_back(process.name, process.pid);
    cluster->reset(); // our own questions are not to be measured
    const auto wait = [&](double seconds) {
        clock.waitUntil(clock.now() + engine::Micros{static_cast<std::int64_t>(seconds * 1e6)}, {});
    };
    wait(1);
    std::vector<Usage> before;
    for (const auto &[name, pid] : processes)
        before.push_back(usageOf(pid));
    const auto from = clock.now();
    wait(options.seconds);
    const auto took = static_cast<double>((clock.now() - from).count()) / 1e6;
    auto list = json::array();
    Table table({"Process", "CPU %", "Resident MB"}, {false, true, true});
    double cpu = 0, resident = 0;
    for (std::size_t i = 0; i < processes.size(); ++i) {
        const auto now = usageOf(processes[i].second);
        const auto share = 100 * (now.cpuSeconds - before[i].cpuSeconds) / took;
        cpu += share;
        resident += now.residentMb;
        table.row({processes[i].first, fmt::format("{:.2f}", share),
                   fmt::format("{:.0f}", now.residentMb)});
        list.push_back({{"name", processes[i].first},
                        {"cpu_percent", share},
                        {"resident_mb", now.residentMb}});
    }
    table.row({"all", fmt::format("{:.2f}", cpu), fmt::format("{:.0f}", resident)});
    if (options.json)
        printJson(json{
            {"shop", status->name}, {"seconds", took}, {"cpu_percent", cpu}, {"processes", list}});
    else
        print(table.text());
}

} // namespace

void addBenchShopCommand(CLI::App &bench, Context &context)
{
    auto options = std::make_shared<Options>();
    auto *shop = bench.add_subcommand(
        "shop", "What the running shop's processes use: share of a core, memory");
    shop->add_option("--seconds", options->seconds, "How long")
        ->check(CLI::Range(1.0, 3600.0))
        ->capture_default_str();
    shop->add_flag("--json", options->json, "The result as JSON");
    shop->callback([&context, options] { measure(context, *options); });
}

} // namespace ctl
