#include "engine/model/manifest_json.h"

#include "engine/model/strict_json.h"

#include <algorithm>

namespace engine {
namespace {

/// A name that stays inside the folder.
bool isPlainName(const std::string &name)
{
    return !name.empty() && name.size() <= 100 && name[0] != '.'
           && std::all_of(name.begin(), name.end(), [](char c) {
                  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                         || c == '.' || c == '_' || c == '-';
              });
}

Result<std::map<std::string, PackageFile>> parseFiles(const nlohmann::json &json,
                                                      const std::string &file)
{
    const auto list = json.find("files");
    if (list == json.end() || !list->is_object() || !list->contains("weights.safetensors"))
        return fail(ErrorCode::InvalidInput, "\"files\" must list weights.safetensors", file);
    std::map<std::string, PackageFile> files;
    for (const auto &[name, value] : list->items()) {
        if (!isPlainName(name) || name == "manifest.json" || name == "manifest.sig")
            return fail(ErrorCode::InvalidInput,
                        "\"files\" lists \"" + name + "\", which is no plain file of a package",
                        file);
        if (!value.is_object())
            return fail(ErrorCode::InvalidInput, "\"" + name + "\" needs size and sha256", file);
        auto size = jsonCount(value, "size", file);
        if (!size)
            return tl::unexpected(std::move(size.error()));
        auto sha = jsonText(value, "sha256", file);
        if (!sha)
            return tl::unexpected(std::move(sha.error()));
        const auto raw = unhex(*sha);
        if (!raw || raw->size() != 32)
            return fail(ErrorCode::InvalidInput, "The sha256 of \"" + name + "\" is not 64 digits",
                        file);
        files[name] = {*size, *sha};
    }
    return files;
}

} // namespace

std::optional<int> versionNumber(std::string_view version)
{
    if (version.empty() || version.size() > 9 || version[0] == '0')
        return std::nullopt;
    int number = 0;
    for (const char c : version) {
        if (c < '0' || c > '9')
            return std::nullopt;
        number = number * 10 + (c - '0');
    }
    return number;
}

std::string manifestText(const Manifest &manifest, const std::map<std::string, PackageFile> &files)
{
    auto list = nlohmann::json::object();
    for (const auto &[name, file] : files)
        list[name] = {{"size", file.size}, {"sha256", file.sha256}};
    nlohmann::json json = {{"format", manifest.format},
                           {"family", manifest.family},
                           {"version", manifest.version},
                           {"settings", manifest.settings},
                           {"feature_schema", manifest.featureSchema},
                           {"training_data", manifest.trainingData},
                           {"recipe", manifest.recipe},
                           {"lineage", manifest.lineage},
                           {"metrics", manifest.metrics},
                           {"seed", manifest.seed},
                           {"files", list}};
    if (!manifest.provenance.empty())
        json["provenance"] = manifest.provenance;
    return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<ParsedManifest> parseManifest(std::span<const std::uint8_t> text, const std::string &file)
{
    auto json = parseStrictJson(text, file);
    if (!json)
        return tl::unexpected(std::move(json.error()));
    ParsedManifest parsed;
    auto &manifest = parsed.manifest;
    auto format = jsonCount(*json, "format", file);
    if (!format)
        return tl::unexpected(std::move(format.error()));
    if (*format != 1)
        return fail(ErrorCode::InvalidInput,
                    "This package has format " + std::to_string(*format)
                        + "; this program reads format 1",
                    file);
    const std::pair<const char *, std::string *> texts[] = {
        {"family", &manifest.family},
        {"version", &manifest.version},
        {"feature_schema", &manifest.featureSchema},
        {"training_data", &manifest.trainingData},
        {"recipe", &manifest.recipe},
        {"lineage", &manifest.lineage}};
    for (const auto &[key, target] : texts) {
        auto value = jsonText(*json, key, file);
        if (!value)
            return tl::unexpected(std::move(value.error()));
        *target = std::move(*value);
    }
    const std::pair<const char *, std::map<std::string, double> *> maps[] = {
        {"settings", &manifest.settings}, {"metrics", &manifest.metrics}};
    for (const auto &[key, target] : maps) {
        auto value = jsonNumbers(*json, key, file);
        if (!value)
            return tl::unexpected(std::move(value.error()));
        *target = std::move(*value);
    }
    if (!versionNumber(manifest.version))
        return fail(ErrorCode::InvalidInput,
                    "The version \"" + manifest.version + "\" is not a number from 1", file);
    auto seed = jsonCount(*json, "seed", file);
    if (!seed)
        return tl::unexpected(std::move(seed.error()));
    manifest.seed = *seed;
    if (const auto at = json->find("provenance"); at != json->end()) {
        if (!at->is_object())
            return fail(ErrorCode::InvalidInput, "\"provenance\" must be an object", file);
        for (const auto &[key, value] : at->items()) {
            if (!value.is_string())
                return fail(ErrorCode::InvalidInput,
                            "\"provenance\" holds \"" + key + "\", which is no text", file);
            manifest.provenance[key] = value.get<std::string>();
        }
    }
    auto files = parseFiles(*json, file);
    if (!files)
        return tl::unexpected(std::move(files.error()));
    parsed.files = std::move(*files);
    return parsed;
}

} // namespace engine
