#pragma once
// Reads drill files: YAML or JSON text to a checked Drill, or every error in it with its line and
// column, the rule and what to write instead. drills/README.md is the format's reference.

#include "engine/drill/drill.h"

#include <filesystem>

namespace engine {

/// `--set key=value`: a key of the drill's `configuration`, or length, hold, rate, warm-up,
/// deadline, replicas.
using Overrides = std::map<std::string, std::string>;

/// Splits "length=25s"; a Usage error names what is wrong.
[[nodiscard]] Result<> addOverride(Overrides &overrides, std::string_view text);

/// `file` names the text in errors; a name that ends in .json is read as JSON. All errors are in
/// the message, one per line, in the file's order; the first one's place is the error's place.
[[nodiscard]] Result<Drill> parseDrill(std::string_view text, const std::string &file,
                                       const Overrides &overrides = {});
[[nodiscard]] Result<Drill> readDrill(const std::filesystem::path &path,
                                      const Overrides &overrides = {});

/// One line of a lint: what a careful operator asks before pressing start.
struct LintLine
{
    std::string
        subject; ///< guard, undo, radius, cap; then hints: length, baseline, description ...
    bool ok = true;
    std::string text;
    SourcePlace place;
};
[[nodiscard]] std::vector<LintLine> lint(const Drill &drill);

/// One drill of a folder; `error` is set when it cannot be read.
struct ListedDrill
{
    std::string id, path; ///< id: file name without extension
    Drill drill;
    std::string error;
};
/// The .yaml, .yml and .json files of a folder by name.
[[nodiscard]] std::vector<ListedDrill> listDrills(const std::filesystem::path &folder);
/// A path, or a name in the library ("01-ranker-crash"); NotFound names the nearest.
[[nodiscard]] Result<std::filesystem::path> findDrill(const std::string &nameOrPath,
                                                      const std::filesystem::path &library);

} // namespace engine
