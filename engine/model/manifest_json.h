#pragma once
// manifest.json: what a model is, and size and SHA-256 of every other file of its package.

#include "engine/model/package.h"

namespace engine {

struct PackageFile
{
    std::uint64_t size = 0;
    std::string sha256; ///< hex
};

/// Keys sorted, so equal manifests have equal bytes.
[[nodiscard]] std::string manifestText(const Manifest &manifest,
                                       const std::map<std::string, PackageFile> &files);

struct ParsedManifest
{
    Manifest manifest;
    std::map<std::string, PackageFile> files;
};
[[nodiscard]] Result<ParsedManifest> parseManifest(std::span<const std::uint8_t> text,
                                                   const std::string &file);

/// 1 to 999999999 without leading zeros; else nullopt.
[[nodiscard]] std::optional<int> versionNumber(std::string_view version);

} // namespace engine
