#include "ui/widgets/curve_chart.h"

#include "ui/session/training_facts.h"
#include "ui/session/words.h"
#include "ui/theme/theme.h"
#include "ui/widgets/time_series_view.h"

#include <QPainter>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <set>

namespace ui {

namespace {

constexpr Series kColours[] = {PrimaryPath, P99, Quality, StandbyPath};
constexpr int kRight = 116; ///< names and newest values of the curves

/// Round places between two values, at most four of them.
std::vector<double> valueTicks(double low, double high)
{
    const double raw = (high - low) / 4;
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= raw) {
            step = factor * power;
            break;
        }
    std::vector<double> ticks;
    for (double n = std::ceil(low / step); n * step <= high; n += 1)
        ticks.push_back(n * step);
    return ticks;
}

int decimalsOf(double span)
{
    return std::clamp(static_cast<int>(std::ceil(1 - std::log10(std::max(span, 1e-9)))), 0, 5);
}

/// "train loss" stands under "Loss" as "train".
QString shortName(const std::string &name)
{
    QString text = qs(name);
    for (const char *word : {"validation ", " loss", " logloss"})
        text.remove(QLatin1String(word));
    return text;
}

} // namespace

/// The steps under a chart, at the chart's own ticks.
class StepLabels : public QWidget
{
public:
    explicit StepLabels(QWidget *parent) : QWidget(parent)
    {
        setFixedHeight(20);
        setAccessibleName(tr("Step axis"));
    }
    void show(const TimeAxis &axis)
    {
        m_axis = axis;
        update();
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        QPainter painter(this);
        painter.setFont(typeFont(Type::Axis));
        painter.setPen(tokens().textMuted);
        painter.drawText(QRectF(12, 0, kPlotLeft - 24, 18), Qt::AlignLeft | Qt::AlignVCenter,
                         CurveChart::tr("epoch or step"));
        TimeAxis axis = m_axis;
        axis.left = kPlotLeft;
        axis.right = width() - kRight;
        for (const double tick : axis.ticks(11)) {
            if (tick != std::floor(tick))
                continue;
            const QString text = numberText(tick, 0);
            const double half = digitsWidth(painter.fontMetrics(), text) / 2;
            drawDigits(painter, {axis.x(tick) - half, 13}, text, false);
        }
    }

private:
    TimeAxis m_axis;
};

CurveChart::CurveChart(const char *name, const QString &title, const QString &empty,
                       QWidget *parent)
    : QWidget(parent), m_title(title), m_empty(empty),
      m_key(QString::fromLatin1(name) + QStringLiteral("View"))
{
    setObjectName(QString::fromLatin1(name));
    m_layout = new QVBoxLayout(this);
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(0);
    m_labels = named(new StepLabels(this), (name + std::string("Steps")).c_str());
    m_layout->addWidget(m_labels);
    rebuild({});
}

void CurveChart::rebuild(const std::vector<std::string> &names)
{
    m_names = names;
    TrackSpec spec;
    spec.title = m_title;
    spec.key = m_key;
    spec.dots = true;
    for (std::size_t i = 0; i < names.size(); ++i)
        spec.curves.push_back(
            {shortName(names[i]), kColours[i % std::size(kColours)], i == 0 ? 1.8 : 1.2, 0, 4});
    delete m_view;
    m_view = new TimeSeriesView(std::move(spec), this);
    m_view->setRightGutter(kRight);
    m_layout->insertWidget(0, m_view, 1);
}

void CurveChart::clear()
{
    TrackValues values;
    values.note = m_empty;
    values.sentence = m_empty;
    if (!m_names.empty())
        rebuild({});
    m_view->show({.from = 0, .to = 10}, std::move(values), {});
    m_labels->show({.from = 0, .to = 10});
}

void CurveChart::show(const engine::TrainingView &view, const std::vector<std::string> &names)
{
    if (names.empty())
        return clear();
    if (names != m_names)
        rebuild(names);
    // One row per step that any of them has; a step that a curve lacks is no gap in it.
    std::set<std::int64_t> steps;
    for (const auto &name : names)
        steps.insert(view.curves.at(name).steps.begin(), view.curves.at(name).steps.end());
    TrackValues values;
    values.x.assign(steps.begin(), steps.end());
    double low = INFINITY, high = -INFINITY;
    QStringList said;
    for (const auto &name : names) {
        const auto &curve = view.curves.at(name);
        const auto at = pointsOf(curve);
        std::vector<double> y;
        for (const auto step : steps) {
            const auto found = at.find(step);
            if (found != at.end()) {
                y.push_back(found->second);
            } else { // between two of its points
                const auto next = at.lower_bound(step);
                if (next == at.end() || next == at.begin()) {
                    y.push_back(NAN);
                    continue;
                }
                const auto before = std::prev(next);
                const double share = static_cast<double>(step - before->first)
                                     / static_cast<double>(next->first - before->first);
                y.push_back(before->second + share * (next->second - before->second));
            }
            if (std::isfinite(y.back())) {
                low = std::min(low, y.back());
                high = std::max(high, y.back());
            }
        }
        values.y.push_back(std::move(y));
        values.now.push_back(curve.last);
        said
            << tr("%1: %2 at step %3").arg(qs(name), numberText(curve.last, 4)).arg(curve.lastStep);
    }
    if (low > high)
        low = high = 0;
    const double pad = std::max({0.08 * (high - low), 0.01 * std::abs(high), 1e-6});
    values.low = low - pad;
    values.high = high + pad;
    values.ticks = valueTicks(values.low, values.high);
    values.tickDecimals = decimalsOf(values.high - values.low);
    values.sentence = m_title + QStringLiteral(". ") + said.join(QStringLiteral("; "));
    const auto &first = view.curves.at(names.front());
    if (first.hasBest)
        values.note = tr("best %1 at %2").arg(numberText(first.best, 4)).arg(first.bestStep);
    TimeAxis axis;
    axis.from = std::min(0.0, values.x.front());
    axis.to = std::max(10.0, values.x.back());
    Overlay overlay;
    overlay.playhead = values.x.back();
    overlay.valuesInGutter = true;
    m_labels->show(axis);
    m_view->show(axis, std::move(values), overlay);
}

} // namespace ui
