#include "ui/widgets/indicator_strip.h"

#include "engine/metrics/window.h"
#include "ui/theme/theme.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

QString tr(const char *text)
{
    return IndicatorStrip::tr(text);
}

StateWord judged(double value, std::optional<double> limit, bool lowerIsBad, bool outside)
{
    if (std::isnan(value))
        return {tr("no data"), QStringLiteral("pending"), Tone::Muted};
    if (outside)
        return {tr("outside"), QStringLiteral("warning"), Tone::Danger};
    if (!limit)
        return {tr("ok"), QStringLiteral("check"), Tone::Ok};
    const bool over = lowerIsBad ? value < *limit : value > *limit;
    const bool near = lowerIsBad ? value < *limit + 0.3 * (1 - *limit) : value > 0.9 * *limit;
    if (over || near)
        return {lowerIsBad ? tr("near floor") : (over ? tr("over, brief") : tr("near limit")),
                QStringLiteral("warning"), Tone::Warning};
    return {tr("ok"), QStringLiteral("check"), Tone::Ok};
}

double sumAt(const TrackData &data, double at)
{
    double sum = 0;
    bool any = false;
    for (const auto *path : {&data.primary, &data.standby, &data.popularity, &data.cached}) {
        const double value = valueAt(data.x, *path, at, std::max(1.0, 2 * data.binSeconds));
        if (std::isnan(value))
            continue;
        sum += value;
        any = true;
    }
    return any ? sum : kGap;
}

} // namespace

std::vector<Reading> readingsOf(const engine::TimelineSnapshot &snapshot, const RunFacts &facts,
                                const TrackData &data)
{
    const double at = toSeconds(snapshot.playhead);
    const double reach = std::max(1.0, 2 * data.binSeconds);
    const auto &limits = facts.limits;
    bool outsideLatency = false;
    bool outsideFailed = false;
    bool outsideQuality = false;
    if (facts.drill) {
        const auto outside = snapshot.state->judge.outside();
        for (const auto &indicator : facts.drill->steadyState) {
            if (std::find(outside.begin(), outside.end(), indicator.name) == outside.end())
                continue;
            outsideLatency |= indicator.series == engine::series::kP99;
            outsideFailed |= indicator.series == engine::series::kFailed;
            outsideQuality |= indicator.series == engine::series::kQuality;
        }
    }
    const double p99 = valueAt(data.x, data.p99, at, reach);
    const double failed = valueAt(data.x, data.failed, at, reach);
    const double quality = valueAt(data.x, data.quality, at, reach);
    const double rate = sumAt(data, at);
    const auto limit = [](std::optional<double> value, double scale, int decimals,
                          const QString &text) {
        return value ? text.arg(numberText(*value * scale, decimals)) : QString();
    };
    std::vector<Reading> readings;
    readings.push_back({tr("p99 latency"), numberText(p99, 0), tr("ms"),
                        limit(limits.p99Millis, 1, 0, tr("limit %1")),
                        judged(p99, limits.p99Millis, false, outsideLatency)});
    readings.push_back(
        {tr("Failed"), numberText(failed, 2), tr("%"),
         limit(limits.failedShare, 100, 2, tr("limit %1")),
         judged(failed,
                limits.failedShare ? std::optional(*limits.failedShare * 100) : std::nullopt, false,
                outsideFailed)});
    readings.push_back({tr("Quality"),
                        numberText(quality, 3),
                        {},
                        limit(limits.qualityFloor, 1, 3, tr("floor %1")),
                        judged(quality, limits.qualityFloor, true, outsideQuality)});
    StateWord served = judged(rate, std::nullopt, false, false);
    if (!std::isnan(rate) && limits.rate > 0 && rate < 0.8 * limits.rate)
        served = {tr("below offered"), QStringLiteral("warning"), Tone::Warning};
    readings.push_back({tr("Requests/s"),
                        numberText(rate, 0),
                        {},
                        limits.rate > 0 ? tr("of %1").arg(numberText(limits.rate, 0)) : QString(),
                        served});
    return readings;
}

std::vector<ServedShare> servedShares(const TrackData &data, double at)
{
    const double sum = sumAt(data, at);
    const auto share = [&](const std::vector<double> &path) {
        const double value = valueAt(data.x, path, at, std::max(1.0, 2 * data.binSeconds));
        return std::isnan(value) || !(sum > 0) ? 0.0 : value / sum;
    };
    if (!(sum > 0))
        return {};
    return {{tr("primary"), PrimaryPath, share(data.primary)},
            {tr("standby"), StandbyPath, share(data.standby)},
            {tr("popularity"), PopularityPath, share(data.popularity)},
            {tr("cached"), CachedPath, share(data.cached)}};
}

IndicatorStrip::IndicatorStrip(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    setFixedHeight(58);
}

void IndicatorStrip::show(std::vector<Reading> readings, std::vector<ServedShare> served)
{
    if (readings == m_readings && served == m_served)
        return;
    m_readings = std::move(readings);
    m_served = std::move(served);
    QStringList spoken;
    for (const auto &reading : m_readings)
        spoken << tr("%1 %2 %3, %4")
                      .arg(reading.name, reading.value, reading.unit, reading.state.word);
    setAccessibleName(spoken.join(QStringLiteral("; ")));
    update();
}

void IndicatorStrip::paintEvent(QPaintEvent *event)
{
    QFrame::paintEvent(event);
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    const double cell = std::clamp(width() * 0.152, 136.0, 172.0);
    double left = 12;
    for (const auto &reading : m_readings) {
        const double right = left + cell - 16;
        painter.setFont(typeFont(Type::Secondary));
        painter.setPen(t.textMuted);
        painter.drawText(QPointF(left, 19), reading.name);
        const QColor colour = toneColour(reading.state.tone);
        painter.setFont(typeFont(Type::Secondary, QFont::Medium));
        painter.setPen(colour);
        const double word = painter.fontMetrics().horizontalAdvance(reading.state.word);
        painter.drawText(QPointF(right - word, 19), reading.state.word);
        drawIcon(painter, reading.state.icon, colour, QRectF(right - word - 17, 8, 13, 13));
        painter.setFont(typeFont(Type::Number));
        painter.setPen(t.text);
        const double number = drawDigits(painter, {left, 45}, reading.value, false);
        painter.setFont(typeFont(Type::Secondary));
        painter.setPen(t.textMuted);
        painter.drawText(QPointF(left + number + 6, 45), reading.unit);
        const double limit = painter.fontMetrics().horizontalAdvance(reading.limit);
        painter.drawText(QPointF(right - limit, 45), reading.limit);
        painter.setPen(t.border);
        painter.drawLine(QPointF(std::floor(left + cell - 4) + 0.5, 10),
                         QPointF(std::floor(left + cell - 4) + 0.5, height() - 10));
        left += cell + 8;
    }
    drawServed(painter, QRectF(left, 0, width() - left - 12, height()));
}

void IndicatorStrip::drawServed(QPainter &painter, const QRectF &box) const
{
    const auto &t = tokens();
    painter.setFont(typeFont(Type::Secondary));
    painter.setPen(t.textMuted);
    painter.drawText(QPointF(box.left(), 19), tr("Served by"));
    if (m_served.empty()) {
        painter.drawText(QPointF(box.left(), 45), tr("nothing is being served"));
        return;
    }
    double x = box.left();
    painter.setPen(Qt::NoPen);
    for (const auto &served : m_served) {
        const double width = box.width() * served.share;
        if (width < 1)
            continue;
        painter.setBrush(t.series[served.colour]);
        painter.drawRoundedRect(QRectF(x, 25, std::max(2.0, width - 1), 7), 2, 2);
        x += width;
    }
    x = box.left();
    for (const auto &served : m_served) {
        if (served.share < 0.005 && served.colour != PrimaryPath)
            continue; // the words of those that serve must fit
        const QString share = tr("%1 %").arg(numberText(100 * served.share, 0));
        painter.setFont(typeFont(Type::Secondary));
        const double name = painter.fontMetrics().horizontalAdvance(served.name);
        painter.setPen(Qt::NoPen);
        painter.setBrush(t.series[served.colour]);
        painter.drawRoundedRect(QRectF(x, 39, 8, 8), 2, 2);
        painter.setPen(t.textMuted);
        painter.drawText(QPointF(x + 12, 47), served.name);
        painter.setFont(typeFont(Type::Secondary, QFont::DemiBold));
        painter.setPen(t.text);
        x += 12 + name + 5;
        x += drawDigits(painter, {x, 47}, share, false) + 14;
        if (x > box.right() - 40)
            break;
    }
}

} // namespace ui
