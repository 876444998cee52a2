#pragma once
// One track over time: curves by Qt Charts, everything else (grid, areas, limits, fault band, phase
// lines, labels) painted around them. The only class that knows Qt Charts types.
// GUI thread. Data, axis and overlay of a refresh are set together and painted once.

#include "ui/session/run_facts.h"
#include "ui/theme/tokens.h"
#include "ui/widgets/time_axis.h"

#include <QChartView>

class QLineSeries;
class QValueAxis;

namespace ui {

/// One curve: solid pen always (a dashed pen bridges gaps in Qt Charts).
struct CurveSpec
{
    QString name;
    Series colour = PrimaryPath;
    double width = 1.2;
    double fillAlpha = 0; ///< 0 = no area; stacked curves fill down to the curve before
    int decimals = 0;
};

struct TrackSpec
{
    QString title, unit, key; ///< key: object name of the view
    bool log = false, stacked = false;
    bool dots = false; ///< a dot on every reading
    std::vector<CurveSpec> curves;
};

/// What lies over all tracks alike.
struct Overlay
{
    std::vector<FaultBand> bands;
    std::vector<PhaseMark> marks;
    std::optional<double> playhead, crosshair, loopFrom, loopTo;
    bool valuesInGutter = false; ///< Playback: right of the plot; Live: at the curve's end
};

/// Values of a track for one refresh.
struct TrackValues
{
    std::vector<double> x;
    std::vector<std::vector<double>> y; ///< per curve; for stacked tracks each curve's own share
    double low = 0, high = 1;           ///< value axis
    std::vector<double> ticks;
    int tickDecimals = 0;
    std::optional<double> limit;
    QString limitText;                             ///< written at the line when not empty
    std::optional<std::pair<double, double>> band; ///< the baseline's band
    QString note;                                  ///< third line of the header
    std::vector<double> now;                       ///< per curve, at the playhead; NaN = none
    QString sentence;                              ///< for assistive software
};

class TimeSeriesView : public QChartView
{
    Q_OBJECT
public:
    explicit TimeSeriesView(TrackSpec spec, QWidget *parent = nullptr);

    void setRightGutter(int width); ///< room for values right of the plot
    void show(const TimeAxis &axis, TrackValues values, const Overlay &overlay);
    [[nodiscard]] const TrackSpec &spec() const { return m_spec; }
    [[nodiscard]] const TrackValues &values() const { return m_values; }

Q_SIGNALS:
    void pressedAt(double t);
    void draggedTo(double t);
    void hoveredAt(double t);
    void left();
    void zoomed(double factor, double aroundT);

protected:
    void drawBackground(QPainter *painter, const QRectF &rect) override;
    void drawForeground(QPainter *painter, const QRectF &rect) override;
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mouseReleaseEvent(QMouseEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void wheelEvent(QWheelEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    [[nodiscard]] QRectF plot() const;
    [[nodiscard]] double yOf(double value) const;
    [[nodiscard]] std::vector<double> stackedUpTo(std::size_t curve) const;
    void updateMoved(const Overlay &before);
    void placePlot();
    void restyle();
    void fillAreas(QPainter &painter) const;
    void drawGrid(QPainter &painter) const;
    void drawHeader(QPainter &painter) const;
    void drawValueLabels(QPainter &painter) const;

    TrackSpec m_spec;
    TrackValues m_values;
    TimeAxis m_axis;
    Overlay m_overlay;
    std::vector<QLineSeries *> m_lines;
    QValueAxis *m_xAxis = nullptr;
    QValueAxis *m_yAxis = nullptr;
    int m_gutter = 12;
};

} // namespace ui
