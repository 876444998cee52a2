// A training as a recording: what it said is there, sealed, whatever happens to its process; the
// part that goes on shows the whole curve; live and from the file it folds to the same state.

#include "app/train/training_record.h"
#include "engine/event/training_view.h"
#include "engine/model/model_state.h"
#include "engine/recording/open.h"
#include "engine/recording/schema.h"
#include "engine/recording/verify.h"

#include <QtTest>
#include <cmath>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace engine;
namespace fs = std::filesystem;

class TestTrainingRecord : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void aTrainingIsRecordedAndSealed();
    void killedItOpensAndTheNextGoesOn();
    void liveAndFileFoldToTheSame();
    void aDamagedPartBeforeGivesANote();
    void nothingIsOverwritten();
    void whoForgetsTheEndHasFailed();
    void longCurvesStayBounded_data();
    void longCurvesStayBounded();
    void bestKnowsWhatIsBetter();
    void rateCountsWorkOnly();
    void theEndIsFinal();
    void statesOfModels_data();
    void statesOfModels();

private:
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }
    std::unique_ptr<app::TrainingRecord> begin(const char *name, double worked = 0) const
    {
        TrainingStarted started;
        started.name = "m1";
        started.command = "train";
        started.family = "sequence";
        started.out = file("m1").string();
        started.order = R"({"command":"train"})";
        started.seed = 7;
        started.pid = ::getpid();
        started.worked = worked;
        auto record = app::TrainingRecord::begin(file(name), file("key/signing.key"),
                                                 std::move(started), m_clock);
        return record ? std::move(*record) : nullptr;
    }
    /// Epochs `from` to `to`, with a loss and a figure each.
    static void epochs(app::TrainingRecord &record, int from, int to)
    {
        for (int epoch = from; epoch <= to; ++epoch) {
            record.progress("epoch " + std::to_string(epoch), epoch / 10.0, epoch);
            record.metric("train loss", epoch, 7.0 / epoch);
            record.metric("validation ndcg@10", epoch, 0.01 * epoch);
        }
    }

    QTemporaryDir m_folder;
    const Clock &m_clock = systemClock();
};

void TestTrainingRecord::aTrainingIsRecordedAndSealed()
{
    auto record = begin("whole.drl");
    QVERIFY(record);
    epochs(*record, 1, 5);
    record->note("3 lines were dropped");
    record->saved(file("m1.checkpoint").string(), 4.5);
    record->changed({TrainingState::Finished, "", "abcdef", "2", {{"ndcg@10", 0.05}}, 0});
    QVERIFY(record->close());

    const auto report = verifyRecording(file("whole.drl"), m_clock, {});
    QVERIFY2(report.exitCode == 0, report.sentence.c_str());
    const auto run = foldFile(file("whole.drl"), m_clock);
    QVERIFY(run);
    QVERIFY(run->closed);
    QCOMPARE(run->differsAt, std::int64_t(-1));
    QVERIFY(run->state.training);
    const auto &view = *run->state.training;
    QCOMPARE(view.started.family, std::string("sequence"));
    QCOMPARE(view.state, TrainingState::Finished);
    QCOMPARE(view.ended.digest, std::string("abcdef"));
    QCOMPARE(view.ended.metrics.at("ndcg@10"), 0.05);
    QVERIFY(view.progress.what.starts_with("epoch "));
    QVERIFY(view.progress.part > 0 && view.progress.worked > 0);
    QCOMPARE(view.curves.size(), std::size_t(2));
    const auto &loss = view.curves.at("train loss");
    QCOMPARE(loss.steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
    QCOMPARE(loss.values.front(), 7.0);
    QCOMPARE(view.notes, std::vector<std::string>{"3 lines were dropped"});
    QCOMPARE(view.saves, std::uint64_t(1));
    QCOMPARE(run->meta.at("training"), std::string("sequence"));
    // An older program sees by the number that it does not know all of this.
    QVERIFY(schema::kMinor >= 2);
    QCOMPARE(run->meta.at("fold"), std::string(schema::kFold));
}

void TestTrainingRecord::killedItOpensAndTheNextGoesOn()
{
    const pid_t child = ::fork();
    QVERIFY(child >= 0);
    if (child == 0) {
        auto record = begin("killed.drl");
        epochs(*record, 1, 4);
        record->saved("x", 4); // on the disk when it returns
        epochs(*record, 5, 6);
        record->saved("", 6); // so that 5 and 6 are, too; then one more that no checkpoint covers
        record->metric("train loss", 7, 99.0);
        systemClock().waitUntil(systemClock().now() + Micros{300'000}, {});
        ::raise(SIGKILL);
    }
    int status = 0;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QVERIFY(WIFSIGNALED(status));

    QCOMPARE(verifyRecording(file("killed.drl"), m_clock, {}).exitCode, 3);
    const auto torn = foldFile(file("killed.drl"), m_clock);
    QVERIFY2(torn, torn ? "" : torn.error().text().c_str());
    QVERIFY(!torn->closed);
    QCOMPARE(torn->state.training->state, TrainingState::Running);
    QCOMPARE(torn->state.training->curves.at("train loss").lastStep, std::int64_t(7));

    auto record = begin("next.drl", 6);
    QVERIFY(record);
    record->continueFrom(file("killed.drl"));
    epochs(*record, 7, 9);
    record->changed({TrainingState::Finished, "", "d", "1", {}, 0});
    QVERIFY(record->close());
    QCOMPARE(verifyRecording(file("next.drl"), m_clock, {}).exitCode, 0);
    const auto run = foldFile(file("next.drl"), m_clock);
    QVERIFY(run);
    const auto &view = *run->state.training;
    QCOMPARE(view.started.worked, 6.0);
    const auto &loss = view.curves.at("train loss");
    // Epoch 7 of the killed part is behind its last checkpoint: only the new one counts.
    QCOMPARE(loss.steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
    QCOMPARE(loss.values[6], 1.0);
    std::size_t earlier = 0;
    for (const auto &event : run->events)
        if (const auto *point = std::get_if<TrainingMetric>(&event.payload))
            earlier += point->earlier;
    QCOMPARE(earlier, std::size_t(12));
}

void TestTrainingRecord::liveAndFileFoldToTheSame()
{
    auto record = begin("live.drl");
    QVERIFY(record);
    const auto timeline = openTimeline(file("live.drl"), true, m_clock);
    epochs(*record, 1, 3);
    QTRY_VERIFY_WITH_TIMEOUT(
        timeline->snapshot()->state->training
            && timeline->snapshot()->state->training->curves.count("train loss")
            && timeline->snapshot()->state->training->curves.at("train loss").lastStep == 3,
        10'000);
    QVERIFY(timeline->snapshot()->live);
    record->changed({TrainingState::Paused, "", "", "", {}, 0});
    QTRY_COMPARE_WITH_TIMEOUT(timeline->snapshot()->state->training->state, TrainingState::Paused,
                              10'000);
    record->changed({TrainingState::Running, "", "", "", {}, 0});
    record->changed({TrainingState::Stopped, "stopped by the operator", "", "", {}, 0});
    QVERIFY(record->close());
    QTRY_VERIFY_WITH_TIMEOUT(timeline->snapshot()->closed, 10'000);
    const auto run = foldFile(file("live.drl"), m_clock);
    QVERIFY(run);
    QCOMPARE(timeline->snapshot()->endState->hash(), run->state.hash());
    QCOMPARE(run->state.training->ended.detail, std::string("stopped by the operator"));
    // At an earlier moment it is what it was then.
    const auto playback = openTimeline(file("live.drl"), false, m_clock);
    playback->seek(0);
    QTRY_VERIFY_WITH_TIMEOUT(playback->snapshot()->playhead == 0 && playback->snapshot()->end > 0
                                 && playback->snapshot()->state->t <= 0,
                             10'000);
    QVERIFY(!playback->snapshot()->state->training
            || !playback->snapshot()->state->training->isOver());
}

void TestTrainingRecord::aDamagedPartBeforeGivesANote()
{
    QFile junk(QString::fromStdString(file("junk.drl").string()));
    QVERIFY(junk.open(QIODevice::WriteOnly) && junk.write("no recording") > 0);
    junk.close();
    auto record = begin("after.drl", 3);
    QVERIFY(record);
    record->continueFrom(file("junk.drl"));
    record->metric("train loss", 4, 1);
    QVERIFY(record->close());
    const auto run = foldFile(file("after.drl"), m_clock);
    QVERIFY(run);
    QCOMPARE(run->state.training->notes.size(), std::size_t(1));
    QVERIFY(run->state.training->notes[0].find("curves begin here") != std::string::npos);
    QCOMPARE(run->state.training->curves.at("train loss").seen, std::uint64_t(1));
}

void TestTrainingRecord::nothingIsOverwritten()
{
    QVERIFY(begin("once.drl"));
    const auto size = fs::file_size(file("once.drl"));
    QVERIFY(!begin("once.drl"));
    QCOMPARE(fs::file_size(file("once.drl")), size);
}

void TestTrainingRecord::whoForgetsTheEndHasFailed()
{
    {
        auto record = begin("forgot.drl");
        QVERIFY(record);
        epochs(*record, 1, 1);
    }
    const auto run = foldFile(file("forgot.drl"), m_clock);
    QVERIFY(run);
    QVERIFY(run->closed);
    QCOMPARE(run->state.training->state, TrainingState::Failed);
}

void TestTrainingRecord::longCurvesStayBounded_data()
{
    QTest::addColumn<int>("count");
    for (const int count : {1, 2, 1023, 1024, 1025, 2047, 2048, 5000, 100'000})
        QTest::addRow("%d", count) << count;
}

void TestTrainingRecord::longCurvesStayBounded()
{
    QFETCH(int, count);
    TrainingCurve curve;
    for (int i = 0; i < count; ++i)
        curve.add(i, 1.0 / (1 + i), true);
    QVERIFY(curve.steps.size() < TrainingCurve::kKept);
    QCOMPARE(curve.steps.size(), curve.values.size());
    QCOMPARE(curve.seen, std::uint64_t(count));
    QCOMPARE(curve.steps.front(), std::int64_t(0));
    QCOMPARE(curve.steps.back(), std::int64_t(count - 1));
    QCOMPARE(curve.bestStep, std::int64_t(count - 1));
    QVERIFY(curve.steps.size() > std::min<std::size_t>(static_cast<std::size_t>(count), 500) - 1);
    for (std::size_t i = 0; i + 1 < curve.steps.size(); ++i) {
        QCOMPARE(curve.steps[i] % static_cast<std::int64_t>(curve.stride), std::int64_t(0));
        QVERIFY(curve.steps[i] < curve.steps[i + 1]);
    }
}

void TestTrainingRecord::bestKnowsWhatIsBetter()
{
    TrainingView view;
    for (const auto &[step, value] : {std::pair(1, 0.5), {2, 0.3}, {3, std::nan("")}, {4, 0.4}}) {
        view.apply(TrainingMetric{"train loss", step, value, false, 0});
        view.apply(TrainingMetric{"validation ndcg@10", step, value, false, 0});
    }
    QCOMPARE(view.curves.at("train loss").best, 0.3);
    QCOMPARE(view.curves.at("train loss").bestStep, std::int64_t(2));
    QCOMPARE(view.curves.at("validation ndcg@10").best, 0.5);
    QCOMPARE(view.curves.at("validation ndcg@10").bestStep, std::int64_t(1));
    QVERIFY(std::isnan(view.curves.at("train loss").values[2]));
    for (int i = 0; i < 100; ++i)
        view.apply(TrainingMetric{"curve " + std::to_string(i), 1, 1, false, 0});
    QCOMPARE(view.curves.size(), TrainingView::kCurves);
}

void TestTrainingRecord::rateCountsWorkOnly()
{
    TrainingView view;
    QVERIFY(!view.rate());
    view.apply(TrainingProgress{"reading", -1, 0.5, 0});
    QVERIFY(!view.rate() && !view.left());
    view.apply(TrainingProgress{"epoch 1", 0.1, 1, 0});
    view.apply(TrainingProgress{"epoch 2", 0.3, 2, 0}); // an hour later on the clock: a pause
    QVERIFY(view.rate());
    QVERIFY(std::abs(*view.rate() - 0.2) < 1e-12);
    QVERIFY(std::abs(*view.left() - 3.5) < 1e-12);
    view.apply(TrainingProgress{"judging", 0.0, 2.1, 0}); // a new stage
    QVERIFY(!view.rate());
    view.apply(TrainingProgress{"judging", 0.5, 3.1, 0});
    QVERIFY(std::abs(*view.rate() - 0.5) < 1e-12);
}

void TestTrainingRecord::theEndIsFinal()
{
    TrainingView view;
    view.apply(TrainingChanged{TrainingState::Stopped, "first", "", "", {}, 0});
    view.apply(TrainingChanged{TrainingState::Finished, "second", "d", "", {}, 0});
    QCOMPARE(view.state, TrainingState::Stopped);
    QCOMPARE(view.ended.detail, std::string("first"));
}

void TestTrainingRecord::statesOfModels_data()
{
    QTest::addColumn<QString>("version");
    QTest::addColumn<bool>("isSigned");
    QTest::addColumn<bool>("isCanary");
    QTest::addColumn<QString>("state");
    const auto row = [](const char *what, const char *version, bool isSigned, bool isCanary,
                        const char *state) {
        QTest::newRow(what) << QString::fromLatin1(version) << isSigned << isCanary
                            << QString::fromLatin1(state);
    };
    row("served before", "1", true, false, "retired");
    row("shown to some again", "1", true, true, "canary");
    row("serves", "2", true, false, "serving");
    row("signed", "3", true, false, "signed");
    row("a canary", "3", true, true, "canary");
    row("signed by another", "3", false, false, "evaluated");
    row("no figures, no signature", "4", false, false, "trained");
}

void TestTrainingRecord::statesOfModels()
{
    QFETCH(QString, version);
    QFETCH(bool, isSigned);
    QFETCH(bool, isCanary);
    QFETCH(QString, state);
    const auto folder = file("shop");
    fs::remove_all(folder);
    fs::create_directories(folder);
    auto registry = *Registry::open(folder);
    for (const char *number : {"1", "2", "3", "4"}) {
        RegistryEntry entry;
        entry.version = number;
        entry.digest = "d";
        entry.family = "mf";
        entry.gatePassed = true;
        if (*number != '4')
            entry.metrics = {{"ndcg@10", 0.1}};
        QVERIFY(registry.add(entry));
    }
    QVERIFY(registry.promote("1"));
    QVERIFY(registry.promote("2"));
    const auto again = *Registry::open(folder);
    const auto *entry = again.find(version.toStdString());
    QVERIFY(entry);
    QCOMPARE(QString::fromLatin1(name(stateOf(again, *entry, isSigned, isCanary)).data()), state);
}

QTEST_GUILESS_MAIN(TestTrainingRecord)
#include "tst_training_record.moc"
