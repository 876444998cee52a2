#pragma once
// A trained click model as the tensors and files of a package (layout: ctr_scorer.h), and parts of
// one as the bytes of a checkpoint. Pure; any thread.

#include "engine/training/ctr/click_trainer.h"

namespace engine {

[[nodiscard]] TrainedModel clickPackage(const ClickModel &model, const FeatureSchema &schema);

/// One finished piece of work: a net or a set of trees, and what it says to its validation rows.
struct ClickPart
{
    bool isNet = false;
    std::vector<double> logits;
    double loss = 0, rowsPerSecond = 0;
    ClickNet net;
    TreeSet trees;
};
/// By number of the part. As a safetensors file, which is what a checkpoint must be.
[[nodiscard]] Result<Bytes> saveParts(const std::map<std::uint32_t, ClickPart> &parts);
[[nodiscard]] Result<std::map<std::uint32_t, ClickPart>>
loadParts(std::span<const std::uint8_t> bytes, const ClickNetShape &shape);

} // namespace engine
