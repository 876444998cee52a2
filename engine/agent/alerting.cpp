#include "engine/agent/alerting.h"

#include "engine/agent/alert_delivery.h"
#include "engine/base/files.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr std::size_t kMostWaiting = 1000;
constexpr Micros kEvery{1'000'000}, kAgain{2'000'000}, kRepeat{60'000'000};
constexpr int kTries = 3;

tl::unexpected<Error> wrong(const std::filesystem::path &file, const std::string &what)
{
    return fail(ErrorCode::InvalidInput, what, file.string());
}

Result<AlertSettings> parse(const json &from, const std::filesystem::path &file)
{
    AlertSettings settings;
    std::string rules;
    for (const auto &[key, value] : from.items()) {
        if (key == "rules" && value.is_string()) {
            rules = value.get<std::string>();
        } else if (key == "log" && value.is_string()) {
            settings.log = value.get<std::string>();
        } else if (key == "command" && value.is_array() && !value.empty()) {
            for (const auto &part : value) {
                if (!part.is_string())
                    return wrong(file, "\"command\" must be a list of texts");
                settings.command.push_back(part.get<std::string>());
            }
        } else if (key == "webhooks" && value.is_array()) {
            for (const auto &hook : value) {
                const auto url = hook.is_object() ? hook.value("url", json()) : json();
                const auto format = hook.is_object() ? hook.value("format", json()) : json();
                if (!url.is_string() || (format != "slack" && format != "alertmanager"))
                    return wrong(file, "A webhook is {\"url\": ..., \"format\": \"slack\" or "
                                       "\"alertmanager\"}");
                settings.webhooks.push_back({url.get<std::string>(), format == "slack"});
            }
        } else {
            return wrong(file, "\"" + key
                                   + "\" is not understood; known are rules, log, command (a "
                                     "list) and webhooks (a list)");
        }
    }
    if (rules.empty())
        return settings;
    const auto text = readText(rules, kMostBytes);
    if (!text)
        return tl::unexpected(text.error());
    auto parsed = parseAlertRules(*text, rules);
    if (!parsed)
        return tl::unexpected(parsed.error());
    settings.rules = std::move(*parsed);
    return settings;
}

} // namespace

Result<AlertSettings> readAlertSettings(const Paths &paths)
{
    const auto file = paths.home / "alerts.json";
    AlertSettings settings;
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        const auto text = readText(file, kMostBytes);
        if (!text)
            return tl::unexpected(text.error());
        const auto from = json::parse(*text, nullptr, false);
        if (!from.is_object())
            return wrong(file, "The alert settings are not a JSON object");
        auto parsed = parse(from, file);
        if (!parsed)
            return tl::unexpected(parsed.error());
        settings = std::move(*parsed);
    }
    if (settings.rules.empty()) {
        auto shipped = shippedAlertRules();
        if (!shipped)
            return tl::unexpected(shipped.error());
        settings.rules = std::move(*shipped);
    }
    return settings;
}

std::string slackMessage(const Alert &alert, const std::string &shop)
{
    std::string where;
    for (const auto &[name, value] : alert.labels)
        where += fmt::format("{}{}={}", where.empty() ? "" : ", ", name, value);
    return json{{"text", fmt::format("[{}] {}: {} (shop {}; {}; value {:.4g})",
                                     alert.firing ? "FIRING" : "RESOLVED", alert.rule,
                                     alert.summary, shop, where, alert.value)}}
        .dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string alertmanagerMessage(const std::vector<Alert> &alerts, const std::string &shop,
                                std::int64_t wall, MonoTime now)
{
    auto out = json::array();
    for (const auto &alert : alerts) {
        auto labels = json(alert.labels);
        labels["alertname"] = alert.rule;
        labels["shop"] = shop;
        json one{{"labels", labels},
                 {"annotations",
                  {{"summary", alert.summary}, {"value", fmt::format("{:.6g}", alert.value)}}},
                 {"startsAt", wallText(wall - (now - alert.since).count())},
                 {"generatorURL", "http://localhost/drillroom"}};
        if (!alert.firing)
            one["endsAt"] = wallText(wall);
        out.push_back(std::move(one));
    }
    return out.dump(-1, ' ', true, json::error_handler_t::replace);
}

Alerting::Alerting(NewsHub &hub, const Clock &clock, AlertSettings settings,
                   std::function<std::string()> shop)
    : m_hub(hub), m_clock(clock), m_settings(std::move(settings)), m_engine(m_settings.rules),
      m_shop(std::move(shop))
{
    m_watcher = std::jthread([this](const std::stop_token &stop) { watch(stop); });
    m_deliverer = std::jthread([this](const std::stop_token &stop) { deliver(stop); });
}

Alerting::~Alerting() = default;

void Alerting::watch(const std::stop_token &stop)
{
    auto queue = m_hub.watch();
    auto next = m_clock.now() + kEvery, repeat = m_clock.now() + kRepeat;
    while (!stop.stop_requested()) {
        if (queue->isOver()) { // dropped for being slow: what was missed is a gap, not the end
            m_hub.leave(queue);
            if (!m_clock.waitUntil(m_clock.now() + kEvery, stop))
                return;
            queue = m_hub.watch();
        }
        if (const auto item = queue->pop())
            if (const auto *window = std::get_if<Window>(item.get()))
                m_engine.take(*window);
        const auto now = m_clock.now();
        if (now < next)
            continue;
        next = now + kEvery;
        for (const auto &alert : m_engine.evaluate(now))
            tell(alert, now);
        if (now >= repeat) {
            repeat = now + kRepeat;
            for (const auto &alert : m_engine.firing())
                post(alert, true);
        }
    }
    m_hub.leave(queue);
}

void Alerting::tell(const Alert &alert, MonoTime now)
{
    const auto target = alert.labels.find("target");
    ResponseChanged event;
    event.kind = "alert";
    event.target = target == alert.labels.end() ? alert.rule : target->second;
    event.by = "rules";
    event.detail = fmt::format("{}: {} (value {:.4g})", alert.rule, alert.summary, alert.value);
    event.active = alert.firing;
    event.at = now.count();
    m_hub.publish(Payload{std::move(event)});
    post(alert, false);
}

void Alerting::post(const Alert &alert, bool isRepeat)
{
    auto shop = m_shop();
    const std::scoped_lock lock(m_mutex);
    if (m_toDeliver.size() >= kMostWaiting) {
        ++m_undelivered;
        return;
    }
    m_toDeliver.push_back({alert, std::move(shop), isRepeat});
    m_wake.notify_one();
}

void Alerting::deliver(const std::stop_token &stop)
{
    while (true) {
        Delivery delivery;
        {
            std::unique_lock lock(m_mutex);
            if (!m_wake.wait(lock, stop, [this] { return !m_toDeliver.empty(); }))
                return;
            delivery = std::move(m_toDeliver.front());
            m_toDeliver.pop_front();
        }
        const auto now = m_clock.now();
        const auto body =
            alertmanagerMessage({delivery.alert}, delivery.shop, m_clock.wallMicros(), now);
        const auto attempt = [&](const std::string &where, auto act) {
            for (int i = 0; i < kTries && !stop.stop_requested(); ++i) {
                const Result<> done = act();
                if (done) {
                    ++m_delivered;
                    return;
                }
                spdlog::warn("event=alert_undelivered to={} reason=\"{}\"", where,
                             done.error().text());
                m_clock.waitUntil(m_clock.now() + kAgain, stop);
            }
            ++m_undelivered;
        };
        if (!m_settings.log.empty() && !delivery.isRepeat)
            attempt(m_settings.log, [&] { return appendLine(m_settings.log, body); });
        if (!m_settings.command.empty() && !delivery.isRepeat)
            attempt(m_settings.command[0],
                    [&] { return runCommand(m_settings.command, body, m_clock); });
        for (const auto &hook : m_settings.webhooks) {
            if (delivery.isRepeat && hook.isSlack)
                continue;
            attempt(hook.url, [&] {
                return postJson(hook.url,
                                hook.isSlack ? slackMessage(delivery.alert, delivery.shop) : body);
            });
        }
    }
}

} // namespace engine
