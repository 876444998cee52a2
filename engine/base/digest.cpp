#include "engine/base/digest.h"

#include "engine/base/files.h"

#include <sodium.h>
#include <sys/stat.h>

namespace engine {
namespace {

crypto_hash_sha256_state *state(std::array<std::uint8_t, 128> &bytes)
{
    static_assert(sizeof(crypto_hash_sha256_state) <= 128);
    return reinterpret_cast<crypto_hash_sha256_state *>(bytes.data());
}

} // namespace

Digest sha256(std::span<const std::uint8_t> data)
{
    Digest out;
    crypto_hash_sha256(out.data(), data.data(), data.size());
    return out;
}

Digest sha256(std::string_view text)
{
    return sha256({reinterpret_cast<const std::uint8_t *>(text.data()), text.size()});
}

Hasher::Hasher()
{
    crypto_hash_sha256_init(state(m_state));
}

void Hasher::add(std::span<const std::uint8_t> data)
{
    crypto_hash_sha256_update(state(m_state), data.data(), data.size());
}

Digest Hasher::finish()
{
    Digest out;
    crypto_hash_sha256_final(state(m_state), out.data());
    return out;
}

Result<SigningKey> SigningKey::loadOrCreate(const std::filesystem::path &path)
{
    if (sodium_init() < 0)
        return fail(ErrorCode::Internal, "libsodium could not start");
    SigningKey key;
    struct stat info
    {
    };
    if (::stat(path.c_str(), &info) == 0) {
        if ((info.st_mode & 077) != 0)
            return fail(ErrorCode::Untrusted,
                        "The signing key can be read by others; run: chmod 600 '" + path.string()
                            + "'",
                        path.string());
        auto data = readFile(path, 4096);
        if (!data)
            return tl::unexpected(data.error());
        if (data->size() != key.m_secret.size())
            return fail(ErrorCode::InvalidInput,
                        "The signing key is not 64 bytes; move it away and a new one is made",
                        path.string());
        std::copy(data->begin(), data->end(), key.m_secret.begin());
        crypto_sign_ed25519_sk_to_pk(key.m_public.data(), key.m_secret.data());
        return key;
    }
    crypto_sign_ed25519_keypair(key.m_public.data(), key.m_secret.data());
    DR_RETURN_IF_ERROR(makePrivateFolder(path.parent_path()));
    DR_RETURN_IF_ERROR(writeFileAtomically(path, key.m_secret, 0600));
    return key;
}

SigningKey::Signature SigningKey::sign(std::span<const std::uint8_t> data) const
{
    Signature out;
    crypto_sign_ed25519_detached(out.data(), nullptr, data.data(), data.size(), m_secret.data());
    return out;
}

bool verifySignature(std::span<const std::uint8_t> data, std::span<const std::uint8_t> signature,
                     std::span<const std::uint8_t> publicKey)
{
    return signature.size() == crypto_sign_ed25519_BYTES
           && publicKey.size() == crypto_sign_ed25519_PUBLICKEYBYTES
           && crypto_sign_ed25519_verify_detached(signature.data(), data.data(), data.size(),
                                                  publicKey.data())
                  == 0;
}

} // namespace engine
