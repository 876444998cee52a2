#include "engine/model/model_state.h"

#include "engine/base/files.h"

#include <algorithm>

namespace engine {

std::string_view name(ModelState state)
{
    static constexpr std::array<std::string_view, 6> kNames = {"trained", "evaluated", "signed",
                                                               "canary",  "serving",   "retired"};
    const auto index = static_cast<std::size_t>(state);
    return index < kNames.size() ? kNames[index] : "unknown";
}

bool isSignedBy(const std::filesystem::path &package, const SigningKey::Public &trusted)
{
    const auto manifest = readFile(package / "manifest.json", 1 << 20);
    const auto signature = readFile(package / "manifest.sig", 1024);
    if (!manifest || !signature
        || signature->size() != sizeof(SigningKey::Public) + sizeof(SigningKey::Signature))
        return false;
    const std::span<const std::uint8_t> bytes(*signature);
    return std::equal(trusted.begin(), trusted.end(), bytes.begin())
           && verifySignature(*manifest, bytes.subspan(trusted.size()), trusted);
}

ModelState stateOf(const Registry &registry, const RegistryEntry &entry, bool isSigned,
                   bool isCanary)
{
    if (entry.revoked)
        return ModelState::Retired;
    if (entry.version == registry.serving())
        return ModelState::Serving;
    if (isCanary)
        return ModelState::Canary;
    if (entry.served)
        return ModelState::Retired;
    if (isSigned)
        return ModelState::Signed;
    return entry.metrics.empty() ? ModelState::Trained : ModelState::Evaluated;
}

} // namespace engine
