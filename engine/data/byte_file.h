#pragma once
// The frame of every binary file of a shop: 8 bytes of magic, fields in little-endian, and the
// SHA-256 of all that at the end. Errors name the file and the byte.

#include "engine/base/digest.h"
#include "engine/base/error.h"

#include <filesystem>
#include <string>
#include <vector>

namespace engine {

/// Collects the bytes; save() closes the frame and writes the file whole or not at all.
class ByteFileWriter
{
public:
    explicit ByteFileWriter(std::string_view magic);
    void u32(std::uint32_t value) { number(&value, sizeof value); }
    void u64(std::uint64_t value) { number(&value, sizeof value); }
    void text(std::string_view value);
    /// Values of 4 or 8 bytes, without a length.
    template <class T>
    void all(std::span<const T> values)
    {
        number(values.data(), values.size_bytes());
    }
    [[nodiscard]] Result<> save(const std::filesystem::path &file);

private:
    void number(const void *data, std::size_t size);
    Bytes m_bytes;
};

/// Reads back; the first fault sticks, later reads give zeros and empty values.
class ByteFileReader
{
public:
    /// Reads the file; the frame itself is checked by finish().
    [[nodiscard]] static Result<ByteFileReader> open(const std::filesystem::path &file,
                                                     std::string_view magic, std::uint64_t limit);
    [[nodiscard]] std::uint32_t u32();
    [[nodiscard]] std::uint64_t u64();
    [[nodiscard]] std::string text();
    template <class T>
    [[nodiscard]] std::vector<T> all(std::uint64_t count)
    {
        std::vector<T> values;
        if (!fits(count, sizeof(T)))
            return values;
        values.resize(count);
        copy(values.data(), count * sizeof(T));
        return values;
    }
    /// False, with a fault noted, when `count` things of at least `size` bytes cannot follow.
    [[nodiscard]] bool fits(std::uint64_t count, std::size_t size);
    /// Notes a broken rule at a byte before the present one.
    void fault(std::string rule, std::uint64_t back = 0);
    [[nodiscard]] bool ok() const { return m_fault.empty(); }
    /// All bytes used and the checksum right, or the error.
    [[nodiscard]] Result<> finish();

private:
    void copy(void *to, std::size_t size);
    std::string m_path;
    Bytes m_bytes;
    std::size_t m_at = 0, m_end = 0;
    std::string m_fault;
    std::uint64_t m_faultAt = 0;
};

} // namespace engine
