#include "engine/recording/wal_check.h"

#include <array>
#include <fstream>
#include <span>
#include <vector>

namespace engine {
namespace {

constexpr std::size_t kHeader = 32, kFrameHeader = 24;
constexpr std::uint32_t kMagic = 0x377f0682; ///< the lowest bit says big-endian checksums

std::uint32_t bigEndian(const std::uint8_t *at)
{
    return (std::uint32_t{at[0]} << 24) | (std::uint32_t{at[1]} << 16) | (std::uint32_t{at[2]} << 8)
           | at[3];
}

std::uint32_t littleEndian(const std::uint8_t *at)
{
    return (std::uint32_t{at[3]} << 24) | (std::uint32_t{at[2]} << 16) | (std::uint32_t{at[1]} << 8)
           | at[0];
}

struct Checksum
{
    bool isBig = false;
    std::uint32_t a = 0, b = 0;
    void add(std::span<const std::uint8_t> data)
    {
        for (std::size_t i = 0; i + 8 <= data.size(); i += 8) {
            a += (isBig ? bigEndian(&data[i]) : littleEndian(&data[i])) + b;
            b += (isBig ? bigEndian(&data[i + 4]) : littleEndian(&data[i + 4])) + a;
        }
    }
    [[nodiscard]] bool matches(const std::uint8_t *at) const
    {
        return a == bigEndian(at) && b == bigEndian(at + 4);
    }
};

bool read(std::ifstream &in, std::span<std::uint8_t> into)
{
    in.read(reinterpret_cast<char *>(into.data()), static_cast<std::streamsize>(into.size()));
    return in.gcount() == static_cast<std::streamsize>(into.size());
}

} // namespace

Result<WalCheck> checkWal(const std::filesystem::path &wal)
{
    WalCheck check;
    std::error_code error;
    const auto size = std::filesystem::file_size(wal, error);
    if (error || size == 0)
        return check;
    std::ifstream in(wal, std::ios::binary);
    if (!in)
        return fail(ErrorCode::Io, "Cannot read the log", wal.string());
    std::array<std::uint8_t, kHeader> header{};
    const bool isWhole = read(in, header);
    const auto magic = bigEndian(header.data());
    const auto pageSize = bigEndian(&header[8]);
    Checksum sum{(magic & 1) != 0};
    sum.add(std::span(header).first(24));
    if (!isWhole || (magic & ~1u) != kMagic || pageSize < 512 || pageSize > 65536
        || (pageSize & (pageSize - 1)) != 0 || !sum.matches(&header[24])) {
        check.headerIsDamaged = true;
        return check;
    }
    std::vector<std::uint8_t> frame(kFrameHeader + pageSize);
    bool isSound = true;
    for (std::uint64_t at = kHeader; read(in, frame); at += frame.size()) {
        // Frames of an earlier round of the log carry other salts: they count for nothing.
        const bool isOfThisRound = std::equal(&frame[8], &frame[16], &header[16]);
        const bool isCommit = bigEndian(&frame[4]) != 0;
        if (isSound) {
            sum.add(std::span(frame).first(8));
            sum.add(std::span(frame).subspan(kFrameHeader));
            isSound = isOfThisRound && sum.matches(&frame[16]);
            if (!isSound)
                check.at = at;
        }
        if (isSound)
            check.commits += isCommit ? 1 : 0;
        else if (isOfThisRound)
            check.commitsBehind += isCommit ? 1 : 0;
    }
    return check;
}

} // namespace engine
