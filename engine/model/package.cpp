#include "engine/model/package.h"

#include "engine/base/files.h"
#include "engine/model/manifest_json.h"
#include "engine/model/package_files.h"
#include "engine/model/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace engine {
namespace {

constexpr std::size_t kSignatureSize = sizeof(SigningKey::Public) + sizeof(SigningKey::Signature);
constexpr std::uint64_t kManifestCap = 1 << 20;
const std::string kWeights = "weights.safetensors";
const std::string kManifest = "manifest.json";
const std::string kSignature = "manifest.sig";

/// Collects what was not checked under --unsafe, and refuses otherwise.
class Gate
{
public:
    Gate(bool isUnsafe, std::vector<std::string> &skipped) : m_unsafe(isUnsafe), m_skipped(skipped)
    {
    }
    [[nodiscard]] Result<> refuse(const std::string &why, const std::string &place)
    {
        if (!m_unsafe)
            return fail(ErrorCode::Untrusted, why, place);
        m_skipped.push_back(place + ": " + why);
        return {};
    }

private:
    bool m_unsafe;
    std::vector<std::string> &m_skipped;
};

Result<> checkSignature(const PackageFolder &folder, const Bytes &manifest,
                        const PackagePolicy &policy, Gate &gate)
{
    const auto place = folder.place(kSignature);
    auto signature = folder.read(kSignature, 4096);
    if (!signature) {
        if (!policy.unsafe)
            return tl::unexpected(std::move(signature.error()));
        return gate.refuse("the signature cannot be read", place);
    }
    if (signature->size() != kSignatureSize)
        return gate.refuse("The signature has " + std::to_string(signature->size())
                               + " bytes instead of " + std::to_string(kSignatureSize),
                           place);
    const std::span<const std::uint8_t> bytes(*signature);
    const auto key = bytes.first(policy.trusted.size());
    if (policy.trusted == SigningKey::Public{})
        return gate.refuse("No trusted key is known; nothing can be trusted", place);
    if (!std::equal(key.begin(), key.end(), policy.trusted.begin()))
        return gate.refuse("The package is signed by another key (" + hex(key.first(8))
                               + "...); sign it with this installation's key",
                           place);
    if (!verifySignature(manifest, bytes.subspan(key.size()), key))
        return gate.refuse("The signature does not fit manifest.json: one of the two was changed",
                           place);
    return {};
}

Result<> checkClaims(const Manifest &manifest, const PackagePolicy &policy,
                     const std::string &place, Gate &gate)
{
    if (!policy.featureSchema.empty() && manifest.featureSchema != policy.featureSchema)
        DR_RETURN_IF_ERROR(gate.refuse("The model was trained on another catalogue (feature schema "
                                           + manifest.featureSchema.substr(0, 16)
                                           + "... instead of " + policy.featureSchema.substr(0, 16)
                                           + "...)",
                                       place));
    if (*versionNumber(manifest.version) < policy.versionFloor)
        DR_RETURN_IF_ERROR(gate.refuse("Version " + manifest.version + " is below the floor "
                                           + std::to_string(policy.versionFloor)
                                           + ": it was revoked",
                                       place));
    return {};
}

/// Reads and checks every listed file, the weights among them.
Result<std::map<std::string, Bytes>> readListed(const PackageFolder &folder,
                                                const std::map<std::string, PackageFile> &files,
                                                bool isUnsafe, Gate &gate)
{
    std::map<std::string, Bytes> read;
    for (const auto &[name, file] : files) {
        if (file.size > kPackageFileCap)
            return fail(ErrorCode::InvalidInput,
                        "manifest.json announces " + std::to_string(file.size)
                            + " bytes; a package file has at most "
                            + std::to_string(kPackageFileCap),
                        folder.place(name));
        auto data = folder.read(name, isUnsafe ? kPackageFileCap : file.size);
        if (!data)
            return tl::unexpected(std::move(data.error()));
        if (data->size() != file.size)
            DR_RETURN_IF_ERROR(gate.refuse("The file has " + std::to_string(data->size())
                                               + " bytes; manifest.json says "
                                               + std::to_string(file.size),
                                           folder.place(name)));
        if (hex(sha256(*data)) != file.sha256)
            DR_RETURN_IF_ERROR(gate.refuse("The SHA-256 does not fit manifest.json: the file was "
                                           "changed or swapped",
                                           folder.place(name)));
        read[name] = std::move(*data);
    }
    return read;
}

} // namespace

const TensorEntry *Package::find(std::string_view name) const
{
    const auto at = std::find_if(tensors.begin(), tensors.end(),
                                 [&](const TensorEntry &entry) { return entry.name == name; });
    return at == tensors.end() ? nullptr : &*at;
}

Result<std::string> writePackage(const std::filesystem::path &folder, const Manifest &manifest,
                                 std::span<const TensorSource> tensors, const SigningKey &key,
                                 const std::map<std::string, Bytes> &files)
{
    if (!versionNumber(manifest.version))
        return fail(ErrorCode::InvalidInput,
                    "The version \"" + manifest.version + "\" is not a number from 1",
                    folder.string());
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(folder, error)))
        return fail(ErrorCode::InvalidInput,
                    "There is something here already; a package is never overwritten",
                    folder.string());
    auto weights = writeSafetensors(tensors);
    if (!weights)
        return tl::unexpected(std::move(weights.error()));
    if (weights->size() > kPackageFileCap)
        return fail(ErrorCode::InvalidInput, "The weights are larger than a package can hold",
                    folder.string());
    std::map<std::string, PackageFile> listed = {
        {kWeights, {weights->size(), hex(sha256(*weights))}}};
    for (const auto &[name, data] : files)
        listed[name] = {data.size(), hex(sha256(data))};
    const auto text = manifestText(manifest, listed);
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t *>(text.data()),
                                              text.size());
    Bytes signature(key.publicKey().begin(), key.publicKey().end());
    const auto signedBytes = key.sign(bytes);
    signature.insert(signature.end(), signedBytes.begin(), signedBytes.end());

    const std::filesystem::path part = folder.string() + ".part" + std::to_string(::getpid());
    std::filesystem::remove_all(part, error);
    std::filesystem::create_directories(part, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot make the folder: " + error.message(), part.string());
    const auto write = [&]() -> Result<> {
        DR_RETURN_IF_ERROR(writeFileAtomically(part / kWeights, *weights));
        for (const auto &[name, data] : files)
            DR_RETURN_IF_ERROR(writeFileAtomically(part / name, data));
        DR_RETURN_IF_ERROR(writeFileAtomically(part / kManifest, bytes));
        DR_RETURN_IF_ERROR(writeFileAtomically(part / kSignature, signature));
        std::filesystem::rename(part, folder, error);
        if (error)
            return fail(ErrorCode::Io, "Cannot put the package in place: " + error.message(),
                        folder.string());
        return {};
    };
    if (auto written = write(); !written) {
        std::filesystem::remove_all(part, error);
        return tl::unexpected(std::move(written.error()));
    }
    return hex(sha256(bytes));
}

Result<Package> readPackage(const std::filesystem::path &path, const PackagePolicy &policy)
{
    auto folder = PackageFolder::open(path);
    if (!folder)
        return tl::unexpected(std::move(folder.error()));
    auto manifest = folder->read(kManifest, kManifestCap);
    if (!manifest)
        return tl::unexpected(std::move(manifest.error()));
    Package package;
    Gate gate(policy.unsafe, package.skippedChecks);
    // The signature comes first: nothing unsigned is parsed.
    DR_RETURN_IF_ERROR(checkSignature(*folder, *manifest, policy, gate));
    auto parsed = parseManifest(*manifest, folder->place(kManifest));
    if (!parsed)
        return tl::unexpected(std::move(parsed.error()));
    DR_RETURN_IF_ERROR(checkClaims(parsed->manifest, policy, folder->place(kManifest), gate));

    auto names = folder->names();
    if (!names)
        return tl::unexpected(std::move(names.error()));
    for (const auto &name : *names) {
        if (name != kManifest && name != kSignature && !parsed->files.contains(name))
            DR_RETURN_IF_ERROR(gate.refuse("manifest.json does not list this file; take it out",
                                           folder->place(name)));
    }
    auto files = readListed(*folder, parsed->files, policy.unsafe, gate);
    if (!files)
        return tl::unexpected(std::move(files.error()));
    auto weights = std::move(files->extract(kWeights).mapped());
    auto tensors = parseSafetensors(weights, folder->place(kWeights));
    if (!tensors)
        return tl::unexpected(std::move(tensors.error()));
    package.manifest = std::move(parsed->manifest);
    package.digest = hex(sha256(*manifest));
    package.weights = std::move(weights);
    package.tensors = std::move(*tensors);
    package.files = std::move(*files);
    return package;
}

} // namespace engine
