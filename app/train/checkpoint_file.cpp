#include "app/train/checkpoint_file.h"

#include "engine/data/byte_file.h"

#include <bit>

namespace app {
namespace {

constexpr std::string_view kMagic = "DRCHKPT2";
constexpr std::uint64_t kMost = std::uint64_t{16} << 30;

} // namespace

std::filesystem::path checkpointPath(const std::filesystem::path &out)
{
    return out.string() + ".checkpoint";
}

engine::Result<> writeCheckpoint(const std::filesystem::path &file, const Checkpoint &checkpoint)
{
    engine::ByteFileWriter writer(kMagic);
    writer.text(checkpoint.order);
    writer.u64(std::bit_cast<std::uint64_t>(checkpoint.seconds));
    writer.text(checkpoint.recording);
    writer.u64(checkpoint.state.size());
    // Whole words, as the frame holds nothing smaller.
    engine::Bytes padded = checkpoint.state;
    padded.resize((padded.size() + 3) / 4 * 4, 0);
    writer.all(
        std::span(reinterpret_cast<const std::uint32_t *>(padded.data()), padded.size() / 4));
    return writer.save(file);
}

engine::Result<std::optional<Checkpoint>> readCheckpoint(const std::filesystem::path &file)
{
    std::error_code error;
    if (!std::filesystem::exists(file, error))
        return std::optional<Checkpoint>{};
    auto reader = engine::ByteFileReader::open(file, kMagic, kMost);
    if (!reader)
        return tl::unexpected(reader.error());
    Checkpoint checkpoint;
    checkpoint.order = reader->text();
    checkpoint.seconds = std::bit_cast<double>(reader->u64());
    checkpoint.recording = reader->text();
    const auto size = reader->u64();
    const auto words = reader->all<std::uint32_t>((size + 3) / 4);
    DR_RETURN_IF_ERROR(reader->finish());
    const auto *bytes = reinterpret_cast<const std::uint8_t *>(words.data());
    checkpoint.state.assign(bytes, bytes + size);
    return std::optional(std::move(checkpoint));
}

} // namespace app
