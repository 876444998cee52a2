#pragma once
// What a shop serves besides its recommendations, on disk: SHOP/applications/NAME/ with
//   application.json  ApplicationInfo
//   requests.jsonl    LabelledRequests, one a line
//   plain.json        PlainAnswers: what the gateway says when no model answers
//   search.index      search: the catalogue's words, for BM25 at the gateway
//   packages/VERSION/, registry.json, expected-DIGEST16.bin   as in the shop's own folder
// A shop without the folder serves recommendations alone.

#include "engine/base/error.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct ApplicationInfo
{
    std::string name, family;
    double share = 0; ///< of the requests of a mixed load
    std::uint64_t seed = 1, requests = 0;
    std::string featureSchema; ///< that its packages must have
    std::map<std::string, double> metrics;
};

/// Their names and families in the order in which they are shown, and each one's usual share of a
/// load; what is left is recommend's.
struct KnownApplication
{
    std::string_view name, family;
    double share;
};
[[nodiscard]] const std::vector<KnownApplication> &knownApplications();
/// Null when there is no such application.
[[nodiscard]] const KnownApplication *knownApplication(std::string_view name);

[[nodiscard]] std::filesystem::path applicationFolder(const std::filesystem::path &shop,
                                                      std::string_view name);
[[nodiscard]] Result<> writeApplicationInfo(const std::filesystem::path &shop,
                                            const ApplicationInfo &info);
[[nodiscard]] Result<ApplicationInfo> readApplicationInfo(const std::filesystem::path &shop,
                                                          std::string_view name);
/// Those that the shop has, in the known order.
[[nodiscard]] Result<std::vector<ApplicationInfo>>
readApplications(const std::filesystem::path &shop);

} // namespace engine
