#include "engine/training/popularity_family.h"

#include "engine/model/popularity.h"
#include "engine/training/owned_tensor.h"

namespace engine {
namespace {

class PopularityFamily final : public RecommenderFamily
{
public:
    std::string name() const override { return "popularity"; }
    std::string help() const override
    {
        return "popularity: items by how often they were taken; no settings. A floor and a "
               "fallback.\n"
               + recommenderFormats();
    }
    Result<TrainedModel> trainOn(const Dataset &train, const Dataset &, const TrainOrder &order,
                                 TrainMonitor &) const override
    {
        SettingsReader settings(order.recipe);
        DR_RETURN_IF_ERROR(settings.finish());
        auto counts = popularityCounts(train);
        if (order.initial) { // what was counted before still counts
            const auto *before = order.initial->find("counts");
            if (before == nullptr || before->dtype != "I64"
                || before->bytes > counts.size() * sizeof(counts[0]))
                return fail(ErrorCode::InvalidInput, "The package holds no counts to go on from");
            for (std::size_t i = 0; i < before->bytes / sizeof(counts[0]); ++i) {
                std::int64_t count = 0;
                std::memcpy(&count,
                            order.initial->weights.data() + before->offset + i * sizeof count,
                            sizeof count);
                counts[i] += count;
            }
        }
        TrainedModel model;
        model.manifest.family = name();
        model.tensors.push_back(ownedTensor("counts", "I64", counts));
        return model;
    }
};

} // namespace

const Family &popularityFamily()
{
    static const PopularityFamily family;
    return family;
}

} // namespace engine
