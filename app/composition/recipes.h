#pragma once
// The recipes that came with the program, and those of the operator by path.

#include "engine/base/paths.h"
#include "engine/model/recipe.h"

namespace app {

/// "gowalla" (shipped) or a path with a slash or an ending. NotFound names the shipped ones.
[[nodiscard]] engine::Result<std::filesystem::path> recipeFile(const engine::Paths &paths,
                                                               const std::string &nameOrFile);
/// Names without ending, sorted.
[[nodiscard]] std::vector<std::string> shippedRecipes(const engine::Paths &paths);

} // namespace app
