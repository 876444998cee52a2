// A controller in a process of its own, for tests that kill it: it prints a line for each thing
// done and waits to be killed, or for one of the words apply, undo, end.
//   halt | down | attach | stay | twice
//   own FAULT TARGET [MILLISECONDS]     brings the shop up and applies the fault at once
//   ready FAULT TARGET REPLICAS         brings the shop up and waits for `apply`

#include "engine/agent/local_cluster.h"

#include <atomic>
#include <iostream>
#include <thread>

namespace {

using engine::Micros;

void print(const std::string &line)
{
    // One write a line: the cluster's thread tells of the link while the main one tells of the
    // rest.
    std::cout << line + "\n" << std::flush;
}

template <class T>
bool failed(const engine::Result<T> &result)
{
    if (!result)
        print("error " + result.error().text());
    return !result;
}

class Controller
{
public:
    explicit Controller(std::vector<std::string> words) : m_words(std::move(words)) {}

    int run()
    {
        if (m_words[0] == "halt") {
            print(engine::haltOverSocket(m_paths) ? "halted" : "error: halt");
            return 0;
        }
        auto opened =
            engine::LocalCluster::open(m_paths, engine::systemClock(), {.name = "test controller"});
        if (!opened) {
            print((opened.error().code == engine::ErrorCode::Busy ? "busy " : "error ")
                  + opened.error().text());
            return 1;
        }
        m_cluster = std::move(*opened);
        listen();
        print("open");
        if (m_words[0] == "down") {
            print(m_cluster->shopDown() ? "down" : "error: down");
            return 0;
        }
        if (m_words[0] != "attach" && failed(bringUp(m_words[0] == "ready" ? m_words[3] : "3")))
            return 1;
        print("up");
        if (m_words[0] == "twice")
            return failed(bringUp("2"));
        if (m_words[0] == "own" && !apply())
            return 1;
        return obey();
    }

private:
    void listen()
    {
        engine::ClusterListener listener;
        listener.link = [](bool up, const std::string &) { print(up ? "link up" : "link down"); };
        listener.event = [](engine::Payload payload) {
            const auto *fault = std::get_if<engine::FaultChanged>(&payload);
            if (fault && fault->state == engine::FaultState::Confirmed)
                print("confirmed");
            if (fault && fault->state == engine::FaultState::Undone)
                print("cleared");
        };
        m_cluster->listen(std::move(listener));
    }

    engine::Result<engine::ShopStatus> bringUp(const std::string &replicas)
    {
        engine::ShopSpec spec;
        spec.name = "small";
        spec.replicas = std::stoi(replicas);
        spec.stays = m_words[0] == "stay";
        return m_cluster->shopUp(spec);
    }

    bool apply()
    {
        engine::FaultSpec spec;
        spec.id = 1;
        spec.step = "test";
        spec.fault = m_words[1];
        spec.target = m_words[2];
        spec.overrideLastHealthy = true;
        if (spec.fault == "model.slow")
            spec.settings = {{"delay", "500ms"}};
        if (m_words[0] == "own" && m_words.size() > 3)
            spec.duration = Micros{std::stoll(m_words[3]) * 1000};
        if (failed(m_cluster->setRecording(m_paths.home / "run.drl")))
            return false;
        auto applied = m_cluster->applyFault(spec);
        // The first look at the golden set takes a moment.
        for (int i = 0; i < 100 && spec.fault == "model.bad-deploy" && !applied
                        && applied.error().code == engine::ErrorCode::Unavailable;
             ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            applied = m_cluster->applyFault(spec);
        }
        if (failed(applied))
            return false;
        print("applied");
        return true;
    }

    int obey()
    {
        std::string line;
        while (std::getline(std::cin, line) && line != "end") {
            if (line == "apply")
                apply();
            if (line == "undo" && !failed(m_cluster->undoFault(1)))
                print("undone");
        }
        return 0;
    }

    std::vector<std::string> m_words;
    const engine::Paths m_paths = engine::Paths::fromEnvironment();
    std::unique_ptr<engine::LocalCluster> m_cluster;
};

} // namespace

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    return Controller({argv + 1, argv + argc}).run();
}
