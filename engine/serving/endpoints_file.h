#pragma once
// Where the replicas are, as a file that whoever starts them keeps up to date.

#include "engine/serving/node_config.h"

namespace engine {

struct Endpoints
{
    std::vector<NodeAddress> replicas, standby;
};

/// {"replicas": [{"target": "replica/1", "address": "127.0.0.1:4711"}, ...], "standby": [...]}, as
/// JSON or YAML. InvalidInput with file:line:column when it is something else, names a target
/// twice, or names no replica at all: then the addresses known so far are to be kept.
[[nodiscard]] Result<Endpoints> parseEndpoints(std::string_view text, std::string_view file);

} // namespace engine
