#include "engine/model/safetensors.h"

#include "engine/model/strict_json.h"

#include <algorithm>

namespace engine {
namespace {

std::size_t bytesOf(const std::string &dtype)
{
    return dtype == "F32" || dtype == "I32" ? 4 : dtype == "I64" ? 8 : dtype == "I8" ? 1 : 0;
}

/// Elements times the element's size; nullopt when negative or beyond what a file can hold.
std::optional<std::size_t> sizeOf(const std::string &dtype, std::span<const std::int64_t> shape)
{
    constexpr std::size_t kMost = std::size_t{1} << 40;
    std::size_t size = bytesOf(dtype);
    for (const auto dimension : shape) {
        if (dimension < 0 || static_cast<std::uint64_t>(dimension) > kMost)
            return std::nullopt;
        size *= static_cast<std::size_t>(dimension);
        if (size > kMost)
            return std::nullopt;
    }
    return size;
}

Result<TensorEntry> readEntry(const std::string &name, const nlohmann::json &value,
                              std::size_t dataStart, std::size_t dataSize, const std::string &file)
{
    const auto refuse = [&](const std::string &rule) {
        return fail(ErrorCode::InvalidInput, "The tensor \"" + name + "\" " + rule, file);
    };
    if (!value.is_object() || value.size() != 3)
        return refuse("must have exactly dtype, shape and data_offsets");
    TensorEntry entry;
    entry.name = name;
    auto dtype = jsonText(value, "dtype", file);
    if (!dtype)
        return tl::unexpected(std::move(dtype.error()));
    entry.dtype = *dtype;
    if (bytesOf(entry.dtype) == 0)
        return refuse("has the dtype " + entry.dtype + "; F32, I64, I32 and I8 are read");
    const auto shape = value.find("shape");
    if (shape == value.end() || !shape->is_array() || shape->size() > 8)
        return refuse("needs a shape of at most 8 whole numbers");
    for (const auto &dimension : *shape) {
        if (!dimension.is_number_unsigned() || dimension.get<std::uint64_t>() > INT64_MAX)
            return refuse("has a shape that is not made of whole numbers from 0");
        entry.shape.push_back(dimension.get<std::int64_t>());
    }
    const auto offsets = value.find("data_offsets");
    if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2
        || !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned())
        return refuse("needs data_offsets of two whole numbers from 0");
    const auto begin = (*offsets)[0].get<std::uint64_t>();
    const auto end = (*offsets)[1].get<std::uint64_t>();
    if (begin > end || end > dataSize)
        return refuse("lies at bytes " + std::to_string(begin) + " to " + std::to_string(end)
                      + " of " + std::to_string(dataSize) + " bytes of data");
    const auto size = sizeOf(entry.dtype, entry.shape);
    if (!size || *size != end - begin)
        return refuse("has " + std::to_string(end - begin) + " bytes, which is not its shape");
    if ((dataStart + begin) % bytesOf(entry.dtype) != 0)
        return refuse("does not begin on a multiple of its element size");
    entry.offset = dataStart + begin;
    entry.bytes = *size;
    return entry;
}

} // namespace

Result<Bytes> writeSafetensors(std::span<const TensorSource> tensors)
{
    // Wide elements first: so each tensor begins on a multiple of its element size without holes.
    std::vector<const TensorSource *> placed;
    for (const auto &tensor : tensors)
        placed.push_back(&tensor);
    std::stable_sort(placed.begin(), placed.end(), [](const auto *a, const auto *b) {
        return bytesOf(a->dtype) > bytesOf(b->dtype);
    });
    auto header = nlohmann::json::object();
    std::size_t at = 0;
    for (const auto *source : placed) {
        const auto &tensor = *source;
        const auto size = sizeOf(tensor.dtype, tensor.shape);
        if (bytesOf(tensor.dtype) == 0 || !size || *size != tensor.data.size()
            || header.contains(tensor.name) || tensor.name.empty())
            return fail(ErrorCode::InvalidInput,
                        "The tensor \"" + tensor.name
                            + "\" cannot be written: name, dtype, shape or size is wrong");
        header[tensor.name] = {
            {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + *size}}};
        at += *size;
    }
    auto text = header.dump();
    while ((8 + text.size()) % 64 != 0)
        text += ' ';
    if (text.size() > kSafetensorsHeaderCap)
        return fail(ErrorCode::InvalidInput, "Too many tensors for one file");
    Writer writer;
    writer(static_cast<std::uint64_t>(text.size()));
    writer.raw({reinterpret_cast<const std::uint8_t *>(text.data()), text.size()});
    for (const auto *tensor : placed)
        writer.raw(tensor->data);
    return writer.take();
}

Result<std::vector<TensorEntry>> parseSafetensors(std::span<const std::uint8_t> bytes,
                                                  const std::string &file)
{
    const auto refuse = [&](const std::string &rule, std::size_t byte) {
        return fail(ErrorCode::InvalidInput, rule, file + ": byte " + std::to_string(byte));
    };
    if (bytes.size() >= 4 && bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == 3 && bytes[3] == 4)
        return refuse("This is a zip archive (TorchScript or a pickle); only safetensors are read",
                      0);
    if (bytes.size() >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5
        && (bytes.size() < 8 || bytes[7] != 0 || bytes[3] != 0))
        return refuse("This is a Python pickle; only safetensors are read", 0);
    Reader reader(bytes);
    std::uint64_t length = 0;
    reader(length);
    if (!reader.ok())
        return refuse("The file ends inside the header's length", bytes.size());
    if (length > kSafetensorsHeaderCap)
        return refuse("The header claims " + std::to_string(length) + " bytes; at most "
                          + std::to_string(kSafetensorsHeaderCap) + " are read",
                      0);
    if (length > bytes.size() - 8)
        return refuse("The file ends inside its header of " + std::to_string(length) + " bytes",
                      bytes.size());
    auto header = parseStrictJson(bytes.subspan(8, length), file, 8);
    if (!header)
        return tl::unexpected(std::move(header.error()));

    const std::size_t dataStart = 8 + length;
    const std::size_t dataSize = bytes.size() - dataStart;
    std::vector<TensorEntry> entries;
    for (const auto &[name, value] : header->items()) {
        if (name == "__metadata__")
            continue;
        auto entry = readEntry(name, value, dataStart, dataSize, file);
        if (!entry)
            return tl::unexpected(std::move(entry.error()));
        entries.push_back(std::move(*entry));
    }
    std::sort(entries.begin(), entries.end(), [](const TensorEntry &a, const TensorEntry &b) {
        return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
    });
    std::size_t at = dataStart;
    for (const auto &entry : entries) {
        if (entry.offset < at)
            return refuse("The tensor \"" + entry.name + "\" overlaps the one before it",
                          entry.offset);
        if (entry.offset > at)
            return refuse("There is a hole before the tensor \"" + entry.name + "\"", at);
        at += entry.bytes;
    }
    if (at != bytes.size())
        return refuse(std::to_string(bytes.size() - at) + " bytes follow the last tensor", at);
    return entries;
}

} // namespace engine
