#include "engine/training/device.h"

#include <torch/cuda.h>
#include <torch/headeronly/version.h>

#include <climits>
#include <dlfcn.h>
#include <filesystem>
#include <malloc.h>

#define DRILLROOM_TEXT_(x) #x
#define DRILLROOM_TEXT(x) DRILLROOM_TEXT_(x)

namespace engine {
namespace {

bool hasDriver()
{
    std::error_code error;
    return std::filesystem::exists("/proc/driver/nvidia/version", error)
           || std::filesystem::exists("/dev/nvidiactl", error);
}

/// libtorch_cuda.so beside the libtorch_cpu.so that runs.
std::filesystem::path cudaLibrary()
{
    Dl_info info{};
    if (::dladdr(reinterpret_cast<const void *>(&torch::cuda::is_available), &info) == 0
        || info.dli_fname == nullptr)
        return "libtorch_cuda.so";
    return std::filesystem::path(info.dli_fname).parent_path() / "libtorch_cuda.so";
}

/// Empty = the GPU can be used; else why not.
std::string openCuda()
{
    if (!hasDriver())
        return "this machine has no NVIDIA driver";
    const auto library = cudaLibrary();
    if (::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
        const char *why = ::dlerror();
        return std::string("LibTorch's CUDA libraries are not there (")
               + (why ? why : library.c_str())
               + "); run ./installer/start again on this machine to fetch them";
    }
    if (!torch::cuda::is_available())
        return "LibTorch finds no usable GPU; is the driver new enough for CUDA 13?";
    return {};
}

} // namespace

Result<Device> openDevice(const std::string &wanted)
{
    if (wanted == "cpu")
        return Device{};
    if (wanted == "auto") {
        if (!hasDriver())
            return Device{};
        const auto why = openCuda();
        return why.empty() ? Device{"cuda:0", ""} : Device{"cpu", "the CPU is used: " + why};
    }
    const std::string prefix = "cuda:";
    const auto digits = wanted.starts_with(prefix) ? wanted.substr(prefix.size()) : std::string();
    if (digits.empty() || digits.size() > 2
        || digits.find_first_not_of("0123456789") != std::string::npos)
        return fail(ErrorCode::Usage, "--device is auto, cpu or cuda:0, not '" + wanted + "'");
    if (const auto why = openCuda(); !why.empty())
        return fail(ErrorCode::Unavailable, "There is no device " + wanted + ": " + why
                                                + "; --device cpu works everywhere");
    const int there = torch::cuda::device_count();
    if (std::stoi(digits) >= there)
        return fail(ErrorCode::Unavailable,
                    "There is no device " + wanted + "; LibTorch sees " + std::to_string(there));
    return Device{wanted, ""};
}

std::string torchVersion()
{
    return DRILLROOM_TEXT(TORCH_VERSION_MAJOR) "." DRILLROOM_TEXT(
        TORCH_VERSION_MINOR) "." DRILLROOM_TEXT(TORCH_VERSION_PATCH);
}

void keepBigBlocks()
{
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

} // namespace engine
