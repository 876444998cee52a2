// The proxy relays bytes unchanged, holds them while cut, and lets them on afterwards.

#include "engine/fault/proxy.h"

#include "engine/base/clock.h"

#include <QtTest>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

using engine::Fd;
using engine::Flow;

class TestProxy : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void passesBytesBothWaysAndTheirEnd();
    void cutHoldsEstablishedConnections();
    void cutLeadsNewConnectionsNowhere();
    void brokenPeerShowsAfterTheCut();
    void noUpstreamClosesAtOnce();
    void upstreamMayMove();
    void clearClosesPortAndLinks();
    void manyBytesArriveUnchanged();
    void addsLittleLatency();
};

namespace {

sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

struct Listener
{
    Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::uint16_t port = 0;
    Listener()
    {
        auto address = loopback(0);
        socklen_t size = sizeof address;
        ::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), size);
        ::listen(fd.get(), 16);
        ::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&address), &size);
        port = ntohs(address.sin_port);
    }
    [[nodiscard]] bool waits(int millis) const
    {
        pollfd wait{fd.get(), POLLIN, 0};
        return ::poll(&wait, 1, millis) == 1;
    }
    [[nodiscard]] Fd accept() const
    {
        return waits(2000) ? Fd(::accept(fd.get(), nullptr, nullptr)) : Fd();
    }
};

Fd connectTo(std::uint16_t port)
{
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto to = loopback(port);
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0)
        fd.reset();
    return fd;
}

void say(const Fd &fd, const std::string &text)
{
    QCOMPARE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
             static_cast<ssize_t>(text.size()));
}

/// What arrives first within the time; "" for nothing, "<end>", "<reset>".
std::string hear(const Fd &fd, int millis)
{
    pollfd wait{fd.get(), POLLIN, 0};
    if (::poll(&wait, 1, millis) != 1)
        return "";
    char buffer[4096];
    const auto n = ::recv(fd.get(), buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : n == 0 ? "<end>" : "<reset>";
}

struct Wire
{
    engine::Proxy proxy;
    Listener server;
    std::shared_ptr<engine::ProxyEdge> edge = *proxy.addEdge("a->b");
    Fd near, far;
    Wire()
    {
        edge->setUpstream(server.port);
        near = connectTo(edge->port());
        far = server.accept();
    }
};

} // namespace

void TestProxy::passesBytesBothWaysAndTheirEnd()
{
    Wire wire;
    QVERIFY(wire.far.isOpen());
    say(wire.near, "question");
    QCOMPARE(hear(wire.far, 2000), std::string("question"));
    ::shutdown(wire.near.get(), SHUT_WR);
    QCOMPARE(hear(wire.far, 2000), std::string("<end>"));
    say(wire.far, "answer"); // half closed: the other way still works
    QCOMPARE(hear(wire.near, 2000), std::string("answer"));
    wire.far.reset();
    QCOMPARE(hear(wire.near, 2000), std::string("<end>"));
}

void TestProxy::cutHoldsEstablishedConnections()
{
    Wire wire;
    say(wire.near, "before");
    QCOMPARE(hear(wire.far, 2000), std::string("before"));
    wire.edge->setFlow(Flow::Hold, Flow::Hold);
    say(wire.near, "during");
    say(wire.far, "back");
    QCOMPARE(hear(wire.far, 200), std::string());
    QCOMPARE(hear(wire.near, 50), std::string());
    wire.edge->setFlow(Flow::Pass, Flow::Pass);
    QCOMPARE(hear(wire.far, 2000), std::string("during"));
    QCOMPARE(hear(wire.near, 2000), std::string("back"));
    wire.edge->setFlow(Flow::Pass, Flow::Pass); // a second undo changes nothing
    say(wire.near, "after");
    QCOMPARE(hear(wire.far, 2000), std::string("after"));
}

void TestProxy::cutLeadsNewConnectionsNowhere()
{
    Wire wire;
    wire.edge->setFlow(Flow::Hold, Flow::Hold);
    const auto late = connectTo(wire.edge->port());
    QVERIFY(late.isOpen());
    say(late, "hello");
    QVERIFY(!wire.server.waits(200));
    wire.edge->setFlow(Flow::Pass, Flow::Pass);
    const auto far = wire.server.accept();
    QVERIFY(far.isOpen());
    QCOMPARE(hear(far, 2000), std::string("hello"));
}

void TestProxy::brokenPeerShowsAfterTheCut()
{
    Wire wire;
    say(wire.near, "x");
    QCOMPARE(hear(wire.far, 2000), std::string("x"));
    wire.edge->setFlow(Flow::Hold, Flow::Hold);
    const linger now{1, 0};
    ::setsockopt(wire.far.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    wire.far.reset();
    QCOMPARE(hear(wire.near, 200), std::string()); // a cut wire carries no reset
    wire.edge->setFlow(Flow::Pass, Flow::Pass);
    QCOMPARE(hear(wire.near, 2000), std::string("<reset>"));
}

void TestProxy::noUpstreamClosesAtOnce()
{
    engine::Proxy proxy;
    const auto edge = *proxy.addEdge("a->b");
    const auto near = connectTo(edge->port());
    QVERIFY(near.isOpen());
    QCOMPARE(hear(near, 2000), std::string("<reset>"));
}

void TestProxy::upstreamMayMove()
{
    Wire wire;
    const Listener other;
    wire.edge->setUpstream(other.port);
    const auto near = connectTo(wire.edge->port());
    const auto far = other.accept();
    QVERIFY(far.isOpen());
    say(near, "moved");
    QCOMPARE(hear(far, 2000), std::string("moved"));
    say(wire.near, "old"); // established ones stay where they were
    QCOMPARE(hear(wire.far, 2000), std::string("old"));
}

void TestProxy::clearClosesPortAndLinks()
{
    Wire wire;
    const auto port = wire.edge->port();
    wire.edge.reset();
    wire.proxy.clear();
    QCOMPARE(hear(wire.near, 2000), std::string("<reset>"));
    QVERIFY(!connectTo(port).isOpen());
    QVERIFY(wire.proxy.edgeNames().empty());
    QVERIFY(wire.proxy.addEdge("a->b"));
}

void TestProxy::manyBytesArriveUnchanged()
{
    Wire wire;
    std::string sent(8'000'000, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i)
        sent[i] = static_cast<char>(i * 2654435761u >> 13);
    std::jthread writer([&] {
        std::size_t at = 0;
        while (at < sent.size()) {
            const auto n =
                ::send(wire.near.get(), sent.data() + at, sent.size() - at, MSG_NOSIGNAL);
            if (n <= 0)
                return;
            at += static_cast<std::size_t>(n);
        }
        ::shutdown(wire.near.get(), SHUT_WR);
    });
    std::string got;
    for (auto part = hear(wire.far, 5000); part != "<end>" && !part.empty();
         part = hear(wire.far, 5000)) {
        got += part;
        if (got.size() == sent.size() / 2) // a cut in the middle of the stream loses nothing
            wire.edge->setFlow(Flow::Hold, Flow::Hold);
        wire.edge->setFlow(Flow::Pass, Flow::Pass);
    }
    QVERIFY(got == sent);
}

void TestProxy::addsLittleLatency()
{
    Wire wire;
    const auto &clock = engine::systemClock();
    std::vector<std::int64_t> took;
    for (int i = 0; i < 2000; ++i) {
        const auto from = clock.now();
        say(wire.near, "ping");
        QCOMPARE(hear(wire.far, 2000), std::string("ping"));
        took.push_back((clock.now() - from).count());
    }
    std::sort(took.begin(), took.end());
    qInfo("one way through the proxy: p50 %lld us, p99 %lld us",
          static_cast<long long>(took[took.size() / 2]),
          static_cast<long long>(took[took.size() * 99 / 100]));
    QVERIFY(took[took.size() / 2] <= 1'000); // 0.1 ms on a quiet host; tests run on busy ones
}

QTEST_GUILESS_MAIN(TestProxy)
#include "tst_proxy.moc"
