#pragma once
// Which device a training runs on. CUDA is opened at run time, and must be opened before anything
// else of LibTorch runs in the process: the first use fixes what devices there are (reference
// "libtorch", section 9). Call once, first thing in main.

#include "engine/base/error.h"

#include <string>

namespace engine {

struct Device
{
    std::string name = "cpu"; ///< cpu, cuda:0
    std::string note;         ///< auto: why it is not the GPU that seems to be there; else empty
};

/// `wanted`: auto, cpu, cuda:0 ... Unavailable when cuda is wanted and not there, saying what
/// lacks; Usage for other words.
[[nodiscard]] Result<Device> openDevice(const std::string &wanted);

[[nodiscard]] std::string torchVersion();

/// Settings of the allocator that make trainings a third faster (libtorch reference, section 7):
/// big blocks are kept instead of being given back to the system after each step.
void keepBigBlocks();

} // namespace engine
