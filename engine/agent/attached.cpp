#include "engine/agent/attached.h"

#include "engine/base/files.h"
#include "engine/serving/model_inquiry.h"

#include <arpa/inet.h>
#include <charconv>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/socket.h>

namespace engine {
namespace {

constexpr Micros kLimit{5'000'000};
constexpr std::size_t kMost = 8;

std::filesystem::path fileOf(const std::filesystem::path &shopFolder)
{
    return shopFolder / "attached.json";
}

Result<std::vector<std::string>> addressesOf(const nlohmann::json &json, const char *name)
{
    std::vector<std::string> out;
    const auto at = json.find(name);
    if (at == json.end() || !at->is_array())
        return fail(ErrorCode::InvalidInput,
                    fmt::format("\"{}\" must be a list of addresses", name));
    for (const auto &address : *at) {
        if (!address.is_string())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("\"{}\" must be a list of addresses", name));
        DR_RETURN_IF_ERROR(resolve(address.get<std::string>()));
        out.push_back(address.get<std::string>());
    }
    return out;
}

} // namespace

Result<std::optional<AttachedShop>> readAttached(const std::filesystem::path &shopFolder)
{
    const auto file = fileOf(shopFolder);
    std::error_code error;
    if (!std::filesystem::exists(file, error))
        return std::nullopt;
    const auto text = readText(file, 1 << 20);
    DR_RETURN_IF_ERROR(text);
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    const auto wrong = [&](const std::string &why) {
        return fail(ErrorCode::InvalidInput, why + "; attach the shop anew: drillctl shop attach",
                    file.string());
    };
    if (!json.is_object() || !json.contains("dialect"))
        return wrong("This is no list of attached servers");
    AttachedShop out;
    auto replicas = addressesOf(json, "replicas"), standby = addressesOf(json, "standby");
    auto dialect = dialectFrom(json.at("dialect"));
    if (!replicas || !standby || !dialect)
        return wrong((!replicas  ? replicas.error()
                      : !standby ? standby.error()
                                 : dialect.error())
                         .message);
    if (replicas->empty())
        return wrong("It names no replica");
    out.replicas = std::move(*replicas);
    out.standby = std::move(*standby);
    out.dialect = std::move(*dialect);
    return out;
}

Result<> writeAttached(const std::filesystem::path &shopFolder, const AttachedShop &attached)
{
    const nlohmann::json json{{"replicas", attached.replicas},
                              {"standby", attached.standby},
                              {"dialect", toJson(attached.dialect)}};
    return writeTextAtomically(fileOf(shopFolder), json.dump(1) + "\n");
}

Result<> removeAttached(const std::filesystem::path &shopFolder)
{
    std::error_code error;
    if (!std::filesystem::remove(fileOf(shopFolder), error))
        return fail(ErrorCode::NotFound,
                    "The shop " + shopFolder.filename().string() + " is not attached to anything");
    return {};
}

Result<HostPort> resolve(const std::string &address)
{
    const auto colon = address.rfind(':');
    const auto host = address.substr(0, colon == std::string::npos ? 0 : colon);
    int port = 0;
    const auto *end = address.data() + address.size();
    const auto *from = colon == std::string::npos ? end : address.data() + colon + 1;
    const auto [stopped, bad] = std::from_chars(from, end, port);
    if (host.empty() || bad != std::errc() || stopped != end || port < 1 || port > 65'535)
        return fail(
            ErrorCode::InvalidInput,
            fmt::format("'{}' is no address; write HOST:PORT, as in 127.0.0.1:8001", address));
    addrinfo wanted{};
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo *found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found); error != 0)
        return fail(ErrorCode::InvalidInput, fmt::format("'{}' is not known as an IPv4 host: {}",
                                                         host, ::gai_strerror(error)));
    const auto *ip = reinterpret_cast<const sockaddr_in *>(found->ai_addr);
    const HostPort out{static_cast<std::uint16_t>(port), ntohl(ip->sin_addr.s_addr)};
    ::freeaddrinfo(found);
    return out;
}

Result<AttachedShop> inquire(std::vector<std::string> replicas, std::vector<std::string> standby,
                             const std::string &model)
{
    if (replicas.empty() || replicas.size() > kMost || standby.size() > kMost)
        return fail(ErrorCode::Usage,
                    fmt::format("Attach 1 to {} replicas, and at most as many standbys", kMost));
    AttachedShop out;
    std::set<std::string> seen;
    std::string first;
    for (const auto *list : {&replicas, &standby})
        for (const auto &address : *list) {
            DR_RETURN_IF_ERROR(resolve(address));
            if (!seen.insert(address).second)
                return fail(ErrorCode::Usage, address + " is there twice");
            auto dialect = askDialect(address, model, kLimit);
            DR_RETURN_IF_ERROR(dialect);
            if (first.empty()) {
                first = address;
                out.dialect = std::move(*dialect);
            } else if (toJson(*dialect) != toJson(out.dialect)) {
                return fail(ErrorCode::InvalidInput,
                            fmt::format("{} has another model than {}: {} instead of {}", address,
                                        first, toJson(*dialect).dump(),
                                        toJson(out.dialect).dump()));
            }
        }
    out.replicas = std::move(replicas);
    out.standby = std::move(standby);
    return out;
}

} // namespace engine
