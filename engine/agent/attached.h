#pragma once
// A shop whose model servers are not ours: attached.json in the shop's folder says where they
// answer and how they want to be asked. Everything else of the shop (gateway, store, traffic) is
// ours.

#include "engine/fault/host_port.h"
#include "engine/serving/model_dialect.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace engine {

struct AttachedShop
{
    std::vector<std::string> replicas, standby; ///< addresses, HOST:PORT
    ModelDialect dialect;                       ///< of all of them
};

/// Nothing when the shop is not attached.
[[nodiscard]] Result<std::optional<AttachedShop>>
readAttached(const std::filesystem::path &shopFolder);
[[nodiscard]] Result<> writeAttached(const std::filesystem::path &shopFolder,
                                     const AttachedShop &attached);
/// The shop is served by our own replicas again; NotFound when it was not attached.
[[nodiscard]] Result<> removeAttached(const std::filesystem::path &shopFolder);

/// HOST:PORT, a name or an IPv4 address; InvalidInput says what is wrong with it.
[[nodiscard]] Result<HostPort> resolve(const std::string &address);

/// Asks every server which model it has and how it wants to be asked; they must agree. Errors name
/// the address. Blocks up to some seconds for each.
[[nodiscard]] Result<AttachedShop> inquire(std::vector<std::string> replicas,
                                           std::vector<std::string> standby,
                                           const std::string &model);

} // namespace engine
