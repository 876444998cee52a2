#include "engine/model/torch_module.h"

#include <dlfcn.h>

namespace engine {

Result<TorchModule> TorchModule::load(const std::filesystem::path &file, const Clock &clock)
{
    const auto start = clock.now();
    void *handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) {
        const char *why = ::dlerror();
        return fail(ErrorCode::Unavailable,
                    "Models cannot be scored here: " + std::string(why != nullptr ? why : "dlopen")
                        + "; run installer/start to fetch LibTorch",
                    file.string());
    }
    using Export = const TorchExports *(*)();
    const auto entry = reinterpret_cast<Export>(::dlsym(handle, "drillroomTorch"));
    const auto *exports = entry == nullptr ? nullptr : entry();
    if (exports == nullptr || exports->abi < TorchExports::kAbi)
        return fail(ErrorCode::Unavailable,
                    "This is not the Torch module of this version; build or install it again",
                    file.string());
    return TorchModule(exports, clock.now() - start);
}

std::filesystem::path TorchModule::defaultFile(const Paths &paths)
{
    return paths.binaries.parent_path() / "lib" / "drillroom_torch.so";
}

} // namespace engine
