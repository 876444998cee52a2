#pragma once
// From the words of an order to what a family takes: files with their columns, the recipe with its
// --set, the verified package. And what exactly was ordered, as a digest.

#include "app/composition/model_job.h"
#include "engine/training/family.h"

namespace app {

[[nodiscard]] engine::Result<engine::InputFile> inputFile(const ModelJob &job,
                                                          const std::string &path);
/// The recipe's settings with those of --set over them; an empty recipe without either.
[[nodiscard]] engine::Result<engine::Recipe> recipeOf(const ModelJob &job);
/// Signed by this installation, every byte accounted for.
[[nodiscard]] engine::Result<engine::Package> openModel(const ModelJob &job);

/// SHA-256 of a file of any size, hex. Halted when stopped.
[[nodiscard]] engine::Result<std::string> fileDigest(const std::filesystem::path &path,
                                                     std::stop_token stop);

/// What makes two trainings the same one: data, settings, seed, threads, device, what it starts
/// from. The time limit is not in it.
[[nodiscard]] engine::Result<std::string>
orderDigest(const ModelJob &job, const engine::TrainOrder &order, std::stop_token stop);

} // namespace app
