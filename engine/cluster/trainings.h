#pragma once
// Trainings and the models of shops, as the console sees and moves them. The app implements it;
// pages call it. Values; answers come back on the caller's thread.

#include "engine/base/error.h"
#include "engine/event/timeline.h"
#include "engine/model/model_state.h"

#include <functional>

namespace engine {

/// What a person asks for; the rest has its defaults (drillctl train --help).
struct TrainingOrder
{
    std::string family; ///< "" = as the recipe says
    std::string data;   ///< file to learn from
    std::string columns, recipe;
    std::string out; ///< the package to write, a folder; "" = a new one in the home's models/
    std::uint64_t seed = 1;
    std::int64_t timeLimit = 1800; ///< seconds
};

/// One recording of a training, as far as it has come.
struct TrainingSummary
{
    std::string recording;
    std::shared_ptr<const RunState> state; ///< null: cannot be read, see `problem`
    bool isAlive = false;                  ///< the process that trains is there
    bool isOurs = false;                   ///< ... and is a child of this console: it can be paused
    bool canGoOn = false;                  ///< not alive, not finished, and its checkpoint is there
    std::string problem;
};

struct ShopModel
{
    RegistryEntry entry;
    ModelState state = ModelState::Trained;
    bool isSigned = false, isReference = false, isPrevious = false;
};

struct ShopModels
{
    std::string shop, serving;
    int floor = 0;
    std::vector<ShopModel> models; ///< newest first
    std::string problem;           ///< why the registry cannot be read, or ""
};

class Trainings
{
public:
    template <class T>
    using Reply = std::function<void(Result<T>)>;
    virtual ~Trainings() = default;

    /// Newest first. May read files: call off the GUI thread.
    [[nodiscard]] virtual std::vector<TrainingSummary> trainings() = 0;
    /// Lists one that lies elsewhere, too; false: it is no recording of a training. Reads the file:
    /// call off the GUI thread.
    [[nodiscard]] virtual bool addTraining(const std::string &recording) = 0;
    /// Shows one of them as it grows, or as it was. Reads files: call off the GUI thread.
    [[nodiscard]] virtual Result<std::unique_ptr<Timeline>>
    openTraining(const std::string &recording) = 0;
    /// Of every shop, by name. May read files and ask the agent: call off the GUI thread.
    [[nodiscard]] virtual std::vector<ShopModels> shopModels() = 0;
    [[nodiscard]] virtual std::vector<std::string> recipes() const = 0; ///< shipped ones

    /// Answers with the recording's path once the training has begun.
    virtual void startTraining(const TrainingOrder &order, Reply<std::string> done) = 0;
    virtual void pauseTraining(const std::string &recording, Reply<void> done) = 0;
    /// A paused one goes on; one that was stopped or killed begins again at its checkpoint, in a
    /// new recording, whose path is the answer.
    virtual void resumeTraining(const std::string &recording, Reply<std::string> done) = 0;
    virtual void stopTraining(const std::string &recording, Reply<void> done) = 0;
    /// Lets a version serve; in a running shop its replicas load it now, else at their next start.
    virtual void promote(const std::string &shop, const std::string &version, Reply<void> done) = 0;
    /// Shows a version to some of the shoppers of a running shop, on one replica, until it is
    /// promoted, ended with "", or the gateway takes it back. Answers when it has begun.
    virtual void showToSome(const std::string &shop, const std::string &version,
                            Reply<void> done) = 0;
    /// Back to the named version, or with "" to the one before.
    virtual void rollBack(const std::string &shop, const std::string &version,
                          Reply<void> done) = 0;
};

} // namespace engine
