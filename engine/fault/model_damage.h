#pragma once
// How the bytes of a model's weights change on a bad disk. Pure: bytes in, bytes out; the same seed
// gives the same damage.

#include "engine/base/digest.h"
#include "engine/base/error.h"
#include "engine/drill/fault_settings.h"

namespace engine {

/// `weights` is a whole safetensors file; its description stays, so that nothing but a look at the
/// content finds the damage. With `rows`, that share of the rows of its largest table change places
/// with one another, as when blocks are written to the wrong place: every number is one that the
/// table had before, norms and sums stay, and only a check against the signature tells. Otherwise
/// single bytes change (settings.bytes, 0 = as many as the file has), all numbers stay finite.
/// InvalidInput when there is no table of two rows.
[[nodiscard]] Result<> damageModel(Bytes &weights, const CorruptSettings &settings,
                                   std::uint64_t seed);

} // namespace engine
