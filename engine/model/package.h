#pragma once
// A signed model package: weights.safetensors, manifest.json, manifest.sig in one folder (design,
// section 5). Weights only: nothing in a package is ever executed. Bytes are verified in memory and
// that same buffer is loaded.

#include "engine/base/digest.h"
#include "engine/base/error.h"

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace engine {

/// A tensor inside a safetensors buffer; offsets are into `Package::weights`.
struct TensorEntry
{
    std::string name, dtype; ///< F32, I64, I32, I8
    std::vector<std::int64_t> shape;
    std::size_t offset = 0, bytes = 0;
};

struct Manifest
{
    int format = 1;
    std::string family;                     ///< mf, sequence, search, ctr, demand, popularity
    std::string version;                    ///< "1", "2", ... rising within a registry
    std::map<std::string, double> settings; ///< architecture and recipe: factors, alpha, lambda ...
    std::string featureSchema;              ///< SHA-256 over the item ids, hex
    std::string trainingData, recipe, lineage;
    std::map<std::string, double> metrics;
    std::uint64_t seed = 0;
    /// How it came about, for people: data_sha256, threads, seconds, device, torch ... May be
    /// empty.
    std::map<std::string, std::string> provenance;
};

struct Package
{
    Manifest manifest;
    std::string digest; ///< SHA-256 of manifest.json, hex: the name of this exact model
    Bytes weights;      ///< the verified buffer of weights.safetensors
    std::vector<TensorEntry> tensors;
    std::map<std::string, Bytes> files; ///< the other listed files, verified: item ids, texts ...
    std::vector<std::string> skippedChecks; ///< with PackagePolicy::unsafe: what would have refused
    [[nodiscard]] const TensorEntry *find(std::string_view name) const;
};

/// A tensor to be written: row-major little-endian data, borrowed for the call.
struct TensorSource
{
    std::string name, dtype;
    std::vector<std::int64_t> shape;
    std::span<const std::uint8_t> data;
};

/// Writes to a temporary folder and renames: the whole package or none. `files` are further files
/// by plain name (letters, digits, '.', '_', '-').
[[nodiscard]] Result<std::string> writePackage(const std::filesystem::path &folder,
                                               const Manifest &manifest,
                                               std::span<const TensorSource> tensors,
                                               const SigningKey &key,
                                               const std::map<std::string, Bytes> &files = {});

/// What a reader insists on. Empty strings and 0 are not checked.
struct PackagePolicy
{
    SigningKey::Public trusted{}; ///< the key that must have signed; all zero trusts nobody
    std::string featureSchema;
    int versionFloor = 0;
    bool unsafe = false; ///< --unsafe on synthetic shops only: checks are skipped, and said so
};

/// Untrusted (exit 5) for signature, checksum, schema or floor; InvalidInput (exit 4) for a broken
/// file.
[[nodiscard]] Result<Package> readPackage(const std::filesystem::path &folder,
                                          const PackagePolicy &policy);

} // namespace engine
