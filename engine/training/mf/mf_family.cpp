#include "engine/training/mf/mf_family.h"

#include "engine/training/mf/mf_trainer.h"
#include "engine/training/recommender_family.h"

namespace engine {
namespace {

class MfFamily final : public RecommenderFamily
{
public:
    std::string name() const override { return "mf"; }
    std::string help() const override
    {
        return "mf: retrieval by one dot product per item. A new shopper is folded in from the\n"
               "history; nothing is trained for a request.\n"
               "settings (--set NAME=VALUE)\n"
               + mfSettingsHelp();
    }

    Result<TrainedModel> trainOn(const Dataset &train, const Dataset &valid,
                                 const TrainOrder &order, TrainMonitor &monitor) const override
    {
        return trainMf(train, valid, order, monitor);
    }
};

} // namespace

const Family &mfFamily()
{
    static const MfFamily family;
    return family;
}

} // namespace engine
