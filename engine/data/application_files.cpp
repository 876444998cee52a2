#include "engine/data/application_files.h"

#include "engine/base/files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine {

const std::vector<KnownApplication> &knownApplications()
{
    static const std::vector<KnownApplication> all{
        {"search", "search", 0.20}, {"ads", "ctr", 0.15}, {"inventory", "demand", 0.05}};
    return all;
}

const KnownApplication *knownApplication(std::string_view name)
{
    const auto &all = knownApplications();
    const auto at = std::ranges::find(all, name, &KnownApplication::name);
    return at == all.end() ? nullptr : &*at;
}

std::filesystem::path applicationFolder(const std::filesystem::path &shop, std::string_view name)
{
    return shop / "applications" / name;
}

Result<> writeApplicationInfo(const std::filesystem::path &shop, const ApplicationInfo &info)
{
    const nlohmann::json json{{"format", 1},
                              {"name", info.name},
                              {"family", info.family},
                              {"share", info.share},
                              {"seed", info.seed},
                              {"requests", info.requests},
                              {"featureSchema", info.featureSchema},
                              {"metrics", info.metrics}};
    return writeTextAtomically(applicationFolder(shop, info.name) / "application.json",
                               json.dump(2) + "\n");
}

Result<ApplicationInfo> readApplicationInfo(const std::filesystem::path &shop,
                                            std::string_view name)
{
    const auto file = applicationFolder(shop, name) / "application.json";
    const auto text = readText(file, 1 << 20);
    if (!text)
        return tl::unexpected(text.error());
    const auto wrong = [&](const std::string &what) {
        return fail(ErrorCode::InvalidInput,
                    what + "; make the shop anew with `drillctl shop create`", file.string());
    };
    try {
        const auto json = nlohmann::json::parse(*text);
        ApplicationInfo info;
        if (json.at("format") != 1)
            return wrong("This application was made by another version of Drillroom");
        json.at("name").get_to(info.name);
        json.at("family").get_to(info.family);
        json.at("share").get_to(info.share);
        json.at("seed").get_to(info.seed);
        json.at("requests").get_to(info.requests);
        json.at("featureSchema").get_to(info.featureSchema);
        json.at("metrics").get_to(info.metrics);
        const auto *known = knownApplication(name);
        if (!known || info.name != name || info.family != known->family || !(info.share >= 0)
            || info.share > 1)
            return wrong("Name, family or share are not those of an application");
        return info;
    } catch (const nlohmann::json::exception &error) {
        return wrong("A field is missing or of the wrong kind: " + std::string(error.what()));
    }
}

Result<std::vector<ApplicationInfo>> readApplications(const std::filesystem::path &shop)
{
    std::vector<ApplicationInfo> out;
    for (const auto &known : knownApplications()) {
        std::error_code error;
        if (!std::filesystem::exists(applicationFolder(shop, known.name) / "application.json",
                                     error))
            continue;
        auto info = readApplicationInfo(shop, known.name);
        if (!info)
            return tl::unexpected(info.error());
        out.push_back(std::move(*info));
    }
    return out;
}

} // namespace engine
