#include "ui/session/run_facts.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QLocale>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(RunFacts)
};

QString tr(const char *text)
{
    return Words::tr(text);
}

Limits limitsOf(const engine::Drill &drill)
{
    Limits limits;
    for (const auto &indicator : drill.steadyState) {
        if (indicator.rule.ofBaseline)
            continue;
        if (indicator.series == engine::series::kP99)
            limits.p99Millis = indicator.rule.value;
        else if (indicator.series == engine::series::kFailed)
            limits.failedShare = indicator.rule.value;
        else if (indicator.series == engine::series::kQuality)
            limits.qualityFloor = indicator.rule.value;
    }
    if (drill.verdict.budget && !drill.verdict.budget->ofBaseline)
        limits.budgetShare = drill.verdict.budget->value;
    if (drill.verdict.rto)
        limits.rtoSeconds = drill.verdict.rto->value;
    limits.rate = drill.load.rate;
    return limits;
}

FaultBand bandOf(const engine::FaultView &fault, const engine::RunState &state, double now)
{
    FaultBand band;
    band.id = fault.last.id;
    band.text = faultText(fault.last.fault, fault.last.target);
    band.icon = faultIcon(fault.last.fault);
    band.from = toSeconds(*fault.applied);
    band.open = !fault.undone;
    band.to = fault.undone ? toSeconds(*fault.undone) : std::max(now, band.from);
    band.confirmed = fault.confirmed.has_value();
    if (band.open && fault.last.deadline > 0)
        band.expectedTo = toSeconds(fault.last.deadline - state.run.start);
    return band;
}

void addExpected(RunFacts &facts, const engine::Marks &marks, double now)
{
    if (!marks.inject || (marks.clear && marks.steady))
        return;
    if (!marks.clear) {
        for (const auto &band : facts.bands) {
            if (band.open && band.expectedTo && *band.expectedTo > now) {
                facts.marks.push_back(
                    {QStringLiteral("clear"), tr("clear, expected"), *band.expectedTo, true, true});
                break;
            }
        }
    }
    if (marks.impact && !marks.steady && facts.limits.rtoSeconds > 0) {
        const double due = toSeconds(*marks.impact) + facts.limits.rtoSeconds;
        if (due > now)
            facts.marks.push_back({QStringLiteral("steady"), tr("steady, due"), due, true, false});
    }
}

std::vector<double> meanOf(const engine::TimelineSnapshot &snapshot, std::string_view name,
                           std::size_t size)
{
    std::vector<double> values(size, kGap);
    if (const auto *bins = findSeries(snapshot, name))
        for (std::size_t i = 0; i < std::min(size, bins->mean.size()); ++i)
            values[i] = static_cast<double>(bins->mean[i]);
    return values;
}

std::vector<double> ratio(const std::vector<double> &a, const std::vector<double> &b, double scale)
{
    std::vector<double> result(a.size(), kGap);
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!std::isnan(a[i]) && b[i] > 0)
            result[i] = scale * a[i] / b[i];
    return result;
}

/// Mean over the trailing `width` bins; a gap stays a gap.
std::vector<double> trailing(const std::vector<double> &values, std::size_t width, double scale)
{
    std::vector<double> result(values.size(), kGap);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (std::isnan(values[i]))
            continue;
        double sum = 0;
        double count = 0;
        for (std::size_t back = 0; back < width && back <= i; ++back) {
            const double value = values[i - back];
            if (std::isnan(value))
                break;
            sum += value;
            count += 1;
        }
        result[i] = scale * sum / count;
    }
    return result;
}

} // namespace

RunFacts FactReader::read(const engine::TimelineSnapshot &snapshot, bool wholeRun)
{
    RunFacts facts;
    const auto &state = *snapshot.state;
    if (state.run.drill != m_drillJson) {
        m_drillJson = state.run.drill;
        m_drill.reset();
        if (auto drill = engine::fromCanonicalJson(m_drillJson))
            m_drill = std::make_shared<const engine::Drill>(std::move(*drill));
    }
    if (!state.run.drill.empty() && m_drill) {
        facts.drill = m_drill;
        facts.title = qs(m_drill->title);
        facts.limits = limitsOf(*m_drill);
    }
    const auto &marks = snapshot.marks;
    if (marks.inject) {
        facts.zero = toSeconds(*marks.inject);
        facts.zeroIsInject = true;
    }
    const double now = toSeconds(wholeRun ? snapshot.end : snapshot.playhead);
    for (const auto &[id, fault] : state.faults)
        if (fault.applied)
            facts.bands.push_back(bandOf(fault, state, now));
    facts.faultOn = std::any_of(facts.bands.begin(), facts.bands.end(),
                                [](const FaultBand &band) { return band.open; })
                    && !state.ended;
    const auto add = [&](const char *key, const QString &name, std::optional<std::int64_t> at,
                         bool fault) {
        if (at && (wholeRun || *at <= snapshot.playhead))
            facts.marks.push_back({QString::fromLatin1(key), name, toSeconds(*at), false, fault});
    };
    add("inject", tr("inject"), marks.inject, true);
    add("impact", tr("impact"), marks.impact, false);
    add("detect", tr("detect"), marks.detect, false);
    add("ack", tr("ack"), marks.acknowledge, false);
    add("mitigate", tr("mitigate"), marks.mitigate, false);
    add("clear", tr("clear"), marks.clear, true);
    add("steady", tr("steady"), marks.steady, false);
    if (!wholeRun && !state.ended)
        addExpected(facts, marks, now);
    std::stable_sort(facts.marks.begin(), facts.marks.end(),
                     [](const PhaseMark &a, const PhaseMark &b) { return a.t < b.t; });
    return facts;
}

const engine::SeriesBins *findSeries(const engine::TimelineSnapshot &snapshot,
                                     std::string_view name)
{
    for (const auto &bins : snapshot.series)
        if (bins.name == name)
            return &bins;
    return nullptr;
}

TrackData trackData(const engine::TimelineSnapshot &snapshot)
{
    TrackData data;
    data.from = toSeconds(snapshot.from);
    data.to = toSeconds(snapshot.to);
    data.binSeconds = std::max(0.001, toSeconds(snapshot.binWidth));
    std::size_t size = 0;
    for (const auto &bins : snapshot.series)
        size = std::max(size, bins.mean.size());
    data.x.resize(size);
    // A row at t covers the 100 ms before t; a bin's data is centred half a bin on, less half a
    // row.
    const double shift = (data.binSeconds - toSeconds(engine::kWindow.count())) / 2;
    for (std::size_t i = 0; i < size; ++i)
        data.x[i] = data.from + static_cast<double>(i) * data.binSeconds + shift;

    using namespace engine::series;
    const auto clamp = [](std::vector<double> values) {
        for (double &value : values)
            if (!std::isnan(value))
                value = std::max(value, 0.01); // a zero makes a whole log series vanish
        return values;
    };
    data.p99 = clamp(meanOf(snapshot, kP99, size));
    data.p95 = clamp(meanOf(snapshot, kP95, size));
    data.p50 = clamp(meanOf(snapshot, kP50, size));
    const auto answered = meanOf(snapshot, kAnswered, size);
    data.failed = ratio(meanOf(snapshot, kFailed, size), answered, 100.0);
    data.late = ratio(meanOf(snapshot, kLate, size), answered, 100.0);
    data.quality = ratio(meanOf(snapshot, kEarned, size), meanOf(snapshot, kExpected, size), 1.0);
    const auto width = static_cast<std::size_t>(
        std::max(1.0, std::round(1.0 / data.binSeconds))); // rates are read over one second
    const double perSecond = 1e6 / static_cast<double>(engine::kWindow.count());
    const auto rate = [&](std::string_view name) {
        return trailing(meanOf(snapshot, name, size), width, perSecond);
    };
    data.primary = rate(kPathPrimary);
    data.standby = rate(kPathStandby);
    data.popularity = rate(kPathPopularity);
    data.cached = rate(kPathCached);
    return data;
}

std::vector<std::string> seriesFor(const engine::RunState &state)
{
    using namespace engine::series;
    std::vector<std::string> names;
    for (const auto name : {kP99, kP95, kP50, kRequests, kAnswered, kFailed, kLate, kEarned,
                            kExpected, kPathPrimary, kPathStandby, kPathPopularity, kPathCached})
        names.emplace_back(name);
    for (const auto &[target, process] : state.processes) {
        if (process.role == "replica" || process.role == "standby") {
            names.push_back(target + ".requests");
            names.push_back(target + ".latency.p99");
        }
    }
    return names;
}

double valueAt(const std::vector<double> &x, const std::vector<double> &y, double t, double reach)
{
    const auto after = std::upper_bound(x.begin(), x.end(), t);
    for (auto i = after - x.begin() - 1; i >= 0; --i) {
        const auto at = static_cast<std::size_t>(i);
        if (at >= y.size())
            continue;
        if (t - x[at] > reach)
            break;
        if (!std::isnan(y[at]))
            return y[at];
    }
    return kGap;
}

int binsFor(double spanSeconds)
{
    static constexpr double kWidths[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600};
    for (const double width : kWidths)
        if (spanSeconds / width <= 180)
            return std::max(1, static_cast<int>(std::lround(spanSeconds / width)));
    return 180;
}

QString numberText(double value, int decimals)
{
    if (std::isnan(value))
        return QStringLiteral("–");
    QLocale locale;
    locale.setNumberOptions(QLocale::OmitGroupSeparator);
    QString text = locale.toString(std::abs(value), 'f', decimals);
    const bool zero = std::abs(value) < 0.5 * std::pow(10.0, -decimals);
    return value < 0 && !zero ? QChar(0x2212) + text : text;
}

QString sinceText(double seconds, int decimals)
{
    const QString sign = seconds < 0 ? QString() : QStringLiteral("+");
    return tr("%1%2 s").arg(sign, numberText(seconds, decimals));
}

QString clockText(double seconds)
{
    const double magnitude = std::abs(seconds);
    const int minutes = static_cast<int>(magnitude / 60);
    const double rest = std::floor((magnitude - minutes * 60) * 10) / 10;
    return QStringLiteral("%1%2:%3")
        .arg(seconds < 0 ? QString(QChar(0x2212)) : QStringLiteral("+"))
        .arg(minutes, 2, 10, QLatin1Char('0'))
        .arg(rest, 4, 'f', 1, QLatin1Char('0'));
}

QString countdownText(double seconds)
{
    const double left = std::max(0.0, seconds);
    const int minutes = static_cast<int>(left / 60);
    return QStringLiteral("%1:%2").arg(minutes).arg(left - minutes * 60, 4, 'f', 1,
                                                    QLatin1Char('0'));
}

QString wallClockText(const engine::RunState &state, double t)
{
    if (state.run.wall == 0)
        return {};
    const auto millis = (state.run.wall + toMicros(t)) / 1000;
    return QDateTime::fromMSecsSinceEpoch(millis)
        .toString(QStringLiteral("HH:mm:ss.zzz"))
        .chopped(2);
}

QString faultIcon(std::string_view fault)
{
    if (fault == "process.kill" || fault == "process.crash")
        return QStringLiteral("crash");
    if (fault == "process.freeze" || fault == "process.slow" || fault == "model.slow")
        return QStringLiteral("timeout");
    if (fault.starts_with("network."))
        return QStringLiteral("cut-network");
    if (fault.starts_with("data.") || fault.starts_with("disk."))
        return QStringLiteral("data-loss");
    return QStringLiteral("fault");
}

QString faultText(std::string_view fault, std::string_view target)
{
    if (fault == "process.kill")
        return tr("SIGKILL %1").arg(qs(target));
    if (fault == "process.freeze")
        return tr("SIGSTOP %1").arg(qs(target));
    if (fault == "network.cut")
        return tr("cut %1").arg(qs(target));
    return tr("%1 on %2").arg(qs(fault), qs(target));
}

QString responseIcon(std::string_view kind)
{
    if (kind == "restart")
        return QStringLiteral("retrain");
    if (kind == "fallback")
        return QStringLiteral("standby");
    if (kind == "rollback")
        return QStringLiteral("rollback");
    if (kind == "restore")
        return QStringLiteral("restore");
    if (kind == "alert")
        return QStringLiteral("alert");
    return QStringLiteral("fault");
}

QString responseText(const engine::ResponseChanged &response)
{
    const QString target = qs(response.target);
    if (response.kind == "ejection")
        return tr("eject %1").arg(target);
    if (response.kind == "breaker")
        return tr("breaker opens on %1").arg(target);
    if (response.kind == "fallback")
        return target.isEmpty() ? tr("fall back") : tr("fall back to %1").arg(target);
    if (response.kind == "restart")
        return tr("restart %1").arg(target);
    if (response.kind == "rollback")
        return tr("roll back %1").arg(target);
    if (response.kind == "restore")
        return tr("restore %1").arg(target);
    return target.isEmpty() ? qs(response.kind) : tr("%1 %2").arg(qs(response.kind), target);
}

} // namespace ui
