#pragma once
// Watches the shop by the alert rules and tells whoever the operator named: events always, and by
// HOME/alerts.json a log file, a command or webhooks.
//   {"rules": "FILE",                      instead of the rules that come with Drillroom
//    "log": "FILE",                        one JSON object per line
//    "command": ["program", "argument"],   the Alertmanager JSON on its standard input, 10 s at
//    most "webhooks": [{"url": "http://127.0.0.1:9093/api/v2/alerts", "format": "alertmanager"},
//                 {"url": "https://hooks.slack.com/...", "format": "slack"}]}

#include "engine/agent/news.h"
#include "engine/base/paths.h"
#include "engine/metrics/alert_rules.h"

#include <atomic>
#include <functional>
#include <thread>

namespace engine {

struct AlertWebhook
{
    std::string url;
    bool isSlack = false; ///< else Alertmanager's POST /api/v2/alerts
};

struct AlertSettings
{
    std::vector<AlertRule> rules;
    std::string log;
    std::vector<std::string> command;
    std::vector<AlertWebhook> webhooks;
};

/// Without the file: the shipped rules, events only. InvalidInput names file, key and what to
/// write.
[[nodiscard]] Result<AlertSettings> readAlertSettings(const Paths &paths);

/// What is posted. `wall`: microseconds since 1970 at `now`.
[[nodiscard]] std::string slackMessage(const Alert &alert, const std::string &shop);
[[nodiscard]] std::string alertmanagerMessage(const std::vector<Alert> &alerts,
                                              const std::string &shop, std::int64_t wall,
                                              MonoTime now);

/// Two threads: one evaluates each second, one delivers, so that a webhook that hangs (5 s at most)
/// delays no event. An alert becomes ResponseChanged{kind "alert"}; what cannot be delivered is
/// tried three times.
class Alerting
{
public:
    /// `shop`: the name of the shop that runs, called on the watching thread.
    Alerting(NewsHub &hub, const Clock &clock, AlertSettings settings,
             std::function<std::string()> shop);
    ~Alerting();
    [[nodiscard]] std::uint64_t delivered() const { return m_delivered; }
    [[nodiscard]] std::uint64_t undelivered() const { return m_undelivered; }

private:
    void watch(const std::stop_token &stop);
    void deliver(const std::stop_token &stop);
    void tell(const Alert &alert, MonoTime now);
    void post(const Alert &alert, bool isRepeat);

    NewsHub &m_hub;
    const Clock &m_clock;
    const AlertSettings m_settings;
    AlertEngine m_engine; // m_watcher's
    const std::function<std::string()> m_shop;
    std::atomic<std::uint64_t> m_delivered{0}, m_undelivered{0};

    std::mutex m_mutex; // m_toDeliver
    std::condition_variable_any m_wake;
    struct Delivery
    {
        Alert alert;
        std::string shop;
        bool isRepeat = false; ///< for Alertmanager alone, which forgets what it hears once
    };
    std::deque<Delivery> m_toDeliver;
    std::jthread m_watcher, m_deliverer;
};

} // namespace engine
