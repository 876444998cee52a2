#pragma once
// Where Drillroom keeps things: $DRILLROOM_HOME or the XDG data folder; sockets in a short 0700
// runtime folder.

#include "engine/base/error.h"

#include <filesystem>

namespace engine {

/// The folders of one installation and user. Plain value; making it touches no disk.
struct Paths
{
    std::filesystem::path home;     ///< shops/, recordings/, registry, keys/
    std::filesystem::path runtime;  ///< sockets, 0700, short (a socket path has 107 bytes)
    std::filesystem::path drills;   ///< the drill library that came with the program
    std::filesystem::path binaries; ///< where drillroom-node and drillroom-replica lie

    [[nodiscard]] std::filesystem::path shops() const { return home / "shops"; }
    [[nodiscard]] std::filesystem::path recordings() const { return home / "recordings"; }
    /// Recordings of trainings that the console starts.
    [[nodiscard]] std::filesystem::path trainings() const { return home / "trainings"; }
    [[nodiscard]] std::filesystem::path signingKey() const { return home / "keys" / "signing.key"; }
    [[nodiscard]] std::filesystem::path ledger() const { return home / "ledger.log"; }
    [[nodiscard]] std::filesystem::path logs() const { return home / "logs"; }
    /// One agent per user and home: the socket's name carries a hash of the home.
    [[nodiscard]] std::filesystem::path agentSocket() const; ///< gRPC: commands and telemetry
    [[nodiscard]] std::filesystem::path
    leaseSocket() const; ///< plain: lease, halt (no gRPC, no locks)

    /// From the environment and the place of the running program.
    [[nodiscard]] static Paths fromEnvironment();
};

} // namespace engine
