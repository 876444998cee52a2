#pragma once
// Runs one order with drillroom-train for a command: progress bar, Ctrl+C, notes, the result.

#include "app/composition/model_job.h"
#include "app/ctl/commands.h"

#include <functional>
#include <nlohmann/json.hpp>

namespace ctl {

/// Says what the result means to people; the JSON goes out as it is.
using ResultText = std::function<std::string(const nlohmann::json &result)>;

/// Blocks; sets context.exit.
void runModelJob(Context &context, const app::ModelJob &job, bool json, const ResultText &text);

/// The object or list of this name, or an empty one: safe to walk, unlike json::value().items().
[[nodiscard]] const nlohmann::json &partOf(const nlohmann::json &result, const char *name);

/// "ndcg@10  0.0612  0.0590 .. 0.0634": a table of metrics, with intervals where there are some.
[[nodiscard]] std::string metricsText(const nlohmann::json &result);

/// Options that all commands with data share.
void addDataOptions(CLI::App &command, app::ModelJob &job);

} // namespace ctl
