#include "engine/serving/gateway_settings.h"

#include "engine/drill/drill_values.h"
#include "engine/drill/tree.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

constexpr Micros kMilli{1'000}, kSecond{1'000'000}, kHour{3'600'000'000};

struct Least
{
    double least, most;
};
struct Between
{
    Micros least, most;
};

/// Names every setting once; `each` reads or writes it.
template <class Settings, class Each>
void visit(Settings &s, Each &&each)
{
    each.section("tries");
    each("time-out", s.perTry, Between{kMilli, 60 * kSecond});
    each("least", s.leastTry, Between{Micros{0}, 10 * kSecond});
    each("reserve", s.reserve, Between{Micros{0}, kSecond});
    each("latest", s.latest, Between{10 * kMilli, 60 * kSecond});
    each.section("store");
    each("time-out", s.storeSlice, Between{kMilli, 60 * kSecond});
    each("time-out-down", s.storeSliceDown, Between{kMilli, 60 * kSecond});
    each("down-after", s.storeDownAfter, Least{1, 1000});
    each.section("retry");
    each("budget", s.retryRatio, Least{0, 1});
    each("jitter-least", s.jitterLow, Between{Micros{0}, kSecond});
    each("jitter-most", s.jitterHigh, Between{Micros{1}, kSecond});
    each.section("hedging");
    each("budget", s.hedgeRatio, Least{0, 1});
    each("quantile", s.hedge.quantile, Least{0.5, 0.999});
    each("least", s.hedge.least, Between{Micros{0}, kSecond});
    each("most", s.hedge.most, Between{kMilli, 10 * kSecond});
    each("quiet-after-overload", s.hedge.quietAfterOverload, Between{Micros{0}, 60 * kSecond});
    each.section("ejection");
    each("failures", s.ejection.consecutive, Least{1, 1000});
    each("base", s.ejection.base, Between{kMilli, kHour});
    each("others-answered", s.ejection.othersAnswered, Between{kMilli, 60 * kSecond});
    each("silence", s.ejection.silence, Between{Micros{0}, 60 * kSecond});
    each("own-stall", s.ejection.ownStall, Between{kMilli, 10 * kSecond});
    each("suspect-after", s.ejection.suspectAfter, Between{kMilli, 10 * kSecond});
    each("suspect-factor", s.ejection.suspectFactor, Least{1, 100});
    each.section("breaker");
    each("span", s.breaker.span, Between{100 * kMilli, 60 * kSecond});
    each("requests", s.breaker.requests, Least{1, 100'000});
    each("share", s.breaker.errorShare, Least{0.01, 1});
    each("probe-every", s.breaker.probeEvery, Between{10 * kMilli, 60 * kSecond});
    each("close-after", s.breaker.closeAfter, Least{1, 100});
    each.section("health");
    each("interval", s.health.interval, Between{20 * kMilli, 60 * kSecond});
    each("time-out", s.health.timeout, Between{20 * kMilli, 60 * kSecond});
    each("urgent-time-out", s.health.urgentTimeout, Between{10 * kMilli, 60 * kSecond});
    each.section("queue");
    each("running", s.queue.running, Least{1, 10'000});
    each("waiting", s.queue.waiting, Least{0, 100'000});
    each.section("priority");
    each("recommendation", s.priority.recommendation, Least{0.05, 1});
    each("ads", s.priority.ads, Least{0.05, 1});
    each.section("throttle");
    each("k", s.throttle.k, Least{1, 100});
    each("span", s.throttle.span, Between{500 * kMilli, 300 * kSecond});
    each.section("cache");
    each("entries", s.cache.entries, Least{0, 100'000});
    each("fresh", s.cache.fresh, Between{Micros{0}, kHour});
    each("stale", s.cache.stale, Between{Micros{0}, 24 * kHour});
    each("jitter", s.cache.jitter, Least{0, 1});
    each.section("canary");
    each.list("targets", s.canary.targets);
    each("share", s.canary.share, Least{0, 1});
    each("error-band", s.canary.errorBand, Least{0.001, 1});
    each("quality-band", s.canary.qualityBand, Least{0, 1});
    each("least", s.canary.least, Least{1, 1'000'000});
    each.section("discovery");
    each("every", s.discoveryEvery, Between{20 * kMilli, 60 * kSecond});
    each.section("fallback");
    each.list("chain", s.chain);
    each.section("applications");
    each.list("search", s.applications.search);
    each.list("ads", s.applications.ads);
    each.list("inventory", s.applications.inventory);
    each.section("switches");
    for (const auto &[name, on] : Switches{}.all())
        if (name != "restart") // the supervisor's
            each.flag(name, s.switches);
}

bool isShare(double least, double most)
{
    return least >= 0 && most <= 1;
}

std::string numberText(double value)
{
    return fmt::format("{:g}", value);
}

std::string shareText(double value)
{
    return fmt::format("{:g} %", std::round(value * 1e6) / 1e4);
}

bool flagOf(const Switches &switches, std::string_view name)
{
    for (const auto &[known, on] : switches.all())
        if (known == name)
            return on;
    return false;
}

class SettingsReader
{
public:
    explicit SettingsReader(const Node &root) : m_root(root) {}

    void section(std::string name)
    {
        closeSection();
        m_sections.push_back(name);
        m_section = m_root.find(name);
        m_known.clear();
        if (m_section && m_section->kind == Node::Kind::Null)
            m_section = nullptr;
        if (m_section && m_section->kind != Node::Kind::Map) {
            problem(m_section->place, fmt::format("`{}` must be a map of settings", name));
            m_section = nullptr;
        }
    }
    void operator()(std::string_view name, Micros &to, Between range)
    {
        const auto *text = find(name);
        if (!text)
            return;
        const auto time = parseTime(text->text);
        if (!time || *time < range.least || *time > range.most)
            return problem(text->place, fmt::format("`{}.{}` is `{}`; write a time from {} to {}",
                                                    m_sections.back(), name, text->text,
                                                    timeText(range.least), timeText(range.most)));
        to = *time;
    }
    void operator()(std::string_view name, int &to, Least range)
    {
        const auto *text = find(name);
        if (!text)
            return;
        const auto number = parseNumber(text->text);
        if (!number || *number != std::floor(*number) || *number < range.least
            || *number > range.most)
            return problem(text->place,
                           fmt::format("`{}.{}` is `{}`; write a whole number from {} to {}",
                                       m_sections.back(), name, text->text, numberText(range.least),
                                       numberText(range.most)));
        to = static_cast<int>(*number);
    }
    void operator()(std::string_view name, double &to, Least range)
    {
        const auto *text = find(name);
        if (!text)
            return;
        auto word = stripped(text->text);
        const bool percent = word.ends_with('%');
        if (percent)
            word = stripped(word.substr(0, word.size() - 1));
        auto number = parseNumber(word);
        const bool share = isShare(range.least, range.most);
        if (number && percent)
            *number /= 100;
        if (!number || (percent && !share) || *number < range.least || *number > range.most)
            return problem(text->place,
                           fmt::format("`{}.{}` is `{}`; write {} from {} to {}", m_sections.back(),
                                       name, text->text, share ? "a share" : "a number",
                                       share ? shareText(range.least) : numberText(range.least),
                                       share ? shareText(range.most) : numberText(range.most)));
        to = *number;
    }
    void list(std::string_view name, std::vector<std::string> &to)
    {
        const auto *node = findNode(name);
        if (!node)
            return;
        std::vector<std::string> words;
        bool good = node->kind == Node::Kind::List;
        for (const auto &item : node->items) {
            good = good && item.kind == Node::Kind::Scalar;
            words.push_back(item.text);
        }
        if (!good)
            return problem(node->place, fmt::format("`{}.{}` must be a list of names, as in [a, b]",
                                                    m_sections.back(), name));
        to = std::move(words);
    }
    void flag(std::string_view name, Switches &to)
    {
        const auto *text = find(name);
        if (!text)
            return;
        const auto &word = text->text;
        const bool on = word == "on" || word == "true", off = word == "off" || word == "false";
        if (!on && !off)
            return problem(text->place, fmt::format("`{}.{}` is `{}`; write on or off",
                                                    m_sections.back(), name, word));
        (void)to.set(name, on);
    }
    void finish()
    {
        closeSection();
        for (const auto &member : m_root.members)
            if (member.key != "drillroom-gateway" && !known(m_sections, member.key))
                problem(member.place,
                        fmt::format("`{}` is no section{}; there are {}", member.key,
                                    hint(member.key, m_sections), fmt::join(m_sections, ", ")));
    }
    void problem(SourcePlace place, std::string text)
    {
        m_problems.push_back({place, std::move(text)});
    }
    struct Problem
    {
        SourcePlace place;
        std::string text;
    };
    std::vector<Problem> takeProblems()
    {
        std::ranges::stable_sort(m_problems, [](const Problem &a, const Problem &b) {
            return std::pair(a.place.line, a.place.column)
                   < std::pair(b.place.line, b.place.column);
        });
        return std::move(m_problems);
    }

private:
    static bool known(const std::vector<std::string> &names, const std::string &name)
    {
        return std::ranges::find(names, name) != names.end();
    }
    const Node *findNode(std::string_view name)
    {
        m_known.emplace_back(name);
        return m_section ? m_section->find(name) : nullptr;
    }
    const Node *find(std::string_view name)
    {
        const auto *node = findNode(name);
        if (node && node->kind != Node::Kind::Scalar) {
            problem(node->place, fmt::format("`{}.{}` must be one value", m_sections.back(), name));
            return nullptr;
        }
        return node;
    }
    void closeSection()
    {
        if (!m_section)
            return;
        for (const auto &member : m_section->members)
            if (!known(m_known, member.key))
                problem(member.place,
                        fmt::format("`{}.{}` is no setting{}; there are {}", m_sections.back(),
                                    member.key, hint(member.key, m_known),
                                    fmt::join(m_known, ", ")));
        m_section = nullptr;
    }
    const Node &m_root;
    const Node *m_section = nullptr;
    std::vector<std::string> m_sections, m_known;
    std::vector<Problem> m_problems;
};

class SettingsWriter
{
public:
    void section(std::string name) { m_section = &m_out[std::move(name)]; }
    void operator()(std::string_view name, Micros value, Between) { put(name, timeText(value)); }
    void operator()(std::string_view name, int value, Least) { put(name, value); }
    void operator()(std::string_view name, double value, Least range)
    {
        if (isShare(range.least, range.most))
            put(name, shareText(value));
        else
            put(name, value);
    }
    void list(std::string_view name, const std::vector<std::string> &value) { put(name, value); }
    void flag(std::string_view name, const Switches &switches)
    {
        put(name, flagOf(switches, name) ? "on" : "off");
    }
    nlohmann::ordered_json take() { return std::move(m_out); }

private:
    template <class T>
    void put(std::string_view name, T value)
    {
        (*m_section)[std::string(name)] = std::move(value);
    }
    nlohmann::ordered_json m_out = nlohmann::ordered_json::object();
    nlohmann::ordered_json *m_section = nullptr;
};

void checkTogether(const GatewaySettings &s, const Node &root, SettingsReader &reader)
{
    const auto placeOf = [&](const char *section, const char *name) {
        const auto *at = root.find(section);
        const auto *value = at && at->kind == Node::Kind::Map ? at->find(name) : nullptr;
        return value ? value->place : SourcePlace{};
    };
    if (s.jitterLow >= s.jitterHigh)
        reader.problem(placeOf("retry", "jitter-most"),
                       "`retry.jitter-most` must be more than `retry.jitter-least`");
    if (s.hedge.least > s.hedge.most)
        reader.problem(placeOf("hedging", "most"),
                       "`hedging.most` must be at least `hedging.least`");
    if (s.canary.share > 0 && s.canary.targets.empty())
        reader.problem(placeOf("canary", "share"),
                       "`canary.share` needs `canary.targets`, as in [replica/3]");
    const auto checkChain = [&](const char *section, const char *name,
                                const std::vector<std::string> &chain,
                                const std::vector<std::string> &steps) {
        for (const auto &step : chain)
            if (std::ranges::find(steps, step) == steps.end()
                || std::ranges::count(chain, step) > 1)
                reader.problem(placeOf(section, name),
                               fmt::format("`{}.{}` has `{}`{}; write each of {} at most once",
                                           section, name, step, hint(step, steps),
                                           fmt::join(steps, ", ")));
    };
    checkChain("fallback", "chain", s.chain, {"standby", "popularity", "cached"});
    checkChain("applications", "search", s.applications.search, {"standby", "list", "popular"});
    checkChain("applications", "ads", s.applications.ads, {"standby", "base-rate"});
    checkChain("applications", "inventory", s.applications.inventory,
               {"standby", "seasonal-naive"});
}

} // namespace

Result<GatewaySettings> parseGatewaySettings(std::string_view yaml, std::string_view file)
{
    const auto text = checkText(yaml, file);
    if (!text)
        return tl::unexpected(text.error());
    const auto root = parseYamlTree(*text, file);
    if (!root)
        return tl::unexpected(root.error());
    if (root->kind != Node::Kind::Map)
        return fail(ErrorCode::InvalidInput,
                    "Gateway settings are a map of sections and begin with `drillroom-gateway: 1`",
                    std::string(file));
    GatewaySettings settings;
    SettingsReader reader(*root);
    const auto *version = root->find("drillroom-gateway");
    if (!version || version->text != "1")
        reader.problem(version ? version->place : root->place,
                       "The file must say `drillroom-gateway: 1`");
    visit(settings, reader);
    reader.finish();
    checkTogether(settings, *root, reader);
    const auto problems = reader.takeProblems();
    if (problems.empty())
        return settings;
    const auto &first = problems.front();
    return fail(ErrorCode::InvalidInput,
                problems.size() == 1
                    ? first.text
                    : fmt::format("{} (and {} more)", first.text, problems.size() - 1),
                placeText(file, first.place));
}

nlohmann::ordered_json describe(const GatewaySettings &settings)
{
    SettingsWriter writer;
    visit(settings, writer);
    return writer.take();
}

} // namespace engine
