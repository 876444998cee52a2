// What drillroom_torch.so shows to the program that opens it (engine/model/torch_module.h).

#include "engine/model/torch_module.h"
#include "engine/scoring/open_scorer.h"

#include <torch/headeronly/version.h>

#define DRILLROOM_TEXT_(x) #x
#define DRILLROOM_TEXT(x) DRILLROOM_TEXT_(x)

extern "C" __attribute__((visibility("default"))) const engine::TorchExports *drillroomTorch()
{
    static const engine::TorchExports exports{
        engine::TorchExports::kAbi,
        DRILLROOM_TEXT(TORCH_VERSION_MAJOR) "." DRILLROOM_TEXT(
            TORCH_VERSION_MINOR) "." DRILLROOM_TEXT(TORCH_VERSION_PATCH),
        [](engine::Package package) { return engine::openScorer(package); }};
    return &exports;
}
