#pragma once
// Operations that remember what was asked of them, for tests of the window. Tests only.

#include "engine/cluster/operations.h"
#include "tests/support/fake_timeline.h"

#include <atomic>
#include <mutex>

namespace testing_support {

class FakeOperations final : public engine::Operations
{
public:
    /// Empty = nothing is being recorded.
    std::optional<ScriptedRun> liveRun;
    FakeTimeline *liveTimeline = nullptr; ///< the last one given out
    engine::RunProgress state;
    std::vector<engine::DrillSummary> drillList;
    std::vector<engine::RecordingSummary> runList;
    std::vector<engine::Check> checkList;
    engine::ShopStatus shopState;
    engine::Trainings *desk = nullptr; ///< given out as trainings(); outlives the window
    std::vector<std::string> asked;    ///< in order: "halt", "undo 1", "restart replica/2" ...

    [[nodiscard]] engine::Trainings *trainings() override { return desk; }
    std::vector<engine::DrillSummary> drills() override { return drillList; }
    std::vector<engine::RecordingSummary> recordings() override { return runList; }
    std::vector<engine::Check> checks() override { return checkList; }
    engine::Result<engine::ShopStatus> shop() override { return shopState; }
    [[nodiscard]] engine::RunProgress progress() const override { return state; }
    std::unique_ptr<engine::Timeline> openLive() override
    {
        if (!liveRun)
            return nullptr;
        auto timeline = std::make_unique<FakeTimeline>(*liveRun, true);
        liveTimeline = timeline.get();
        return timeline;
    }
    engine::Result<std::unique_ptr<engine::Timeline>>
    openRecording(const std::string &path) override
    {
        if (path.find("missing") != std::string::npos)
            return engine::fail(engine::ErrorCode::NotFound,
                                "There is no recording at " + path + "; pick another file");
        return std::unique_ptr<engine::Timeline>(std::make_unique<FakeTimeline>(crashRun(), false));
    }
    void startShop(Reply<void> done) override { answer("startShop", done); }
    void startDrill(const std::string &path, Reply<void> done) override
    {
        answer("startDrill " + path, done);
    }
    void abortDrill(Reply<void> done) override { answer("abort", done); }
    void halt(bool release) override { asked.push_back(release ? "release" : "halt"); }
    void undoNow(std::uint32_t faultId, Reply<void> done) override
    {
        answer("undo " + std::to_string(faultId), done);
    }
    void acknowledge(const std::string &) override { asked.push_back("acknowledge"); }
    void restart(const std::string &target, Reply<void> done) override
    {
        answer("restart " + target, done);
    }
    void note(const std::string &, const std::string &text) override
    {
        asked.push_back("note " + text);
    }
    void exportReport(const std::string &recording, const std::string &, Reply<void> done) override
    {
        answer("report " + recording, done);
    }

    /// A shop as the pictures show it, with lists.
    static std::unique_ptr<FakeOperations> busy(double seconds)
    {
        auto operations = std::make_unique<FakeOperations>();
        operations->liveRun = crashRun(seconds);
        operations->state.running = true;
        operations->state.drill = "A ranker crashes at peak";
        operations->state.recording = "/scripted/0147.drl";
        operations->fillLists();
        return operations;
    }
    void fillLists()
    {
        const auto drill = [&](const char *id, const char *title, const char *text,
                               const char *tag) {
            drillList.push_back(
                {id, std::string("/drills/") + id + ".yaml", title, text, {tag}, 60, {}});
        };
        drill("00-no-op", "Nothing is broken", "A control: no alarm may ring.", "control");
        drill("01-ranker-crash", "A ranker crashes at peak",
              "One of three ranking replicas is killed without warning.", "server-crash");
        drill("02-ranker-hang", "A ranker hangs", "A replica stops answering but stays up.",
              "timeout");
        drill("03-network-cut", "The way to a ranker is cut", "Packets vanish for 15 s.",
              "network-cut");
        const auto run = [&](engine::Word word, double rto, double budget, std::int64_t hours) {
            engine::RecordingSummary summary;
            summary.path = "/scripted/run-" + std::to_string(hours) + ".drl";
            summary.drill = "A ranker crashes at peak";
            summary.wall = 1'795'000'000'000'000 - hours * 3'600'000'000;
            summary.closed = true;
            summary.verdict = engine::Verdict{};
            summary.verdict->word = word;
            summary.verdict->rtoSeconds = rto;
            summary.verdict->budget = budget;
            summary.verdict->quality = 0.996;
            runList.push_back(summary);
        };
        run(engine::Word::Pass, 7.9, 0.0044, 2);
        run(engine::Word::Fail, 31, 0.029, 5);
        run(engine::Word::Inconclusive, 0, 0, 9);
        checkList = {{"Agent runs, can undo", "lease held, ledger writable", "", true},
                     {"Engine: CPU, fp32", "2 cores", "", true},
                     {"No CUDA device found", "GPU drills are marked as not possible here.",
                      "apt install nvidia-driver", false}};
        shopState.name = "demo";
        shopState.state = "up";
        shopState.application = "recommend";
        const auto process = [&](const char *name, const char *role) {
            engine::ProcessStatus status;
            status.name = name;
            status.role = role;
            status.state = "serving";
            status.pid = 4000;
            if (status.role == "replica") {
                status.model = "ranker";
                status.version = "12.3";
            }
            shopState.processes.push_back(status);
        };
        process("traffic", "traffic");
        process("gateway", "gateway");
        process("replica/1", "replica");
        process("replica/2", "replica");
        process("replica/3", "replica");
        process("store", "store");
    }

private:
    void answer(std::string what, const Reply<void> &done)
    {
        asked.push_back(std::move(what));
        if (done)
            done({});
    }
};

} // namespace testing_support
