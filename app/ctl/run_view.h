#pragma once
// A run as text: the live line while it goes on, the verdict table when it is over.

#include "engine/event/run_state.h"

#include <string>

namespace ctl {

/// "0:23  200/s  p99 12 ms  failed 0.0 %  quality 1.000  process.kill replica/2 confirmed"
[[nodiscard]] std::string liveLine(const engine::RunState &state);

/// Word, sentence, reason, marks and a table of the measures.
[[nodiscard]] std::string verdictText(const engine::Verdict &verdict, bool synthetic);

/// "12.3 s", "0.42 %", "0.998": a measure's value in the unit that its rule is written in.
[[nodiscard]] std::string valueText(std::optional<double> value, const std::string &unit);

} // namespace ctl
