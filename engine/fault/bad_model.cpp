#include "engine/fault/bad_model.h"

#include "engine/base/files.h"
#include "engine/model/registry.h"

#include <nlohmann/json.hpp>

namespace engine {
namespace {

nlohmann::json known(const std::filesystem::path &shop)
{
    const auto text = readText(shop / "bad-deploy.json", 1 << 16);
    const auto json = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
    return json.is_object() ? json : nlohmann::json::object();
}

} // namespace

std::optional<BadModel> badModelOf(const std::filesystem::path &shop, const std::string &kind)
{
    const auto json = known(shop);
    const auto at = json.find(kind);
    const auto registry = Registry::open(shop);
    if (!registry || at == json.end() || !at->is_string())
        return {};
    const auto *entry = registry->find(at->get<std::string>());
    std::error_code error;
    // One that passed its gate is no longer what this file speaks of.
    if (!entry || entry->gatePassed || entry->revoked
        || std::atoi(entry->version.c_str()) < registry->floor()
        || !std::filesystem::exists(registry->packageFolder(entry->version), error))
        return {};
    return BadModel{entry->version, entry->digest};
}

Result<> noteBadModel(const std::filesystem::path &shop, const std::string &kind,
                      const std::string &version)
{
    auto json = known(shop);
    json[kind] = version;
    return writeTextAtomically(shop / "bad-deploy.json", json.dump(1) + "\n");
}

} // namespace engine
