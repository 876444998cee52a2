#include "engine/agent/golden_watch.h"

#include "engine/agent/asking.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kTick{50'000}, kIdleTick{150'000}, kEvery{60'000'000}, kAgain{1'000'000},
    kLimit{500'000};
/// Between two small requests of a round: a changed model is looked at soon, the others in passing.
constexpr Micros kSoon{1'000}, kInPassing{30'000};
/// Questions in one request: a fault must be seen within two seconds of its apply.
constexpr std::size_t kManyRows = 64, kFewRows = 16;
constexpr int kTop = 10, kTries = 3;
constexpr std::uint64_t kSeed = 1;

} // namespace

GoldenWatch::GoldenWatch(const Clock &clock, NewsHub &hub, Replicas replicas)
    : m_clock(clock), m_hub(hub), m_replicas(std::move(replicas)),
      m_thread([this](const std::stop_token &stop) { run(stop); })
{
}

GoldenWatch::~GoldenWatch() = default;

void GoldenWatch::begin(const std::filesystem::path &folder, const std::string &reference)
{
    const std::lock_guard lock(m_mutex);
    m_folder = folder;
    m_reference = reference;
    ++m_serial;
    m_readings.clear();
    m_digests.clear();
    m_alarmed = false;
}

void GoldenWatch::end()
{
    begin({}, {});
}

Result<std::shared_ptr<const GoldenWatch::Set>>
GoldenWatch::open(const std::filesystem::path &folder, const std::string &reference) const
{
    const auto golden = goldenFolder(folder);
    auto set = std::make_shared<Set>();
    auto rows = readTrace(golden / "trace.bin");
    if (!rows)
        return tl::unexpected(rows.error());
    auto expected = readExpected(golden, reference);
    if (!expected)
        return tl::unexpected(expected.error());
    if (rows->empty() || rows->size() != expected->size())
        return fail(ErrorCode::InvalidInput, "The golden set and what is expected on it differ",
                    golden.string());
    const auto info = readShopInfo(folder);
    if (!info)
        return tl::unexpected(info.error());
    const auto data = readDataset(folder / "history.bin");
    if (!data)
        return tl::unexpected(data.error());
    for (const auto &row : *rows) {
        if (row.shopper >= data->shoppers() || row.h > data->of(row.shopper).size())
            return fail(ErrorCode::InvalidInput, "The golden set points outside the history",
                        golden.string());
        const auto known = data->of(row.shopper).first(row.h);
        set->histories.emplace_back(known.begin(), known.end());
    }
    auto earned = Earned::open(folder, *info);
    if (!earned)
        return tl::unexpected(earned.error());
    set->rows = std::move(*rows);
    set->expected = std::move(*expected);
    set->earned = std::move(*earned);
    set->items = info->items;
    return set;
}

void GoldenWatch::run(const std::stop_token &stop)
{
    std::uint64_t serial = 0;
    std::shared_ptr<const Set> set;
    std::map<std::string, MonoTime> notBefore; // of a replica that did not answer
    auto tick = kTick;
    while (m_clock.waitUntil(m_clock.now() + tick, stop)) {
        tick = kIdleTick; // unless there is something to ask
        std::filesystem::path folder;
        std::string reference;
        bool isNew = false;
        {
            const std::lock_guard lock(m_mutex);
            isNew = serial != m_serial;
            serial = m_serial;
            folder = m_folder;
            reference = m_reference;
        }
        const auto replicas = folder.empty() ? std::vector<Replica>{} : m_replicas();
        if (isNew) {
            set.reset();
            notBefore.clear();
        }
        if (replicas.empty())
            continue;
        if (isNew || !set) {
            if (notBefore.contains(""))
                continue; // not readable, said once
            auto opened = open(folder, reference);
            if (!opened) {
                spdlog::warn("golden set not used reason=\"{}\"", opened.error().text());
                notBefore[""] = m_clock.now();
                continue;
            }
            set = std::move(*opened);
        }
        {
            const std::lock_guard lock(m_mutex);
            m_digests.clear();
            for (const auto &replica : replicas)
                m_digests[replica.target] = replica.digest;
        }
        for (const auto &replica : replicas) {
            const auto now = m_clock.now();
            if (const auto wait = notBefore.find(replica.target);
                wait != notBefore.end() && now < wait->second)
                continue;
            bool isDue = true, isUrgent = true;
            {
                const std::lock_guard lock(m_mutex);
                if (const auto at = m_readings.find(replica.target);
                    at != m_readings.end() && at->second.look.digest == replica.digest) {
                    isUrgent = false;
                    isDue = now > at->second.at + kEvery;
                }
            }
            if (!isDue)
                continue;
            tick = kTick;
            auto reading = round(*set, replica, isUrgent, stop);
            if (!reading) {
                notBefore[replica.target] = m_clock.now() + kAgain;
                continue;
            }
            {
                const std::lock_guard lock(m_mutex);
                if (serial != m_serial)
                    break;
                m_readings[replica.target] = std::move(*reading);
                // Of a model that changed meanwhile, the state is yet to come.
                m_digests[replica.target] = m_readings[replica.target].look.digest;
            }
            ring();
            break; // whose model changed meanwhile goes first
        }
    }
}

std::optional<GoldenWatch::Reading> GoldenWatch::round(const Set &set, const Replica &replica,
                                                       bool isUrgent,
                                                       const std::stop_token &stop) const
{
    Reading reading;
    std::vector<float> earned;
    const GoldenAsker asker(replica.port);
    const auto most = isUrgent ? kManyRows : kFewRows;
    for (std::size_t at = 0; at < set.rows.size(); at += most) {
        const auto count = std::min(most, set.rows.size() - at);
        const auto part = std::span(set.histories).subspan(at, count);
        std::optional<GoldenAnswer> answer;
        for (int i = 0; i < kTries && !answer && !stop.stop_requested(); ++i)
            answer = asker.ask(part, kTop, kLimit);
        if (!answer || answer->lists.size() != count)
            return {};
        if (reading.look.digest.empty())
            reading.look.digest = answer->digest;
        if (answer->digest != reading.look.digest)
            return {}; // it changed in the middle
        for (std::size_t i = 0; i < count; ++i)
            earned.push_back(
                static_cast<float>(set.earned->quality(set.rows[at + i], answer->lists[i])));
        if (!m_clock.waitUntil(m_clock.now() + (isUrgent ? kSoon : kInPassing), stop))
            return {};
    }
    const auto paired = pairedQuality(earned, set.expected, kSeed);
    reading.look.quality = paired.quality;
    reading.look.low = paired.low;
    reading.look.high = paired.high;
    reading.look.isWorse = paired.high < kGoldenFloor;
    reading.at = m_clock.now();
    return reading;
}

std::optional<GoldenLook> GoldenWatch::look(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto at = m_readings.find(target);
    const auto now = m_digests.find(target);
    if (at == m_readings.end() || now == m_digests.end() || now->second != at->second.look.digest)
        return {};
    return at->second.look;
}

std::vector<std::string> GoldenWatch::worse() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<std::string> targets;
    for (const auto &[target, digest] : m_digests)
        if (const auto at = m_readings.find(target);
            at != m_readings.end() && at->second.look.digest == digest && at->second.look.isWorse)
            targets.push_back(target);
    return targets;
}

std::vector<Sample> GoldenWatch::samples() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<Sample> samples;
    const GoldenLook *worst = nullptr;
    for (const auto &[target, digest] : m_digests) {
        const auto at = m_readings.find(target);
        if (at == m_readings.end() || at->second.look.digest != digest)
            continue;
        const auto &look = at->second.look;
        samples.push_back({target + ".golden.quality", look.quality});
        samples.push_back({target + ".golden.low", look.low});
        samples.push_back({target + ".golden.high", look.high});
        if (!worst || look.high < worst->high)
            worst = &look;
    }
    if (worst) {
        samples.push_back({"golden.quality", worst->quality});
        samples.push_back({"golden.high", worst->high});
    }
    return samples;
}

void GoldenWatch::ring()
{
    const auto targets = worse();
    AlertChanged alert;
    {
        const std::lock_guard lock(m_mutex);
        if (targets.empty() != m_alarmed)
            return;
        m_alarmed = !targets.empty();
        alert.firing = m_alarmed;
        double quality = 1;
        for (const auto &[target, reading] : m_readings)
            quality = std::min(quality, reading.look.quality);
        alert.value = quality;
        alert.rule = fmt::format("golden set, paired with model {}: the 95 % band reaches {}",
                                 m_reference.substr(0, 12), kGoldenFloor);
    }
    alert.indicator = "golden quality";
    alert.at = m_clock.now().count();
    m_hub.publish(Payload{std::move(alert)});
}

} // namespace engine
