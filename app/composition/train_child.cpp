#include "app/composition/train_child.h"

#include "app/composition/train_process.h"

#include <nlohmann/json.hpp>

namespace app {

engine::Result<> trainInChild(const engine::Paths &paths, const std::filesystem::path &folder,
                              const std::string &application, std::uint64_t seed,
                              engine::Micros timeLimit, const BuildProgress &progress,
                              std::stop_token stop)
{
    TrainProcess process;
    process.arguments = {"--shop",       folder.string(),
                         "--key",        paths.signingKey().string(),
                         "--seed",       std::to_string(seed),
                         "--time-limit", std::to_string(timeLimit.count() / 1'000'000)};
    if (application != "recommend")
        process.arguments.insert(process.arguments.end(), {"--application", application});
    return runTrainProcess(
        paths, process,
        [&](const nlohmann::json &line) {
            if (line.contains("what"))
                progress(line.value("what", ""), line.value("part", -1.0));
        },
        std::move(stop));
}

} // namespace app
