#pragma once
// Opens the Torch module (drillroom_torch.so) at run time, so that a program links no LibTorch and
// starts without it; opening takes 0.3 to 0.5 s, so call it from a worker. The module stays mapped
// until the process ends: LibTorch cannot be unloaded. Scorers made by it may outlive this object.

#include "engine/base/clock.h"
#include "engine/base/paths.h"
#include "engine/model/package.h"
#include "engine/model/scorer.h"

namespace engine {

/// What the module exports under the C name `drillroomTorch`. Grows at the end only; `abi` says
/// which members are there. Every function catches LibTorch's exceptions.
struct TorchExports
{
    static constexpr int kAbi = 1;
    int abi = 0;
    const char *torchVersion = nullptr;
    Result<std::unique_ptr<Scorer>> (*openScorer)(Package package) = nullptr;
};

class TorchModule
{
public:
    /// Unavailable when the file or LibTorch is missing; the message holds the linker's words.
    [[nodiscard]] static Result<TorchModule> load(const std::filesystem::path &file,
                                                  const Clock &clock);
    /// Where an installation keeps it: beside the binaries' folder, in lib/.
    [[nodiscard]] static std::filesystem::path defaultFile(const Paths &paths);

    [[nodiscard]] Result<std::unique_ptr<Scorer>> openScorer(Package package) const
    {
        return m_exports->openScorer(std::move(package));
    }
    [[nodiscard]] std::string torchVersion() const { return m_exports->torchVersion; }
    [[nodiscard]] Micros loadTime() const { return m_loadTime; }

private:
    TorchModule(const TorchExports *exports, Micros loadTime)
        : m_exports(exports), m_loadTime(loadTime)
    {
    }
    const TorchExports *m_exports; ///< lives in the module, which is never unloaded
    Micros m_loadTime;
};

} // namespace engine
