#include "engine/agent/repair.h"

#include "engine/base/files.h"
#include "engine/fault/fault.h"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace engine {

Result<> repairFromLedger(Ledger &ledger, const Paths &paths, const Clock &clock)
{
    if (ledger.damagedLines() > 0)
        spdlog::warn("ledger damaged_lines={}", ledger.damagedLines());
    const auto pending = ledger.pending();
    std::map<std::string, nlohmann::json> byRecording;
    auto all = nlohmann::json::array();
    for (const auto &[serial, intent] : pending) {
        const auto outcome = repairFault(intent, clock);
        spdlog::info("repair fault={} target={} pid={} outcome=\"{}\"", intent.fault, intent.target,
                     intent.process.pid, outcome);
        const nlohmann::json one{{"fault", intent.fault},
                                 {"target", intent.target},
                                 {"holder", intent.holder},
                                 {"outcome", outcome}};
        all.push_back(one);
        if (const auto file = intent.undo.find("recording"); file != intent.undo.end())
            byRecording[file->second].push_back(one);
        if (!outcome.starts_with("failed"))
            DR_RETURN_IF_ERROR(ledger.done(serial, "repaired: " + outcome));
    }
    if (pending.empty())
        return ledger.tidy();
    const auto text = [&](const nlohmann::json &faults) {
        return nlohmann::json{{"wall_us", clock.wallMicros()}, {"faults", faults}}.dump(1) + "\n";
    };
    DR_RETURN_IF_ERROR(writeTextAtomically(paths.home / "repair.json", text(all), 0600));
    for (const auto &[recording, faults] : byRecording) {
        auto file = std::filesystem::path(recording);
        file.replace_extension(".undo.json");
        // The recording may be gone; the outcome is in repair.json all the same.
        if (const auto written = writeTextAtomically(file, text(faults)); !written)
            spdlog::warn("repair outcome file={} error=\"{}\"", file.string(),
                         written.error().text());
    }
    return ledger.tidy();
}

} // namespace engine
