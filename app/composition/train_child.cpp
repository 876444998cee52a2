#include "app/composition/train_child.h"

#include "app/composition/train_process.h"

#include <nlohmann/json.hpp>

namespace app {

namespace {

engine::Result<> train(const engine::Paths &paths, std::vector<std::string> arguments,
                       const BuildProgress &progress, std::stop_token stop)
{
    TrainProcess process;
    process.arguments = std::move(arguments);
    return runTrainProcess(
        paths, process,
        [&](const nlohmann::json &line) {
            if (progress && line.contains("what"))
                progress(line.value("what", ""), line.value("part", -1.0));
        },
        std::move(stop));
}

std::vector<std::string> argumentsOf(const engine::Paths &paths,
                                     const std::filesystem::path &folder, std::uint64_t seed,
                                     engine::Micros timeLimit)
{
    return {"--shop",       folder.string(),
            "--key",        paths.signingKey().string(),
            "--seed",       std::to_string(seed),
            "--time-limit", std::to_string(timeLimit.count() / 1'000'000)};
}

} // namespace

engine::Result<> trainInChild(const engine::Paths &paths, const std::filesystem::path &folder,
                              std::uint64_t seed, engine::Micros timeLimit,
                              const BuildProgress &progress, std::stop_token stop)
{
    return train(paths, argumentsOf(paths, folder, seed, timeLimit), progress, std::move(stop));
}

engine::Result<> trainApplicationInChild(const engine::Paths &paths,
                                         const std::filesystem::path &folder,
                                         const std::string &application, std::uint64_t seed,
                                         engine::Micros timeLimit, const BuildProgress &progress,
                                         std::stop_token stop)
{
    auto arguments = argumentsOf(paths, folder, seed, timeLimit);
    arguments.insert(arguments.end(), {"--application", application});
    return train(paths, std::move(arguments), progress, std::move(stop));
}

} // namespace app
