#pragma once
// A text file read byte by byte in blocks, with line and column: never more than a block of it in
// memory. One thread. Refuses what is no plain text: folders and devices, compressed files, UTF-16,
// NUL. A UTF-8 byte order mark is skipped.

#include "engine/base/error.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace engine {

class TextSource
{
public:
    static constexpr int kEnd = -1;   ///< no more bytes
    static constexpr int kFault = -2; ///< error() tells why

    [[nodiscard]] static Result<TextSource> open(const std::filesystem::path &path);

    /// The next byte as 1 .. 255, kEnd or kFault. "\r\n" comes as "\n".
    int next();
    /// What next() will give, without taking it.
    int peek();
    [[nodiscard]] std::uint64_t line() const { return m_line; }     ///< of the next byte, from 1
    [[nodiscard]] std::uint64_t column() const { return m_column; } ///< in bytes, from 1
    [[nodiscard]] std::uint64_t bytesRead() const { return m_bytesRead; }
    [[nodiscard]] std::uint64_t bytesInAll() const { return m_bytesInAll; }
    [[nodiscard]] const std::string &path() const { return m_path; }
    [[nodiscard]] const Error &error() const { return m_error; }
    /// An InvalidInput at a place of this file.
    [[nodiscard]] tl::unexpected<Error> broken(std::string message, std::uint64_t line,
                                               std::uint64_t column) const;

private:
    struct Closer
    {
        void operator()(std::FILE *file) const { std::fclose(file); }
    };
    bool fill();
    Result<> checkStart();
    /// The byte at m_at, or kEnd/kFault.
    int raw();

    std::unique_ptr<std::FILE, Closer> m_file;
    std::string m_path;
    std::vector<std::uint8_t> m_block;
    std::size_t m_at = 0;
    std::uint64_t m_line = 1, m_column = 1, m_bytesRead = 0, m_bytesInAll = 0;
    bool m_failed = false;
    Error m_error;
};

} // namespace engine
