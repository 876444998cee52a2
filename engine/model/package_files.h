#pragma once
// Opens the files of a model package without trusting the folder: no links, no FIFOs, no devices,
// nothing larger than announced, each file opened once and read from that one descriptor.

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#include <filesystem>
#include <functional>

namespace engine {

/// No package file is larger than this.
inline constexpr std::uint64_t kPackageFileCap = std::uint64_t{2} << 30;

/// An open package folder. Move-only; one thread.
class PackageFolder
{
public:
    [[nodiscard]] static Result<PackageFolder> open(const std::filesystem::path &folder);
    PackageFolder(PackageFolder &&other) noexcept;
    PackageFolder &operator=(PackageFolder &&) = delete;
    ~PackageFolder();

    /// Every entry's name except "." and "..".
    [[nodiscard]] Result<std::vector<std::string>> names() const;
    /// The whole file, at most `limit` bytes; the size is checked before anything is read.
    [[nodiscard]] Result<Bytes> read(const std::string &name, std::uint64_t limit) const;
    [[nodiscard]] std::string place(const std::string &name) const;

private:
    PackageFolder(std::filesystem::path folder, int fd) : m_folder(std::move(folder)), m_fd(fd) {}
    std::filesystem::path m_folder;
    int m_fd;
};

} // namespace engine
