#pragma once
// What a node process of the shop is told at its start: the JSON file that the agent writes for it.
//   {"target": "replica/2", "role": "replica", "agent_socket": "...", "shop": "...", "log": "...",
//    "options": {...}}

#include "engine/base/error.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace engine {

/// Plain value. An empty `agentSocket` means stand-alone: no commands, windows go nowhere.
struct NodeConfig
{
    std::string target, role, agentSocket;
    std::filesystem::path shop;
    std::filesystem::path log; ///< empty: standard error
    nlohmann::json options = nlohmann::json::object();

    /// Options by name; InvalidInput names the option and what was expected of it.
    [[nodiscard]] Result<std::string> textOption(std::string_view name) const;
    [[nodiscard]] Result<std::int64_t> numberOption(std::string_view name, std::int64_t otherwise,
                                                    std::int64_t low, std::int64_t high) const;
    [[nodiscard]] Result<bool> flagOption(std::string_view name, bool otherwise) const;
};

/// Where a peer of the gateway answers (a proxy of the agent).
struct NodeAddress
{
    std::string target, address;
};

/// `options.NAME`: [{"target": ..., "address": ...}]; empty when absent.
[[nodiscard]] Result<std::vector<NodeAddress>> addressesOption(const NodeConfig &config,
                                                               std::string_view name);

[[nodiscard]] Result<NodeConfig> parseNodeConfig(std::string_view text, std::string place = {});
[[nodiscard]] Result<NodeConfig> readNodeConfig(const std::filesystem::path &file);

} // namespace engine
