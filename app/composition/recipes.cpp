#include "app/composition/recipes.h"

#include <algorithm>

namespace app {
namespace {

namespace fs = std::filesystem;

/// Installed: PREFIX/share/drillroom/recipes; built: the source's folder.
fs::path folder(const engine::Paths &paths)
{
    std::error_code error;
    const auto installed = paths.binaries.parent_path() / "share/drillroom/recipes";
    return fs::exists(installed, error) ? installed : fs::path(DRILLROOM_SOURCE_RECIPES);
}

} // namespace

std::vector<std::string> shippedRecipes(const engine::Paths &paths)
{
    std::vector<std::string> names;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(folder(paths), error)) {
        if (entry.path().extension() == ".yaml")
            names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

engine::Result<fs::path> recipeFile(const engine::Paths &paths, const std::string &nameOrFile)
{
    std::error_code error;
    if (nameOrFile.find('/') == std::string::npos && fs::path(nameOrFile).extension().empty()) {
        const auto shipped = folder(paths) / (nameOrFile + ".yaml");
        if (fs::exists(shipped, error))
            return shipped;
    }
    if (fs::exists(nameOrFile, error))
        return fs::path(nameOrFile);
    std::string names;
    for (const auto &name : shippedRecipes(paths))
        names += (names.empty() ? "" : ", ") + name;
    return engine::fail(engine::ErrorCode::NotFound,
                        "There is no recipe '" + nameOrFile + "'; shipped are: "
                            + (names.empty() ? "none" : names) + "; or give the path of a file");
}

} // namespace app
