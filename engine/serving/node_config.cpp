#include "engine/serving/node_config.h"

#include "engine/base/files.h"

#include <fmt/format.h>

namespace engine {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

tl::unexpected<Error> wrong(std::string_view name, std::string_view wanted)
{
    return fail(ErrorCode::InvalidInput,
                fmt::format("The node config's \"{}\" must be {}", name, wanted));
}

Result<std::string> text(const Json &object, std::string_view name, bool needed)
{
    const auto at = object.find(name);
    if (at == object.end() && !needed)
        return std::string();
    if (at == object.end() || !at->is_string())
        return wrong(name, "a text");
    return at->get<std::string>();
}

} // namespace

Result<std::string> NodeConfig::textOption(std::string_view name) const
{
    return text(options, name, true);
}

Result<std::int64_t> NodeConfig::numberOption(std::string_view name, std::int64_t otherwise,
                                              std::int64_t low, std::int64_t high) const
{
    const auto at = options.find(name);
    if (at == options.end())
        return otherwise;
    if (!at->is_number_integer() || at->get<std::int64_t>() < low || at->get<std::int64_t>() > high)
        return wrong(name, fmt::format("a whole number from {} to {}", low, high));
    return at->get<std::int64_t>();
}

Result<bool> NodeConfig::flagOption(std::string_view name, bool otherwise) const
{
    const auto at = options.find(name);
    if (at == options.end())
        return otherwise;
    if (!at->is_boolean())
        return wrong(name, "true or false");
    return at->get<bool>();
}

Result<std::vector<NodeAddress>> addressesOption(const NodeConfig &config, std::string_view name)
{
    std::vector<NodeAddress> out;
    const auto at = config.options.find(name);
    if (at == config.options.end())
        return out;
    constexpr std::string_view kWanted = "a list of {\"target\", \"address\"}";
    if (!at->is_array())
        return wrong(name, kWanted);
    for (const auto &entry : *at) {
        if (!entry.is_object())
            return wrong(name, kWanted);
        auto target = text(entry, "target", true);
        auto address = text(entry, "address", true);
        if (!target || !address)
            return wrong(name, kWanted);
        out.push_back({std::move(*target), std::move(*address)});
    }
    return out;
}

Result<NodeConfig> parseNodeConfig(std::string_view source, std::string place)
{
    Json json;
    try {
        json = Json::parse(source);
    } catch (const Json::parse_error &error) {
        return fail(ErrorCode::InvalidInput,
                    "The node config is not JSON; the agent writes it, start the shop anew",
                    fmt::format("{}:{}", place, error.byte));
    }
    if (!json.is_object())
        return fail(ErrorCode::InvalidInput, "The node config is not a JSON object", place);

    NodeConfig config;
    const struct
    {
        std::string_view name;
        bool needed;
    } texts[] = {
        {"target", true}, {"role", true}, {"shop", true}, {"agent_socket", false}, {"log", false}};
    std::vector<std::string> values;
    for (const auto &[name, needed] : texts) {
        auto value = text(json, name, needed);
        if (!value)
            return fail(value.error().code, value.error().message, place);
        values.push_back(std::move(*value));
    }
    config.target = values[0];
    config.role = values[1];
    config.shop = values[2];
    config.agentSocket = values[3];
    config.log = values[4];
    if (const auto at = json.find("options"); at != json.end()) {
        if (!at->is_object())
            return fail(ErrorCode::InvalidInput, "The node config's \"options\" must be an object",
                        place);
        config.options = *at;
    }
    return config;
}

Result<NodeConfig> readNodeConfig(const std::filesystem::path &file)
{
    auto source = readText(file, kMaxConfigBytes);
    if (!source)
        return tl::unexpected(source.error());
    return parseNodeConfig(*source, file.string());
}

} // namespace engine
