// A node's config, its line to the agent and its window clock.

#include "engine/serving/node_link.h"
#include "engine/serving/window_clock.h"
#include "tests/support/fake_agent.h"

#include <QTemporaryDir>
#include <QtTest>
#include <future>

using engine::NodeLink;

class TestNodeLink : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void configNamesWhatIsWrong_data();
    void configNamesWhatIsWrong();
    void helloComesFirstAndWindowsInOrder();
    void commandsAreAnswered();
    void aCommandOfAnotherRoleIsRefused();
    void windowsAreAsLongAsTheAgentSays();
    void oldestWindowsAreDroppedAndEventsKept();
    void theAgentsEndIsReportedOnce();
    void anAbsentAgentIsNamed();
    void withoutAnAgentNothingIsSent();
    void windowsEndOnBoundaries();
    void aMissedBoundaryIsAGap();
};

namespace {

using Case = test::FakeAgent::Report::ReportCase;

struct Line
{
    QTemporaryDir folder;
    std::string socket = folder.filePath(QStringLiteral("a")).toStdString();
    test::FakeAgent agent{socket};
    engine::NodeConfig config{"replica/2", "replica", socket, {}, {}, {}};

    std::unique_ptr<NodeLink> open(engine::NodeCommands commands = {})
    {
        auto link = NodeLink::open(config, {4711, "recommend", "7", "abc"}, std::move(commands));
        return link ? std::move(*link) : nullptr;
    }
};

engine::Window window(std::int64_t n, std::size_t padding = 0)
{
    return {"replica/2", n * engine::kWindow.count(), {{std::string(padding, 'x'), 1.0}}, {}};
}

std::int64_t endOf(const test::FakeAgent::Report &report)
{
    const auto &bytes = report.window();
    const auto value = engine::decode<engine::Window>(
        {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()});
    return value ? value->end : -1;
}

} // namespace

void TestNodeLink::configNamesWhatIsWrong_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("message");
    QTest::newRow("cut") << QByteArray("{\"target\": ") << QStringLiteral("not JSON");
    QTest::newRow("no role") << QByteArray(R"({"target": "store", "shop": "/s"})")
                             << QStringLiteral("\"role\" must be a text");
    QTest::newRow("options") << QByteArray(
        R"({"target": "store", "role": "store", "shop": "/s", "options": 3})")
                             << QStringLiteral("\"options\" must be an object");
    QTest::newRow("good") << QByteArray(
        R"({"target": "store", "role": "store", "shop": "/s", "options": {}})")
                          << QString();
}

void TestNodeLink::configNamesWhatIsWrong()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, message);
    const auto config = engine::parseNodeConfig(text.toStdString(), "file");
    QCOMPARE(config.has_value(), message.isEmpty());
    if (!config)
        QVERIFY2(QString::fromStdString(config.error().message).contains(message),
                 config.error().message.c_str());
}

void TestNodeLink::helloComesFirstAndWindowsInOrder()
{
    Line line;
    {
        const auto link = line.open();
        QVERIFY(link);
        for (int i = 1; i <= 20; ++i)
            link->sendWindow(window(i));
        link->sendState(true, "serving", {0, "recommend", "8", "def"});
    }
    // The destructor flushes: nothing that was queued may be missing.
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 22; }));
    const auto reports = line.agent.reports();
    QCOMPARE(reports[0].report_case(), Case::kHello);
    QCOMPARE(reports[0].hello().target(), std::string("replica/2"));
    QCOMPARE(reports[0].hello().port(), 4711);
    QCOMPARE(reports[0].hello().version(), std::string("7"));
    QVERIFY(reports[0].hello().pid() == ::getpid());
    for (int i = 1; i <= 20; ++i)
        QCOMPARE(endOf(reports[std::size_t(i)]), i * engine::kWindow.count());
    QCOMPARE(reports[21].state().digest(), std::string("def"));
}

void TestNodeLink::commandsAreAnswered()
{
    Line line;
    engine::LoadSpec got;
    const auto link =
        line.open({.startLoad = [&](const engine::LoadSpec &spec) -> engine::Result<> {
            got = spec;
            return engine::fail(engine::ErrorCode::Busy, "Load is on already");
        }});
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 1; }));
    test::FakeAgent::Command command;
    command.set_id(9);
    command.mutable_start_load()->set_arrivals("constant");
    command.mutable_start_load()->set_rate(150);
    command.mutable_start_load()->set_start_us(700'000);
    command.mutable_start_load()->add_latency_limits_ms(60);
    QVERIFY(line.agent.command(command));
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 2; }));
    const auto reply = line.agent.reports()[1].reply();
    QCOMPARE(reply.id(), std::uint64_t(9));
    QVERIFY(!reply.outcome().ok());
    QCOMPARE(reply.outcome().code(), std::uint32_t(engine::ErrorCode::Busy));
    QCOMPARE(reply.outcome().message(), std::string("Load is on already"));
    QCOMPARE(got.load.rate, 150.0);
    QVERIFY(got.load.arrivals == engine::Arrivals::Constant);
    QCOMPARE(got.start.count(), std::int64_t(700'000));
    QCOMPARE(got.latencyLimits, std::vector<double>{60});
}

void TestNodeLink::aCommandOfAnotherRoleIsRefused()
{
    Line line;
    const auto link = line.open();
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 1; }));
    test::FakeAgent::Command command;
    command.set_id(1);
    command.mutable_stop_load();
    QVERIFY(line.agent.command(command));
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 2; }));
    QVERIFY(!line.agent.reports()[1].reply().outcome().ok());
}

void TestNodeLink::windowsAreAsLongAsTheAgentSays()
{
    Line line;
    const auto link = line.open();
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 1; }));
    const auto due = [&](std::int64_t windows) {
        return link->isDue(engine::MonoTime{windows * engine::kWindow.count()});
    };
    QVERIFY(due(10) && due(11) && due(19)); // until told otherwise
    std::size_t answers = 1;
    const auto tell = [&](std::int64_t length) {
        test::FakeAgent::Command command;
        command.set_id(answers);
        command.set_window_us(length);
        QVERIFY(line.agent.command(command));
        ++answers;
        QVERIFY(line.agent.waitFor([&](const auto &reports) { return reports.size() == answers; }));
    };
    tell(1'000'000);
    QVERIFY(line.agent.reports()[1].reply().outcome().ok());
    QVERIFY(due(10) && due(20));
    QVERIFY(!due(11) && !due(19));
    for (const std::int64_t wrong : {0, -100'000, 150'000}) {
        tell(wrong);
        QVERIFY(!line.agent.reports().back().reply().outcome().ok());
        QVERIFY(due(20) && !due(21));
    }
    tell(100'000);
    QVERIFY(due(11));
}

void TestNodeLink::oldestWindowsAreDroppedAndEventsKept()
{
    Line line;
    line.agent.stopReading();
    const auto link = line.open();
    QVERIFY(link);
    // Large windows fill the transport's flow control, so that the rest has to wait in our queue.
    constexpr int kSent = 2000;
    link->sendEvent(engine::ResponseChanged{"breaker", "replica/1", "gateway", ""});
    for (int i = 1; i <= kSent; ++i)
        link->sendWindow(window(i, 4000));
    const auto dropped = link->windowsDropped();
    QVERIFY(dropped > 0);
    line.agent.readOn();
    const auto expected = std::size_t(kSent) - dropped + 2;
    QVERIFY(line.agent.waitFor([&](const auto &reports) { return reports.size() == expected; }));
    const auto reports = line.agent.reports();
    QCOMPARE(reports[1].report_case(), Case::kEvent);
    QCOMPARE(endOf(reports.back()), kSent * engine::kWindow.count());
}

void TestNodeLink::theAgentsEndIsReportedOnce()
{
    Line line;
    std::promise<std::string> gone;
    const auto link = line.open({.onGone = [&](std::string why) { gone.set_value(why); }});
    QVERIFY(line.agent.waitFor([](const auto &reports) { return reports.size() == 1; }));
    auto future = gone.get_future();
    QVERIFY(future.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
    line.agent.leave();
    QVERIFY(future.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    link->sendWindow(window(1)); // a send after the end is harmless
}

void TestNodeLink::anAbsentAgentIsNamed()
{
    QTemporaryDir folder;
    const auto socket = folder.filePath(QStringLiteral("none")).toStdString();
    const auto link = NodeLink::open({"store", "store", socket, {}, {}, {}}, {}, {});
    QVERIFY(!link);
    QVERIFY(link.error().code == engine::ErrorCode::Unavailable);
    QVERIFY(link.error().message.find(socket) != std::string::npos);
}

void TestNodeLink::withoutAnAgentNothingIsSent()
{
    const auto link = NodeLink::open({"store", "store", "", {}, {}, {}}, {}, {});
    QVERIFY(link);
    (*link)->sendWindow(window(1));
    (*link)->sendEvent(engine::ResponseChanged{});
    QCOMPARE((*link)->windowsDropped(), std::uint64_t(0));
}

void TestNodeLink::windowsEndOnBoundaries()
{
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::int64_t> ends;
    engine::WindowClock clock(engine::systemClock(), [&](engine::MonoTime end) {
        const std::scoped_lock lock(mutex);
        ends.push_back(end.count());
        changed.notify_all();
    });
    std::unique_lock lock(mutex);
    QVERIFY(changed.wait_for(lock, std::chrono::seconds(30), [&] { return ends.size() >= 5; }));
    for (std::size_t i = 0; i < ends.size(); ++i) {
        QCOMPARE(ends[i] % engine::kWindow.count(), std::int64_t(0));
        QVERIFY(i == 0 || ends[i] > ends[i - 1]);
    }
}

void TestNodeLink::aMissedBoundaryIsAGap()
{
    engine::VirtualClock clock(engine::MonoTime{50'000});
    std::vector<std::int64_t> ends;
    std::promise<void> enough;
    {
        // The clock belongs to the ticking thread until it has ended.
        engine::WindowClock windows(clock, [&](engine::MonoTime end) {
            if (ends.size() == 3)
                return;
            ends.push_back(end.count());
            if (ends.size() == 1)
                clock.advance(engine::Micros{350'000});
            if (ends.size() == 3)
                enough.set_value();
        });
        enough.get_future().wait();
    }
    QCOMPARE(ends, (std::vector<std::int64_t>{100'000, 500'000, 600'000}));
}

QTEST_GUILESS_MAIN(TestNodeLink)
#include "tst_node_link.moc"
