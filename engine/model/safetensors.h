#pragma once
// The safetensors layout (8 bytes of header length, a JSON header, the data), written with the data
// area on a multiple of 64 and read with every rule of the format checked. Pure: bytes in, bytes
// out. Format: huggingface/safetensors, README "Format".

#include "engine/model/package.h"

namespace engine {

inline constexpr std::size_t kSafetensorsHeaderCap = 1 << 20;

/// Wider elements first, else in the given order, no holes. Each TensorSource's data must have the
/// size of its shape.
[[nodiscard]] Result<Bytes> writeSafetensors(std::span<const TensorSource> tensors);

/// The tensors of a file's bytes, sorted by place. InvalidInput names `file` and the byte or the
/// tensor; pickles and zips (TorchScript) are named as what they are.
[[nodiscard]] Result<std::vector<TensorEntry>> parseSafetensors(std::span<const std::uint8_t> bytes,
                                                                const std::string &file);

} // namespace engine
