#include "app/composition/checks.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/agent/local_cluster.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

void doctor(Context &context, bool json)
{
    const auto checks = app::workstationChecks(context.paths);
    auto list = nlohmann::json::array();
    for (const auto &check : checks) {
        list.push_back(
            {{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}, {"fix", check.fix}});
        if (!json) {
            print(fmt::format("{}  {}: {}\n", check.ok ? "ok " : "no ", check.name, check.detail));
            if (!check.fix.empty())
                print("       to mend it: " + check.fix + "\n");
        }
    }
    if (json)
        printJson(nlohmann::json{{"checks", list}});
}

void halt(Context &context, bool release, bool json)
{
    const auto done = engine::haltOverSocket(context.paths, release);
    if (!done) {
        context.exit = report(done.error(), json);
        return;
    }
    if (json)
        printJson(nlohmann::json{{"halted", !release}});
    else
        print(release ? "Released: drills may start again.\n"
                      : "Halted: every fault is undone and nothing new starts. "
                        "`drillctl halt --release` lifts it.\n");
}

} // namespace

void addSystemCommands(CLI::App &app, Context &context)
{
    auto *doctorCommand =
        app.add_subcommand("doctor", "What this workstation can do, with the fix for each no");
    static bool doctorJson = false;
    doctorCommand->add_flag("--json", doctorJson, "The result as JSON");
    doctorCommand->callback([&context] { doctor(context, doctorJson); });

    auto *haltCommand =
        app.add_subcommand("halt", "Emergency stop: everything undone, nothing new starts");
    static bool release = false, haltJson = false;
    haltCommand->add_flag("--release", release, "Lift the stop");
    haltCommand->add_flag("--json", haltJson, "The result as JSON");
    haltCommand->callback([&context] { halt(context, release, haltJson); });
}

} // namespace ctl
