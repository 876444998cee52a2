#pragma once
// Does one order (model_job.h): trains and signs a package, judges one, or answers a file with one.

#include "app/composition/model_job.h"
#include "app/train/job_control.h"

#include <nlohmann/json_fwd.hpp>

namespace app {

/// Blocks. Progress goes to standard output as JSON lines; the result is for the last line. Nothing
/// half-written is left by an error or a stop (a checkpoint may stay, on purpose).
[[nodiscard]] engine::Result<nlohmann::json> runJob(ModelJob job, JobControl &control,
                                                    const engine::Clock &clock);

/// [{"name", "help"}] of all families.
[[nodiscard]] nlohmann::json familiesJson();

} // namespace app
