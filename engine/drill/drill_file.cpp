#include "engine/drill/drill_file.h"

#include "engine/base/files.h"
#include "engine/drill/drill_schema.h"
#include "engine/drill/drill_values.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

bool isDrillName(const std::filesystem::path &path)
{
    const auto extension = path.extension();
    return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

std::vector<std::filesystem::path> drillFiles(const std::filesystem::path &folder)
{
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error))
        if (isDrillName(it->path()))
            files.push_back(it->path());
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace

Result<> addOverride(Overrides &overrides, std::string_view text)
{
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size())
        return fail(ErrorCode::Usage,
                    fmt::format("`--set {}` is not NAME=VALUE; write for example `--set "
                                "length=25s`.",
                                text));
    overrides[std::string(text.substr(0, equals))] = std::string(text.substr(equals + 1));
    return {};
}

Result<Drill> parseDrill(std::string_view text, const std::string &file, const Overrides &overrides)
{
    auto tree = file.ends_with(".json") ? parseJsonTree(text, file) : parseYamlTree(text, file);
    if (!tree)
        return tl::unexpected(tree.error());
    std::vector<Problem> problems;
    auto drill = readSchema(std::move(*tree), overrides, problems);
    // Parts that could not be read would only echo in the checks between them.
    if (problems.empty())
        checkWhole(drill, problems);
    if (!problems.empty())
        return tl::unexpected(problemsError(std::move(problems), file));
    drill.sourcePath = file;
    drill.sourceText = std::string(text);
    return drill;
}

Result<Drill> readDrill(const std::filesystem::path &path, const Overrides &overrides)
{
    auto text = readText(path, kMostText + 1);
    if (!text)
        return tl::unexpected(text.error());
    return parseDrill(*text, path.string(), overrides);
}

std::vector<ListedDrill> listDrills(const std::filesystem::path &folder)
{
    std::vector<ListedDrill> list;
    for (const auto &path : drillFiles(folder)) {
        ListedDrill listed{path.stem().string(), path.string(), {}, {}};
        if (auto drill = readDrill(path))
            listed.drill = std::move(*drill);
        else
            listed.error = drill.error().text();
        list.push_back(std::move(listed));
    }
    return list;
}

Result<std::filesystem::path> findDrill(const std::string &nameOrPath,
                                        const std::filesystem::path &library)
{
    std::error_code error;
    if (std::filesystem::is_regular_file(nameOrPath, error))
        return std::filesystem::path(nameOrPath);
    std::vector<std::string> names;
    for (const auto &path : drillFiles(library)) {
        if (path.stem() == nameOrPath || path.filename() == nameOrPath)
            return path;
        names.push_back(path.stem().string());
    }
    return fail(
        ErrorCode::NotFound,
        fmt::format("There is no drill `{}`, neither as a file nor in {}{}. `drillctl drill "
                    "list` names them.",
                    nameOrPath, library.string(), hint(nameOrPath, names)));
}

} // namespace engine
