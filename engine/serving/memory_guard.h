#pragma once
// Whether this process may take on work that needs so much memory: its limits (address space, data,
// the control group) against what it uses. A gRPC server that runs into a limit is ended by gRPC's
// own allocator, so work is refused before that.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace engine {

/// Thread-safe. Looks at the limits anew for each piece of work; costs nothing but a few system
/// calls where there is no limit.
class MemoryGuard
{
public:
    MemoryGuard();
    /// Holds the memory for the work until it is destroyed.
    using Hold = std::shared_ptr<void>;
    /// Null when `bytes` more would leave less than the reserve.
    [[nodiscard]] Hold take(std::uint64_t bytes);
    /// Bytes that are left below the nearest limit; nothing without a limit.
    [[nodiscard]] std::optional<std::uint64_t> left() const;

private:
    std::filesystem::path m_group; ///< of the control group; empty: none
    std::atomic<std::uint64_t> m_held{0};
};

} // namespace engine
