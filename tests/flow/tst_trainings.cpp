// Real tiny trainings: recorded by drillctl, killed and gone on with; started, paused, resumed and
// stopped by the console's desk. What is read is read from the recordings.

#include "app/console/training_desk.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "engine/recording/open.h"
#include "tests/support/program.h"

#include <QJsonArray>
#include <csignal>
#include <future>

class TestTrainings : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void aTrainingIsRecorded();
    void killedItGoesOnWithItsCurves();
    void theConsolePausesResumesAndStops();
    void aBadOrderIsSaidAtOnce();
    void modelsOfAShopMove();

private:
    QString file(const char *name) const { return m_place.file(name); }
    QStringList order(const char *out, const char *record, const char *epochs) const
    {
        return {QStringLiteral("train"),
                QStringLiteral("--family"),
                QStringLiteral("sequence"),
                QStringLiteral("--train"),
                file("train.txt"),
                QStringLiteral("--set"),
                QStringLiteral("factors=16"),
                QStringLiteral("--set"),
                QStringLiteral("epochs=") + QString::fromLatin1(epochs),
                QStringLiteral("--threads"),
                QStringLiteral("1"),
                QStringLiteral("--checkpoint-every"),
                QStringLiteral("0"),
                QStringLiteral("--out"),
                file(out),
                QStringLiteral("--record"),
                file(record),
                QStringLiteral("--json")};
    }
    engine::Paths paths() const
    {
        engine::Paths paths;
        paths.home = m_place.home().toStdString();
        paths.runtime = m_place.runtime().toStdString();
        paths.binaries = DRILLROOM_BIN_DIR;
        paths.drills = DRILLROOM_SOURCE_DIR "/drills";
        return paths;
    }
    engine::Result<engine::FoldedRun> fold(const QString &recording) const
    {
        return engine::foldFile(recording.toStdString(), engine::systemClock());
    }
    static QJsonArray lines(const QByteArray &text)
    {
        QJsonArray all;
        for (const auto &line : text.split('\n'))
            if (!line.isEmpty())
                all.append(QJsonDocument::fromJson(line).object());
        return all;
    }

    support::Workplace m_place;
};

namespace {

/// What the desk answers, waited for; its posts run here at once.
template <class T, class Ask>
engine::Result<T> answered(Ask ask)
{
    auto promise = std::make_shared<std::promise<engine::Result<T>>>();
    auto answer = promise->get_future();
    ask([promise](engine::Result<T> result) { promise->set_value(std::move(result)); });
    if (answer.wait_for(std::chrono::seconds(60)) != std::future_status::ready)
        return engine::fail(engine::ErrorCode::Timeout, "no answer within 60 s");
    return answer.get();
}

struct Desk
{
    explicit Desk(const engine::Paths &paths)
        : keeper(paths, "demo", engine::systemClock(), [](const std::string &) {}),
          desk(paths, engine::systemClock(), keeper, [](const auto &task) { task(); })
    {
    }
    std::optional<engine::TrainingSummary> find(const std::string &recording)
    {
        for (auto &training : desk.trainings())
            if (training.recording == recording)
                return training;
        return std::nullopt;
    }
    engine::TrainingState stateOf(const std::string &recording)
    {
        const auto found = find(recording);
        return found && found->state && found->state->training ? found->state->training->state
                                                               : engine::TrainingState::Failed;
    }
    console::ShopKeeper keeper;
    console::TrainingDesk desk;
};

} // namespace

void TestTrainings::initTestCase()
{
    const auto whole = engine::SyntheticShop(*engine::syntheticRecipe("tiny"), 1).generate(1);
    const auto split = engine::splitByTime(whole);
    QFile out(file("train.txt"));
    QVERIFY(out.open(QIODevice::WriteOnly));
    for (std::size_t s = 0; s < split.train.shoppers(); ++s) {
        QByteArray line = "u" + QByteArray::number(qulonglong(s));
        for (const auto item : split.train.of(s))
            line += " i" + QByteArray::number(item);
        if (!split.train.of(s).empty())
            out.write(line + '\n');
    }
}

void TestTrainings::aTrainingIsRecorded()
{
    const auto made = m_place.ctl(order("m1", "m1.drl", "4"));
    QVERIFY2(made.exit == 0, made.err);
    const auto checked =
        m_place.ctl({QStringLiteral("recording"), QStringLiteral("verify"), file("m1.drl")});
    QVERIFY2(checked.exit == 0, checked.out + checked.err);
    const auto told = m_place.ctl({QStringLiteral("recording"), QStringLiteral("events"),
                                   file("m1.drl"), QStringLiteral("--json")});
    QCOMPARE(told.exit, 0);
    int losses = 0, judged = 0;
    QJsonObject end;
    for (const auto &value : lines(told.out)) {
        const auto event = value.toObject();
        losses += event[QStringLiteral("metric")].toString() == QStringLiteral("train loss");
        judged += event[QStringLiteral("metric")].toString().startsWith(
            QStringLiteral("validation ndcg@10"));
        if (event[QStringLiteral("kind")].toString() == QStringLiteral("training-state"))
            end = event;
    }
    QVERIFY2(losses >= 2 && losses <= 4, told.out);
    QVERIFY(judged >= 2);
    QCOMPARE(end[QStringLiteral("state")].toString(), QStringLiteral("finished"));
    QCOMPARE(end[QStringLiteral("digest")].toString(),
             made.json()[QStringLiteral("digest")].toString());
    QCOMPARE(end[QStringLiteral("metrics")].toObject(),
             made.json()[QStringLiteral("metrics")].toObject());
    const auto again = m_place.ctl(order("m1b", "m1.drl", "4"));
    QVERIFY(again.exit != 0);             // a recording is never overwritten ...
    QVERIFY(!QFile::exists(file("m1b"))); // ... and nothing was trained for it
}

void TestTrainings::killedItGoesOnWithItsCurves()
{
    QProcess process;
    m_place.prepare(process, "drillctl", order("m2", "m2-part.drl", "40"));
    process.start();
    const auto epochsIn = [&] {
        const auto run = fold(file("m2-part.drl"));
        if (!run || !run->state.training)
            return std::int64_t(0);
        const auto curve = run->state.training->curves.find("train loss");
        return curve == run->state.training->curves.end() ? std::int64_t(0)
                                                          : curve->second.lastStep;
    };
    QTRY_VERIFY_WITH_TIMEOUT(epochsIn() >= 3, 60'000);
    const auto running = fold(file("m2-part.drl"));
    QVERIFY(running);
    ::kill(running->state.training->started.pid, SIGKILL);
    QVERIFY(process.waitForFinished(30'000));
    QVERIFY(process.exitCode() != 0);
    const auto torn = fold(file("m2-part.drl"));
    QVERIFY2(torn, torn ? "" : torn.error().text().c_str());
    QVERIFY(!torn->closed);
    QVERIFY(torn->state.training->saves > 0);
    const auto events = m_place.ctl({QStringLiteral("recording"), QStringLiteral("events"),
                                     file("m2-part.drl"), QStringLiteral("--json")});
    QCOMPARE(events.exit, 0);

    const auto rest = m_place.ctl(order("m2", "m2-rest.drl", "40") << QStringLiteral("--resume"));
    QVERIFY2(rest.exit == 0, rest.err);
    const auto run = fold(file("m2-rest.drl"));
    QVERIFY(run);
    const auto &view = *run->state.training;
    QCOMPARE(view.state, engine::TrainingState::Finished);
    QVERIFY(view.started.worked > 0);
    const auto &steps = view.curves.at("train loss").steps;
    for (std::size_t i = 0; i < steps.size(); ++i)
        QCOMPARE(steps[i], static_cast<std::int64_t>(i) + 1); // whole, and no epoch twice
    QVERIFY(steps.size() > 3);
}

void TestTrainings::theConsolePausesResumesAndStops()
{
    Desk console(paths());
    engine::TrainingOrder order;
    order.family = "sequence";
    order.data = file("train.txt").toStdString();
    order.seed = 3;
    const auto begun = answered<std::string>(
        [&](auto done) { console.desk.startTraining(order, std::move(done)); });
    QVERIFY2(begun, begun ? "" : begun.error().text().c_str());
    QVERIFY(begun->starts_with(paths().trainings().string()));
    const auto isGoing = [&] {
        const auto now = console.find(*begun);
        return now && now->isAlive && now->isOurs && now->state->training->progress.part > 0;
    };
    QTRY_VERIFY_WITH_TIMEOUT(isGoing(), 60'000);

    QVERIFY(answered<void>([&](auto done) { console.desk.pauseTraining(*begun, done); }));
    QTRY_COMPARE_WITH_TIMEOUT(console.stateOf(*begun), engine::TrainingState::Paused, 30'000);
    const auto worked = console.find(*begun)->state->training->progress.worked;
    QTest::qWait(700);
    QCOMPARE(console.find(*begun)->state->training->progress.worked, worked); // it does not work

    const auto resumed = answered<std::string>(
        [&](auto done) { console.desk.resumeTraining(*begun, std::move(done)); });
    QVERIFY(resumed);
    QCOMPARE(*resumed, *begun);
    QTRY_VERIFY_WITH_TIMEOUT(console.find(*begun)->state->training->progress.worked > worked,
                             30'000);

    QVERIFY(answered<void>([&](auto done) { console.desk.stopTraining(*begun, done); }));
    QTRY_COMPARE_WITH_TIMEOUT(console.stateOf(*begun), engine::TrainingState::Stopped, 30'000);
    QTRY_VERIFY_WITH_TIMEOUT(!console.find(*begun)->isOurs, 10'000);
    QVERIFY(console.find(*begun)->canGoOn);

    // A stopped one goes on in a recording of its own, as one that was killed does.
    const auto next = answered<std::string>(
        [&](auto done) { console.desk.resumeTraining(*begun, std::move(done)); });
    QVERIFY2(next, next ? "" : next.error().text().c_str());
    QVERIFY(*next != *begun);
    QTRY_VERIFY_WITH_TIMEOUT(console.find(*next) && console.find(*next)->state->training
                                 && console.find(*next)->state->training->started.worked > 0,
                             30'000);
    QVERIFY(answered<void>([&](auto done) { console.desk.stopTraining(*next, done); }));
    QTRY_VERIFY_WITH_TIMEOUT(!console.find(*next)->isAlive, 30'000);
}

void TestTrainings::aBadOrderIsSaidAtOnce()
{
    Desk console(paths());
    engine::TrainingOrder order;
    order.family = "mf";
    order.data = file("nothing.txt").toStdString();
    const auto refused = answered<std::string>(
        [&](auto done) { console.desk.startTraining(order, std::move(done)); });
    QVERIFY(!refused);
    QVERIFY2(refused.error().text().find("nothing.txt") != std::string::npos,
             refused.error().text().c_str());
    order.recipe = "no-such-recipe";
    QVERIFY(!answered<std::string>(
        [&](auto done) { console.desk.startTraining(order, std::move(done)); }));
    QVERIFY(!answered<void>([&](auto done) { console.desk.pauseTraining("/no.drl", done); }));
}

void TestTrainings::modelsOfAShopMove()
{
    const auto made =
        m_place.ctl({QStringLiteral("shop"), QStringLiteral("create"), QStringLiteral("demo"),
                     QStringLiteral("--from"), QStringLiteral("synthetic:tiny")});
    QVERIFY2(made.exit == 0, made.err);
    Desk console(paths());
    const auto shops = console.desk.shopModels();
    QCOMPARE(shops.size(), std::size_t(1));
    QCOMPARE(shops[0].problem, std::string());
    QCOMPARE(shops[0].models.size(), std::size_t(1));
    QCOMPARE(shops[0].models[0].state, engine::ModelState::Serving);
    QVERIFY(shops[0].models[0].isSigned);

    // A second version, as a retraining leaves it.
    const auto folder = paths().shops() / "demo";
    auto registry = *engine::Registry::open(folder);
    auto entry = registry.versions().front();
    std::filesystem::copy(registry.packageFolder(entry.version), registry.packageFolder("2"),
                          std::filesystem::copy_options::recursive);
    entry.version = "2";
    entry.served = false;
    QVERIFY(registry.add(entry));
    QCOMPARE(console.desk.shopModels()[0].models[0].state, engine::ModelState::Signed);
    QVERIFY(answered<void>([&](auto done) { console.desk.promote("demo", "2", done); }));
    const auto moved = console.desk.shopModels();
    QCOMPARE(moved[0].models[0].state, engine::ModelState::Serving);
    QCOMPARE(moved[0].models[1].state, engine::ModelState::Retired);
    const auto listed = m_place.ctl({QStringLiteral("model"), QStringLiteral("list"),
                                     QStringLiteral("demo"), QStringLiteral("--json")});
    QCOMPARE(listed.exit, 0);
    const auto models = listed.json()[QStringLiteral("models")].toArray();
    QCOMPARE(models[0][QStringLiteral("state")].toString(), QStringLiteral("retired"));
    QCOMPARE(models[1][QStringLiteral("state")].toString(), QStringLiteral("serving"));
    QVERIFY(answered<void>([&](auto done) { console.desk.rollBack("demo", "", done); }));
    QCOMPARE(console.desk.shopModels()[0].serving, std::string("1"));
    QVERIFY(!answered<void>([&](auto done) { console.desk.promote("demo", "99", done); }));
    // A signature that is gone shows.
    std::filesystem::remove(registry.packageFolder("2") / "manifest.sig");
    QVERIFY(!console.desk.shopModels()[0].models[0].isSigned);
}

QTEST_GUILESS_MAIN(TestTrainings)
#include "tst_trainings.moc"
