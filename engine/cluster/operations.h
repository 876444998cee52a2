#pragma once
// What an operator can do from the console. The app implements it; pages call it and never see a
// process or a socket. One command ID serves menu, palette, shortcut, drillctl and tests.

#include "engine/cluster/cluster.h"
#include "engine/drill/verdict.h"
#include "engine/event/timeline.h"

namespace engine {

struct DrillSummary
{
    std::string id, path, title,
        description; ///< id: file name without extension, e.g. 01-ranker-crash
    std::vector<std::string> tags;
    double seconds = 0;
    std::string error; ///< file:line:column and rule when the file cannot be read
};

struct RecordingSummary
{
    std::string path, run, drill, shop;
    std::int64_t wall = 0; ///< us since 1970
    double seconds = 0;
    bool synthetic = false, closed = false, builtIn = false;
    std::optional<Verdict> verdict;
    std::string error;
};

/// One line of "This workstation".
struct Check
{
    std::string name, detail, fix; ///< fix: a command to run or a sentence
    bool ok = true;
};

/// What the recorder says of itself; while `problem` lasts, recording goes on in memory.
struct RecorderHealth
{
    std::string problem;         ///< "" or one sentence: what is wrong and what to do
    std::int64_t since = 0;      ///< us since 1970 when it began
    std::uint64_t heldBytes = 0; ///< in memory, not on the disk
    std::uint64_t lost = 0;      ///< events that found no room
    std::uint64_t thinned = 0;   ///< measurements left out so that events find room
};

struct RunProgress
{
    bool running = false;
    std::string drill, message; ///< "starting the shop", "warming up" ...
    std::string recording;      ///< path of the file being written, also without a run (idle file)
    std::string error;          ///< of the last run, if the tool itself failed
    RecorderHealth recorder;    ///< of the file being written
};

class Trainings; // trainings.h

/// Answers come back on the caller's thread through the callback; nothing here blocks the GUI.
class Operations
{
public:
    template <class T>
    using Reply = std::function<void(Result<T>)>;
    virtual ~Operations() = default;

    [[nodiscard]] virtual std::vector<DrillSummary>
    drills() = 0; ///< may read files: call off the GUI thread
    [[nodiscard]] virtual std::vector<RecordingSummary> recordings() = 0; ///< same
    [[nodiscard]] virtual std::vector<Check> checks() = 0;                ///< same
    [[nodiscard]] virtual Result<ShopStatus> shop() = 0;                  ///< same
    [[nodiscard]] virtual RunProgress progress() const = 0;               ///< cheap, any thread

    /// The newest recording being written (a run's, else the idle one), or null.
    [[nodiscard]] virtual std::unique_ptr<Timeline> openLive() = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<Timeline>>
    openRecording(const std::string &path) = 0;

    virtual void startShop(Reply<void> done) = 0;
    virtual void startDrill(const std::string &path, Reply<void> done) = 0;
    virtual void abortDrill(Reply<void> done) = 0;
    /// Goes over the plain lease socket on a thread of its own: works while the GUI thread is
    /// stuck.
    virtual void halt(bool release) = 0;
    virtual void undoNow(std::uint32_t faultId, Reply<void> done) = 0; ///< 0 = all
    virtual void acknowledge(const std::string &who) = 0;
    virtual void restart(const std::string &target, Reply<void> done) = 0;
    virtual void note(const std::string &who, const std::string &text) = 0;
    virtual void exportReport(const std::string &recording, const std::string &htmlPath,
                              Reply<void> done) = 0;
    /// Trainings and models; null where there is nobody to train (tests of other pages).
    [[nodiscard]] virtual Trainings *trainings() { return nullptr; }
};

} // namespace engine
