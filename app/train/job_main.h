#pragma once
// The entrances of drillroom-train besides that for shops.

namespace app {

/// `--job`: the first line of standard input is the order (model_job.h), later lines are words
/// ("pause", "resume", "stop"). JSON lines out: {"what", "part"}, {"metric", "step", "value"},
/// {"note"}, {"checkpoint"}, {"paused"}; at the end {"result"} or {"error", "code", "place"}. Does
/// not return.
int jobMain();

/// `--families`: {"families": [{"name", "help"}]}.
int familiesMain();

} // namespace app
