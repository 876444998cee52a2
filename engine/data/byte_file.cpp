#include "engine/data/byte_file.h"

#include "engine/base/files.h"

#include <cassert>

namespace engine {

static_assert(std::endian::native == std::endian::little,
              "files are copied into memory as they are");

namespace {
constexpr std::size_t kMagic = 8, kChecksum = 32;
}

ByteFileWriter::ByteFileWriter(std::string_view magic)
{
    assert(magic.size() == kMagic);
    m_bytes.assign(magic.begin(), magic.end());
}

void ByteFileWriter::number(const void *data, std::size_t size)
{
    const auto *bytes = static_cast<const std::uint8_t *>(data);
    m_bytes.insert(m_bytes.end(), bytes, bytes + size);
}

void ByteFileWriter::text(std::string_view value)
{
    u32(static_cast<std::uint32_t>(value.size()));
    number(value.data(), value.size());
}

Result<> ByteFileWriter::save(const std::filesystem::path &file)
{
    const auto sum = sha256(m_bytes);
    number(sum.data(), sum.size());
    return writeFileAtomically(file, m_bytes);
}

Result<ByteFileReader> ByteFileReader::open(const std::filesystem::path &file,
                                            std::string_view magic, std::uint64_t limit)
{
    auto bytes = readFile(file, limit);
    if (!bytes)
        return tl::unexpected(bytes.error());
    ByteFileReader reader;
    reader.m_path = file.string();
    reader.m_bytes = std::move(*bytes);
    if (reader.m_bytes.size() < kMagic + kChecksum) {
        return fail(ErrorCode::InvalidInput,
                    "The file is cut short: " + std::to_string(reader.m_bytes.size())
                        + " bytes; create the shop again",
                    reader.m_path + ":byte " + std::to_string(reader.m_bytes.size()));
    }
    if (!std::equal(magic.begin(), magic.end(), reader.m_bytes.begin())) {
        return fail(ErrorCode::InvalidInput,
                    "This is no file of the kind " + std::string(magic)
                        + "; create the shop again with this version",
                    reader.m_path + ":byte 0");
    }
    reader.m_at = kMagic;
    reader.m_end = reader.m_bytes.size() - kChecksum;
    return reader;
}

void ByteFileReader::fault(std::string rule, std::uint64_t back)
{
    if (!m_fault.empty())
        return;
    m_fault = std::move(rule);
    m_faultAt = m_at - back;
    m_at = m_end;
}

bool ByteFileReader::fits(std::uint64_t count, std::size_t size)
{
    if (ok() && count > (m_end - m_at) / size)
        fault("it says that " + std::to_string(count) + " values follow, but the file ends before");
    return ok();
}

void ByteFileReader::copy(void *to, std::size_t size)
{
    if (size != 0)
        std::memcpy(to, m_bytes.data() + m_at, size);
    m_at += size;
}

std::uint32_t ByteFileReader::u32()
{
    std::uint32_t value = 0;
    if (fits(1, sizeof value))
        copy(&value, sizeof value);
    return value;
}

std::uint64_t ByteFileReader::u64()
{
    std::uint64_t value = 0;
    if (fits(1, sizeof value))
        copy(&value, sizeof value);
    return value;
}

std::string ByteFileReader::text()
{
    const auto size = u32();
    if (!fits(size, 1))
        return {};
    std::string value(size, '\0');
    copy(value.data(), size);
    return value;
}

Result<> ByteFileReader::finish()
{
    if (ok() && m_at != m_end)
        fault("more bytes follow than the file says");
    if (!ok()) {
        return fail(ErrorCode::InvalidInput,
                    "The file is damaged: " + m_fault + "; create the shop again",
                    m_path + ":byte " + std::to_string(m_faultAt));
    }
    const std::span<const std::uint8_t> content(m_bytes.data(), m_end);
    const auto sum = sha256(content);
    if (!std::equal(sum.begin(), sum.end(), m_bytes.begin() + static_cast<std::ptrdiff_t>(m_end))) {
        return fail(ErrorCode::InvalidInput,
                    "The file is damaged: its checksum is wrong; create the shop again",
                    m_path + ":byte " + std::to_string(m_end));
    }
    return {};
}

} // namespace engine
