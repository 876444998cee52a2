// The ledger keeps every promise that it acknowledged, whatever the crash.

#include "engine/fault/ledger.h"

#include <QtTest>
#include <csignal>
#include <fstream>
#include <sys/wait.h>

class TestLedger : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void intentsArePendingUntilDone();
    void secondDoneIsNoOp();
    void tornTailIsCutAtEveryByte();
    void damagedLineIsSkippedAndCounted();
    void killedWriterLosesNothingAcknowledged();
    void tidyKeepsWhatIsPending();

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    [[nodiscard]] std::filesystem::path file() const
    {
        return m_folder->filePath(QStringLiteral("ledger.log")).toStdString();
    }
};

namespace {

engine::LedgerIntent intent(const std::string &target)
{
    engine::LedgerIntent value;
    value.fault = "process.freeze";
    value.target = target;
    value.process = {4321, 99};
    value.undo = {{"signal", "CONT"}, {"odd", "line\nbreak \xff"}};
    value.deadline = engine::MonoTime{123'456};
    value.holder = "test";
    return value;
}

std::string content(const std::filesystem::path &file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const std::filesystem::path &file, const std::string &text)
{
    std::ofstream(file, std::ios::binary) << text;
}

} // namespace

void TestLedger::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
}

void TestLedger::intentsArePendingUntilDone()
{
    std::uint64_t first = 0;
    {
        auto ledger = engine::Ledger::open(file());
        QVERIFY(ledger);
        first = *ledger->intend(intent("replica/1"));
        const auto second = ledger->intend(intent("replica/2"));
        QVERIFY(second && *second != first);
        QVERIFY(ledger->done(*second, "asked"));
    }
    auto ledger = engine::Ledger::open(file());
    QVERIFY(ledger);
    QCOMPARE(ledger->pending().size(), std::size_t{1});
    const auto &left = ledger->pending().at(first);
    QCOMPARE(left.target, std::string("replica/1"));
    QCOMPARE(left.process.pid, 4321);
    QCOMPARE(left.process.startTime, std::uint64_t{99});
    QCOMPARE(left.deadline.count(), std::int64_t{123'456});
    QCOMPARE(left.undo.at("signal"), std::string("CONT"));
    QVERIFY(*ledger->intend(intent("replica/3")) > first + 1); // serials are never used again
}

void TestLedger::secondDoneIsNoOp()
{
    auto ledger = engine::Ledger::open(file());
    const auto serial = ledger->intend(intent("replica/1"));
    QVERIFY(ledger->done(*serial, "asked"));
    const auto size = content(file()).size();
    QVERIFY(ledger->done(*serial, "asked"));
    QCOMPARE(content(file()).size(), size);
}

void TestLedger::tornTailIsCutAtEveryByte()
{
    std::size_t whole = 0;
    {
        auto ledger = engine::Ledger::open(file());
        QVERIFY(ledger->intend(intent("replica/1")));
        whole = content(file()).size();
        QVERIFY(ledger->intend(intent("replica/2")));
    }
    const auto text = content(file());
    for (auto cut = whole; cut < text.size(); ++cut) {
        put(file(), text.substr(0, cut));
        auto ledger = engine::Ledger::open(file());
        QVERIFY(ledger);
        QCOMPARE(ledger->pending().size(), std::size_t{1});
        QVERIFY(ledger->intend(intent("replica/9")));
        auto again = engine::Ledger::open(file());
        QCOMPARE(again->pending().size(), std::size_t{2});
        QCOMPARE(again->damagedLines(), 0);
    }
}

void TestLedger::damagedLineIsSkippedAndCounted()
{
    {
        auto ledger = engine::Ledger::open(file());
        QVERIFY(ledger->intend(intent("replica/1")));
        QVERIFY(ledger->intend(intent("replica/2")));
    }
    auto text = content(file());
    text[30] = static_cast<char>(text[30] ^ 1);
    put(file(), text);
    auto ledger = engine::Ledger::open(file());
    QVERIFY(ledger);
    QCOMPARE(ledger->damagedLines(), 1);
    QCOMPARE(ledger->pending().size(), std::size_t{1});
    QCOMPARE(ledger->pending().begin()->second.target, std::string("replica/2"));
}

// A child writes and acknowledges through a pipe until it is killed: what it acknowledged is there.
void TestLedger::killedWriterLosesNothingAcknowledged()
{
    for (int round = 0; round < 10; ++round) {
        std::filesystem::remove(file());
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        const auto pid = ::fork();
        if (pid == 0) {
            auto ledger = engine::Ledger::open(file());
            for (;;) {
                const auto serial = ledger->intend(intent("replica/1"));
                if (!serial || ::write(ends[1], &*serial, sizeof *serial) < 0)
                    ::_exit(1);
            }
        }
        ::close(ends[1]);
        std::uint64_t last = 0, serial = 0;
        for (int i = 0; i <= round; ++i) {
            QCOMPARE(::read(ends[0], &serial, sizeof serial), ssize_t{sizeof serial});
            last = serial;
        }
        ::kill(pid, SIGKILL);
        while (::read(ends[0], &serial, sizeof serial) == ssize_t{sizeof serial})
            last = serial;
        ::waitpid(pid, nullptr, 0);
        ::close(ends[0]);
        auto ledger = engine::Ledger::open(file());
        QVERIFY(ledger);
        QVERIFY(ledger->pending().size() >= last);
        QVERIFY(ledger->pending().size() <= last + 1);
        QCOMPARE(ledger->damagedLines(), 0);
    }
}

void TestLedger::tidyKeepsWhatIsPending()
{
    auto ledger = engine::Ledger::open(file());
    auto large = intent("replica/1");
    large.undo["filler"] = std::string(600'000, 'x');
    const auto first = ledger->intend(large);
    const auto second = ledger->intend(large);
    QVERIFY(ledger->done(*first, "asked"));
    QVERIFY(ledger->tidy());
    QVERIFY(content(file()).size() > 1'000'000);
    QVERIFY(ledger->done(*second, "asked"));
    QVERIFY(ledger->tidy());
    QCOMPARE(content(file()).size(), std::size_t{0});
    QVERIFY(ledger->intend(intent("replica/2")));
    QCOMPARE(engine::Ledger::open(file())->pending().size(), std::size_t{1});
}

QTEST_GUILESS_MAIN(TestLedger)
#include "tst_ledger.moc"
