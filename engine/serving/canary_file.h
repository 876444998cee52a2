#pragma once
// The canary that whoever deploys models writes into the endpoints' file while a new one is shown
// to some: {"canary": {"targets": ["replica/1"], "share": 0.2}} beside the lists of replicas.

#include "engine/base/error.h"

#include <string>
#include <vector>

namespace engine {

struct GivenCanary
{
    std::vector<std::string> targets; ///< who has the new model; empty: nobody
    double share = 0;                 ///< of the shoppers
    bool operator==(const GivenCanary &) const = default;
};

/// Of nobody where the file has none. InvalidInput with file:line:column.
[[nodiscard]] Result<GivenCanary> parseCanary(std::string_view text, std::string_view file);

} // namespace engine
