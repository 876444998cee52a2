#pragma once
// The models that model.bad-deploy deploys: truly trained, truly signed, truly bad. One of each
// kind is made for a shop and used again: bad-deploy.json in the shop's folder names their
// versions.

#include "engine/base/error.h"

#include <filesystem>
#include <optional>
#include <string>

namespace engine {

/// The version and digest of the shop's bad model of this kind, when it is there and may serve.
struct BadModel
{
    std::string version, digest;
};
[[nodiscard]] std::optional<BadModel> badModelOf(const std::filesystem::path &shop,
                                                 const std::string &kind);
[[nodiscard]] Result<> noteBadModel(const std::filesystem::path &shop, const std::string &kind,
                                    const std::string &version);

} // namespace engine
