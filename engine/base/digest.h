#pragma once
// SHA-256 and Ed25519 through libsodium, in the few forms that the rest needs.

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#include <filesystem>

namespace engine {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(std::span<const std::uint8_t> data);
[[nodiscard]] Digest sha256(std::string_view text);

/// SHA-256 of many pieces in order. Copyable; one thread.
class Hasher
{
public:
    Hasher();
    void add(std::span<const std::uint8_t> data);
    [[nodiscard]] Digest finish();

private:
    alignas(8) std::array<std::uint8_t, 128> m_state{};
};

/// An Ed25519 key pair in a 0600 file; made on first use.
class SigningKey
{
public:
    using Signature = std::array<std::uint8_t, 64>;
    using Public = std::array<std::uint8_t, 32>;

    /// Reads the key at `path`, or makes one there (0600, folder 0700). Refuses a file others can
    /// read.
    [[nodiscard]] static Result<SigningKey> loadOrCreate(const std::filesystem::path &path);
    [[nodiscard]] Signature sign(std::span<const std::uint8_t> data) const;
    [[nodiscard]] const Public &publicKey() const { return m_public; }

private:
    std::array<std::uint8_t, 64> m_secret{};
    Public m_public{};
};

[[nodiscard]] bool verifySignature(std::span<const std::uint8_t> data,
                                   std::span<const std::uint8_t> signature,
                                   std::span<const std::uint8_t> publicKey);

} // namespace engine
