#pragma once
// From the tree of a drill file to a Drill, collecting every problem on the way. Internal to the
// reader.

#include "engine/drill/drill_file.h"
#include "engine/drill/tree.h"

namespace engine {

struct Problem
{
    SourcePlace place;
    std::string text;
};

/// Empty problems = the drill is sound.
[[nodiscard]] Drill readSchema(Node root, const Overrides &overrides,
                               std::vector<Problem> &problems);
/// All problems in the file's order as one error.
[[nodiscard]] Error problemsError(std::vector<Problem> problems, std::string_view file);
/// What a single part cannot see: targets that match nothing, times, radius.
void checkWhole(const Drill &drill, std::vector<Problem> &problems);

} // namespace engine
